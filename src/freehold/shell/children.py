"""Child processes that live no longer than this one.

Each child holds the reading end of a pipe whose writing end only this process has: when this process
ends, however it ends, the child reads end of file and leaves (`--until-eof`).
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

STOP_SECONDS = 10.0


def launch(
    argv: Sequence[str], log: Path, keep: Iterable[int], *, anew: bool = False
) -> subprocess.Popen[bytes]:
    """Start a child that inherits the descriptors `keep`; `log` takes what it prints, `anew` from its beginning."""
    with log.open("wb" if anew else "ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=tuple(keep),
            # Ctrl-C goes to this process alone, which then ends the children in order
            start_new_session=True,
        )


def end(running: Iterable[subprocess.Popen[bytes]]) -> None:
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
