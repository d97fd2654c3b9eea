"""Whether the chain has changed, known without asking it: where it promises to tell before anybody can know better.

A node of this project tells a connection that asks for it of each change before it answers anybody anything that shows
it (docs/reference/chain.md, Heads first). So as long as that connection's socket has nothing to read, what was asked
before still holds, and one look into the socket takes the place of a question. It is believed only of a node on this
machine, and only where nothing stands between: a proxy or a tunnel has a buffer of its own. Of all other chains
nothing is known here, and they are asked.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from freehold.core.canonical import InvalidJson, parse

if TYPE_CHECKING:
    from websockets.client import ClientProtocol

CONNECT_SECONDS = 2.0
AGAIN_SECONDS, UNTOLD_SECONDS = 1.0, 60.0
"""Before it is tried again: after a failure, and after a node that makes no such promise."""
_MOST_BYTES = 1024 * 1024
_READ_BYTES, _MOST_READS = 64 * 1024, 64
_ASKED = (
    {"jsonrpc": "2.0", "id": 1, "method": "freehold_headsFirst", "params": []},
    {"jsonrpc": "2.0", "id": 2, "method": "eth_subscribe", "params": ["newHeads"]},
)


class Heads:
    """One such connection, or none. Usable from several threads."""

    def __init__(self) -> None:
        self._connecting, self._lock = threading.Lock(), threading.Lock()
        self._listener: _Listener | None = None
        self._next = float("-inf")

    def mark(self) -> tuple[int, int] | None:
        """What stays equal as long as the chain has not changed; None where it has to be asked. Waits for nothing."""
        with self._lock:
            found = self._listener.mark() if self._listener else None
            if found is None:
                self._end()
            return found

    def connect(self, host: str, port: int) -> None:
        """Begin to listen to a node, unless that goes on already or failed a moment ago. Waits for its answers."""
        with self._connecting:
            if self._listener is not None or time.monotonic() < self._next:
                return
            self._next = time.monotonic() + UNTOLD_SECONDS
            try:
                made = _Listener.to(host, port)
            except (OSError, InvalidJson, ValueError, LookupError):
                # it is not there, or speaks otherwise; whoever asks it next says so
                self._next = time.monotonic() + AGAIN_SECONDS
                return
            with self._lock:
                self._listener = made

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._next = time.monotonic() + AGAIN_SECONDS


class _Listener:
    """A connection that the promise was made to."""

    _numbers = itertools.count()

    def __init__(self, made: socket.socket, protocol: ClientProtocol) -> None:
        self._socket, self._protocol = made, protocol
        self._number, self._changes = next(self._numbers), 0

    @classmethod
    def to(cls, host: str, port: int) -> _Listener | None:
        """Connect, subscribe and have it promised; None where it is not.

        Raises OSError, InvalidJson, ValueError, LookupError: no node answers there.
        """
        made = socket.create_connection((host, port), CONNECT_SECONDS)
        try:
            protocol = _subscribed(made, f"ws://{f'[{host}]' if ':' in host else host}:{port}/")
        except BaseException:
            made.close()
            raise
        if protocol is None:
            made.close()
            return None
        made.setblocking(False)
        return cls(made, protocol)

    def mark(self) -> tuple[int, int] | None:
        """As `Heads.mark`; None for good once the connection has ended."""
        try:
            for _ in range(_MOST_READS):
                data = self._socket.recv(_READ_BYTES)
                if not data or not self._take(data):
                    return None
        except BlockingIOError:
            return self._number, self._changes
        except OSError:
            return None
        # it floods
        return None

    def _take(self, data: bytes) -> bool:
        """Whatever came, something may have changed. False where it is the end."""
        self._changes += 1
        self._protocol.receive_data(data)
        self._protocol.events_received()
        for part in self._protocol.data_to_send():
            # an answer to a ping: small, and the other side reads
            self._socket.sendall(part)
        return self._protocol.state.name == "OPEN"

    def close(self) -> None:
        self._socket.close()


def _subscribed(made: socket.socket, url: str) -> ClientProtocol | None:
    from websockets.client import ClientProtocol  # noqa: PLC0415 - only who uses it pays
    from websockets.frames import Frame  # noqa: PLC0415 - as above
    from websockets.uri import parse_uri  # noqa: PLC0415 - as above

    protocol = ClientProtocol(parse_uri(url), max_size=_MOST_BYTES)
    protocol.send_request(protocol.connect())
    asked, told = False, dict[Any, Any]()
    ends = time.monotonic() + CONNECT_SECONDS
    while not {1, 2} <= told.keys():
        for part in protocol.data_to_send():
            made.sendall(part)
        made.settimeout(max(ends - time.monotonic(), 0.001))
        data = made.recv(_READ_BYTES)
        protocol.receive_data(data)
        if not data or protocol.handshake_exc is not None:
            raise ConnectionResetError
        for event in protocol.events_received():
            if isinstance(event, Frame):
                one = parse(bytes(event.data), max_bytes=_MOST_BYTES)
                told |= {one["id"]: one.get("result")} if "id" in one else {}
        if not asked and protocol.state.name == "OPEN":
            asked = True
            for request in _ASKED:
                protocol.send_text(json.dumps(request).encode())
    own = made.getsockname()
    # it says whom it sees: another address means that something stands between
    return protocol if told[1] == f"{own[0]}:{own[1]}" and told[2] else None
