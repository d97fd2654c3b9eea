"""Columns of a batch of rows, as a file holds them: numbers, texts, or what is neither."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeAlias

from freehold.core.late import np, npt

Raw: TypeAlias = "npt.NDArray[Any]"
"""Cells as they lie in a file."""
Mask: TypeAlias = "npt.NDArray[np.bool_]"
_AS_ONE = bytes(ord("1") if 48 <= byte <= 57 else byte for byte in range(256))


def _listed(raw: Raw) -> list[Any]:
    found: list[Any] = raw.tolist()
    return found


@dataclass(frozen=True)
class Kind:
    """What cells of a column are."""

    name: str
    """As errors call it."""
    numbers: Callable[[Raw], npt.NDArray[np.float64]] | None = None
    """Of cells that are numbers."""
    cells: Callable[[Raw], list[Any]] = _listed
    """Each as Python has it."""
    texts: Callable[[Raw], list[str]] | None = None
    """How each is written; None where it has no text. Raises UnicodeDecodeError: some of them have none."""
    is_text: bool = False
    is_any_length: bool = False
    """Whether its cells have none in common."""


TEXT = Kind("string", texts=_listed, is_text=True, is_any_length=True)


@dataclass(frozen=True, eq=False)
class Column:
    """One column of some rows."""

    kind: Kind
    values: Raw | Sequence[Any]
    """Cells; with `codes`, what cells may be. Of a text always a sequence of str."""
    codes: npt.NDArray[np.integer[Any]] | None = None
    """Of each row, where its cell stands in `values`; None where that is the row's own place."""
    missing: Mask | None = None
    """Rows without a cell, whatever stands there; None where there are none."""

    def __len__(self) -> int:
        return len(self.values if self.codes is None else self.codes)

    def cut(self, begin: int, end: int) -> Column:
        """The rows from one to before another."""
        missing = None if self.missing is None else self.missing[begin:end]
        if self.codes is not None:
            return Column(self.kind, self.values, self.codes[begin:end], missing)
        return Column(self.kind, self.values[begin:end], None, missing)

    def raw(self) -> Raw | Sequence[Any]:
        """What stands in each row, also where its cell is missing."""
        if self.codes is None:
            return self.values
        if isinstance(self.values, np.ndarray):
            taken: Raw = self.values[self.codes]
            return taken
        return [self.values[code] for code in self.codes.tolist()]

    def cells(self) -> list[str]:
        """The texts of a column of text; blank where none is."""
        found = list(self.raw())
        if self.missing is not None:
            for row in np.flatnonzero(self.missing).tolist():
                found[row] = ""
        return found

    def distinct(self) -> tuple[list[str], npt.NDArray[np.intp]] | None:
        """Different cells as texts, in the order in which they come, and each row's place among them; a missing one is blank.

        None: they are nothing that has a text.
        """
        if self.kind.texts is None:
            return None
        if self.kind.is_text:
            return _coded(self.cells())
        raw = np.asarray(self.raw())
        # -0.0 and 0.0 are equal, and have two texts
        bits = raw.view(f"i{raw.itemsize}") if raw.dtype.kind == "f" else raw
        _, first, inverse = np.unique(bits, return_index=True, return_inverse=True)
        try:
            kinds = self.kind.texts(raw[first])
        except UnicodeDecodeError:
            return None
        if self.missing is not None:
            kinds.append("")
            inverse = np.where(self.missing, len(kinds) - 1, inverse)
        # equal texts are one, and come in the order of the rows
        seen = inverse[np.sort(np.unique(inverse, return_index=True)[1])].tolist()
        places = {text: place for place, text in enumerate(dict.fromkeys(kinds[one] for one in seen))}
        moved = np.zeros(len(kinds), dtype=np.intp)
        moved[seen] = [places[kinds[one]] for one in seen]
        return list(places), moved[inverse]


def _coded(cells: list[str]) -> tuple[list[str], npt.NDArray[np.intp]]:
    places = {cell: place for place, cell in enumerate(dict.fromkeys(cells))}
    return list(places), np.fromiter(map(places.__getitem__, cells), np.intp, len(cells))


def text(cells: Sequence[str]) -> Column:
    """A column of texts."""
    return Column(TEXT, cells)


def nothing(kind: Kind, rows: int) -> Column:
    """A column in which every cell is missing."""
    return Column(kind, np.zeros(rows, dtype=np.int8), missing=np.ones(rows, dtype=np.bool_))


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows: columns of one length."""

    columns: Sequence[Column]

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.columns[0])


def shapes(cells: list[str]) -> Counter[str]:
    """How often cells look alike, each with every digit a 1: what tells numbers from words, a hundred at a time.

    >>> shapes(["12.5", "90.1", "7", "n/a"])
    Counter({'11.1': 2, '1': 1, 'n/a': 1})
    """
    alike = "\n".join(cells).encode(errors="surrogatepass").translate(_AS_ONE).decode(errors="surrogatepass")
    found = alike.split("\n")
    if len(found) != len(cells):
        # a cell goes over lines, or there is none
        ones = dict(zip(range(48, 58), repeat("1")))
        found = [cell.translate(ones) for cell in cells]
    return Counter(found)
