"""A page of a long list: what is wanted of it, searched, sorted and cut by the database.

A list says where its rows stand and by what they sort (`Selection`); `page` reads one page of it, and one row more,
which tells whether there are others. A page begins after a place in the order, not after a number of rows, so
nothing is shown twice or left out because rows came or went meanwhile. `among` does the same to a few rows in memory.

    >>> from operator import itemgetter
    >>> page_of = among([{"id": n} for n in (3, 1, 2)], Wanted(sort="id", limit=2), {"id": itemgetter("id")})
    >>> [row["id"] for row in page_of.rows], bool(page_of.next), page_of.total
    ([1, 2], True, 3)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from freehold.core.look_alikes import folded
from freehold.kernel.databases.listing import text as storable
from freehold.kernel.store import Store

PAGE = 50
MOST_ROWS = 500
"""Rows of one page."""
MOST_WORDS = 8
MOST_LETTERS = 200
"""What a search looks for at once."""
COUNTED = 100_000
"""A list that is longer is not counted to its end."""
_MOST_PLACE = 1_200

R = TypeVar("R")
S = TypeVar("S")
Value = int | str


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a list."""

    words: tuple[str, ...] = ()
    """Each stands somewhere in a row, in any order."""
    sort: str = ""
    """What it is sorted by; empty for the list's own order."""
    descending: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)
    after: str = ""
    """Where the page begins: `next` or `previous` of another one."""
    limit: int = PAGE
    back: bool = False
    """The page that ends there, rather than the one that begins there."""
    counted: bool = True
    """Whether somebody reads how many rows there are in all."""

    def filter(self, name: str) -> str:
        """What was chosen of a filter; empty for everything."""
        return self.filters.get(name, "")


@dataclass(frozen=True)
class Found(Generic[R]):
    """A page of a list."""

    rows: Sequence[R] = ()
    next: str = ""
    """Where the next page begins; empty where this is the last."""
    total: int | None = None
    """Rows in all; None where they are too many to count."""
    previous: str = ""
    """Where the page before ends; empty where this is the first."""
    counted: int = COUNTED
    """As many are counted."""

    def map(self, change: Callable[[R], S]) -> Found[S]:
        """The same page with its rows made into others."""
        return self.of([change(row) for row in self.rows])

    def of(self, rows: Sequence[S]) -> Found[S]:
        """The same page with other rows."""
        return Found(rows, self.next, self.total, self.previous, self.counted)


def words(text: str) -> tuple[str, ...]:
    """What was typed into a search, as the words it looks for."""
    return tuple(storable(text[:MOST_LETTERS]).lower().split()[:MOST_WORDS])


@dataclass(frozen=True)
class Sort:
    """What rows are sorted by."""

    column: str
    """An expression that is never NULL, best one with an index that goes on with the key."""
    kind: type = int
    """int or str; of texts at most `listing.MOST_SORTED` letters stand in the column."""


@dataclass(frozen=True)
class Selection:
    """Where the rows of a list stand. Texts are written here in the program, never by others."""

    columns: str
    source: str
    key: str
    """A whole number that no two rows share."""
    where: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    sorts: Mapping[str, Sort] = field(default_factory=dict)
    mentions: str = ""
    """A condition with `?` for a LIKE pattern in small letters, as often as it likes; empty where nothing is searched."""
    counted: int = COUNTED
    """A longer list is not counted to its end; less where a row is dear to find."""

    def only(self, condition: str, *values: Any) -> Selection:
        """The same list with one condition more."""
        return replace(self, where=(*self.where, condition), values=(*self.values, *values))

    def searched(self, looked_for: Iterable[str]) -> Selection:
        """The rows of it that mention all words."""
        found = self
        for word in looked_for if self.mentions else ():
            found = found.only(f"({self.mentions})", *[f"%{like(word)}%"] * self.mentions.count("?"))
        return found


def page(store: Store, selection: Selection, wanted: Wanted) -> Found[tuple[Any, ...]]:
    """One page; newest key first where no known sort is named. Rows come without key and sort value."""
    chosen = selection.searched(wanted.words)
    sort, descending = chosen.sorts.get(wanted.sort), wanted.descending
    if sort is None:
        sort, descending = Sort(chosen.key), True
    name = wanted.sort if wanted.sort in chosen.sorts else ""
    limit = max(1, min(wanted.limit, MOST_ROWS))
    at = _place(wanted.after, name, sort.kind)
    back = wanted.back and at is not None
    down = descending != back
    where, values = [*chosen.where], [*chosen.values]
    by_key = sort.column == chosen.key
    if at is not None:
        sign = "<" if down else ">"
        where.append(f"{chosen.key} {sign} ?" if by_key else f"({sort.column}, {chosen.key}) {sign} (?, ?)")
        values += [at[1]] if by_key else [*at]
    turn = "DESC" if down else "ASC"
    order = f"{chosen.key} {turn}" if by_key else f"{sort.column} {turn}, {chosen.key} {turn}"
    query = (
        f"SELECT {sort.column}, {chosen.key}, {chosen.columns} FROM {chosen.source}"  # noqa: S608 - fixed text
        f" WHERE {' AND '.join(where) or '1 = 1'} ORDER BY {order} LIMIT ?"
    )
    rows = store.rows(query, *values, limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    if back:
        rows = rows[::-1]
    first, last = (place(name, row[0], row[1]) for row in (rows[0], rows[-1])) if rows else ("", "")
    return Found(
        [tuple(row[2:]) for row in rows],
        next=last if (more or back) else "",
        # what fits on its first page is counted already
        total=len(rows) if at is None and not more else count(store, chosen) if wanted.counted else None,
        previous=first if (more if back else at is not None) else "",
        counted=chosen.counted,
    )


def count(store: Store, selection: Selection) -> int | None:
    """How many rows a list has; None where it is too long to be counted."""
    where = " AND ".join(selection.where) or "1 = 1"
    query = f"SELECT count(*) FROM (SELECT 1 FROM {selection.source} WHERE {where} LIMIT ?) AS counted"  # noqa: S608
    found = int(store.rows(query, *selection.values, selection.counted + 1)[0][0])
    return found if found <= selection.counted else None


def like(word: str) -> str:
    """A word as part of a LIKE pattern with ESCAPE '!'."""
    return folded(storable(word)).replace("!", "!!").replace("%", "!%").replace("_", "!_")


def among(
    rows: Iterable[R],
    wanted: Wanted,
    sorts: Mapping[str, Callable[[R], Value]],
    *,
    said: Callable[[R], str] | None = None,
    key: Callable[[R], str] | None = None,
) -> Found[R]:
    """One page of a few rows that are in memory, in their own order where no known sort is named.

    `said` is what a search looks through, `key` what tells rows apart that sort alike.
    """
    kept = [row for row in rows if said is None or mentions(said(row), wanted.words)]
    by = sorts.get(wanted.sort)
    if by is not None:
        kept.sort(key=by, reverse=wanted.descending)
    name = wanted.sort if by is not None else ""
    keys = [key(row) if key else str(number) for number, row in enumerate(kept)]
    at = _place(wanted.after, name, str)
    begin = 0
    if at is not None:
        known = at[0] if at[0] in keys else None
        begin = keys.index(known) + 1 if known is not None else min(at[1] + 1, len(kept))
    if wanted.back and at is not None:
        end = max(0, begin - 1)
        begin = max(0, end - wanted.limit)
    else:
        end = min(len(kept), begin + wanted.limit)
    return Found(
        kept[begin:end],
        next=place(name, keys[end - 1], end - 1) if end < len(kept) and end > begin else "",
        total=len(kept),
        previous=place(name, keys[begin], begin) if 0 < begin < len(kept) else "",
    )


def mentions(text: str, looked_for: Iterable[str]) -> bool:
    """Whether all words stand somewhere in a text."""
    text = folded(text)
    return all(folded(word) in text for word in looked_for)


def place(sort: str, value: Value, key: int) -> str:
    """What a page goes on after, that is sorted so: its row of this value and key."""
    packed = json.dumps([sort, value, int(key)], separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _place(text: str, sort: str, kind: type) -> tuple[Any, int] | None:
    """The place that a page says it goes on after; None where it is none of this order."""
    if not text or len(text) > _MOST_PLACE:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    match found:
        case [str(order), int(value) | str(value), int(key)] if order == sort and type(value) is kind:
            fits = _fits(value) and _fits(key)
            return (storable(value) if isinstance(value, str) else value, key) if fits else None
    return None


def _fits(value: Value) -> bool:
    """Whether a database takes it: half a character is no text, and numbers have an end."""
    if isinstance(value, str):
        return value == value.encode(errors="ignore").decode()
    return not isinstance(value, bool) and -(2**63) <= value < 2**63
