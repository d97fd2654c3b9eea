"""Checkpoints: the statement "this log has this many entries and this root" (C2SP tlog-checkpoint)."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass

from freehold.core.errors import InvalidInput
from freehold.log.tree import HASH_BYTES, MAX_SIZE

MAX_EXTENSIONS = 16
MAX_LINE_BYTES = 1024


class InvalidCheckpoint(InvalidInput, code="checkpoint.invalid"):
    """The text is not a checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One state of one log. Its text is what a note signs."""

    origin: str
    """Name of the log; readers refuse another log's checkpoint by it."""
    size: int
    """Number of entries."""
    root: bytes
    """32-byte Merkle root of those entries."""
    extensions: tuple[str, ...] = ()
    """Further lines, opaque here."""

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or len(line) > MAX_LINE_BYTES or any(letter < " " for letter in line):
                raise InvalidCheckpoint("origin and extension lines must be one non-empty line each")
        if len(self.extensions) > MAX_EXTENSIONS:
            raise InvalidCheckpoint("too many extension lines", limit=MAX_EXTENSIONS)
        if not 0 <= self.size <= MAX_SIZE:
            raise InvalidCheckpoint("the size is out of range", size=self.size)
        if len(self.root) != HASH_BYTES:
            raise InvalidCheckpoint("the root must be 32 bytes")

    def format(self) -> str:
        """The text to sign."""
        lines = [self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions]
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str, *, origin: str | None = None) -> Checkpoint:
        """Read the text of an opened note; `origin`, when given, must be the log's name."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "":
            raise InvalidCheckpoint("a checkpoint has at least three lines")
        name, size, root, *extensions = lines
        if origin is not None and name != origin:
            raise InvalidCheckpoint("the checkpoint belongs to another log", origin=name, expected=origin)
        return cls(name, _parse_size(size), _parse_root(root), tuple(extensions))


def _parse_size(text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= 19
    if not plain or (text != "0" and text.startswith("0")):
        raise InvalidCheckpoint("the size must be a decimal number without leading zeros")
    return int(text)


def _parse_root(text: str) -> bytes:
    try:
        root = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCheckpoint("the root is not base64") from error
    if b64encode(root).decode() != text:
        raise InvalidCheckpoint("the root is not canonical base64")
    return root
