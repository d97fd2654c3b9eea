"""Tile addresses and entry bundles: the static files a log serves (C2SP tlog-tiles).

A tile is 256 consecutive hashes of one level (8,192 bytes); a bundle is the entries under one
level-0 tile. Complete ones never change. The rightmost may be partial: `.p/W` names its width.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from freehold.core.errors import InvalidInput

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_LEVEL = 63
MAX_INDEX = 2**63 // TILE_WIDTH
MAX_ENTRY_BYTES = 2**16 - 1
"""The length prefix of an entry in a bundle is a uint16."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class InvalidTile(InvalidInput, code="log.tile"):
    """A tile path or an entry bundle is malformed."""


@dataclass(frozen=True, slots=True)
class TileAddress:
    """Which tile: a hash tile of one level, or an entry bundle."""

    level: int | None
    """Tile level, 0 to 63 (leaves are level 0); None for an entry bundle."""
    index: int
    """Position of the tile within its level."""
    width: int = TILE_WIDTH
    """Number of hashes or entries; below 256 the tile is partial."""

    def __post_init__(self) -> None:
        if self.level is not None and not 0 <= self.level <= MAX_LEVEL:
            raise InvalidTile("tile levels go from 0 to 63", level=self.level)
        if not 0 <= self.index < MAX_INDEX:
            raise InvalidTile("the tile index is out of range", index=self.index)
        if not 1 <= self.width <= TILE_WIDTH:
            raise InvalidTile("a tile has 1 to 256 hashes", width=self.width)

    @property
    def path(self) -> str:
        """Path below the log's address, such as `tile/0/x001/067.p/12`."""
        level = "entries" if self.level is None else str(self.level)
        partial = f".p/{self.width}" if self.width < TILE_WIDTH else ""
        return f"tile/{level}/{encode_index(self.index)}{partial}"

    @classmethod
    def parse(cls, path: str) -> TileAddress:
        """Read a path in its one canonical spelling."""
        match = _PATH.fullmatch(path) if len(path) <= 64 else None
        if match is None:
            raise InvalidTile("this is not the path of a tile")
        level = None if match["level"] == "entries" else int(match["level"])
        width = TILE_WIDTH if match["width"] is None else int(match["width"])
        address = cls(level, int(match["index"].replace("x", "").replace("/", "")), width)
        if address.path != path:
            raise InvalidTile("the path of a tile must be in its canonical form", canonical=address.path)
        return address


def encode_index(index: int) -> str:
    """Three digits a path element, all but the last marked with `x`: 1234067 is x001/x234/067."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries, each after its length as a big-endian uint16."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise InvalidTile("a log entry is too long", size_bytes=len(entry), limit_bytes=MAX_ENTRY_BYTES)
        parts += (len(entry).to_bytes(2), entry)
    return b"".join(parts)
