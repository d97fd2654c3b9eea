"""What the operating system refuses, as errors that say why and what to do: from its error number, not its class."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from freehold.core.errors import FreeholdError, InvalidInput, Unavailable
from freehold.durable import NoFolder


class StorageFull(Unavailable, code="blob.full", http_status=507):
    """The disk, quota or file size limit is exhausted."""


class SystemExhausted(Unavailable, code="system.exhausted"):
    """The machine, or the limit that this process runs under, has no more files, memory or processes to give."""


class PathUnusable(InvalidInput, code="path.unusable"):
    """A file or folder that was named cannot be used so; the cause is in the message."""


class OutputFailed(Unavailable, code="output.failed"):
    """The disk that a command prints to is full, its stdout is closed, or whoever read it went away."""


class TooLarge(OSError):
    """A file that is read holds more than it may; the system knows no such number."""

    def __init__(self, most_bytes: int, path: str) -> None:
        super().__init__(errno.EMSGSIZE, f"it is over {most_bytes:,} bytes", path)


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a system says where there is no room."""
_EXHAUSTED = {
    errno.EMFILE: "Raise the limit of open files: ulimit -n 4096.",
    errno.ENFILE: "Other programs hold too many files open; end some.",
    errno.ENOMEM: "Free some memory.",
    errno.EAGAIN: "Too much runs at once; raise the limit of processes, or end some.",
}
_HINTS = {
    errno.ENOENT: "Check the spelling.",
    errno.EACCES: "Check who may use it (ls -ld), or name another.",
    errno.EPERM: "Check who may use it (ls -ld), or name another.",
    errno.EROFS: "The disk can only be read; name a place on another.",
    errno.ENOTDIR: "A part of the path is a file; name another.",
    errno.EISDIR: "It is a folder; name a file.",
    errno.EEXIST: "Something stands there already; name another.",
    errno.ENOTEMPTY: "Something stands there already; name another.",
    errno.ENAMETOOLONG: "A name has at most 255 bytes.",
    errno.ELOOP: "Links lead in a circle; name what they should lead to.",
    errno.EMSGSIZE: "It is not the file that was meant, or something else was written into it.",
    errno.EINVAL: "Name a regular file.",
    errno.ENXIO: "Name a regular file.",
    errno.ENODEV: "Name a regular file.",
    errno.ETXTBSY: "A program in use is not replaced; name another.",
    errno.EIO: "The disk fails: see what the system's log says of it.",
    errno.ESTALE: "The disk was reached by network and is not there any more; mount it again.",
    errno.EBADF: "It was not opened to be read: lead a file into it, with <.",
    errno.EADDRINUSE: "Another program listens there; choose another port.",
    errno.EADDRNOTAVAIL: "This machine has no such address; choose one of its own.",
}


def hint(error: OSError, otherwise: str = "Check the path.") -> str:
    """What to do about it."""
    number = error.errno or 0
    if isinstance(error, NoFolder):
        return "Make that folder first, or check the spelling."
    if number in FULL:
        return "Free some space, then try again."
    return _EXHAUSTED.get(number) or _HINTS.get(number) or otherwise


def of(error: OSError, act: str = "go on", also: str = "") -> FreeholdError:
    """Why `act` ("write the backup") failed: `StorageFull`, `SystemExhausted` or `PathUnusable`; `also` is a hint more."""
    if error.errno in FULL:
        return StorageFull(f"there is no room to {act}", hint=hint(error))
    why = error.strerror or type(error).__name__
    where = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
    kind = SystemExhausted if error.errno in _EXHAUSTED else PathUnusable
    return kind(f"cannot {act}: {why}{where}", hint=f"{hint(error)} {also}".strip())


@contextmanager
def explained(act: str) -> Iterator[None]:
    """Around all that `act` does on disk. Raises as `of` says."""
    try:
        yield
    except OSError as error:
        raise of(error, act) from error
