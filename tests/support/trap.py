"""A server of this machine that no stranger's word should lead a node to."""

from __future__ import annotations

import socket
import ssl
import threading


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
