"""Child processes that live no longer than this one.

Each child holds the reading end of a pipe whose writing end only this process has: when this process
ends, however it ends, the child reads end of file and leaves (`--until-eof`).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

STOP_SECONDS = 10.0
PROGRAM = (sys.executable, "-m", "freehold")
"""How a command of this program begins."""
Word: TypeAlias = str | int
"""A word of a command; a number is a descriptor, which the child inherits and is told."""


class Process(Protocol):
    """A child, as much of `subprocess.Popen` as is asked of one."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Its exit code, minus a signal's number where that ended it; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it ended. Raises `subprocess.TimeoutExpired`."""

    def terminate(self) -> None:
        """Tell it to end."""

    def kill(self) -> None:
        """End it."""


def launch(argv: Sequence[Word], log: Path, *, anew: bool = False) -> subprocess.Popen[bytes]:
    """Start a child; `log` takes what it prints, `anew` from its beginning."""
    with log.open("wb" if anew else "ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[word for word in argv if isinstance(word, int)],
            # Ctrl-C goes to this process alone, which then ends the children in order
            start_new_session=True,
        )


def end(running: Iterable[Process]) -> None:
    """End children, all told at once; killed when they do not go in time."""
    told = list(running)
    for process in told:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    for process in told:
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def last_line(log: Path, most_bytes: int = 2_000) -> str:
    """What a child said last."""
    try:
        lines = log.read_bytes()[-most_bytes:].decode(errors="replace").strip().splitlines()
    except OSError:
        return "no output"
    return lines[-1] if lines else "no output"
