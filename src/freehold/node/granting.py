"""Grants: asking for one, issuing within published terms, paying on chain, taking back."""

from __future__ import annotations

import secrets
from typing import Any

from freehold.core.documents import Action, Asset, Claim, Grant, Terms, parse_document
from freehold.core.errors import Conflict, InvalidDocument, InvalidInput, NotAllowed, NotFound
from freehold.core.ids import hash_bytes
from freehold.core.signing import MAX_SIGNATURE_BYTES, Envelope, parse_envelope, sign_digest
from freehold.core.terms import require_within
from freehold.core.typed_data import receive_digest
from freehold.market.offer import Offer
from freehold.node.node import Node
from freehold.node.peers import Peers
from freehold.rights.check import ForeignGrant, Standing, require_issued_within

MAX_OPEN_GRANTS = 10_000
"""Grants one holder may have from this node; each costs a log entry."""


class NotEnoughDollars(InvalidInput):
    """The wallet holds less than the price."""

    code = "wallet.short"
    http_status = 402


def issue(node: Node, holder: str, body: dict[str, Any]) -> dict[str, Any]:
    """Answer a request for a grant: consent is the published terms, so asking within them suffices.

    The same `nonce` from the same holder gets the same grant, so a retry is not a second one.

    Raises:
        NotFound: no such asset on offer. NotAllowed: more than the terms allow.
    """
    asset_id, nonce = str(body.get("asset")), str(body.get("nonce"))
    hash_bytes(asset_id), hash_bytes(nonce)
    if not node.store.is_public(asset_id):
        raise NotFound(
            f"no asset {asset_id[:10]} is on offer here", hint="Search again; it may be withdrawn."
        )
    asset = node.asset(asset_id)
    key = f"granted:{holder}:{nonce}"
    terms = _narrowed(asset.terms, body)
    require_within(terms, asset.terms)
    with node.store.transaction() as tx:
        # read inside the transaction, so that two requests at once find one grant
        known = node.store.state(key)
        if known is None:
            if tx.next_number(f"grants_of:{holder}") >= MAX_OPEN_GRANTS:
                raise NotAllowed(f"this account has {MAX_OPEN_GRANTS} grants here", hint="Use those.")
            made = Grant(
                issuer=node.account,
                holder=holder,
                asset=asset.id,
                terms=terms,
                spend_cap_units=_count(body, "spend_cap_units", 0),
                revocation_index=tx.next_number("revocation_index"),
                nonce=nonce,
                issued_at=node.now(),
            )
            tx.put(node.seal(made))
            tx.set(key, made.id)
            known = made.id
    grant = node.grant(known)
    if grant.asset != asset_id:
        raise Conflict(
            "this nonce was used for another asset", hint="Use a fresh random nonce for each request."
        )
    offer = sign_digest(node.keys.account_key, Offer.of(grant).digest(node.chain_id, node.contract("Market")))
    return {"grant": node.store.get(grant.id).to_json(), "offer_signature": "0x" + offer.hex()}


def _narrowed(terms: Terms, body: dict[str, Any]) -> Terms:
    purpose = body.get("purpose") or terms.purposes[0]
    actions = tuple(sorted({str(body.get("action")), *(set(terms.actions) & {"derive", "infer"})}))
    return parse_terms(
        {
            **terms.body,
            "purposes": [purpose],
            "actions": list(actions),
            "expires_at": _count(body, "expires_at", terms.expires_at),
            "max_uses": _count(body, "max_uses", terms.max_uses),
            "split": [],
        }
    )


def parse_terms(value: dict[str, Any]) -> Terms:
    """Terms from plain values.

    Raises:
        InvalidDocument.
    """
    document = parse_document(value)
    if not isinstance(document, Terms):
        raise InvalidDocument("terms were expected")
    return document


def _count(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if type(value) is not int or value < 0:
        raise InvalidInput(f"{name} must be a whole number of at least 0")
    return value


def obtain(
    node: Node,
    peers: Peers,
    asset: Asset,
    action: Action,
    *,
    purpose: str | None = None,
    max_uses: int | None = None,
    spend_cap_units: int = 0,
    once_for: str = "",
) -> Grant:
    """Get a grant from the asset's owner and, if it has a price, pay it in one transaction.

    Interrupted anywhere, the next call continues with the same grant: nothing is paid twice. Calls with
    the same `once_for` (a job's id) get the same grant even after the first has succeeded.

    Raises:
        NotEnoughDollars; NotAllowed from the owner; PeerUnreachable.
    """
    key = f"wanted:{once_for}:{asset.id}:{action}:{purpose or ''}:{max_uses or 0}:{spend_cap_units}"
    nonce = node.store.state(key)
    if nonce is None:
        nonce = "0x" + secrets.token_hex(32)
        with node.store.transaction() as tx:
            tx.set(key, nonce)
    wanted = {"asset": asset.id, "nonce": nonce, "action": action, "purpose": purpose, "max_uses": max_uses}
    answer = peers.ask(asset.owner, "/peer/grants", {**wanted, "spend_cap_units": spend_cap_units})
    envelope = parse_envelope(answer.get("grant"))
    grant = _accept(node, envelope, asset)
    if grant.terms.price_per == "grant" and grant.terms.price_units:
        _buy(node, grant, _signature(answer.get("offer_signature")))
    with node.store.transaction() as tx:
        tx.put(envelope)
        if not once_for:
            tx.delete(key)
    return grant


def _accept(node: Node, envelope: Envelope, asset: Asset) -> Grant:
    grant = envelope.document
    if not isinstance(grant, Grant):
        raise InvalidDocument("the owner answered with something else than a grant")
    node.check(envelope)
    require_issued_within(grant, asset)
    if grant.holder != node.account:
        raise ForeignGrant("the owner answered with another holder's grant", grant_id=grant.id)
    if grant.terms.price_units > asset.terms.price_units:
        raise InvalidInput(
            f"the owner asks {grant.terms.price_units} units, its terms say {asset.terms.price_units}",
            hint="Nothing was paid. Ask the owner, or look elsewhere.",
        )
    return grant


def _signature(value: Any) -> bytes:
    try:
        return bytes.fromhex(str(value)[: 2 * MAX_SIGNATURE_BYTES].removeprefix("0x"))
    except ValueError:
        raise InvalidDocument("the owner's signature under its offer is not hex") from None


def _buy(node: Node, grant: Grant, offer_signature: bytes) -> None:
    if is_purchased(node, grant):
        return
    offer = Offer.of(grant)
    balance = node.balance_units()
    if balance < offer.price_units:
        raise NotEnoughDollars(
            f"the grant costs {offer.price_units} units, the wallet holds {balance}",
            hint=f"Send dollars to {node.account}.",
            price_units=offer.price_units,
            balance_units=balance,
        )
    market = node.contract("Market")
    offer_hash = offer.digest(node.chain_id, market)
    valid = (0, grant.terms.expires_at)
    payment = receive_digest(node.token_domain, node.account, market, offer.price_units, valid, offer_hash)
    node.send(
        "Market",
        "buyWithAuthorization",
        offer.values(),
        offer_signature,
        *valid,
        sign_digest(node.keys.account_key, payment),
    )


def is_purchased(node: Node, grant: Grant) -> bool:
    """Whether the chain holds the purchase of a priced grant."""
    offer_hash = Offer.of(grant).digest(node.chain_id, node.contract("Market"))
    return bool(node.chain.read("Market", "purchasedAt", offer_hash))


def is_revoked(node: Node, grant: Grant) -> bool:
    """Whether the issuer took the grant back, by its log here or by its bit on chain."""
    if any(claim.issuer == grant.issuer for claim in _revocations(node, grant)):
        return True
    return bool(node.chain.read("Revocations", "isRevoked", grant.issuer, grant.revocation_index))


def _revocations(node: Node, grant: Grant) -> list[Claim]:
    found = [envelope.document for envelope in node.store.find("claim", "revocation", grant.id)]
    return [claim for claim in found if isinstance(claim, Claim)]


def standing(node: Node, grant: Grant) -> Standing:
    """What `rights.check` wants to know about a grant right now."""
    uses, spent_units = node.store.uses(grant.id)
    priced = grant.terms.price_per == "grant" and grant.terms.price_units > 0
    return Standing(
        now=node.now(),
        uses=uses,
        spent_units=spent_units,
        revoked=is_revoked(node, grant),
        purchased=is_purchased(node, grant) if priced else True,
    )


def revoke(node: Node, grant_id: str) -> dict[str, Any]:
    """Take a grant back: denied here at once, in the log, and by one bit on chain. Idempotent.

    What was released before stays released; the log shows exactly what that was.

    Raises:
        ForeignGrant: not issued here.
    """
    grant = node.grant(grant_id)
    if grant.issuer != node.account:
        raise ForeignGrant("only the issuer of a grant can revoke it", grant_id=grant.id)
    known = [claim.id for claim in _revocations(node, grant) if claim.issuer == node.account]
    if not known:
        claim = node.claim("revocation", grant.id, {"index": grant.revocation_index})
        with node.store.transaction() as tx:
            tx.put(claim, public=True)
        known = [claim.document.id]
    gas = 0
    if not node.chain.read("Revocations", "isRevoked", node.account, grant.revocation_index):
        gas = node.send("Revocations", "revoke", grant.revocation_index)
    return {"grant": grant.id, "claim": known[0], "gas": gas}


def overview(node: Node) -> list[dict[str, Any]]:
    """Every grant issued or held here."""
    rows = []
    for envelope in node.store.find("grant"):
        grant = envelope.document
        if not isinstance(grant, Grant):
            continue
        uses, spent_units = node.store.uses(grant.id)
        rows.append(
            {
                "id": grant.id,
                "issued": grant.issuer == node.account,
                "asset": grant.asset,
                "asset_name": node.asset(grant.asset).name if node.store.has(grant.asset) else "",
                "issuer": grant.issuer,
                "holder": grant.holder,
                "actions": list(grant.terms.actions),
                "purposes": list(grant.terms.purposes),
                "price_units": grant.terms.price_units,
                "price_per": grant.terms.price_per,
                "uses": uses,
                "max_uses": grant.terms.max_uses,
                "spent_units": spent_units,
                "spend_cap_units": grant.spend_cap_units,
                "expires_at": grant.terms.expires_at,
                "revoked": is_revoked(node, grant),
            }
        )
    return rows
