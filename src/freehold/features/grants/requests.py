"""Requests that wait for an owner's word, as they are kept and shown.

They are bounded: in number by the limits below, in time by lapsing. Nobody else asks their table.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Terms
from freehold.core.errors import InvalidInput, NotAllowed
from freehold.core.ids import prefix_range, resolve, sha256_hex
from freehold.core.texts import said
from freehold.features.grants.issuing import parse_terms, planned, total_units
from freehold.features.grants.wire import OfferRow, RequestRow
from freehold.kernel import listed, pending, selecting
from freehold.kernel.feature import Plans
from freehold.kernel.node import Node
from freehold.kernel.selecting import Found, Selection, Sort, Wanted
from freehold.kernel.shape import alike
from freehold.kernel.store import Transaction

MAX_REQUESTS = 1_000
"""Open requests in all."""
MAX_REQUESTS_PER_PEER = 10
"""Open requests of one account."""
MAX_BYTES, MAX_BYTES_PER_PEER = 16_000_000, 512_000
"""What open requests may hold, in all and of one account: a plan comes with each that is for training."""
LAPSE_SECONDS = 14 * 86_400
"""How long a request or an offer stays open, and a decided one is listed."""
MAX_TEXT = 300
_DECIDED = Selection(
    "record", "requests", "rowid", ("state <> 'waiting'",), sorts={"asked": Sort("asked_at")}
)


class TooManyRequests(NotAllowed, code="request.too_many", http_status=429):
    """As many requests wait for the owner as this node keeps."""


class LargeRequest(InvalidInput, code="request.too_large", http_status=413):
    """A request, with its plan, is larger than what waits for an owner may be."""


def shown_text(text: str, what: str) -> str:
    """A text that people will read, from anyone. Raises InvalidInput: too long, or it could steer a terminal."""
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise InvalidInput(
            said("the {what} is longer than {max_text} characters", what=what, max_text=MAX_TEXT),
            hint=said("Say it in fewer words."),
        )
    if not text.isprintable():
        raise InvalidInput(
            said("the {what} has characters that cannot be printed", what=what),
            hint=said("Write one plain line."),
        )
    return text


def offer_id(request_id: str, terms: Terms) -> str:
    """Names the very terms offered, so that nobody takes up others than it saw."""
    return sha256_hex(canonical_bytes({"request": request_id, "terms": terms.body}))


def find(node: Node, prefix: str) -> str:
    """The full id of a request that came in. Raises NotFound, Ambiguous."""
    query = "SELECT id FROM requests WHERE id >= ? AND id < ? AND lapses_at > ?"
    rows = node.store.rows(query, *prefix_range(prefix), node.now())
    return resolve(prefix, (row[0] for row in rows), "request")


def overview(node: Node) -> list[dict[str, Any]]:
    """Requests that came in and have not lapsed, oldest first."""
    rows = node.store.rows("SELECT record FROM requests WHERE lapses_at > ?", node.now())
    found = (json.loads(kept) for (kept,) in rows)
    describe = describing(node)
    return [row(node, one, describe) for one in sorted(found, key=lambda one: (one["asked_at"], one["id"]))]


def decided(node: Node, wanted: Wanted) -> Found[dict[str, Any]]:
    """Those that this owner said something to, the newest first."""
    lately = replace(wanted, sort="asked", descending=True)
    found = selecting.page(node.store, _DECIDED.only("lapses_at > ?", node.now()), lately)
    describe = describing(node)
    return found.map(lambda one: row(node, json.loads(one[0]), describe))


def about(node: Node, asset: str, most: int) -> list[dict[str, Any]]:
    """Those on an asset that are open, oldest first."""
    rows = node.store.rows(
        "SELECT record FROM requests WHERE asset = ? AND state IN ('waiting', 'countered') AND lapses_at > ?"
        " ORDER BY rowid LIMIT ?",
        asset,
        node.now(),
        most,
    )
    describe = describing(node)
    return [row(node, json.loads(kept), describe) for (kept,) in rows]


def waiting(node: Node, limit: int) -> list[dict[str, Any]]:
    """The newest that wait for this owner's first word, as lists show them; however many strangers ask, they come last."""
    query = (
        "SELECT record FROM requests WHERE state = 'waiting' AND lapses_at > ?"
        " ORDER BY EXISTS (SELECT 1 FROM partners WHERE account = requests.holder) DESC, rowid DESC LIMIT ?"
    )
    describe = describing(node)
    return [row(node, json.loads(kept), describe) for (kept,) in node.store.rows(query, node.now(), limit)]


def count_waiting(node: Node) -> int:
    """How many requests wait for this owner's first word; cheap enough to ask every second."""
    query = "SELECT count(*) FROM requests WHERE state = 'waiting' AND lapses_at > ?"
    return int(node.store.rows(query, node.now())[0][0])


def make_room(node: Node, tx: Transaction, record: dict[str, Any]) -> None:
    """One more request may be kept; where it is full, the oldest that strangers wait with goes for it.

    Strangers have half of the room, so that they never crowd out those whom this owner knows. Raises
    TooManyRequests, LargeRequest.
    """
    holder, size = record["holder"], len(canonical_bytes(record))
    if size > MAX_BYTES_PER_PEER:
        raise LargeRequest(
            said("a request of {size} bytes is too large", size=size),
            hint=said(
                "At most {max_bytes_per_peer} bytes: plan with fewer owners.",
                max_bytes_per_peer=MAX_BYTES_PER_PEER,
            ),
        )
    open_ = [_Open(*found) for found in node.store.rows(_OPEN, node.now())]
    own = [one for one in open_ if one.holder == holder]
    if not _fits(own, size, MAX_REQUESTS_PER_PEER, MAX_BYTES_PER_PEER):
        raise _too_many()
    strangers = [one for one in open_ if one.stranger]
    if not pending.is_partner(tx.connection, holder):
        while strangers and not _fits(strangers, size, MAX_REQUESTS // 2, MAX_BYTES // 2):
            forget(tx, strangers[0].id)
            open_.remove(strangers.pop(0))
    while not _fits(open_, size, MAX_REQUESTS, MAX_BYTES):
        if not strangers:
            raise _too_many()
        forget(tx, strangers[0].id)
        open_.remove(strangers.pop(0))


@dataclass(frozen=True)
class _Open:
    """A request that is not decided, as far as room goes."""

    id: str
    holder: str
    size: int
    stranger: bool


_OPEN = (
    "SELECT id, holder, bytes, NOT EXISTS (SELECT 1 FROM partners WHERE account = requests.holder) FROM requests"
    " WHERE state IN ('waiting', 'countered') AND lapses_at > ? ORDER BY rowid"
)
"""In the order in which they came."""


def _fits(kept: list[_Open], more: int, most: int, most_bytes: int) -> bool:
    return len(kept) < most and sum(one.size for one in kept) + more <= most_bytes


def _too_many() -> TooManyRequests:
    return TooManyRequests(
        said(
            "too many requests wait for this owner: {max_requests_per_peer} of one party, {max_requests} in all",
            max_requests_per_peer=MAX_REQUESTS_PER_PEER,
            max_requests=MAX_REQUESTS,
        ),
        hint=said("Wait for answers, or drop some: freehold grants drop REQUEST."),
    )


def read(node: Node, request_id: str) -> dict[str, Any] | None:
    """The record of a request; None once it has lapsed."""
    rows = node.store.rows(
        "SELECT record FROM requests WHERE id = ? AND lapses_at > ?", request_id, node.now()
    )
    return json.loads(rows[0][0]) if rows else None


def keep(node: Node, tx: Transaction, record: dict[str, Any], seconds: int) -> None:
    """Write a record; it lapses in so many seconds from now. What lapsed before goes."""
    record["lapses_at"] = node.now() + seconds
    kept = canonical_bytes(record)
    tx.connection.execute("DELETE FROM requests WHERE lapses_at <= ?", (node.now(),))
    tx.connection.execute(
        "INSERT INTO requests (id, holder, state, lapses_at, bytes, record, asset, asked_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
        " lapses_at = excluded.lapses_at, bytes = excluded.bytes, record = excluded.record",
        (
            record["id"], record["holder"], record["state"], record["lapses_at"], len(kept), kept,
            record["asset"], record["asked_at"],
        ),
    )  # fmt: skip


def forget(tx: Transaction, request_id: str) -> None:
    """Remove a record."""
    tx.connection.execute("DELETE FROM requests WHERE id = ?", (request_id,))


Describe = Callable[[dict[str, Any]], Any]


def describing(node: Node) -> Describe:
    """Says the plan of a request, None where none came; those of one list share their look-ups."""

    @cache
    def of(actions: tuple[str, ...]) -> tuple[Plans[Any], Callable[[str, Any], Any]]:
        plans = planned(actions)
        return plans, plans.describing(node)

    def plan(record: dict[str, Any]) -> Any:
        # it was checked when it came
        if not record.get("plan"):
            return None
        plans, describe = of(tuple(record["terms"]["actions"]))
        return describe(record["asset"], plans.read(record["plan"]))

    return plan


def row(node: Node, record: dict[str, Any], describe: Describe | None = None) -> dict[str, Any]:
    """A record as lists show it; `describe` is shared by the rows of one list."""
    terms, offer, cap = parse_terms(record["terms"]), record["offer"], record["spend_cap_units"]
    return {
        **alike(RequestRow, terms, record),
        "asset_name": listed.brief(node, record["asset"]).name,
        "total_units": total_units(terms, cap),
        "offer": offer_row(offer["id"], parse_terms(offer["terms"]), offer["note"], cap) if offer else None,
        "training": (describe or describing(node))(record),
    }


def offer_row(identifier: str, terms: Terms, note: str, spend_cap_units: int) -> dict[str, Any]:
    """An offer as lists show it."""
    return {
        **alike(OfferRow, terms),
        "id": identifier,
        "total_units": total_units(terms, spend_cap_units),
        "note": note,
    }
