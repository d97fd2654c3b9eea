"""Requests that wait for an owner's word, as they are kept and shown.

A request is one row of `state` (`request:ID`), found through one small index row (`requests`). Both are
bounded: in number by the limits below, in time by lapsing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Terms
from freehold.core.errors import InvalidInput, NotAllowed
from freehold.core.ids import resolve, sha256_hex
from freehold.features.grants.issuing import parse_terms, planned, total_units
from freehold.kernel import pending
from freehold.kernel.node import Node
from freehold.kernel.rights.plans import Plans
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


class TooManyRequests(NotAllowed):
    """As many requests wait for the owner as this node keeps."""

    code = "request.too_many"
    http_status = 429


class LargeRequest(InvalidInput):
    """A request, with its plan, is larger than what waits for an owner may be."""

    code = "request.too_large"
    http_status = 413


def shown_text(text: str, what: str, *, most: int = MAX_TEXT) -> str:
    """A text that people will read, from anyone.

    Raises:
        InvalidInput: too long, or with characters that print nothing (which could steer a terminal).
    """
    text = text.strip()
    if len(text) > most:
        raise InvalidInput(f"the {what} is longer than {most} characters", hint="Say it in fewer words.")
    if not text.isprintable():
        raise InvalidInput(f"the {what} has characters that cannot be printed", hint="Write one plain line.")
    return text


def offer_id(request_id: str, terms: Terms) -> str:
    """Names the very terms offered, so that nobody takes up others than it saw."""
    return sha256_hex(canonical_bytes({"request": request_id, "terms": terms.body}))


def find(node: Node, prefix: str) -> str:
    """The full id of a request that came in.

    Raises:
        NotFound, Ambiguous.
    """
    return resolve(prefix, _index(node), "request")


def overview(node: Node) -> list[dict[str, Any]]:
    """Requests that came in and have not lapsed, oldest first."""
    found = [read(node, request_id) for request_id in _index(node)]
    ordered = sorted((one for one in found if one), key=lambda one: (one["asked_at"], one["id"]))
    describing = Describing(node)
    return [row(node, one, describing) for one in ordered]


def count_waiting(node: Node) -> int:
    """How many requests wait for this owner's first word; cheap enough to ask every second."""
    found = (read(node, request_id) for request_id, entry in _index(node).items() if entry["open"])
    return sum(1 for one in found if one and one["state"] == "waiting")


def make_room(node: Node, tx: Transaction, record: dict[str, Any]) -> None:
    """One more request may be kept; where it is full, the oldest that strangers wait with goes for it.

    Strangers have half of the room, so that they never crowd out those whom this owner knows.

    Raises:
        TooManyRequests, LargeRequest.
    """
    holder, size = record["holder"], len(canonical_bytes(record))
    if size > MAX_BYTES_PER_PEER:
        raise LargeRequest(
            f"the request has {size} bytes", hint=f"At most {MAX_BYTES_PER_PEER}: plan with fewer owners."
        )
    open_ = {key: entry for key, entry in _index(node).items() if entry["open"]}
    own = [entry for entry in open_.values() if entry["holder"] == holder]
    if not _fits([*own, {"bytes": size}], MAX_REQUESTS_PER_PEER, MAX_BYTES_PER_PEER):
        raise _too_many()
    known = {who: pending.is_partner(tx.connection, who) for who in {one["holder"] for one in open_.values()}}
    strangers = [key for key, entry in open_.items() if not known[entry["holder"]]]
    strangers.sort(key=lambda key: (open_[key].get("place", 0), key))
    if not pending.is_partner(tx.connection, holder):
        while strangers and not _fits(
            [*(open_[key] for key in strangers), {"bytes": size}], MAX_REQUESTS // 2, MAX_BYTES // 2
        ):
            forget(node, tx, strangers[0])
            open_.pop(strangers.pop(0))
    while not _fits([*open_.values(), {"bytes": size}], MAX_REQUESTS, MAX_BYTES):
        if not strangers:
            raise _too_many()
        forget(node, tx, strangers[0])
        open_.pop(strangers.pop(0))


def _fits(entries: list[dict[str, Any]], most: int, most_bytes: int) -> bool:
    return len(entries) <= most and sum(entry.get("bytes", 0) for entry in entries) <= most_bytes


def _too_many() -> TooManyRequests:
    return TooManyRequests(
        "too many requests wait for this owner",
        hint="Wait for answers, or drop some: freehold grants drop REQUEST.",
    )


def read(node: Node, request_id: str) -> dict[str, Any] | None:
    """The record of a request; None once it has lapsed."""
    found: dict[str, Any] | None = node.store.state(f"request:{request_id}")
    return found if found and found["lapses_at"] > node.now() else None


def keep(node: Node, tx: Transaction, record: dict[str, Any], seconds: int) -> None:
    """Write a record; it lapses in so many seconds from now."""
    record["lapses_at"] = node.now() + seconds
    tx.set(f"request:{record['id']}", record)
    undecided = record["state"] in ("waiting", "countered")
    entry = {
        "holder": record["holder"],
        "open": undecided,
        "until": record["lapses_at"],
        "place": _index(node).get(record["id"], {}).get("place") or tx.next_number("request_places"),
        "bytes": len(canonical_bytes(record)),
    }
    _keep_index(node, tx, {**_index(node), record["id"]: entry})


def forget(node: Node, tx: Transaction, request_id: str) -> None:
    """Remove a record."""
    _keep_index(node, tx, {key: entry for key, entry in _index(node).items() if key != request_id})


def _index(node: Node) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = node.store.state("requests", {})
    return {key: entry for key, entry in found.items() if entry["until"] > node.now()}


def _keep_index(node: Node, tx: Transaction, index: dict[str, dict[str, Any]]) -> None:
    for request_id in node.store.state("requests", {}):
        if request_id not in index:
            tx.delete(f"request:{request_id}")
    tx.set("requests", index)


Describe = Callable[[str, Any], Any]


class Describing:
    """Says the plans of requests; those of one list share their look-ups."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._found: dict[tuple[str, ...], tuple[Plans[Any], Describe]] = {}

    def plan(self, record: dict[str, Any]) -> Any:
        """What the plan of a request says; None where none came. It was checked when it came."""
        if not record.get("plan"):
            return None
        actions = tuple(record["terms"]["actions"])
        if actions not in self._found:
            plans = planned(actions)
            self._found[actions] = plans, plans.describing(self._node)
        plans, describe = self._found[actions]
        return describe(record["asset"], plans.read(record["plan"]))


def row(node: Node, record: dict[str, Any], describing: Describing | None = None) -> dict[str, Any]:
    """A record as lists show it; `describing` is shared by the rows of one list."""
    terms, offer, cap = parse_terms(record["terms"]), record["offer"], record["spend_cap_units"]
    return {
        "id": record["id"],
        "state": record["state"],
        "holder": record["holder"],
        "holder_name": record["holder_name"],
        "asset": record["asset"],
        "asset_name": node.asset(record["asset"]).name,
        "actions": list(terms.actions),
        "purposes": list(terms.purposes),
        "max_uses": terms.max_uses,
        "expires_at": terms.expires_at,
        "price_units": terms.price_units,
        "price_per": terms.price_per,
        "spend_cap_units": cap,
        "total_units": total_units(terms, cap),
        "asked_at": record["asked_at"],
        "lapses_at": record["lapses_at"],
        "offer": offer_row(offer["id"], parse_terms(offer["terms"]), offer["note"], cap) if offer else None,
        "reason": record["reason"],
        "grant": record["grant"],
        "training": (describing or Describing(node)).plan(record),
    }


def offer_row(identifier: str, terms: Terms, note: str, spend_cap_units: int) -> dict[str, Any]:
    """An offer as lists show it."""
    return {
        "id": identifier,
        "purposes": list(terms.purposes),
        "max_uses": terms.max_uses,
        "expires_at": terms.expires_at,
        "price_units": terms.price_units,
        "price_per": terms.price_per,
        "total_units": total_units(terms, spend_cap_units),
        "note": note,
    }
