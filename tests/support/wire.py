"""A TCP proxy that writes down every byte between two nodes, and can act when a request passes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Wire:
    """Listens on loopback and hands every connection on to `target_port`, which may be set later."""

    def __init__(self, target_port: int = 0) -> None:
        self.target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._streams: list[bytearray] = []
        self._open: list[socket.socket] = []
        self.on_request: Callable[[bytes], None] | None = None
        """Called with the bytes from a client before they are passed on."""
        self.on_answer: Callable[[bytes], None] | None = None
        """Called with the bytes from the server before they are passed on."""
        threading.Thread(target=self._accept, daemon=True).start()

    def recorded(self) -> bytes:
        """Everything that passed, one direction of one connection after the other."""
        return b"\n".join(bytes(stream) for stream in self._streams)

    def close(self) -> None:
        self._listener.close()
        for end in self._open:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._open.append(server)
            for source, sink, hook in ((client, server, "on_request"), (server, client, "on_answer")):
                threading.Thread(target=self._pass, args=(source, sink, hook), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, hook: str) -> None:
        stream = bytearray()
        self._streams.append(stream)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                stream += data
                if act := getattr(self, hook):
                    act(data)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
