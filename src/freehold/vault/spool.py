"""Temporary files that a killed process cannot leave behind for long.

Each writer holds a lock on its file, which ends with the process; whoever starts next removes the
files that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import BinaryIO, Self

from freehold import plain_file

UPLOADS = "uploads"
"""Folder of a home where what was sent to the console lies for as long as it is worked on."""
_SUFFIX = ".part"


class Spool:
    """A locked temporary file in `directory`; gone at the end of the block unless renamed away."""

    path: Path
    file: BinaryIO

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Self:
        while True:
            self.path = self._directory / (token_hex(16) + _SUFFIX)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            self.file = os.fdopen(descriptor, "w+b", buffering=1 << 20)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # A sweep between creation and lock may have taken the file for abandoned.
            if os.fstat(descriptor).st_nlink:
                return self
            self.file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(FileNotFoundError):
            self.path.unlink()
        try:
            self.file.close()
        except OSError:
            # Closing writes what is still buffered; on a full disk the first error is the one to show.
            if error is None:
                raise


def sweep(directory: Path) -> int:
    """Remove files of dead writers; returns how many."""
    removed = 0
    # or one that was still being written beside it
    for path in directory.glob(f"*{_SUFFIX}*"):
        with suppress(OSError), plain_file.regular(path) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            removed += 1
    return removed
