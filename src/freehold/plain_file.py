"""Paths that people name: made whole, and opened without ever waiting for what is no file (pipe, socket, device, terminal).

Every file that somebody named is opened here, those of a home too: whoever may write there may put a pipe in its place.
"""

from __future__ import annotations

import errno
import io
import os
import select
import shlex
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freehold.core import causes
from freehold.core.causes import PathUnusable
from freehold.core.errors import InvalidInput

NOBODY_SECONDS, SLOW_SECONDS = 10.0, 300.0
"""How long a command waits for somebody to open a pipe, and for what comes through one that is open."""
_PIECE_BYTES = 1 << 16
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
"""What a system says where no file has such a name."""
_NO_NAME = "no file has such a name"
_NO_FILE = "it is no regular file"


def named(path: str | Path) -> Path:
    """A path as a person typed it, with `~` and the folder that this runs in written out.

    Raises `PathUnusable`: there is no such user or folder, or nothing can have such a name.
    """
    if not isinstance(path, str | os.PathLike):
        raise PathUnusable(
            f"{type(path).__name__} is no path",
            hint='Give text, or a Path: "patients.csv".',
        )
    text = os.fsdecode(path)
    chosen(text)
    if "\0" in text or not _is_encodable(text):
        raise PathUnusable(f"{text[:80]!r} is no path: {_NO_NAME}", hint="Check the path.")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise PathUnusable(
            "the path begins with ~ and the name of a user that this machine does not know",
            hint="Write the whole path, beginning with /.",
        ) from None
    except FileNotFoundError:
        raise PathUnusable(
            "the folder that this runs in is gone", hint="Change into one that is there: cd"
        ) from None


def chosen(path: str | Path) -> Path:
    """A path from a command line. Raises `PathUnusable`: it is empty, as of a variable that is not set."""
    if not isinstance(path, Path) and not path:
        # to the system, the current folder
        raise PathUnusable("the path is empty", hint="Name a file or folder; . is the one that this runs in.")
    return Path(path)


def _is_encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def resolved(path: str | Path) -> Path:
    """The same without links. Raises `PathUnusable`, also where links lead in a circle."""
    try:
        return named(path).resolve()
    except (RuntimeError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its links lead in a circle"
        raise PathUnusable(
            f"{Path(path).name[:80]!r} cannot be found: {why}", hint="Check the path."
        ) from None


def typed(path: str | Path) -> str:
    """A path as a shell takes it, for a command line to paste: whatever its characters, and never for an option."""
    text = str(path)
    text = f"./{text}" if text.startswith("-") else text
    if text.isprintable():
        return shlex.quote(text)
    # bash, zsh, ksh and POSIX.1-2024
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))


class Unreadable(InvalidInput, code="file.unreadable"):
    """A file that a person named cannot be opened, or not be read to its end; why is in the message."""


def opened(path: str | Path) -> io.BufferedReader:
    """Open the regular file that a person names.

    Raises `Unreadable`, also whoever reads from it: a disk or a special file may fail at any byte.
    """
    name = Path(path).name
    try:
        return io.BufferedReader(_Told(plain(path), name))
    except (OSError, ValueError) as error:
        raise _unreadable(name, "opened", error) from error


class _Told(io.FileIO):
    """A file that says why it cannot be read as an error of ours."""

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(descriptor, "rb")
        self._called = name

    def readinto(self, into: Any, /) -> Any:
        try:
            return super().readinto(into)
        except OSError as error:
            raise _unreadable(self._called, "read", error) from error

    def readall(self) -> Any:
        try:
            return super().readall()
        except OSError as error:
            raise _unreadable(self._called, "read", error) from error

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except OSError as error:
            raise _unreadable(self._called, "read", error) from error


def _unreadable(name: str, done: str, error: Exception) -> Unreadable:
    why = getattr(error, "strerror", None) or _NO_NAME
    hint = causes.hint(error) if isinstance(error, OSError) else "Check the path."
    return Unreadable(f"{name!r} cannot be {done}: {why}", hint=hint)


def nameless(error: OSError) -> OSError:
    """An error of opening a secret's file, without the name where none is there: it may be the secret itself."""
    if error.errno in ABSENT:
        error.filename = None
    return error


def text(path: Path, most_bytes: int) -> str:
    """What stands in a regular file of UTF-8, without the byte order mark that some editors begin with.

    Raises `OSError` as `regular` does, also where there is more; `UnicodeDecodeError`.
    """
    return content(path, most_bytes).decode("utf-8-sig")


def content(path: Path, most_bytes: int) -> bytes:
    """The bytes of a regular file, however it grows meanwhile. Raises `OSError` as `regular` does, also where there are more."""
    with regular(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise causes.TooLarge(most_bytes, str(path))
    return data


def regular(
    path: str | Path,
    *,
    beneath: int | None = None,
    follow: bool = True,
    buffering: int = io.DEFAULT_BUFFER_SIZE,
) -> io.BufferedReader:
    """Open a regular file to read; `beneath` an open folder no link is followed.

    Raises `OSError` as `open` does, also for what is no regular file; `ValueError`: no file has such a name.
    """
    return io.BufferedReader(io.FileIO(plain(path, beneath=beneath, follow=follow), "rb"), buffering)


def plain(path: str | Path, *, beneath: int | None = None, follow: bool = True, write: bool = False) -> int:
    """A descriptor of a regular file, to read or, made where there is none and behind no link, to write.

    Raises as `regular` does.
    """
    # not blocking: opening a pipe that nobody writes to would wait for good, before anything can be asked of it
    flags = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    flags |= os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
    if write or not follow or beneath is not None:
        flags |= os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600, dir_fd=beneath)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, _NO_FILE, str(path))


def put(path: Path, content: bytes) -> None:
    """Write what a command was told to write where it was told: a file, or a pipe or terminal that is open already.

    Raises `OSError` as `open` does, also for a pipe that nobody reads: it would be waited for for good.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def given(
    path: Path,
    most_bytes: int,
    *,
    until: bytes = b"",
    allowed: Callable[[os.stat_result], None] | None = None,
) -> bytes:
    """What a command is given to read itself: a regular file, or a pipe, as of `<(head rows.csv)`, or a terminal.

    At most one byte more than `most_bytes`, and `until` as in `received`; `allowed` looks at the open file first.
    Raises `OSError` as `regular` does, also where nobody writes in time.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode) or os.isatty(descriptor)):
            raise OSError(errno.EINVAL, _NO_FILE, str(path))
        if allowed:
            allowed(found)
        # some of a system's own files are regular by name and wait like pipes
        patience = NOBODY_SECONDS if stat.S_ISREG(found.st_mode) else SLOW_SECONDS
        return received(descriptor, most_bytes, until, patience)
    finally:
        os.close(descriptor)


def received(descriptor: int, most_bytes: int, until: bytes = b"", patience: float | None = None) -> bytes:
    """What comes through an open file, to its end or until such bytes are in it. Raises `TimeoutError`."""
    data, began = bytearray(), time.monotonic()
    patience = SLOW_SECONDS if patience is None else patience
    coming = select.poll()
    coming.register(descriptor, select.POLLIN)
    while len(data) <= most_bytes and not (until and until in data):
        come, waited = coming.poll(500), time.monotonic() - began
        if waited > patience:
            raise TimeoutError(errno.ETIMEDOUT, "nothing comes out of it")
        if not come and (waited < NOBODY_SECONDS or os.get_blocking(descriptor)):
            continue
        try:
            piece = os.read(descriptor, min(_PIECE_BYTES, most_bytes + 1 - len(data)))
        except BlockingIOError:
            # silent, but somebody has its other end open, such as a program that asks its user first
            continue
        if not piece and not come:
            raise TimeoutError(errno.ETIMEDOUT, "nobody writes into it")
        if not piece:
            break
        data += piece
    return bytes(data)
