"""What a Parquet file says of itself behind its pages: columns, row groups, and where each column's pages stand.

Shapes and numbers of fields: https://github.com/apache/parquet-format, parquet.thrift.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from freehold.features.data.parquet.thrift import Compact, Damaged, NotPlain

MOST_BYTES = 16 << 20
_UNIT: dict[int, Any] = {1: {}, 2: {}, 3: {}}
_TIME: dict[int, Any] = {1: bool, 2: _UNIT}
_LOGICAL: dict[int, Any] = {
    **{number: {} for number in (1, 2, 3, 4, 6, 11, 12, 13, 14, 15, 16, 17, 18)},
    5: {1: int, 2: int},
    7: _TIME,
    8: _TIME,
    10: {1: int, 2: bool},
}
_ELEMENT = {1: int, 2: int, 3: int, 4: bytes, 5: int, 6: int, 7: int, 8: int, 10: _LOGICAL}
_META = {1: int, 3: [bytes], 4: int, 5: int, 7: int, 9: int, 11: int}
_COLUMN = {1: bytes, 3: _META, 8: {1: {}, 2: {}}}
_FILE = {2: [_ELEMENT], 3: int, 4: [{1: [_COLUMN], 3: int}], 5: [{1: bytes, 2: bytes}]}
_OPTIONAL, _REPEATED = 1, 2
FIXED = 7
"""Physical type of cells of one width that the file chooses."""


@dataclass(frozen=True)
class Leaf:
    """A column of values, as it is declared."""

    path: tuple[str, ...]
    """Names from the top; of a plain column its own alone."""
    physical: int
    length: int
    """Bytes of a cell of physical type FIXED."""
    is_plain: bool
    """Whether each row holds one value of it, or none."""
    is_optional: bool
    converted: int | None
    """What its values stand for, as older files say it."""
    logical: Mapping[int, Any]
    """And as newer ones do; empty where they do not."""
    scale: int = 0
    precision: int = 0


@dataclass(frozen=True)
class Chunk:
    """The pages of one column in one row group."""

    codec: int
    values: int
    begins: int
    """Where its first page stands in the file."""
    packed: int
    """Bytes of its pages."""
    is_elsewhere: bool
    """Whether it lies in another file, or needs a key."""


@dataclass(frozen=True)
class Footer:
    """A file's own word, of which nothing is sure but its form."""

    rows: int
    names: tuple[str, ...]
    """Of all columns, nested ones too."""
    leaves: tuple[Leaf, ...]
    groups: tuple[tuple[int, tuple[Chunk, ...]], ...]
    """Rows of each row group, and its chunks in the order of the leaves."""
    said: Mapping[bytes, bytes] = field(default_factory=dict)
    """What else whoever wrote it noted."""


def read(stream: BinaryIO) -> Footer:
    """Raises Damaged, NotPlain: there is none, or its parts contradict each other; it is too large."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 8))
    tail = stream.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length > size - 12:
        raise Damaged("it has no footer")
    if length > MOST_BYTES:
        raise NotPlain(f"its footer is over {MOST_BYTES:,} bytes")
    stream.seek(size - 8 - length)
    raw = stream.read(length)
    found = Compact(raw).struct(_FILE)
    elements = found.get(2) or [{}]
    names, leaves = _columns(elements)
    groups = tuple(
        (_size(group.get(3)), tuple(_chunk(one, leaf) for one, leaf in _paired(group.get(1, []), leaves)))
        for group in found.get(4, [])
    )
    rows = _size(found.get(3))
    if sum(count for count, _ in groups) != rows:
        raise NotPlain(f"it has {'more' if sum(n for n, _ in groups) > rows else 'fewer'} rows than it says")
    said = {one[1]: one[2] for one in found.get(5, []) if 1 in one and 2 in one}
    return Footer(rows, names, leaves, groups, said)


def _columns(elements: list[dict[int, Any]]) -> tuple[tuple[str, ...], tuple[Leaf, ...]]:
    """Names of what stands at the top, and all that holds values, from the tree that is written root first."""
    rest = iter(elements[1:])
    names: list[str] = []
    leaves: list[Leaf] = []
    for _ in range(_size(elements[0].get(5, 0), len(elements))):
        before = len(leaves)
        leaves += _below(rest, (), is_flat=True)
        if len(leaves) == before:
            raise Damaged("a column of it holds nothing")
        names.append(leaves[before].path[0])
    if next(rest, None) is not None:
        raise Damaged("its columns are in no order")
    return tuple(names), tuple(leaves)


def _below(rest: Iterator[dict[int, Any]], path: tuple[str, ...], *, is_flat: bool) -> list[Leaf]:
    one = next(rest, None)
    if one is None or len(path) > 64:
        raise Damaged("its columns are in no order")
    path = (*path, one.get(4, b"").decode())
    repetition = one.get(3, 0)
    if children := one.get(5):
        found: list[Leaf] = []
        for _ in range(children):
            found += _below(rest, path, is_flat=False)
        return found
    plain = is_flat and repetition != _REPEATED
    leaf = Leaf(
        path,
        _size(one.get(1), FIXED),
        _size(one.get(2, 0)),
        plain,
        repetition == _OPTIONAL,
        one.get(6),
        one.get(10, {}),
        one.get(7, 0),
        one.get(8, 0),
    )
    return [leaf]


def _paired(columns: list[dict[int, Any]], leaves: tuple[Leaf, ...]) -> Iterator[tuple[dict[int, Any], Leaf]]:
    if len(columns) != len(leaves):
        raise Damaged("a row group has other columns than the file")
    return zip(columns, leaves, strict=True)


def _chunk(column: dict[int, Any], leaf: Leaf) -> Chunk:
    meta = column.get(3, {})
    path = tuple(one.decode() for one in meta.get(3, []))
    if path and path != leaf.path:
        raise Damaged("a row group has other columns than the file")
    begins, dictionary = _size(meta.get(9, 0)), meta.get(11, 0)
    if 0 < dictionary < begins:
        begins = dictionary
    elsewhere = bool(column.get(1)) or 8 in column or not meta
    if not elsewhere and meta.get(1) != leaf.physical:
        raise Damaged("a row group has other columns than the file")
    return Chunk(_size(meta.get(4, 0)), _size(meta.get(5, 0)), begins, _size(meta.get(7, 0)), elsewhere)


def _size(value: int | None, most: int = 1 << 62) -> int:
    if value is None or not 0 <= value <= most:
        raise Damaged("a number in its footer is none of that kind")
    return value
