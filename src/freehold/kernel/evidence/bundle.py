"""The files of an evidence directory, in memory: bounded when read, whole when written."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold import durable, plain_file
from freehold.core.canonical import canonical_bytes, parse
from freehold.core.errors import Conflict, InvalidInput, NotFound

MAX_FILES = 5_000
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
MAX_ENTRIES = 2 * MAX_FILES
"""Files and folders looked at before a directory is refused."""
MAX_FOLDERS = 3
"""Above a file."""
MAX_VALUES = 1 << 24
"""In all files, each text, list or object counted as four: read, they take up to a hundred times their bytes."""

_PATH = re.compile(r"(?:[a-z0-9][a-z0-9_-]{0,79}/){0,3}[a-z0-9][a-z0-9_-]{0,79}\.json")
_FOLDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


class InvalidBundle(InvalidInput, code="evidence.bundle"):
    """The files are too many or too large, or one has a path that evidence cannot have."""


class DirectoryNotEmpty(Conflict, code="evidence.directory"):
    """The target directory holds something already."""


@dataclass(frozen=True)
class Bundle:
    """Evidence as path -> bytes; the constructor holds the bounds, so every instance is within them."""

    files: dict[str, bytes]
    """Relative paths with `/`, each ending in `.json`."""

    def __post_init__(self) -> None:
        if len(self.files) > MAX_FILES:
            raise InvalidBundle(f"evidence of {len(self.files):,} files; at most {MAX_FILES:,} are read")
        for path, data in self.files.items():
            if not _PATH.fullmatch(path):
                raise InvalidBundle(f"{path[:120]!r} cannot be the path of an evidence file")
            if len(data) > MAX_FILE_BYTES:
                raise InvalidBundle(f"{path} is over {MAX_FILE_BYTES} bytes", path=path)
        if sum(map(len, self.files.values())) > MAX_TOTAL_BYTES:
            raise InvalidBundle(f"the files are over {MAX_TOTAL_BYTES} bytes together")
        if sum(map(_weight, self.files.values())) > MAX_VALUES:
            raise InvalidBundle(
                f"the files hold over {MAX_VALUES} values, texts and the like counted as four"
            )

    def write(self, directory: Path) -> None:
        """Make `directory` hold exactly these files: all of them, or nothing new.

        Raises `DirectoryNotEmpty`: it exists and is not an empty directory.
        """
        target = directory.absolute()
        if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
            raise DirectoryNotEmpty(f"{directory} is not empty", hint="Name a new directory.")
        if target.exists() and target.samefile(Path()):
            # what runs in a directory that is replaced is in none
            raise DirectoryNotEmpty(f"{directory} is where this runs", hint="Name a new directory in it.")
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            for path, data in self.files.items():
                (staging / path).parent.mkdir(parents=True, exist_ok=True)
                with (staging / path).open("xb") as stream:
                    stream.write(data)
                    durable.sync(stream)
            # rename(2) replaces an empty directory, and fails if somebody filled it meanwhile
            durable.sync_tree(staging)
            durable.place(staging, target, replace=True)
        except OSError as error:
            shutil.rmtree(staging, ignore_errors=True)
            if target.is_dir() and any(target.iterdir()):
                raise DirectoryNotEmpty(f"{directory} is not empty", hint="Name a new directory.") from error
            raise

    @classmethod
    def read(cls, directory: Path) -> Bundle:
        """Every file under `directory`.

        Raises `NotFound`: no such directory. `InvalidBundle`: a symbolic link, a device, a strange name, or more than
        the bounds allow.
        """
        if not directory.is_dir():
            raise NotFound(
                f"{directory} is not a directory", hint="Give the directory that holds manifest.json."
            )
        files: dict[str, bytes] = {}
        total = 0
        for path in _walk(directory):
            name = path.relative_to(directory).as_posix()
            if not _PATH.fullmatch(name) or len(files) == MAX_FILES:
                raise InvalidBundle(
                    f"{name[:120]!r} does not belong into evidence, or is one file too many",
                    hint="Give the directory that holds manifest.json, and take out what was put there since.",
                )
            files[name] = _read_file(path, min(MAX_FILE_BYTES, MAX_TOTAL_BYTES - total))
            total += len(files[name])
        return cls(files)

    def to_json(self) -> dict[str, Any]:
        """`{"files": {path: text}}`, for sending. Raises `InvalidBundle`: a file is not UTF-8 text."""
        try:
            return {"files": {path: self.files[path].decode("utf-8") for path in sorted(self.files)}}
        except UnicodeDecodeError:
            raise InvalidBundle("a file is not UTF-8 text") from None

    @classmethod
    def from_json(cls, value: Any) -> Bundle:
        """A bundle from untrusted JSON values. Raises `InvalidBundle`: another shape, or beyond the bounds."""
        files = value.get("files") if isinstance(value, dict) and set(value) == {"files"} else None
        if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
            raise InvalidBundle("a bundle is one object named files, from path to text")
        try:
            return cls({path: text.encode("utf-8") for path, text in files.items()})
        except UnicodeEncodeError:
            raise InvalidBundle("a file is not UTF-8 text") from None

    def json(self, path: str) -> Any:
        """The values in one file, which must be in their canonical bytes.

        Raises `NotFound`: no such file. `InvalidJson`, `InvalidBundle`: not canonical JSON.
        """
        if path not in self.files:
            raise NotFound(f"{path} is missing")
        value = parse(self.files[path], max_bytes=MAX_FILE_BYTES, most_values=MAX_FILE_BYTES)
        if canonical_bytes(value) != self.files[path]:
            raise InvalidBundle(f"{path} is not in canonical form")
        return value


def _weight(data: bytes) -> int:
    """At least how many values are in JSON, without reading it."""
    return data.count(b",") + 4 * (data.count(b"[") + data.count(b"{")) + 2 * data.count(b'"')


def _walk(directory: Path) -> Iterator[Path]:
    """Regular files below `directory`, without following links."""
    waiting, seen = [(directory, 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        for entry in sorted(os.scandir(folder), key=lambda item: item.name):
            seen += 1
            if entry.is_symlink() or seen > MAX_ENTRIES:
                raise InvalidBundle(f"{entry.name[:120]!r} is a link, or one entry too many")
            if entry.is_dir(follow_symlinks=False):
                if depth == MAX_FOLDERS or not _FOLDER.fullmatch(entry.name):
                    raise InvalidBundle(f"{entry.name[:120]!r} is a folder that evidence cannot have")
                waiting.append((Path(entry.path), depth + 1))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
            else:
                raise InvalidBundle(f"{entry.name[:120]!r} is not a plain file")


def _read_file(path: Path, limit: int) -> bytes:
    try:
        # what was a file a moment ago may be a link or a pipe now
        with plain_file.regular(path, follow=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InvalidBundle(f"{path.name[:120]!r} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise InvalidBundle(
            f"{path.name[:120]!r} is over {limit:,} bytes, which are left for it",
            hint=f"A file has at most {MAX_FILE_BYTES:,}, all together {MAX_TOTAL_BYTES:,}.",
        )
    return data
