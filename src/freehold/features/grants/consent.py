"""Consent by hand: an owner who asks first decides each request for a grant.

    waiting -> accepted | refused | countered -> accepted (taken by the asker) | refused

Accepting makes the grant in the same transaction, so a crash leaves the request waiting or the grant issued.
"""

from __future__ import annotations

from typing import Any

from freehold.core.documents import Terms
from freehold.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from freehold.core.terms import require_within
from freehold.core.texts import Units, said
from freehold.core.times import DAY_SECONDS
from freehold.features.data.offering import approval_of, is_offered
from freehold.features.grants import requests
from freehold.features.grants.issuing import Wish, make_grant, parse_terms, planned
from freehold.features.grants.requests import LAPSE_SECONDS, offer_id, row, shown_text
from freehold.features.grants.wire import CounterRequest, State
from freehold.kernel import pending
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

REFUSED_SECONDS = DAY_SECONDS
"""How long a refused account is not heard about the same asset."""


class GrantRefused(NotAllowed, code="grant.refused"):
    """The owner refused the request by hand; `fields` name the reason and when to ask again."""


class RequestDecided(Conflict, code="request.decided"):
    """The request was decided before, otherwise."""


def asks_first(node: Node, wish: Wish) -> bool:
    """Whether the owner decides about a wish; about an action that nothing here knows, it always does."""
    return approval_of(node, wish.asset.id) == "ask" or not wish.is_known


def consider(node: Node, tx: Transaction, wish: Wish, taken: str) -> str | dict[str, Any]:
    """Answer a wish on an asset whose owner asks first: the id of its grant, or where it stands.

    `taken` is the id of the owner's offer that the asker takes up; empty for none. Raises GrantRefused,
    TooManyRequests; Conflict: the nonce was used for another wish.
    """
    record = requests.read(node, wish.request_id)
    if record is None:
        record = _file(node, tx, wish)
    if record["terms"] != wish.terms.body or record["spend_cap_units"] != wish.spend_cap_units:
        raise Conflict(
            said("this nonce was used for another wish"), hint=said("Use a fresh random nonce for each wish.")
        )
    if record["state"] == "refused":
        raise _refused(record["reason"], record["lapses_at"])
    offer = record["offer"]
    if offer and offer["id"] == taken:
        return _grant(node, tx, record, parse_terms(offer["terms"]))
    answer = {"status": record["state"], "request": record["id"], "lapses_at": record["lapses_at"]}
    return {**answer, "offer": offer} if offer else answer


def note_granted(node: Node, tx: Transaction, wish: Wish, grant_id: str) -> None:
    """A wish that waited was granted by the terms alone: its owner no longer asks first."""
    record = requests.read(node, wish.request_id)
    if record is not None:
        record.update(state="accepted", grant=grant_id, offer=None, reason="")
        requests.keep(node, tx, record, LAPSE_SECONDS)


def withdraw(node: Node, holder: str, body: dict[str, Any]) -> dict[str, Any]:
    """The asker drops its request; nothing happens, and nothing is written, if it is not open here."""
    if requests.read(node, str(body.get("request"))) is None:
        return {"withdrawn": False}
    with node.store.transaction() as tx:
        record = requests.read(node, str(body.get("request")))
        if record is None or record["holder"] != holder or record["state"] not in ("waiting", "countered"):
            return {"withdrawn": False}
        requests.forget(tx, record["id"])
    return {"withdrawn": True}


def accept(node: Node, request_id: str, seen: str = "") -> dict[str, Any]:
    """Issue the grant exactly as asked; idempotent. Raises RequestDecided; NotFound: it lapsed, or is withdrawn.

    `seen` is the state in which it was shown to whoever decides, where that is told.
    """
    with node.store.transaction() as tx:
        record = _undecided(node, request_id, "accepted", seen)
        if record["state"] != "accepted":
            _grant(node, tx, record, parse_terms(record["terms"]))
    return row(node, record)


def counter(node: Node, change: CounterRequest) -> dict[str, Any]:
    """Offer other terms, within the asset's, no cheaper. Raises RequestDecided, NotFound, InvalidInput, NotAllowed."""
    note = shown_text(change.note, "note")
    with node.store.transaction() as tx:
        record = _undecided(node, change.request_id, "countered")
        terms = _changed(node, record, change)
        pending.befriend(tx, record["holder"])
        offer = {"id": offer_id(change.request_id, terms), "terms": terms.body, "note": note}
        record.update(state="countered", offer=offer)
        requests.keep(node, tx, record, LAPSE_SECONDS)
    return row(node, record)


def refuse(node: Node, request_id: str, reason: str, seen: str = "") -> dict[str, Any]:
    """Say no, for a day about this asset; idempotent. As `accept`; InvalidInput."""
    reason = shown_text(reason, "reason")
    if not reason:
        raise InvalidInput(said("a refusal needs a reason"), hint=said("One short line; the asker reads it."))
    with node.store.transaction() as tx:
        record = _undecided(node, request_id, "refused", seen)
        if record["state"] != "refused":
            record.update(state="refused", reason=reason, offer=None)
            requests.keep(node, tx, record, REFUSED_SECONDS)
            tx.set(_hold(record["holder"], record["asset"]), {"reason": reason, "until": record["lapses_at"]})
    return row(node, record)


def _file(node: Node, tx: Transaction, wish: Wish) -> dict[str, Any]:
    held = node.store.state(_hold(wish.holder, wish.asset.id))
    if held and held["until"] > node.now():
        raise _refused(held["reason"], held["until"])
    if held:
        tx.delete(_hold(wish.holder, wish.asset.id))
    record = {
        "id": wish.request_id,
        "state": "waiting",
        "holder": wish.holder,
        "holder_name": shown_text(node.party_of(wish.holder).name, "name of the sender"),
        "asset": wish.asset.id,
        "nonce": wish.nonce,
        "terms": wish.terms.body,
        "spend_cap_units": wish.spend_cap_units,
        "plan": wish.plan.to_json() if wish.plan else None,
        "asked_at": node.now(),
        "offer": None,
        "reason": "",
        "grant": "",
    }
    requests.make_room(node, tx, record)
    requests.keep(node, tx, record, LAPSE_SECONDS)
    return record


def _grant(node: Node, tx: Transaction, record: dict[str, Any], terms: Terms) -> str:
    if not is_offered(node, record["asset"]):
        raise NotFound(said("the asset is no longer on offer"), hint=said("Refuse the request."))
    if terms.expires_at <= node.now():
        raise Conflict(said("the time that was asked for is over"), hint=said("Refuse the request."))
    asset = node.asset(record["asset"])
    require_within(terms, asset.terms)
    plan = planned(terms.actions).read(record["plan"]) if record.get("plan") else None
    wish = Wish(record["holder"], asset, terms, record["spend_cap_units"], plan, record["nonce"])
    pending.befriend(tx, wish.holder)
    record.update(state="accepted", grant=make_grant(node, tx, wish, logged=True).id)
    requests.keep(node, tx, record, LAPSE_SECONDS)
    return str(record["grant"])


def _changed(node: Node, record: dict[str, Any], change: CounterRequest) -> Terms:
    asset, asked = node.asset(record["asset"]), record["terms"]
    if change.price_units is not None and change.price_units < asset.terms.price_units:
        raise NotAllowed(
            said(
                "the published price is {price}; an offer cannot be cheaper",
                price=Units(asset.terms.price_units),
            ),
            hint=said("A grant is within its asset's terms. Publish the asset again to sell it for less."),
        )
    if record.get("plan") and change.max_uses is not None:
        raise InvalidInput(
            said("the run makes {max_uses} uses, as its plan says", max_uses=asked["max_uses"]),
            hint=said("Offer another price or time, or refuse."),
        )
    told = {
        "price_units": change.price_units,
        "max_uses": change.max_uses,
        "expires_at": None if change.days is None else node.now() + change.days * DAY_SECONDS,
        "purposes": None if change.purposes is None else sorted(set(change.purposes)),
    }
    terms = parse_terms({**asked, **{name: value for name, value in told.items() if value is not None}})
    require_within(terms, asset.terms)
    if terms.body == asked:
        raise InvalidInput(said("the offer is what was asked for"), hint=said("Accept the request instead."))
    return terms


def _undecided(node: Node, request_id: str, wanted: State, seen: str = "") -> dict[str, Any]:
    record = requests.read(node, request_id)
    if record is None:
        raise NotFound(
            said("no such request is open here"), hint=said("List them: freehold grants requests.")
        )
    if record["state"] in ("accepted", "refused") and record["state"] != wanted:
        hint = (
            "Take the grant back: freehold grants revoke GRANT."
            if record["grant"]
            else "It may ask again later."
        )
        raise RequestDecided(
            said("the request was {state}", state=record["state"]), hint=hint, grant=record["grant"]
        )
    if seen and record["state"] not in (seen, wanted):
        # somebody else answered it since: what they said is not undone unseen
        raise RequestDecided(
            said("the request was {state}", state=record["state"]), hint=said("Look at the inbox."), grant=""
        )
    return record


def _refused(reason: str, until: int) -> GrantRefused:
    return GrantRefused(
        said("the owner refused: {reason}", reason=reason),
        hint=said("Ask again later, or look elsewhere."),
        reason=reason,
        ask_again_at=until,
    )


def _hold(holder: str, asset_id: str) -> str:
    return f"refused:{holder}:{asset_id}"
