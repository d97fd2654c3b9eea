"""Thrift's compact protocol, as far as Parquet uses it: only fields that are asked for become values.

The rest is passed over without being kept, so that a file decides neither what is made of it nor how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shape = Mapping[int, Any]
"""Fields of a struct that are wanted, by number: `int`, `bytes`, `bool`, a Shape, or a list of one of these."""
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_WHOLE = (4, 5, 6)
_DEPTH, _DIGITS = 16, 10
"""Structs within each other; bytes of a whole number."""


class NotPlain(ValueError):
    """A file made so that it cannot be bounded, or in a way that is not read here; the message says which."""


class Damaged(ValueError):
    """A file that is no Parquet, or not as it was written."""


class Compact:
    """Reads structs out of bytes. Each method raises Damaged: the bytes end, or are none of this protocol."""

    def __init__(self, data: bytes, at: int = 0, most: int = 250_000) -> None:
        self._data, self.at, self._left = data, at, most
        """What is left of the values in lists that may be kept."""

    def struct(self, shape: Shape, depth: int = 0) -> dict[int, Any]:
        """The wanted fields that are there and are of the wanted type, by number."""
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            wanted, kind = shape.get(number), head & 15
            if wanted is None or not _is_of(wanted, kind):
                self._skip(kind, depth)
            else:
                found[number] = kind == _TRUE if wanted is bool else self._value(wanted, kind, depth)
        return found

    def count(self) -> int:
        """A whole number that is not negative."""
        value = shift = 0
        for _ in range(_DIGITS):
            piece = self._byte()
            value, shift = value | (piece & 127) << shift, shift + 7
            if piece < 128:
                return value
        raise Damaged("a number in it has no end")

    def _signed(self) -> int:
        value = self.count()
        return (value >> 1) ^ -(value & 1)

    def _byte(self) -> int:
        if self.at >= len(self._data):
            raise Damaged("it ends too early")
        self.at += 1
        return self._data[self.at - 1]

    def _bytes(self) -> bytes:
        begins = self._pass(self.count())
        return self._data[begins : self.at]

    def _pass(self, size: int) -> int:
        """Where what was passed over begins."""
        begins = self.at
        if size > len(self._data) - begins:
            raise Damaged("it ends too early")
        self.at += size
        return begins

    def _value(self, wanted: Any, kind: int, depth: int) -> Any:
        if wanted is int:
            return self._byte() if kind == _BYTE else self._signed()
        if wanted is bytes:
            return self._bytes()
        if isinstance(wanted, list):
            return self._list(wanted[0], depth + 1)
        return self.struct(wanted, self._deeper(depth))

    def _list(self, wanted: Any, depth: int) -> list[Any]:
        size, kind = self._listed()
        # of what an empty one would hold some writers say nothing
        if size and not _is_of(wanted, kind):
            raise Damaged("a list in it holds something else")
        self._left -= size
        if self._left < 0:
            raise NotPlain("its footer lists too many parts")
        return [self._value(wanted, kind, depth) for _ in range(size)]

    def _listed(self) -> tuple[int, int]:
        head = self._byte()
        return (self.count() if head >> 4 == 15 else head >> 4), head & 15

    def _skip(self, kind: int, depth: int) -> None:
        if kind in _WHOLE:
            self.count()
        elif kind == _BYTE:
            self._byte()
        elif kind == _DOUBLE:
            self._pass(8)
        elif kind == _BINARY:
            self._pass(self.count())
        elif kind in (_LIST, _SET):
            size, inner = self._listed()
            self._skip_each(size, (inner,), depth)
        elif kind == _MAP:
            if size := self.count():
                kinds = self._byte()
                self._skip_each(size, (kinds >> 4, kinds & 15), depth)
        elif kind == _STRUCT:
            self.struct({}, self._deeper(depth))
        elif kind not in (_TRUE, _FALSE):
            raise Damaged("a field in it has no type")

    def _skip_each(self, size: int, kinds: tuple[int, ...], depth: int) -> None:
        below = self._deeper(depth)
        # each takes a byte at least, so that a list is no longer than what is left of the bytes
        if size > len(self._data) - self.at:
            raise Damaged("it ends too early")
        for _ in range(size):
            for kind in kinds:
                if kind in (_TRUE, _FALSE):
                    self._byte()
                else:
                    self._skip(kind, below)

    @staticmethod
    def _deeper(depth: int) -> int:
        if depth >= _DEPTH:
            raise Damaged("its parts lie too deep in each other")
        return depth + 1


def _is_of(wanted: Any, kind: int) -> bool:
    if wanted is int:
        return kind in _WHOLE or kind == _BYTE
    if wanted is bool:
        return kind in (_TRUE, _FALSE)
    if wanted is bytes:
        return kind == _BINARY
    return kind == (_LIST if isinstance(wanted, list) else _STRUCT)
