"""Processes of the program, forked off one that has loaded it, where forking is sound: on Linux.

Nine processes of a quickstart run the same program, and loading it takes longer than anything else that most of them do.
So one process more, the nursery, loads it once and forks the others as it is asked to. Each of them is a process like
any other: with its own session, memory, files and signals, and `kill` ends it alone.

A fork copies one thread and everything in memory. So the nursery is a fresh interpreter that has one thread, opens no file,
database or connection, draws nothing at random, and holds no secret: a passphrase goes past it, unread, in a pipe.
Where the nursery is not to be had any more, a child is started like any other command.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from freehold.shell import children, threads
from freehold.shell.children import PROGRAM, Process, Word

COMMAND = (sys.executable, "-m", "freehold.quickstart.forking")
STATUS = struct.Struct("=i")
"""What the nursery says of a child, twice: its process id when it begins, its exit code when it ended."""
MOST_BYTES = 64 * 1024
"""Of one request."""
MOST_DESCRIPTORS = 8


class Nursery:
    """Starts children by forking; for as long as the block lasts. None of them is ended with it."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # where the environment says how many threads numpy takes, the nursery would have them too
        said = {os.environ.get(name) for name in threads.ALGEBRA}
        if sys.platform == "linux" and said in ({None}, {"1"}):
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                    [*COMMAND, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        return self

    def __exit__(self, *_: object) -> None:
        if self._control is None or self._process is None:
            return
        self._control.close()
        try:
            self._process.wait(children.STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def launch(self, name: str, argv: Sequence[Word], log: Path) -> Process:
        """Start a child as `children.launch` does; `ps` shows `name`, where it is forked."""
        if self._control is None or tuple(argv[: len(PROGRAM)]) != PROGRAM:
            return children.launch(argv, log)
        words = argv[len(PROGRAM) :]
        kept = [word for word in words if isinstance(word, int)]
        asked = {"name": name, "words": [None if isinstance(word, int) else word for word in words]}
        said, saying = os.pipe()
        try:
            with log.open("ab") as output:
                descriptors = array.array("i", [saying, output.fileno(), *kept])
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
                self._control.sendmsg([json.dumps(asked).encode()], rights)
        except OSError:
            os.close(said)
            return children.launch(argv, log)
        finally:
            os.close(saying)
        return Forked(said)


class Forked:
    """A child of the nursery, as `subprocess.Popen` shows one of its own."""

    def __init__(self, said: int) -> None:
        self._said, self._heard = said, b""
        self.returncode: int | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 where it never began."""
        while len(self._heard) < STATUS.size and self.returncode is None:
            self._hear(None)
        return self._pid()

    def poll(self) -> int | None:
        """Its exit code, minus a signal's number where that ended it; None while it runs."""
        while self.returncode is None and self._hear(0):
            pass
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it ended. Raises `subprocess.TimeoutExpired`."""
        ends = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if ends is None else max(0.0, ends - time.monotonic())
            if not self._hear(left) and timeout is not None:
                raise subprocess.TimeoutExpired(str(self._pid()), timeout)
        return self.returncode

    def terminate(self) -> None:
        """Tell it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # until its code is read here its parent may have reaped it, an instant ago
        if self.poll() is None and self.pid:
            os.kill(self.pid, number)

    def _pid(self) -> int:
        begun = self._heard[: STATUS.size]
        return int(STATUS.unpack(begun)[0]) if len(begun) == STATUS.size else 0

    def _hear(self, patience: float | None) -> bool:
        """Whether there was something to read within so many seconds."""
        if not select.select([self._said], [], [], patience)[0]:
            return False
        more = os.read(self._said, 2 * STATUS.size - len(self._heard))
        self._heard += more
        if len(self._heard) == 2 * STATUS.size:
            self._end(int(STATUS.unpack(self._heard[STATUS.size :])[0]))
        elif not more:
            # the nursery was killed: nobody else looks after its child any more
            if pid := self._pid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._end(-signal.SIGKILL)
        return True

    def _end(self, code: int) -> None:
        self.returncode = code
        os.close(self._said)
