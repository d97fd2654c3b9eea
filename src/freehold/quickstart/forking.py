"""The nursery's own process: loads the program, forks a child of it for each request, and says how each ended.

A child leaves the loop below and goes on as `freehold` with the words it was given.
"""

from __future__ import annotations

import array
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import traceback
from collections import deque
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from freehold.quickstart.nursery import MOST_BYTES, MOST_DESCRIPTORS, STATUS
from freehold.shell import threads, unused
from freehold.shell.cli import main as program

LOADED = {
    "chain": ("freehold.shell.cli.chain", "freehold.chain.embedded", "freehold.chain.deployments"),
    "up": (
        "freehold.shell.cli.commands",
        "freehold.shell.cli.node",
        "freehold.shell.daemon",
        # what a node loads when it first has to do with keys, callers, tables and training
        *("joserfc.jwe", "zxcvbn", "pyrage", "uvloop", "anyio._backends._asyncio", "encodings.idna"),
        *("numpy", "cramjam"),
        *("freehold.features.data.rules.columnar", "freehold.features.data.rules.delimited"),
    ),
}
"""By command what it needs, in the order in which a quickstart asks for them."""


class Loop:
    """Waits for requests and for ends of children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[int, int] = {}
        """Process id -> the descriptor through which its end is told."""
        self._woken, self._waking = os.pipe()
        os.set_blocking(self._waking, False)
        os.set_blocking(self._woken, False)
        self._unloaded = deque((name, one) for name, files in LOADED.items() for one in files)

    def run(self) -> list[str] | None:
        """The words of a child, in that child; None in the nursery, once nobody asks any more and none runs."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        asked = True
        while asked or self._running:
            # what is loaded while nobody asks is there when somebody does
            patience = 0 if asked and self._unloaded else None
            sources: list[Any] = [self._woken, self._control] if asked else [self._woken]
            ready = select.select(sources, [], [], patience)[0]
            if self._woken in ready:
                self._reap()
            if self._control in ready:
                words, asked = self._answer()
                if words is not None:
                    return words
            elif not ready:
                self._load()
        return None

    def _load(self, command: str = "") -> None:
        """The next file; of a command, all of its."""
        while self._unloaded and (not command or any(name == command for name, _ in self._unloaded)):
            import_module(self._unloaded.popleft()[1])
            if not self._unloaded:
                from freehold.kernel.registry import everything  # noqa: PLC0415

                everything()
            if not command:
                return

    def _answer(self) -> tuple[list[str] | None, bool]:
        """Fork one child: its words in the child; whether anybody is left who asks."""
        size = MOST_DESCRIPTORS * array.array("i").itemsize
        message, ancillary, _, _ = self._control.recvmsg(MOST_BYTES, socket.CMSG_SPACE(size))
        if not message:
            return None, False
        descriptors = array.array("i")
        for _, _, rights in ancillary:
            descriptors.frombytes(rights)
        saying, log, *kept = descriptors
        asked = json.loads(message)
        self._load(asked["words"][0])
        # what is loaded stays, and is shared for as long as nobody writes to it
        gc.freeze()
        pid = os.fork()
        if pid:
            self._running[pid] = saying
            self._tell(pid, pid)
            for descriptor in (log, *kept):
                os.close(descriptor)
            return None, True
        self._become(asked["name"], saying, log)
        given = iter(kept)
        return [str(next(given)) if word is None else word for word in asked["words"]], True

    def _become(self, name: str, saying: int, log: int) -> None:
        """In a child: nothing of the nursery is left open."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(log, 1)
        os.dup2(log, 2)
        self._control.close()
        for descriptor in (self._woken, self._waking, saying, log, *self._running.values()):
            os.close(descriptor)
        Path("/proc/self/comm").write_text(f"freehold {name}"[:15])

    def _reap(self) -> None:
        while True:
            try:
                os.read(self._woken, 512)
            except BlockingIOError:
                break
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            self._tell(pid, os.waitstatus_to_exitcode(status))
            os.close(self._running.pop(pid))

    def _tell(self, pid: int, said: int) -> None:
        # who asked may be gone
        with suppress(BrokenPipeError):
            os.write(self._running[pid], STATUS.pack(said))


def main() -> int:
    """Run the nursery; and, in each child, the program."""
    threads.none_besides()
    unused.leave_out()
    # nothing of what loading makes is garbage
    gc.disable()
    words = Loop(socket.socket(fileno=int(sys.argv[1]))).run()
    if words is None:
        return 0
    gc.enable()
    sys.argv = ["freehold", *words]
    try:
        code = program.main()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - there is nothing above this
        traceback.print_exc()
        code = 1
    # what an interpreter does besides is to take apart, piece by piece, what it shares with the others
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
