"""The folder whose files an assistant may use: opened beneath it, and handed to the node as private copies.

A path that was looked at and is opened again later may lead elsewhere by then. So a file is opened once, part by
part from the folder's own descriptor and through no link, and what was opened is copied.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from freehold import plain_file
from freehold.core.errors import InvalidInput, NotAllowed, NotFound, Unavailable
from freehold.kernel.reading import KEYS_FILE, TOKEN_FILE

MOST_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20
_PREFIX = "freehold-assistant-"
_ELSEWHERE = "Keep files for assistants in a folder of their own."


class AssistantNotAllowed(NotAllowed, code="mcp.not_allowed"):
    """The server for assistants was started without permission for that."""


class Folder:
    """One folder, the same until the server ends, whatever its name leads to by then."""

    def __init__(self, path: Path) -> None:
        """Open it; InvalidInput where it is no folder."""
        self.path = plain_file.resolved(path)
        try:
            self._open = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise InvalidInput(
                f"{path} is no folder to read: {error.strerror}", hint="Name one with --files DIR."
            ) from None
        if any((outer / KEYS_FILE).exists() for outer in self.path.parents):
            raise InvalidInput(f"{path} lies in the home of a node", hint=_ELSEWHERE)
        _sweep()
        self._copies, self._held = _place()

    def close(self) -> None:
        """No copy is left."""
        shutil.rmtree(self._copies, ignore_errors=True)
        os.close(self._held)
        os.close(self._open)

    @contextmanager
    def copy(self, said: str) -> Iterator[str]:
        """The path of a copy under the file's own name, for as long as the block lasts.

        Raises AssistantNotAllowed where the file is outside, InvalidInput where it is behind a link, no regular file
        or too large, NotFound, and Unavailable where there is no room for a copy.
        """
        with tempfile.TemporaryDirectory(dir=self._copies) as place:
            with self._opened(said) as file:
                made = Path(place) / Path(said).name
                try:
                    _pour(file, made)
                except OSError as error:
                    raise Unavailable(
                        f"the file cannot be copied: {error.strerror}", hint="Make room for temporary files."
                    ) from None
            yield str(made)

    def _opened(self, said: str) -> BinaryIO:
        *folders, name = self._parts(said)
        try:
            at = os.dup(self._open)
            try:
                _require_no_home(at)
                for part in folders:
                    inner = os.open(
                        part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at
                    )
                    os.close(at)
                    at = inner
                    _require_no_home(at)
                return plain_file.regular(name, beneath=at)
            finally:
                os.close(at)
        except FileNotFoundError:
            raise NotFound("there is no such file in the folder", hint="Check the path.") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "no file has such a name"
            raise InvalidInput(
                f"that file cannot be used: {why}", hint="Name a regular file; links are not followed."
            ) from None

    def _parts(self, said: str) -> tuple[str, ...]:
        path = Path(said)
        if path.is_absolute():
            with suppress(ValueError):
                path = path.relative_to(self.path)
        if path.is_absolute() or ".." in path.parts:
            raise AssistantNotAllowed(
                "that file is outside the folder this server may read",
                hint=f"Files are read from {self.path}.",
            )
        if not path.parts:
            raise InvalidInput("no file is named", hint="Give its path below the folder.")
        return path.parts


def _require_no_home(folder: int) -> None:
    """What lies in a node's home is the owner's power: its token, its keys, its database."""
    for name in (KEYS_FILE, TOKEN_FILE):
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            raise AssistantNotAllowed("that file lies in the home of a node", hint=_ELSEWHERE)


def _place() -> tuple[Path, int]:
    """A folder that nobody else may enter, and the lock that says that somebody uses it."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # a sweep before it is locked may take it for abandoned
        with suppress(FileNotFoundError):
            held = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            fcntl.flock(held, fcntl.LOCK_EX)
            if made.exists():
                return made, held
            os.close(held)


def _sweep() -> None:
    """Remove what killed servers of this user left behind."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(held).st_uid == os.getuid():
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left)
            finally:
                os.close(held)


def _pour(file: BinaryIO, made: Path) -> None:
    left = MOST_BYTES
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
        while piece := file.read(_PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise InvalidInput(
                    f"the file is over {MOST_BYTES:,} bytes", hint="Use the command line for it."
                )
            copy.write(piece)
