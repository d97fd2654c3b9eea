"""What this node asked of owners who decide by hand: remembered, so that asking again is the same request."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any, NoReturn

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Terms
from freehold.core.errors import Conflict, InvalidDocument, InvalidInput, NotFound, Unavailable
from freehold.core.ids import prefix_range, resolve
from freehold.core.terms import require_within
from freehold.core.texts import said
from freehold.features.grants.consent import GrantRefused
from freehold.features.grants.issuing import parse_terms, request_id
from freehold.features.grants.requests import offer_id, offer_row, shown_text
from freehold.features.grants.wire import AskRow
from freehold.kernel import listed
from freehold.kernel.databases.steps import end_of
from freehold.kernel.feature import Plan, Question
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.peers import quoted
from freehold.kernel.people import known_as
from freehold.kernel.registry import everything
from freehold.kernel.shape import alike
from freehold.kernel.store import Transaction


class GrantWaiting(Unavailable, code="grant.waiting"):
    """The owner decides by hand and has not answered yet; `fields["asked"]` lists the requests."""


class GrantCountered(Conflict, code="grant.countered"):
    """The owner offers other terms than asked for; `fields["asked"]` lists the requests with offers."""


class AskDropped(Conflict, code="grant.dropped"):
    """The request was dropped here and is not made again."""


@dataclass(frozen=True)
class Ordered:
    """What a request was made for, as whoever made it remembers."""

    plan: Plan | None = None
    at_most_units: int | None = None
    """Most that it may cost, all grants together."""


@dataclass(frozen=True)
class WhatFor(Question[Ordered | None]):
    """What is wanted under this id; None where that is another's."""

    once_for: str


@dataclass(frozen=True)
class Settled:
    """A request was taken up or dropped by hand; told with the host."""

    once_for: str


def ordered(node: Node, once_for: str) -> Ordered:
    """What a request was made for; nothing where it was made by hand."""
    found = everything().ask(node, WhatFor(once_for)) if once_for else []
    return next(filter(None, found), Ordered())


def settled(host: Host, once_for: str) -> None:
    """Let whoever made the request go on, now that it was taken up or dropped by hand."""
    if once_for:
        everything().tell(host, Settled(once_for))


def remembered(node: Node, asset: Asset, wanted: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(key, record) of a wish: the one made before, or a new one with a fresh nonce. Raises AskDropped."""
    action, purpose, max_uses = wanted["action"], wanted["purpose"] or "", wanted["max_uses"] or 0
    key = f"{wanted['once_for']}:{asset.id}:{action}:{purpose}:{max_uses}:{wanted['spend_cap_units']}"
    found = _read(node, key)
    if found is None:
        unheard = {"offer": None, "taken": "", "reason": "", "ask_again_at": 0}
        nonce = "0x" + secrets.token_hex(32)
        made = {"nonce": nonce, "state": "asked", "asset": asset.id, **wanted, "asked_at": node.now()}
        found = _keep(node, key, made | unheard)
    elif found["state"] == "dropped":
        raise AskDropped(
            said("the request for {name} was dropped", name=asset.name),
            hint=said("Order again without that dataset."),
        )
    return key, found


def request_body(wish: dict[str, Any]) -> dict[str, Any]:
    """What is sent to the owner."""
    names = ("asset", "nonce", "action", "purpose", "max_uses", "spend_cap_units")
    body = {name: wish[name] for name in names}
    return {**body, "offer": wish["taken"]} if wish["taken"] else body


def taken_terms(wish: dict[str, Any]) -> Terms | None:
    """Terms of the owner's offer that this node took up; None where it asks within published terms."""
    return parse_terms(wish["offer"]["terms"]) if wish["taken"] else None


def hear(node: Node, key: str, wish: dict[str, Any], asset: Asset, answer: dict[str, Any]) -> NoReturn:
    """Keep an owner's answer that is no grant yet. Raises GrantWaiting, GrantCountered, InvalidDocument."""
    if answer.get("status") == "waiting":
        wish = _keep(node, key, {**wish, "state": "waiting", "offer": None, "taken": ""})
        raise GrantWaiting(
            said(
                "{owner} decides by hand and has not answered about {name} yet",
                owner=known_as(node, asset.owner),
                name=asset.name,
            ),
            hint=said("Ask again later: it is the same request. See: freehold grants requests."),
            asked=[_row(node, wish)],
        )
    if answer.get("status") != "countered":
        raise InvalidDocument(said("the owner's answer is neither a grant nor a state of the request"))
    offer = _offer(_request_id(node, wish), asset, answer.get("offer"))
    raise countered(
        node, _keep(node, key, {**wish, "state": "countered", "offer": offer, "taken": ""}), asset
    )


def countered(node: Node, wish: dict[str, Any], asset: Asset) -> GrantCountered:
    """An offer that nobody has taken up."""
    return GrantCountered(
        said("{owner} offers other terms for {name}", owner=known_as(node, asset.owner), name=asset.name),
        hint=said("See them: freehold grants requests. Then: freehold grants take REQUEST, or drop REQUEST."),
        asked=[_row(node, wish)],
    )


def hear_refusal(
    node: Node, key: str, wish: dict[str, Any], asset: Asset, fields: dict[str, Any]
) -> NoReturn:
    """Keep an owner's refusal. Raises GrantRefused."""
    reason, until = _readable(fields.get("reason")), fields.get("ask_again_at")
    until = until if type(until) is int and 0 <= until < 2**53 else 0
    wish = {**wish, "state": "refused", "reason": reason, "ask_again_at": until, "offer": None, "taken": ""}
    wish = _keep(node, key, wish)
    raise GrantRefused(
        said(
            "{owner} refused {name}: {reason}",
            owner=known_as(node, asset.owner),
            name=asset.name,
            reason=quoted(reason) or "no reason that can be shown",
        ),
        hint=said("Ask again later, or look elsewhere."),
        ask_again_at=until,
        asked=[_row(node, wish)],
    )


def still_waiting(pending: list[dict[str, Any]]) -> GrantWaiting:
    """One error for all requests that stand between a training job and its grants."""
    silent = [f"{row['owner_name']} ({row['asset_name']})" for row in pending if row["state"] == "waiting"]
    offers = [f"{row['owner_name']} ({row['asset_name']})" for row in pending if row["state"] == "countered"]
    names = {"silent": ", ".join(silent), "offers": ", ".join(offers)}
    if silent and offers:
        told = said(
            "owners decide by hand; not answered yet: {silent}; other terms offered by: {offers}", **names
        )
    elif offers:
        told = said("owners decide by hand; other terms offered by: {offers}", **names)
    else:
        told = said("owners decide by hand; not answered yet: {silent}", **names)
    hint = said("This node asks again by itself and goes on once they agree.")
    if offers:
        hint = said("See the offer: freehold grants requests. {then}", then=hint)
    return GrantWaiting(
        told,
        hint=hint,
        asked=pending,
    )


def overview(node: Node) -> list[dict[str, Any]]:
    """Requests of this node that no grant has come of, oldest first."""
    return _rows(node, "open ORDER BY asked_at, wish")


def newest(node: Node, most: int) -> list[dict[str, Any]]:
    """The newest of them, the newest first."""
    return _rows(node, "open ORDER BY asked_at DESC LIMIT ?", most)


def about(node: Node, asset: str, most: int) -> list[dict[str, Any]]:
    """The newest of them on an asset, the newest first."""
    return _rows(node, "open AND asset = ? ORDER BY asked_at DESC LIMIT ?", asset, most)


def answered(node: Node, most: int) -> list[dict[str, Any]]:
    """Those whose owner said something: offers first, then what waits for payment, then refusals; the newest of each."""
    found: list[dict[str, Any]] = []
    for state in ("countered", "agreed", "refused"):
        found += _rows(node, "state = ? ORDER BY asked_at DESC LIMIT ?", state, most - len(found))
    return found


def count_open(node: Node) -> int:
    """How many of them there are."""
    return int(node.store.rows("SELECT count(*) FROM asked WHERE open")[0][0])


def is_open(node: Node, once_for: str) -> bool:
    """Whether one of those that were made for something is open."""
    query = "SELECT 1 FROM asked WHERE open AND wish >= ? AND wish < ? LIMIT 1"
    return bool(node.store.rows(query, f"{once_for}:", end_of(f"{once_for}:")))


def one(node: Node, request: str) -> dict[str, Any] | None:
    """One of them by its id; None where it is not open."""
    return next(iter(_rows(node, "open AND request = ?", request)), None)


def find(node: Node, prefix: str) -> tuple[str, dict[str, Any]]:
    """(key, record) of a request this node made, by its shortened id. Raises NotFound, Ambiguous."""
    rows = node.store.rows(
        "SELECT request, wish, record FROM asked WHERE open AND request >= ? AND request < ? ORDER BY request LIMIT 1000",
        *prefix_range(prefix),
    )
    known = {str(request): (str(key), json.loads(wish)) for request, key, wish in rows}
    return known[resolve(prefix, known, "request")]


def to_take(node: Node, prefix: str) -> dict[str, Any]:
    """The request whose owner made an offer. Raises NotFound: there is none."""
    _, wish = find(node, prefix)
    if not wish["offer"]:
        raise NotFound(
            said("no offer of the owner was heard for that request"),
            hint=said("Ask again, which hears what the owner says now: freehold grants ask ASSET."),
        )
    return wish


def taking(wish: dict[str, Any], offer: str) -> dict[str, Any]:
    """The wish with an offer taken up. Raises GrantCountered: it is not the owner's any more."""
    if (wish["offer"] or {}).get("id") != offer:
        raise another_offer()
    return {**wish, "taken": offer}


def another_offer() -> GrantCountered:
    """What was seen is offered no more."""
    return GrantCountered(
        said("the offer is another by now"), hint=said("Nothing was paid. See: freehold grants requests.")
    )


def drop(node: Node, prefix: str) -> dict[str, Any]:
    """Forget a request. One that a training job made is not made again, so that the job stops."""
    key, wish = find(node, prefix)
    dropped = {**wish, "state": "dropped", "offer": None, "taken": ""}
    with node.store.transaction() as tx:
        if wish["once_for"]:
            keep(tx, node.account, key, dropped)
        else:
            forget(tx, key)
    return _row(node, dropped)


def unanswered(node: Node) -> dict[str, dict[str, Any]]:
    """Requests, by their keys, to which an owner may say something else by now."""
    rows = node.store.rows("SELECT wish, record FROM asked WHERE state IN ('waiting', 'countered')")
    return {str(key): json.loads(wish) for key, wish in rows}


def state_of(node: Node, key: str) -> str:
    """Where a request stands; empty where nothing is kept of it any more."""
    wish = _read(node, key)
    return str(wish["state"]) if wish else ""


def agreed(node: Node, key: str) -> None:
    """The owner would give the grant, once it is paid."""
    with node.store.transaction() as tx:
        wish = _read(node, key)
        if wish and wish["state"] in ("waiting", "countered", "refused"):
            keep(tx, node.account, key, {**wish, "state": "agreed", "offer": None})


def require(node: Node, key: str) -> dict[str, Any]:
    """A request by its key. Raises NotFound."""
    wish = _read(node, key)
    if wish is None:
        raise NotFound("that request is no longer open", hint="Look at the inbox.")
    return wish


def _rows(node: Node, chosen: str, *values: Any) -> list[dict[str, Any]]:
    rows = node.store.rows(f"SELECT record FROM asked WHERE {chosen}", *values)  # noqa: S608 - fixed text
    return [_row(node, json.loads(record)) for (record,) in rows]


def _read(node: Node, key: str) -> dict[str, Any] | None:
    rows = node.store.rows("SELECT record FROM asked WHERE wish = ?", key)
    return json.loads(rows[0][0]) if rows else None


def keep(tx: Transaction, account: str, key: str, wish: dict[str, Any]) -> None:
    """Write a wish of this account as it stands; one that waits for its owner, or was refused, is listed."""
    tx.connection.execute(
        "INSERT INTO asked (wish, open, record, request, asset, state, asked_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (wish) DO UPDATE SET open = excluded.open, record = excluded.record, state = excluded.state",
        (
            key, wish["state"] not in ("asked", "dropped"), canonical_bytes(wish),
            request_id(account, wish["asset"], wish["nonce"]), wish["asset"], wish["state"], wish["asked_at"],
        ),
    )  # fmt: skip


def forget(tx: Transaction, key: str) -> None:
    """Remove a wish."""
    tx.connection.execute("DELETE FROM asked WHERE wish = ?", (key,))


def _keep(node: Node, key: str, wish: dict[str, Any]) -> dict[str, Any]:
    with node.store.transaction() as tx:
        keep(tx, node.account, key, wish)
    return wish


def _request_id(node: Node, wish: dict[str, Any]) -> str:
    return request_id(node.account, wish["asset"], wish["nonce"])


def _offer(request: str, asset: Asset, value: Any) -> dict[str, Any]:
    """An owner's offer, checked: within the asset's terms, and named by them."""
    if not isinstance(value, dict) or not isinstance(value.get("terms"), dict):
        raise InvalidDocument(said("the owner's offer cannot be read"))
    terms = parse_terms(value["terms"])
    require_within(terms, asset.terms)
    return {"id": offer_id(request, terms), "terms": terms.body, "note": _readable(value.get("note"))}


def _readable(text: Any) -> str:
    """An owner's words; nothing where they are too long or could steer a terminal."""
    try:
        return shown_text(text, "text") if isinstance(text, str) else ""
    except InvalidInput:
        return ""


def _row(node: Node, wish: dict[str, Any]) -> dict[str, Any]:
    asset, offer, cap = listed.brief(node, wish["asset"]), wish["offer"], wish["spend_cap_units"]
    return {
        **alike(AskRow, wish),
        "id": _request_id(node, wish),
        "asset_name": asset.name,
        "owner": asset.owner,
        "owner_name": known_as(node, asset.owner),
        "price_units": asset.price_units,
        "job": wish["once_for"],
        "offer": offer_row(offer["id"], parse_terms(offer["terms"]), offer["note"], cap) if offer else None,
    }
