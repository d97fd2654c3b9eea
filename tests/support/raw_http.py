"""HTTP/1.1 by hand over a socket, from any loopback address: what well-behaved clients never send."""

from __future__ import annotations

import socket
import time
from typing import Self


class Wire:
    """One connection to a node, from `source`; addresses in 127.0.0.0/8 other than .1 count as strangers."""

    def __init__(self, url: str, source: str = "127.0.0.9", seconds: float = 10.0) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), seconds, (source, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *pieces: bytes, pause: float = 0.0) -> bool:
        """Send pieces with a pause after each; False once the other side has hung up."""
        for piece in pieces:
            try:
                self.socket.sendall(piece)
            except OSError:
                return False
            time.sleep(pause)
        return True

    def answer(self, seconds: float = 10.0) -> bytes:
        """What comes until the other side hangs up or one whole answer is there; nothing if it only hangs up."""
        self.socket.settimeout(seconds)
        found = b""
        while True:
            head, blank, body = found.partition(b"\r\n\r\n")
            if blank and len(body) >= _length(head):
                return found
            try:
                piece = self.socket.recv(65_536)
            except ConnectionError:
                return found
            if not piece:
                return found
            found += piece

    def status(self, seconds: float = 10.0) -> int:
        """Status of the answer; 0 if the other side hung up without one."""
        found = self.answer(seconds)
        return int(found.split(b" ", 2)[1]) if found.startswith(b"HTTP/") else 0


def ask(url: str, path: str = "/healthz", source: str = "127.0.0.9", **headers: str) -> tuple[int, bytes]:
    """Status and whole answer of one GET on a connection of its own; underscores in header names are dashes."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    with Wire(url, source) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n".encode())
        found = wire.answer()
    return (int(found.split(b" ", 2)[1]) if found.startswith(b"HTTP/") else 0), found


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    # without a length the end of the connection ends the answer
    return 1 << 40
