"""Files that people name are opened here: never one that waits, such as a pipe, a socket or a device."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from freehold.core.errors import InvalidInput


def opened(path: str | Path) -> BinaryIO:
    """Open the regular file that a person names.

    Raises `InvalidInput`: it cannot be, and why.
    """
    try:
        return regular(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no file has such a name"
        raise InvalidInput(f"{Path(path).name!r} cannot be opened: {why}", hint="Check the path.") from error


def regular(path: str | Path, *, beneath: int | None = None, buffering: int = -1) -> BinaryIO:
    """Open a regular file to read; `beneath` an open folder a link is not followed.

    Raises `OSError` as `open` does, also for what is no regular file; `ValueError`: no file has such a name.
    """
    # not blocking: opening a pipe that nobody writes to would wait for good, before anything can be asked of it
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    if beneath is not None:
        flags |= os.O_NOFOLLOW
    descriptor = os.open(path, flags, dir_fd=beneath)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb", buffering)
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no regular file", str(path))
