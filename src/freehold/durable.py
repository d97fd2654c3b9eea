"""Files that are whole on the disk, or not there, after a power cut: the one way in which anything is kept.

The bytes first, then the name, then the directory that holds the name: a file whose directory was not
synced can be gone although its own bytes were written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

PRIVATE_MODE = 0o600


class NoFolder(FileNotFoundError):
    """The folder in which a file was to be made is not there."""


def write(path: Path, content: bytes, *, replace: bool, mode: int = PRIVATE_MODE) -> None:
    """Make `path` hold `content`; `FileExistsError` unless `replace`."""
    make_directory(path.parent)
    with writing(path, replace=replace, mode=mode) as file:
        file.write(content)


@contextmanager
def writing(path: Path, *, replace: bool, mode: int = PRIVATE_MODE) -> Iterator[IO[bytes]]:
    """A file that has its name once the block ends without error; `FileExistsError` then, unless `replace`."""
    temporary = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileNotFoundError as error:
        raise NoFolder(error.errno, "there is no such folder", str(path.parent)) from None
    except OSError as error:
        # nobody named the temporary file
        error.filename = str(path)
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            sync(file)
        place(temporary, path, replace=replace)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def sync(file: IO[bytes]) -> None:
    """All bytes of an open file to the disk."""
    file.flush()
    os.fsync(file.fileno())


def place(temporary: Path, path: Path, *, replace: bool) -> None:
    """Give a synced file or directory its name for good; `FileExistsError` unless `replace`."""
    if replace:
        temporary.replace(path)
    else:
        # a link, unlike a rename, never takes the place of a file that appeared meanwhile
        os.link(temporary, path)
    sync_directory(path.parent)


def make_directory(path: Path, mode: int = 0o700) -> None:
    """Make a directory and those above it that are missing, for good."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    for one in reversed(missing):
        sync_directory(one.parent)


def sync_tree(path: Path) -> None:
    """Sync the directories of a tree whose files are synced, so that it can be placed whole."""
    for folder, _, _ in os.walk(path, topdown=False):
        sync_directory(Path(folder))


def sync_directory(path: Path) -> None:
    """Have what was named, renamed or removed in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
