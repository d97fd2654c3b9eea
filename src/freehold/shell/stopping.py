"""SIGTERM and Ctrl-C always win: the first begins an orderly end, which has so many seconds; the second is an end at once.

Python hears a signal only between two steps of the main thread, and a process does not end before its threads do. Either
may hang in a call that nothing interrupts: a disk that does not answer, a locked database. So a thread of its own hears of
signals, as they arrive, and ends the process when the time is up. What was acknowledged is in the database by then.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from freehold.chain import given_up

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SAME_SECONDS = 1.0
"""Two so near one another are one: `timeout` and shells tell a process and its group."""
_OF_SHELLS = 128
_telling: list[int] = []
"""The descriptor through which the thread is told, once there is one."""


def within(seconds: float, tidy: Callable[[], object] = lambda: None) -> None:
    """From now on end in time; `tidy` is done where that has to be forced. For the main thread of a program.

    Signals need a handler in Python: without one they end the process anyway.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    told, tell = socket.socketpair()
    tell.setblocking(False)
    # a number that is never closed again
    _telling.append(tell.detach())
    signal.set_wakeup_fd(_telling[-1], warn_on_full_buffer=False)
    threading.Thread(target=_heed, args=(told, seconds, tidy), name="stopping", daemon=True).start()


def _heed(told: socket.socket, seconds: float, tidy: Callable[[], object]) -> None:
    began, first = 0.0, 0
    while True:
        left = began + seconds - time.monotonic() if first else None
        come = select.select([told], [], [], None if left is None else max(0.0, left))[0]
        heard = [number for number in told.recv(64) if number in SIGNALS] if come else []
        again = heard and first and time.monotonic() - began > SAME_SECONDS
        if again or (first and time.monotonic() - began >= seconds):
            break
        if heard and not first:
            began, first = time.monotonic(), heard[0]
    with contextlib.suppress(Exception):
        tidy()
    why = "told again to end" if again else f"did not end in {seconds:g} s"
    with contextlib.suppress(OSError, ValueError):
        os.write(2, f"{why}: what was under way is given up; what was answered is kept\n".encode())
    os._exit(_OF_SHELLS + first)


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
