"""Making a grant out of a wish: the terms asked for, the signed document, and the answer that carries it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Grant, Terms, invalid, parse_document
from freehold.core.errors import Conflict, InvalidDocument, InvalidInput, NotAllowed, NotFound
from freehold.core.ids import document_id, hash_bytes
from freehold.core.signing import sign_digest
from freehold.core.terms import price_of, require_within
from freehold.core.texts import said
from freehold.kernel.feature import Plan, Plans
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.rights.check import Offer
from freehold.kernel.store import REVOCATIONS, Transaction


@dataclass(frozen=True)
class Wish:
    """What a holder asks for: a grant on an asset of this node, within its terms."""

    holder: str
    asset: Asset
    terms: Terms
    spend_cap_units: int
    plan: Plan | None
    """What it is for, where its action asks for a plan."""
    nonce: str
    """32 bytes; the same nonce from the same holder is the same wish."""

    @property
    def key(self) -> str:
        """Under which the grant that answers this wish is remembered."""
        return granted_key(self.holder, self.nonce)

    @property
    def is_known(self) -> bool:
        """Whether a feature of this node knows what is asked for; what none knows is granted by hand alone."""
        return set(self.terms.actions) <= set(everything().actions)

    @property
    def request_id(self) -> str:
        """Under which it waits for the owner's word."""
        return request_id(self.holder, self.asset.id, self.nonce)


def granted_key(holder: str, nonce: str) -> str:
    """Under which the grant that answers a wish is remembered."""
    return f"granted:{holder}:{nonce}"


def request_id(holder: str, asset_id: str, nonce: str) -> str:
    """Names a wish; both sides compute it."""
    return document_id({"asset": asset_id, "holder": holder, "nonce": nonce})


def read_wish(node: Node, holder: str, body: dict[str, Any]) -> Wish:
    """A request as it came. Raises NotFound: not on offer; NotAllowed: more than the terms allow; InvalidInput."""
    asset_id, nonce = str(body.get("asset")), str(body.get("nonce"))
    hash_bytes(asset_id), hash_bytes(nonce)
    if not node.store.is_public(asset_id):
        raise NotFound(
            said("no asset {asset_id} is on offer here", asset_id=asset_id[:10]),
            hint=said("Search again; it may be withdrawn."),
        )
    asset = node.asset(asset_id)
    if asset.terms.holders and holder not in asset.terms.holders:
        raise NotAllowed(
            said("{name} is offered to others by name", name=asset.name),
            hint=said("Ask its owner to name you, or look elsewhere."),
        )
    plans = everything().plans([str(body.get("action"))])
    plan = plans.read(body.get("plan")) if plans else None
    terms = narrowed(asset.terms, body, plan)
    require_within(terms, asset.terms)
    return Wish(holder, asset, terms, _count(body, "spend_cap_units", 0), plan, nonce)


def planned(actions: Iterable[str]) -> Plans[Any]:
    """How the plan of a wish for these actions is read. Raises InvalidInput: no feature here reads any."""
    plans = everything().plans(actions)
    if plans is None:
        raise InvalidInput(
            said("nothing here reads plans to {actions}", actions=", ".join(actions)),
            hint=said("Install what does."),
        )
    return plans


def make_grant(node: Node, tx: Transaction, wish: Wish, *, logged: bool) -> Grant:
    """Sign and keep a grant for a wish that has none yet. Raises what remembering its plan raises."""
    earlier: tuple[str, ...] = ()
    if wish.plan is not None:
        earlier = planned(wish.terms.actions).remember(node, tx, wish.asset, wish.plan)
    made = Grant(
        issuer=node.account,
        holder=wish.holder,
        asset=wish.asset.id,
        terms=wish.terms,
        spend_cap_units=wish.spend_cap_units,
        revocation_index=tx.next_number(REVOCATIONS),
        nonce=wish.nonce,
        issued_at=node.now(),
        run=wish.plan.run_id if wish.plan else None,
        earlier_runs=earlier,
    )
    tx.put(node.seal(made), logged=logged)
    tx.set(wish.key, made.id)
    return made


def handed_over(node: Node, grant_id: str, asset_id: str) -> dict[str, Any]:
    """A grant as its holder receives it, with the offer it can buy if priced. Raises Conflict: of another asset."""
    grant = node.grant(grant_id)
    if grant.asset != asset_id:
        raise Conflict(
            said("this nonce was used for another asset"),
            hint=said("Use a fresh random nonce for each request."),
        )
    offer = sign_digest(node.keys.account_key, Offer.of(grant).digest(node.chain_id, node.contract("Market")))
    return {"grant": node.store.get(grant.id).to_json(), "offer_signature": "0x" + offer.hex()}


def narrowed(terms: Terms, body: dict[str, Any], plan: Plan | None) -> Terms:
    """What is granted of an asset's terms for a wish, and for a plan where it has one."""
    purpose = body.get("purpose") or terms.purposes[0]
    actions = tuple(sorted({str(body.get("action")), *(set(terms.actions) & {"derive", "infer"})}))
    chosen = {
        **terms.body,
        "purposes": [purpose],
        "actions": list(actions),
        "expires_at": _count(body, "expires_at", terms.expires_at),
        "max_uses": _count(body, "max_uses", terms.max_uses),
        "split": [],
        "reveals": "answers",
        "epsilon_run_micro": 0,
        "epsilon_life_micro": 0,
        "judges": [],
        **(planned(actions).narrow(terms, plan) if plan else {}),
    }
    try:
        # of this node's making, so a default may be spelled out; from JSON, for strict mode then takes arrays for tuples
        return Terms.model_validate_json(canonical_bytes(chosen))
    except ValidationError as error:
        raise invalid(error) from None


def parse_terms(value: dict[str, Any]) -> Terms:
    """Terms from plain values. Raises InvalidDocument."""
    document = parse_document(value)
    if not isinstance(document, Terms):
        raise InvalidDocument(said("terms were expected"))
    return document


def total_units(terms: Terms, spend_cap_units: int) -> int:
    """Most that a grant can cost its holder in all, in token units."""
    if terms.price_per == "grant":
        return terms.price_units
    return min(price_of(terms, terms.rows_per_call) * terms.max_uses, spend_cap_units)


def _count(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if type(value) is not int or value < 0:
        raise InvalidInput(said("{name} must be a whole number of at least 0", name=name))
    return value
