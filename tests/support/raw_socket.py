"""A WebSocket read by hand, without a thread."""

from __future__ import annotations

import json
import socket
from typing import Any, Self

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n"
)
TEXT, PING, PONG = 1, 9, 10
_PATIENCE_SECONDS = 60


class RawSocket:
    """One connection."""

    def __init__(self, url: str) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(_PATIENCE_SECONDS)
        self._socket.connect(("127.0.0.1", int(url.rsplit(":", 1)[1])))
        self._socket.sendall(HANDSHAKE)
        told = b""
        while not told.endswith(b"\r\n\r\n"):
            told += self._socket.recv(1)
        assert told.startswith(b"HTTP/1.1 101"), told
        self._unread = b""
        self.is_ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, asked: Any) -> None:
        """Send JSON."""
        self._write(TEXT, json.dumps(asked).encode())

    def next(self) -> Any:
        """The next message, waited for. Raises `EOFError` where none comes any more."""
        while (told := self._message()) is None:
            if self.is_ended:
                raise EOFError
            self._take()
        return told

    def _take(self) -> None:
        """Receive once."""
        try:
            found = self._socket.recv(1 << 20)
        except ConnectionResetError:
            found = b""
        self._unread += found
        self.is_ended = not found

    def _message(self) -> Any:
        """The next whole message of text that was received; pings before it are answered."""
        while (frame := self._frame()) is not None:
            opcode, data = frame
            if opcode == TEXT:
                return json.loads(data)
            if opcode == PING and not self.is_ended:
                self._write(PONG, data)
        return None

    def _frame(self) -> tuple[int, bytes] | None:
        if len(self._unread) < 2:
            return None
        size, at = self._unread[1], 2
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(self._unread[2:at], "big")
        if len(self._unread) < at + size:
            return None
        opcode, data = self._unread[0] & 0x0F, self._unread[at : at + size]
        self._unread = self._unread[at + size :]
        return opcode, data

    def _write(self, opcode: int, data: bytes) -> None:
        """A whole frame, whose mask is zeros (RFC 6455, section 5.2)."""
        size = bytes((len(data) | 0x80,)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self._socket.sendall(bytes((0x80 | opcode,)) + size + bytes(4) + data)
