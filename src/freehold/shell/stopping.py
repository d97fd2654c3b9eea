"""SIGTERM and Ctrl-C always win: the first begins an orderly end, which has so many seconds; the second is an end at once.

Python hears a signal only between two steps of the main thread, and a process does not end before its threads do. Either
may hang in a call that nothing interrupts: a disk that does not answer, a locked database. So a thread of its own hears of
signals, as they arrive, and ends the process when the time is up. What was acknowledged is in the database by then.

A terminal that goes away tells by SIGHUP: the same end in order, unless the process was begun to outlive it (`nohup`).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from freehold.chain import given_up

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SAME_SECONDS = 1.0
"""Two so near one another are one: `timeout` and shells tell a process and its group."""
_OF_SHELLS = 128
_telling: list[int] = []
"""The descriptor through which the thread is told, once there is one."""


@contextlib.contextmanager
def within(seconds: float, tidy: Callable[[], object] = lambda: None) -> Iterator[None]:
    """While a program does what is inside, and after a signal for good: it ends in time. For its main thread.

    `tidy` is done where the end has to be forced. Signals need a handler in Python: without one they end the process
    anyway.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, tell = socket.socketpair()
    tell.setblocking(False)
    watch = _Watch(told, seconds, tidy)
    _telling.append(tell.fileno())
    signal.set_wakeup_fd(_telling[-1], warn_on_full_buffer=False)
    hears_end = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    if hears_end:
        signal.signal(signal.SIGHUP, _hang_up)
    threading.Thread(target=watch.heed, name="stopping", daemon=True).start()
    try:
        yield
    finally:
        if hears_end and not watch.is_told():
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if watch.is_told():
            # a number that is never closed again
            tell.detach()
        else:
            signal.set_wakeup_fd(-1)
            _telling.pop()
            tell.close()


def _hang_up(*_: object) -> None:
    """As SIGTERM, whoever handles that now."""
    signal.raise_signal(signal.SIGTERM)


class _Watch:
    """Hears of signals in a thread of its own."""

    def __init__(self, told: socket.socket, seconds: float, tidy: Callable[[], object]) -> None:
        self._told, self._seconds, self._tidy = told, seconds, tidy
        self.heard = 0
        """The first."""
        self._reading = threading.Lock()

    def is_told(self) -> bool:
        """Whether a signal came, though the thread may not have looked yet."""
        with self._reading:
            return bool(self.heard or select.select([self._told], [], [], 0)[0])

    def heed(self) -> None:
        """Until the program is done without one. Ends the process where one came, and it does not."""
        began = 0.0
        while True:
            left = began + self._seconds - time.monotonic() if self.heard else None
            come = select.select([self._told], [], [], None if left is None else max(0.0, left))[0]
            with self._reading:
                said = self._told.recv(64) if come else b""
                if come and not said:
                    self._told.close()
                    return
                signals = [number for number in said if number in SIGNALS]
                again = signals and self.heard and time.monotonic() - began > SAME_SECONDS
                if again or (self.heard and time.monotonic() - began >= self._seconds):
                    break
                if signals and not self.heard:
                    began, self.heard = time.monotonic(), signals[0]
        with contextlib.suppress(Exception):
            self._tidy()
        why = "told again to end" if again else f"did not end in {self._seconds:g} s"
        with contextlib.suppress(OSError, ValueError):
            os.write(2, f"{why}: what was under way is given up; what was answered is kept\n".encode())
        os._exit(_OF_SHELLS + self.heard)


class Server(uvicorn.Server):
    """Ends as told, and does not tell this process the same once more."""

    interrupted = False

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Until told to end. Raises `KeyboardInterrupt` where that was by Ctrl-C."""
        given_up.unsaid()
        if _telling:
            # the event loop may want signals told to itself; it hears of them at once, since nothing holds it up
            signal.set_wakeup_fd(-1)
        try:
            super().run(sockets)
        finally:
            if _telling:
                signal.set_wakeup_fd(_telling[-1], warn_on_full_buffer=False)
        if self.interrupted:
            raise KeyboardInterrupt

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to stop."""
        self.should_exit = True
        for tell in _telling[-1:]:
            os.write(tell, bytes([sig]))
        self.interrupted = self.interrupted or sig == signal.SIGINT
