"""Money as a list: on the page, and as a file for whoever keeps the books, with the same columns for in and out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from freehold.core.texts import Text, said
from freehold.kernel.node import Node
from freehold.kernel.people import known_as, thing_name
from freehold.kernel.web import formats
from freehold.kernel.web.tables import Column, Empty, Found, Link, Listed, Table, Wanted, decimal, moment
from freehold.kernel.web.visit import Visit

CURRENCY = "USD"
"""Sums are in units of a dollar token."""


@dataclass(frozen=True)
class Line:
    """One payment."""

    at: int
    """Unix seconds."""
    what: str
    """What it was for, by name."""
    page: str
    """Where that is, below the console; empty where nothing is known of it."""
    kind: Text
    who: str
    """The other side."""
    units: int
    id: str
    """Of the transaction on the network, the grant or the receipt."""


_SHOWN = (
    Column("at", said("When"), show="when", sort=True),
    Column("what", said("For"), show=lambda line: Link(line.page, line.what) if line.page else line.what),
    Column("kind", said("Kind")),
    Column("who", said("With whom")),
    Column("units", said("Amount"), show="money", sort=True, align="end"),
)
_FILED = (
    Column("at", said("Date"), csv=lambda line: moment(line.at)),
    Column("what", said("For")),
    Column("kind", said("Kind")),
    Column("who", said("With whom")),
    Column("units", said("Amount"), csv=lambda line: decimal(line.units)),
    Column("currency", said("Currency"), csv=lambda _: CURRENCY),
    Column("id", said("Transaction, grant or receipt")),
)


def listed(
    visit: Visit,
    title: str,
    load: Callable[[Wanted], Found[Line]],
    empty: Empty,
    *,
    search: str = "",
    prefix: str = "",
) -> Listed:
    """A list of payments; its file has more columns than the page."""
    table = Table(title, _SHOWN, load, search=search, empty=empty, sort="-at", prefix=prefix)
    if visit.query.get(table.named("format")) == "csv":
        table = replace(
            table, columns=tuple(replace(one, sort=one.name in ("at", "units")) for one in _FILED)
        )
    return table.shown(visit)


def thing(node: Node, asset_id: str) -> tuple[str, str]:
    """(name, page) of an asset; what is not known here has none."""
    if asset_id and node.store.has(asset_id):
        return thing_name(node, asset_id), f"/assets/{asset_id}"
    return said("not known here"), ""


def party(node: Node, account: str) -> str:
    """An account by its name."""
    if account == node.account:
        return said("you")
    name = known_as(node, account)
    return said("not known here") if account.startswith(name) else name


def by_month(amounts: Sequence[tuple[int, int]]) -> list[tuple[str, int]]:
    """(month, units) of (Unix seconds, units), the newest first, as the reader's calendar has them."""
    sums: dict[date, int] = {}
    for at, units in amounts:
        month = formats.here(at).date().replace(day=1)
        sums[month] = sums.get(month, 0) + units
    return [(formats.month(first), units) for first, units in sorted(sums.items(), reverse=True)]
