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
"""Before it is tried again: where nobody listened or somebody hung up, and after a node that makes no such promise."""
_MOST_BYTES = 1024 * 1024
_READ_BYTES, _MOST_READS = 16 * 1024, 8
"""Of what came since the last look: a hundred heads and more. Who is told more is asked once, and listened to anew."""
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
        self._is_closed = False

    def mark(self) -> tuple[int, int] | None:
        """What stays equal as long as the chain has not changed; None where it has to be asked. Waits for nothing."""
        with self._lock:
            found = self._listener.mark() if self._listener else None
            if found is None and self._listener is not None:
                self._end(AGAIN_SECONDS)
            return found

    def connect(self, host: str, port: int) -> None:
        """Begin to listen to a node, unless that goes on already, is tried or failed a moment ago. Waits for its answers."""
        if not self._connecting.acquire(blocking=False):
            return
        try:
            if self._listener is not None or time.monotonic() < self._next:
                return
            made, again = None, UNTOLD_SECONDS
            # whoever asks it next says what is wrong with it
            try:
                made = _Listener.to(host, port)
            except (TimeoutError, InvalidJson):
                # it says nothing, or what it says is no JSON
                pass
            except OSError:
                again = AGAIN_SECONDS
            with self._lock:
                self._end(again)
                self._listener = made
                if self._is_closed:
                    self._end()
        finally:
            self._connecting.release()

    def forget(self) -> None:
        """Hang up; the node is elsewhere now."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """Hang up for good."""
        with self._lock:
            self._is_closed = True
            self._end()

    def _end(self, again_seconds: float = 0) -> None:
        self._next = time.monotonic() + again_seconds
        if self._listener is not None:
            self._listener.close()
            self._listener = None


class _Listener:
    """A connection that the promise was made to."""

    _numbers = itertools.count()

    def __init__(self, made: socket.socket, protocol: ClientProtocol) -> None:
        self._socket, self._protocol = made, protocol
        self._number, self._changes = next(self._numbers), 0

    @classmethod
    def to(cls, host: str, port: int) -> _Listener | None:
        """Connect, subscribe and have it promised; None where it is not.

        Raises OSError, `TimeoutError`: nobody answers there, or not in time. `InvalidJson`: what answers is no node.
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
        for _ in range(_MOST_READS):
            try:
                data = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                return self._number, self._changes
            except OSError:
                return None
            if not data or not self._take(data):
                return None
        # it floods
        return None

    def _take(self, data: bytes) -> bool:
        """Whatever came, something may have changed. False where it is the end."""
        self._changes += 1
        self._protocol.receive_data(data)
        self._protocol.events_received()
        # answers to pings: small, and who does not read them is no node
        answers = b"".join(self._protocol.data_to_send())
        try:
            is_sent = not answers or self._socket.send(answers) == len(answers)
        except OSError:
            return False
        return is_sent and self._protocol.state.name == "OPEN"

    def close(self) -> None:
        self._socket.close()


def _subscribed(made: socket.socket, url: str) -> ClientProtocol | None:
    from websockets.client import ClientProtocol  # noqa: PLC0415 - only who uses it pays
    from websockets.frames import Frame, Opcode  # noqa: PLC0415 - as above
    from websockets.uri import parse_uri  # noqa: PLC0415 - as above

    protocol = ClientProtocol(parse_uri(url), max_size=_MOST_BYTES)
    protocol.send_request(protocol.connect())
    ends = time.monotonic() + CONNECT_SECONDS
    received_bytes, told = 0, dict[int, Any]()
    while not {1, 2} <= told.keys():
        was_open = protocol.state.name == "OPEN"
        received_bytes += _exchange(made, protocol, ends)
        is_open = protocol.state.name == "OPEN"
        if protocol.handshake_exc is not None or was_open > is_open or received_bytes > _MOST_BYTES:
            # it listens, and speaks otherwise
            return None
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                told |= _answered(bytes(event.data))
        if is_open > was_open:
            for request in _ASKED:
                protocol.send_text(json.dumps(request).encode())
    made.sendall(b"".join(protocol.data_to_send()))
    own = made.getsockname()
    # it says whom it sees: another address means that something stands between
    return protocol if told[1] == f"{own[0]}:{own[1]}" and told[2] else None


def _exchange(made: socket.socket, protocol: ClientProtocol, ends: float) -> int:
    """Send what is to be sent, and take what comes, in bytes. Raises OSError, `TimeoutError`."""
    made.sendall(b"".join(protocol.data_to_send()))
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    made.settimeout(left)
    data = made.recv(_READ_BYTES)
    if not data:
        raise ConnectionResetError
    protocol.receive_data(data)
    return len(data)


def _answered(message: bytes) -> dict[int, Any]:
    """The result in a message, by the number of the request, if it is one of those asked. Raises `InvalidJson`."""
    one = parse(message, max_bytes=_MOST_BYTES)
    if not isinstance(one, dict) or one.get("id") not in (1, 2):
        return {}
    return {one["id"]: one.get("result")}
