"""Assets and grants as lists ask for them: newest first, a page at a time, each page from an index; assets by name.

A page goes on where the one before says, though what stood there be gone, or before a thing named by its id. What
lists show of an asset, features say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, Unpack

from freehold.core.documents import Asset, Document, Grant
from freehold.core.errors import InvalidInput, NotFound
from freehold.core.ids import Ambiguous, is_id_shaped, short
from freehold.core.signing import Envelope, read_envelope
from freehold.kernel import selecting
from freehold.kernel.databases.listing import text as storable
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.registry import everything
from freehold.kernel.selecting import Selection, Sort
from freehold.kernel.store import OFF_OFFER, UNSOLD
from freehold.kernel.wire import MOST_LISTED as MOST

_NEWEST = 2**62
_PLACE = re.compile(r"p([0-9]{1,18})")
_MOST_NAMED = 8
"""Things that a refusal counts up."""


E = TypeVar("E")


class Page(list[E]):
    """Some of a list, newest first."""

    def __init__(self, items: Iterable[E], earlier: str) -> None:
        super().__init__(items)
        self.earlier = earlier
        """What the next page goes on after; empty where this is the last."""


class Wanted(TypedDict, total=False):
    """Which assets; what is not said narrows nothing."""

    kind: str
    but: str
    """Of no such kind."""
    owner: str
    text: str
    """Which they mention."""
    others: bool
    """Of other parties only."""
    offered: bool
    """On offer only."""
    sold: bool
    """Without models whose sellers answer for them no longer."""
    valid_at: int
    """That can be bought still, in Unix seconds."""


def assets(node: Node, *, before: str = "", limit: int = MOST, **wanted: Unpack[Wanted]) -> Page[Asset]:
    """The newest of those, a page at a time."""
    found = _page(node, "assets", *_assets(node, wanted), before, limit)
    return Page((one.document for one in found if isinstance(one.document, Asset)), found.earlier)


def _assets(node: Node, wanted: Wanted) -> tuple[list[str], list[Any]]:
    text = storable(wanted.get("text", ""))
    return _wanted(
        {
            "owner = ?": wanted.get("owner"),
            "kind = ?": wanted.get("kind"),
            "kind <> ?": wanted.get("but"),
            "owner <> ?": wanted.get("others") and node.account,
            "NOT EXISTS (SELECT 1 FROM state WHERE state.name = ? || assets.id)": wanted.get("offered")
            and OFF_OFFER,
            "NOT EXISTS (SELECT 1 FROM state AS told WHERE told.name = ? || assets.id)": wanted.get("sold")
            and UNSOLD,
            "expires_at > ?": wanted.get("valid_at"),
            "words LIKE ? ESCAPE '!'": text and f"%{selecting.like(text)}%",
        }
    )


def _wanted(chosen: dict[str, Any]) -> tuple[list[str], list[Any]]:
    """Conditions that have a value, and those."""
    found = {said: value for said, value in chosen.items() if value}
    return ["1 = 1", *found], list(found.values())


_ORDERS = {
    "name": Sort("sort_name", str),
    "price": Sort("price_units"),
    "rows": Sort("row_count"),
    "created": Sort("created_at"),
    "until": Sort("expires_at"),
}
_MENTIONS = "words LIKE ? ESCAPE '!' OR owner IN (SELECT account FROM parties WHERE parties.sort_name LIKE ? ESCAPE '!')"


def among_assets(node: Node, **wanted: Unpack[Wanted]) -> Selection:
    """Assets as lists search and sort them; its rows are ids."""
    where, values = _assets(node, wanted)
    return Selection("id", "assets", "rowid", tuple(where), tuple(values), _ORDERS, _MENTIONS)


def page_of_assets(node: Node, selection: Selection, wanted: selecting.Wanted) -> selecting.Found[Asset]:
    """A page of them, read."""
    found = selecting.page(node.store, selection, wanted)
    known = {
        one.id: one for one in _read(node, [str(row[0]) for row in found.rows]) if isinstance(one, Asset)
    }
    return found.of([known[row[0]] for row in found.rows if row[0] in known])


def grants_by_id(node: Node, ids: Sequence[str]) -> list[Grant]:
    """Grants in the order of their ids."""
    known = {one.id: one for one in _read(node, ids) if isinstance(one, Grant)}
    return [known[one] for one in ids if one in known]


def _read(node: Node, ids: Sequence[str]) -> list[Document]:
    found: list[Document] = []
    for start in range(0, len(ids), MOST):
        some = ids[start : start + MOST]
        marks = ", ".join("?" * len(some))
        rows = node.store.rows(f"SELECT envelope FROM documents WHERE id IN ({marks})", *some)  # noqa: S608
        found += [read_envelope(row[0]).document for row in rows]
    return found


@dataclass(frozen=True)
class Brief:
    """What rows about an asset say of it, without reading its document."""

    name: str
    owner: str
    price_units: int


def brief(node: Node, asset_id: str) -> Brief:
    """An asset in brief. Raises `NotFound`."""
    rows = node.store.rows("SELECT name, owner, price_units FROM assets WHERE id = ?", asset_id)
    if not rows:
        raise NotFound(
            f"no document {asset_id[:80]}", hint="List what is here, or ask the node that made it."
        )
    return Brief(*rows[0])


def made_of(node: Node, asset_id: str, most: int) -> list[Asset]:
    """Which of this node's newest models, and of the newest of others, were made from an asset."""
    found: list[Asset] = []
    for whose in ("owner = ?", "owner <> ?"):
        rows = node.store.rows(
            "SELECT envelope FROM assets JOIN documents ON documents.id = assets.id"  # noqa: S608 - one of two
            f" WHERE assets.kind = 'model' AND {whose} ORDER BY assets.rowid DESC LIMIT ?",
            node.account,
            most,
        )
        # reading a document takes a hundred times as long as finding out that it does not name the asset
        named = (bytes(row[0]) for row in rows)
        read = [read_envelope(one).document for one in named if asset_id.encode() in one]
        found += [one for one in read if isinstance(one, Asset)]
    return [one for one in found if any(source.asset == asset_id for source in one.derived_from)]


def following(node: Node, asset: Asset) -> Asset | None:
    """The version of its owner that took the place of an asset."""
    found = _page(node, "assets", ["supersedes = ?", "owner = ?"], [asset.id, asset.owner], "", 1)
    return next((one.document for one in found if isinstance(one.document, Asset)), None)


def named(node: Node, name: str, kind: str = "") -> list[str]:
    """Ids of the assets of a name, at most a page: this node's own, then one of each owner, those on offer before others.

    So however many one owner calls the same, they crowd out no other owner's, and none that is on offer. Names that
    differ in nothing that can be shown are one name, so that nothing found is left out again.
    """
    query = (
        "SELECT id FROM assets WHERE name = ? AND (kind = ? OR ? = '') ORDER BY owner = ? DESC,"
        " row_number() OVER (PARTITION BY owner ORDER BY"
        " EXISTS (SELECT 1 FROM state WHERE state.name = ? || assets.id), id), id LIMIT ?"
    )
    rows = node.store.rows(query, storable(name), kind, kind, node.account, OFF_OFFER, MOST)
    return [str(row[0]) for row in rows]


def grants(
    node: Node,
    *,
    issuer: str = "",
    holder: str = "",
    asset: str = "",
    sold: bool = False,
    before: str = "",
    limit: int = MOST,
) -> list[Grant]:
    """Grants of an issuer, of a holder, on an asset, that have a price."""
    where, values = _wanted({"issuer = ?": issuer, "holder = ?": holder, "asset = ?": asset})
    if sold:
        where.append("price_units > 0")
    found = _page(node, "grants", where, values, before, limit)
    return [one.document for one in found if isinstance(one.document, Grant)]


def own_grants(
    node: Node, *, before: str = "", limit: int = MOST, sides: tuple[str, ...] = ("issuer", "holder")
) -> Page[Grant]:
    """Grants in which this party is on either side; those of others in a run stand here too, as its record.

    What anybody got for asking, and never used, is not among those it issued: only what stands in the log is.
    """
    logged = "EXISTS (SELECT 1 FROM documents WHERE documents.id = grants.id AND position IS NOT NULL)"
    place = _place(node, "grants", before)
    found: dict[int, Envelope] = {}
    for side in sides:
        where = [f"{side} = ?", *([logged] if side == "issuer" else [])]
        found |= _rows(node, "grants", where, [node.account], place, limit)
    page = _cut(found, limit)
    return Page((one.document for one in page if isinstance(one.document, Grant)), page.earlier)


def count_grants(node: Node, *, issuer: str, holder: str) -> tuple[int, int]:
    """(grants, their uses) that an issuer gave to a holder."""
    ((granted, used),) = node.store.rows(
        "SELECT count(*), coalesce(sum(uses.uses), 0) FROM grants LEFT JOIN uses ON uses.grant_id = grants.id"
        " WHERE issuer = ? AND holder = ?",
        issuer,
        holder,
    )
    return int(granted), int(used)


def _page(
    node: Node, table: str, where: list[str], values: list[Any], before: str, limit: int
) -> Page[Envelope]:
    return _cut(_rows(node, table, where, values, _place(node, table, before), limit), limit)


def _cut(found: Mapping[int, Envelope], limit: int) -> Page[Envelope]:
    places = sorted(found, reverse=True)
    earlier = f"p{places[limit - 1]}" if len(places) > limit else ""
    return Page((found[place] for place in places[:limit]), earlier)


def _rows(
    node: Node, table: str, where: list[str], values: list[Any], place: int, limit: int
) -> dict[int, Envelope]:
    """What stands before a place, and one more, which tells whether that is all."""
    if not 1 <= limit <= MOST:
        raise InvalidInput(
            f"at most {MOST:,} at once", hint="Ask for the next page with the `earlier` of this one."
        )
    # the place of each first, so that no document is touched that is not shown
    query = (
        f"SELECT one.place, documents.envelope FROM (SELECT rowid AS place, id FROM {table}"  # noqa: S608 - fixed text
        f" WHERE {' AND '.join(where)} AND rowid < ? ORDER BY rowid DESC LIMIT ?) AS one"
        " JOIN documents ON documents.id = one.id ORDER BY one.place DESC"
    )
    return {int(row[0]): read_envelope(row[1]) for row in node.store.rows(query, *values, place, limit + 1)}


def _place(node: Node, table: str, before: str) -> int:
    if not before:
        return _NEWEST
    if place := _PLACE.fullmatch(before):
        return int(place[1])
    try:
        thing = find(node, before) if table == "assets" else node.store.resolve(before, "grant")
        ((rowid,),) = node.store.rows(f"SELECT rowid FROM {table} WHERE id = ?", thing)  # noqa: S608 - fixed text
        return int(rowid)
    except NotFound:
        raise InvalidInput(
            f"no page goes on after {before[:80]!r}", hint="Name the oldest one shown of the page before."
        ) from None


@dataclass(frozen=True)
class Standing:
    """How a thing of this node stands, as the list of all of them says it."""

    state: tuple[str, str]
    """(in a word or two, mood): good, warn, bad or nothing."""
    units: int | None
    """What it brought; None while that is not known."""


@dataclass(frozen=True)
class Stands(Question[Mapping[str, Standing]]):
    """How this node's things stand, by id, each of whoever knows its kind; asked with the host."""

    assets: tuple[Asset, ...]


@dataclass(frozen=True)
class Shown(Question[Mapping[str, Any]]):
    """What lists show of an asset."""

    asset: Asset


def shown(node: Node, asset: Asset) -> dict[str, Any]:
    """One asset as lists show it."""
    return {name: value for said in everything().ask(node, Shown(asset)) for name, value in said.items()}


def find(node: Node, text: str, kind: str = "") -> str:
    """The id of a known asset by id, the beginning of one, or name.

    What reads like an id is one, whatever anybody calls something. A name means this node's own things first, of
    one owner's those on offer, or the newest of versions that are all off offer, and where it could be the beginning of another thing's id, too, it means neither.
    Raises `NotFound`, `Ambiguous`.
    """
    called = [] if is_id_shaped(text) else [node.asset(one) for one in named(node, text, kind)]
    own = [asset for asset in called if asset.owner == node.account]
    found = own or called
    if len(found) > 1:
        offered = [asset for asset in found if node.store.state(f"{OFF_OFFER}{asset.id}") is None]
        # another's thing of that name is never meant because an owner took back its own
        found = offered if {asset.owner for asset in offered} == {asset.owner for asset in found} else found
        if not offered:
            replaced = {(asset.owner, asset.supersedes) for asset in found}
            found = [asset for asset in found if (asset.owner, asset.id) not in replaced]
    if len(found) > 1:
        raise _ambiguous(node, f"{len(found)} assets are called {text}", found)
    if found:
        if not own:
            _require_no_id(node, text, kind, found)
        return found[0].id
    try:
        return node.store.resolve(text, "asset", kind)
    except Ambiguous:
        raise
    except InvalidInput:
        raise NotFound(
            f"nothing here is called {text[:80]!r}", hint="List what there is with search."
        ) from None


def _require_no_id(node: Node, text: str, kind: str, named: list[Asset]) -> None:
    """A name that others chose is not the beginning of something's id as well."""
    try:
        other = node.store.resolve(text, "asset", kind)
    except Ambiguous:
        raise
    except (InvalidInput, NotFound):
        return
    if other != named[0].id:
        raise _ambiguous(node, f"{text} is a name, and the beginning of an id", [*named, node.asset(other)])


def _ambiguous(node: Node, why: str, found: list[Asset]) -> Ambiguous:
    shown = [f"{short(one.id)} of {known_as(node, one.owner)}" for one in found[:_MOST_NAMED]]
    more = [f"{len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else []
    return Ambiguous(why, hint="Use the id: " + ", ".join(shown + more))
