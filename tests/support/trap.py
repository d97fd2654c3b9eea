"""A server of this machine that no stranger's word should lead a node to."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time


class Trap:
    """Something that listens, such as a database of this machine; it counts who comes and keeps what they send."""

    def __init__(
        self, host: str = "127.0.0.1", answer: bytes = b"", context: ssl.SSLContext | None = None
    ) -> None:
        self.socket = socket.create_server((host, 0))
        self.host, self.port = host, self.socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self.came: list[bytes] = []
        self._answer, self._context = answer, context
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                wire, _ = self.socket.accept()
                if self._context:
                    wire = self._context.wrap_socket(wire, server_side=True)
                with wire:
                    wire.settimeout(2)
                    self.came.append(wire.recv(65_536))
                    wire.sendall(self._answer)
            except ssl.SSLError as error:
                self.came.append(str(error).encode())
            except OSError:
                if self.socket.fileno() < 0:
                    return

    def close(self) -> None:
        self.socket.close()


DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\nx: ", b"a"),
    "body": (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b" "),
    "interim": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
}
"""By name: what an answer begins with, and what then follows bit by bit without end."""


class Drip:
    """A server that never stops answering, a few bytes at a time."""

    def __init__(self, kind: str) -> None:
        self._begin, self._bit = DRIPS[kind]
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.asked = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._drip, args=(self.socket.accept()[0],), daemon=True).start()

    def _drip(self, wire: socket.socket) -> None:
        with contextlib.suppress(OSError), wire:
            wire.recv(65_536)
            self.asked.set()
            wire.sendall(self._begin)
            while self.socket.fileno() >= 0:
                wire.sendall(self._bit)
                time.sleep(0.05)

    def close(self) -> None:
        self.socket.close()
