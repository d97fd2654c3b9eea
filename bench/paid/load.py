"""Sends prepared requests over kept connections, the next of each client as soon as its last is answered.

    python bench/paid/load.py PORT FILE

A process of its own, so that its work is in no server's figures. FILE holds, pickled, one list of whole HTTP requests
for each client; what came back is written over it as a `Sent`. Everything is read into memory before the clock starts, and
answers are looked at afterwards, by others.
"""

from __future__ import annotations

import pickle
import selectors
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

END = b"\r\n\r\n"
PATIENCE_SECONDS = 120


class Sent(NamedTuple):
    """What one pass of so many clients took."""

    seconds: float
    """From the first request to the last answer."""
    cpu_seconds: float
    """That this process worked meanwhile."""
    latencies: list[list[float]]
    """Seconds of each call, of each client."""
    answers: list[list[bytes]]
    """Whole answers with their heads, of each client."""


class Client:
    """One connection, and what is sent over it."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.latencies: list[float] = []
        self.answers: list[bytes] = []
        self._found, self._began = b"", 0.0

    def send(self) -> None:
        """The next request."""
        self._began = time.perf_counter()
        self.socket.sendall(self.requests[len(self.answers)])

    def receive(self) -> bool:
        """Take what came; whether the last request is answered."""
        piece = self.socket.recv(65_536)
        if not piece:
            raise ConnectionError(f"hung up after {len(self.answers)} answers: {self._found!r}")
        self._found += piece
        at = self._found.find(END)
        if at < 0 or len(self._found) < at + len(END) + length(self._found[:at]):
            return False
        self.latencies.append(time.perf_counter() - self._began)
        self.answers.append(self._found)
        self._found = b""
        return True


def length(head: bytes) -> int:
    """Bytes of the body behind a head. Raises ValueError: it does not say."""
    lines = head.lower()
    at = lines.find(b"content-length:")
    if at < 0:
        raise ValueError(f"an answer without a length: {head!r}")
    end = lines.find(b"\r\n", at)
    return int(lines[at + 15 : end if end > 0 else None])


def sent(port: int, work: list[list[bytes]]) -> Sent:
    """Send all of it. Raises ConnectionError, TimeoutError, ValueError: something was not answered."""
    with ExitStack() as held, selectors.DefaultSelector() as selector:
        clients = [Client(port, requests) for requests in work]
        for one in clients:
            held.callback(one.socket.close)
            selector.register(one.socket, selectors.EVENT_READ, one)
        left = len(clients)
        began, worked = time.perf_counter(), time.process_time()
        for one in clients:
            one.send()
        while left:
            ready = selector.select(PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"no answer within {PATIENCE_SECONDS} s")
            for key, _ in ready:
                one = key.data
                if one.receive():
                    if len(one.answers) < len(one.requests):
                        one.send()
                    else:
                        left -= 1
        taken, worked = time.perf_counter() - began, time.process_time() - worked
    return Sent(taken, worked, [one.latencies for one in clients], [one.answers for one in clients])


def main() -> None:
    """One pass."""
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    work = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps(tuple(sent(port, work))))


if __name__ == "__main__":
    main()
