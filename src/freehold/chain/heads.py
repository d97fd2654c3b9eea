"""Whether the chain has changed, known without asking it: where it promises to tell before anybody can know better.

A node of this project sends a byte to whoever listens at its Unix socket before it answers anybody what shows a change
(docs/reference/chain.md, Heads first). What is sent there is in this process's buffer before that answer leaves. So as
long as there is nothing to read, what was asked before still holds, and one look into the socket takes the place of a
question. A Unix socket is on this machine, whatever stands before the node's HTTP. Of all other chains nothing is known
here, and they are asked.
"""

from __future__ import annotations

import itertools
import re
import socket
import threading
import time

CONNECT_SECONDS = 2.0
AGAIN_SECONDS, UNTOLD_SECONDS = 1.0, 60.0
"""Before it is tried again: after a failure, and after a node that makes no such promise."""
_READ_BYTES, _MOST_READS = 64 * 1024, 64
_ADDRESS = re.compile(r"(@freehold-heads-[0-9a-f]{32}|/[^\0]{1,80}/freehold-[^/\0]{1,20}/heads)")
"""What a node may send this process to: nobody else listens there."""


class Heads:
    """One such connection, or none. Usable from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listener: _Listener | None = None
        self._next = float("-inf")
        self._closed = False

    def mark(self) -> tuple[int, int] | None:
        """What stays equal as long as the chain has not changed; None where it has to be asked. Waits for nothing."""
        with self._lock:
            found = self._listener.mark() if self._listener else None
            if found is None:
                self._end()
            return found

    def is_due(self) -> bool:
        """Whether it is time to ask a node for its address; whoever is told so does it, and nobody else for a while."""
        with self._lock:
            if self._closed or self._listener is not None or time.monotonic() < self._next:
                return False
            self._next = time.monotonic() + UNTOLD_SECONDS
            return True

    def connect(self, address: object) -> None:
        """Begin to listen at the address that a node gave. Waits for its welcome."""
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            return
        try:
            made = _Listener(address)
        except OSError:
            self.later()
            return
        with self._lock:
            self._end()
            if self._closed:
                made.close()
            else:
                self._listener = made

    def later(self) -> None:
        """A node did not answer: it is tried again soon."""
        with self._lock:
            self._next = time.monotonic() + AGAIN_SECONDS

    def forget(self) -> None:
        """The node is another, or elsewhere: hang up, and ask it when next somebody does."""
        with self._lock:
            self._end()
            self._next = float("-inf")

    def close(self) -> None:
        """Hang up for good."""
        with self._lock:
            self._end()
            self._closed = True

    def _end(self) -> None:
        if self._listener is not None:
            now = time.monotonic()
            # one that was good until now, such as one that was not read for long, is followed by another at once
            self._next = now if now > self._listener.since + AGAIN_SECONDS else now + AGAIN_SECONDS
            self._listener.close()
            self._listener = None


class _Listener:
    """A connection that the promise was made to."""

    _numbers = itertools.count()

    def __init__(self, address: str) -> None:
        """Raises OSError: nobody listens there."""
        self._number, self._changes = next(self._numbers), 0
        self.since = time.monotonic()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(CONNECT_SECONDS)
            self._socket.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            welcome = self._socket.recv(1)
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise
        self._is_welcome = welcome == b"+"

    def mark(self) -> tuple[int, int] | None:
        """As `Heads.mark`; None for good once the connection has ended."""
        if not self._is_welcome:
            return None
        try:
            for _ in range(_MOST_READS):
                if not self._socket.recv(_READ_BYTES):
                    return None
                self._changes += 1
        except BlockingIOError:
            return self._number, self._changes
        except OSError:
            return None
        # it floods
        return None

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
