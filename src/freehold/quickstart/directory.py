"""Where a run keeps its files: a fresh directory each time, one run at a time, the last three kept."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.core.errors import Conflict
from freehold.vault import home_folder

KEPT = 3


class AlreadyRunning(Conflict):
    """Another quickstart uses this home."""

    code = "quickstart.running"


@contextmanager
def fresh(home: Path) -> Iterator[Path]:
    """A new directory under `HOME/quickstart`, locked while it is used.

    Raises:
        AlreadyRunning.
    """
    above = home / "quickstart"
    home_folder.make(above)
    with (above / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"a quickstart already runs in {above}", hint="End it with Ctrl-C, or give another --home."
            ) from None
        for old in _runs(above)[: -(KEPT - 1)]:
            shutil.rmtree(old, ignore_errors=True)
        yield _made(above)


def _runs(above: Path) -> list[Path]:
    return sorted(path for path in above.glob("run-*-*-[0-9]*") if path.is_dir() and not path.is_symlink())


def _made(above: Path) -> Path:
    stamp = time.strftime("run-%Y%m%d-%H%M%S")
    # names sort by age, so a number that an older run of this second had is not used again
    taken = [int(path.name.rsplit("-", 1)[1]) for path in _runs(above) if path.name.startswith(stamp)]
    path = above / f"{stamp}-{max(taken, default=-1) + 1:04d}"
    path.mkdir(mode=0o700)
    return path
