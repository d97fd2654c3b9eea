"""Whoever listens at the chain's Unix socket, byte by byte."""

import socket


class Subscriber:
    """Counts the changes that its kernel holds."""

    def __init__(self, address, kept=None):
        self._socket = socket.socket(socket.AF_UNIX)
        if kept:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kept)
        self._socket.settimeout(30)
        self._socket.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        if self._socket.recv(1) != b"+":
            self._socket.close()
            raise ConnectionRefusedError
        self._socket.setblocking(False)
        self.is_ended = False

    def now(self):
        """How many changes are told that were not read yet."""
        found = b""
        try:
            while part := self._socket.recv(4096):
                found += part
            self.is_ended = True
        except BlockingIOError:
            pass
        except ConnectionError:
            self.is_ended = True
        assert set(found) <= {ord("!")}
        return len(found)

    def send(self, data):
        self._socket.setblocking(True)
        self._socket.sendall(data)
        self._socket.setblocking(False)

    def close(self):
        self._socket.close()
