"""Grants: asking for one, issuing within published terms, paying on chain, taking back."""

from __future__ import annotations

import contextlib
from typing import Any

from freehold.core.documents import Action, Asset, Grant, Terms
from freehold.core.errors import FreeholdError, InvalidDocument, InvalidInput, NotAllowed, NotFound
from freehold.core.signing import MAX_SIGNATURE_BYTES, Envelope, parse_envelope, receive_digest, sign_digest
from freehold.core.texts import Units, said
from freehold.features.data.offering import require_offered
from freehold.features.grants import asking, consent, unused
from freehold.features.grants.consent import GrantRefused
from freehold.features.grants.issuing import (
    handed_over,
    make_grant,
    narrowed,
    parse_terms,
    planned,
    read_wish,
)
from freehold.features.grants.wire import PAGE, GrantRow
from freehold.kernel import ceiling, listed, logbook, pending, uses
from freehold.kernel.ceiling import Act, Payment
from freehold.kernel.feature import Plan
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers, heard
from freehold.kernel.rights.check import ForeignGrant, Offer, is_priced, require_issued_within
from freehold.kernel.rights.standing import authorise, is_purchased, is_revoked, revocations, revoked_among
from freehold.kernel.shape import alike
from freehold.kernel.words import require_kind


class NotEnoughDollars(InvalidInput, code="wallet.short", http_status=402):
    """The wallet holds less than the price."""


def require_dollars(node: Node, told: str, price_units: int) -> None:
    """The wallet holds as much; `told` begins the sentence. Raises NotEnoughDollars."""
    balance = node.balance_units()
    if balance < price_units:
        raise NotEnoughDollars(
            said(
                "{told} {price}, the wallet holds {balance}",
                told=told,
                price=Units(price_units),
                balance=Units(balance),
            ),
            hint=said("Send dollars to {account}.", account=node.account),
            price_units=price_units,
            balance_units=balance,
        )


def issue(node: Node, holder: str, body: dict[str, Any]) -> dict[str, Any]:
    """Answer a request for a grant.

    Where consent is the published terms, asking within them suffices. Where the owner asks first, the answer
    carries a `status` (waiting, countered) in place of a grant until there is one. The same `nonce` from the
    same holder gets the same grant, so a retry is not a second one; one that was paid for is shown by its
    holder as `grant` and stands even where it was forgotten here. Raises ForeignGrant; NotFound: no such
    asset on offer; NotAllowed: more than the terms allow; GrantRefused.
    """
    paid = unused.readmit(node, holder, body)
    if paid is not None:
        return handed_over(node, paid.id, paid.asset)
    wish = read_wish(node, holder, body)
    if wish.plan is not None and node.store.state(wish.key) is None:
        # asks the chain, so before the transaction; what can change meanwhile is looked at again inside
        planned(wish.terms.actions).admit(node, wish.asset, holder, wish.plan)
    if not consent.asks_first(node, wish) and node.store.state(wish.key) is None:
        unused.make_room(node, holder)
    with node.store.transaction() as tx:
        # read inside the transaction, so that two requests at once find one grant
        known: str | dict[str, Any] | None = node.store.state(wish.key)
        if known is None:
            require_offered(node, wish.asset.id)
        if known is None and consent.asks_first(node, wish):
            known = consent.consider(node, tx, wish, str(body.get("offer", "")))
        if isinstance(known, dict):
            return known
        if known is None:
            grant = make_grant(node, tx, wish, logged=False)
            unused.keep(node, tx, grant)
            known = grant.id
            consent.note_granted(node, tx, wish, known)
    return handed_over(node, known, wish.asset.id)


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
    plan: Plan | None = None,
    at_most_units: int | None = None,
    take: str = "",
    pay: bool = True,
) -> Grant:
    """Get a grant from the asset's owner and, if it has a price, pay it in one transaction.

    `at_most_units` bounds what this act may cost, all grants of one `once_for` together; the node's ceilings
    count besides. Without `pay`, one that has a price is only asked for. `take` is an offer of the owner that is taken up; it is kept with what is paid for it, so that
    one that was refused here is taken up by nobody else.

    Interrupted anywhere, the next call continues with the same grant: nothing is paid twice. Calls with the
    same `once_for` (a job's id) get the same grant even after the first has succeeded. Raises
    NotEnoughDollars; NotAllowed from the owner; PeerUnreachable. Where the owner decides by hand:
    GrantWaiting, GrantCountered, GrantRefused; nothing is paid then.
    """
    require_kind(asset)
    # one at a time: taking up an offer by hand and a waiting job may meet over the same wish
    with node.exclusive(f"obtain:{asset.id}"):
        wanted = {"action": action, "purpose": purpose, "max_uses": max_uses, "once_for": once_for}
        key, wish = asking.remembered(node, asset, wanted | {"spend_cap_units": spend_cap_units})
        wish = asking.taking(wish, take) if take else wish
        act = Act(once_for or str(wish["nonce"]), at_most_units) if pay else None
        return _obtain(node, peers, asset, key, wish, plan, act)


def _obtain(
    node: Node, peers: Peers, asset: Asset, key: str, wish: dict[str, Any], plan: Plan | None, act: Act | None
) -> Grant:
    body = asking.request_body(wish) | ({"plan": plan.to_json()} if plan else {})
    answer = _paid(node, wish) or _asked(node, peers, asset, key, wish, body)
    envelope = parse_envelope(answer.get("grant"))
    terms = asking.taken_terms(wish) or narrowed(asset.terms, body, plan)
    grant = _accept(node, envelope, asset, wish, plan, terms)
    if is_priced(grant):
        if act is None:
            return grant
        wish = _buy(node, grant, answer, act, key, wish)
        _show(peers, asset, {**body, "grant": answer["grant"]}, grant)
    with node.store.transaction() as tx:
        pending.befriend(tx, asset.owner)
        tx.put(envelope)
        if wish["once_for"]:
            asking.keep(tx, node.account, key, {**wish, "state": "asked"})
        else:
            asking.forget(tx, key)
    return grant


def _paid(node: Node, wish: dict[str, Any]) -> dict[str, Any] | None:
    """The owner's earlier answer to a wish, where it was paid or its payment can still be mined."""
    known: dict[str, Any] | None = wish.get("paying")
    if known is None:
        return None
    # the time first: what is not paid after that will never be
    over = ceiling.deep_time(node) >= known["until"]
    grant = parse_envelope(known["grant"]).document
    lapsed = over and not (isinstance(grant, Grant) and is_purchased(node, grant))
    return None if lapsed else known


def _asked(
    node: Node, peers: Peers, asset: Asset, key: str, wish: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    try:
        answer = peers.ask(asset.owner, "/peer/grants", body)
    except NotAllowed as error:
        if error.fields.get("peer_code") != GrantRefused.code:
            raise
        asking.hear_refusal(node, key, wish, asset, heard(error))
    if "status" in answer:
        asking.hear(node, key, wish, asset, answer)
    return answer


def _show(peers: Peers, asset: Asset, body: dict[str, Any], grant: Grant) -> None:
    """Let the owner see that its grant was paid for, so that it keeps it."""
    answer = peers.ask(asset.owner, "/peer/grants", body)
    if parse_envelope(answer.get("grant")).document.id != grant.id:
        raise ForeignGrant(
            said("the owner does not know the grant that was paid for"),
            hint=said("Ask again: it is shown again, and nothing is paid twice."),
            grant_id=grant.id,
        )


def take(host: Host, prefix: str, at_most_units: int | None = None, *, offer: str = "") -> Grant:
    """Take up the terms an owner offered, and pay them; whoever the request was made for goes on. Repeatable.

    `offer` is the one that was seen: by itself this node asks again for a run, and then hears of other terms.
    Raises NotFound: no such offer; GrantCountered: the owner changed it meanwhile. As `obtain`.
    """
    node, wish = host.node, asking.to_take(host.node, prefix)
    if not wish["offer"]["id"].startswith(offer):
        raise asking.another_offer()
    ordered = asking.ordered(node, wish["once_for"])
    grant = obtain(
        node,
        host.peers,
        node.asset(wish["asset"]),
        wish["action"],
        **{name: wish[name] for name in ("purpose", "max_uses", "spend_cap_units", "once_for")},
        plan=ordered.plan,
        # said now, or when the job was ordered
        at_most_units=at_most_units if at_most_units is not None else ordered.at_most_units,
        take=wish["offer"]["id"],
    )
    asking.settled(host, wish["once_for"])
    return grant


def ask_again(host: Host, key: str) -> None:
    """Hear what an owner says by now to a request that was made; what it says is kept, and nothing is paid.

    Raises GrantWaiting, GrantCountered, GrantRefused: so it says. PeerUnreachable.
    """
    node = host.node
    wish = asking.require(node, key)
    wanted = {name: wish[name] for name in ("purpose", "max_uses", "spend_cap_units", "once_for")}
    plan = asking.ordered(node, wish["once_for"]).plan
    grant = obtain(
        node, host.peers, node.asset(wish["asset"]), wish["action"], **wanted, plan=plan, pay=False
    )
    if is_priced(grant):
        asking.agreed(node, key)
    asking.settled(host, wish["once_for"])


def buy(host: Host, prefix: str, at_most_units: int) -> Grant:
    """Pay for what an owner agreed to. Raises as `obtain`."""
    node, (_, wish) = host.node, asking.find(host.node, prefix)
    wanted = {name: wish[name] for name in ("purpose", "max_uses", "spend_cap_units", "once_for")}
    plan = asking.ordered(node, wish["once_for"]).plan
    grant = obtain(
        node,
        host.peers,
        node.asset(wish["asset"]),
        wish["action"],
        **wanted,
        plan=plan,
        at_most_units=at_most_units,
    )
    asking.settled(host, wish["once_for"])
    return grant


def drop(host: Host, prefix: str) -> dict[str, Any]:
    """Forget a request, here at once and at its owner's if that answers; whoever it was made for stops."""
    dropped = asking.drop(host.node, prefix)
    with contextlib.suppress(FreeholdError):  # there it lapses by itself
        host.peers.ask(dropped["owner"], "/peer/withdraw", {"request": dropped["id"]})
    asking.settled(host, dropped["job"])
    return dropped


def _accept(
    node: Node, envelope: Envelope, asset: Asset, wish: dict[str, Any], plan: Plan | None, terms: Terms
) -> Grant:
    """The owner's grant, if it is exactly what was asked for: less would be found out only when it is paid."""
    grant = envelope.document
    if not isinstance(grant, Grant):
        raise InvalidDocument(said("the owner answered with something else than a grant"))
    node.check(envelope)
    require_issued_within(grant, asset)
    if grant.holder != node.account:
        raise ForeignGrant(said("the owner answered with another holder's grant"), grant_id=grant.id)
    if grant.run != (plan.run_id if plan else None):
        raise ForeignGrant(said("the owner answered with a grant for another run"), grant_id=grant.id)
    if (grant.nonce, grant.spend_cap_units) != (wish["nonce"], wish["spend_cap_units"]):
        raise ForeignGrant(said("the owner answered with a grant for another request"), grant_id=grant.id)
    if grant.terms != terms:
        # taken up once, and refused here before it was paid: its owner stands by it
        if wish["offer"] and grant.terms == parse_terms(wish["offer"]["terms"]):
            raise asking.countered(node, wish, asset)
        wrong = next(name for name, value in terms.body.items() if grant.terms.body.get(name) != value)
        raise InvalidInput(
            said("the owner granted other {wrong} than were asked for", wrong=wrong),
            hint=said("Nothing was paid. Ask the owner, or leave it out."),
            field=wrong,
        )
    return grant


def _signature(value: Any) -> bytes:
    try:
        return bytes.fromhex(str(value)[: 2 * MAX_SIGNATURE_BYTES].removeprefix("0x"))
    except ValueError:
        raise InvalidDocument(said("the owner's signature under its offer is not hex")) from None


def _buy(
    node: Node, grant: Grant, answer: dict[str, Any], act: Act, key: str, wish: dict[str, Any]
) -> dict[str, Any]:
    """Pay a grant once; the wish with what is being paid for it, kept before anything is signed."""
    offer_signature = _signature(answer.get("offer_signature"))
    offer = Offer.of(grant)
    market = node.contract("Market")
    offer_hash = offer.digest(node.chain_id, market)
    nonce = "0x" + offer_hash.hex()
    if is_purchased(node, grant):
        ceiling.mined(node, nonce)
        return wish
    if offer.token != node.token:
        raise InvalidInput(
            said(
                "the grant is priced in the token {token}, this node pays with {own}",
                token=offer.token,
                own=node.token,
            ),
            hint=said("Nothing was paid. Look for another offer."),
            token=offer.token,
        )
    require_dollars(node, said("the grant costs"), offer.price_units)
    until = ceiling.reserve(node, act, Payment(nonce, offer.price_units, "grant", grant.asset))
    valid = (0, min(until, grant.terms.expires_at))
    # the owner may have forgotten it by the next time: it is this one that goes on, not another
    paying = {"grant": answer["grant"], "offer_signature": answer["offer_signature"], "until": valid[1]}
    wish = {**wish, "paying": paying}
    with node.store.transaction() as tx:
        asking.keep(tx, node.account, key, wish)
    payment = receive_digest(node.token_domain, node.account, market, offer.price_units, valid, offer_hash)
    node.send(
        "Market",
        "buyWithAuthorization",
        offer,
        offer_signature,
        *valid,
        sign_digest(node.keys.account_key, payment),
    )
    ceiling.mined(node, nonce)
    return wish


def revoke(node: Node, grant_id: str) -> dict[str, Any]:
    """Take a grant back: denied here at once, in the log, and by one bit on chain. Idempotent.

    The log is anchored before the bit: who has the bit and not the claim cannot show that a use came first.
    What was released before stays released; the log shows exactly what that was. Raises ForeignGrant: not
    issued here.
    """
    grant = node.grant(grant_id)
    if grant.issuer != node.account:
        raise ForeignGrant(said("only the issuer of a grant can revoke it"), grant_id=grant.id)
    known = [claim.id for claim in revocations(node, grant)]
    if not known:
        claim = node.claim("revocation", grant.id, {"index": grant.revocation_index})
        with node.store.transaction() as tx:
            authorise(node, tx, grant.id)
            tx.put(claim, public=True)
        known = [claim.document.id]
    gas, position = 0, node.store.position(known[0])
    if node.continuity.stopped is None and position is not None and position >= logbook.anchored_size(node):
        gas += logbook.anchor(node)["gas"]
    if not node.chain.read("Revocations", "isRevoked", node.account, grant.revocation_index):
        gas += node.send("Revocations", "revoke", grant.revocation_index)
    return {"grant": grant.id, "claim": known[0], "gas": gas}


def find(node: Node, text: str) -> str:
    """The id of a grant, shortened, or the newest issued one's by the word "last". Raises NotFound, Ambiguous."""
    if text != "last":
        return node.store.resolve(text, "grant")
    newest = listed.own_grants(node, limit=1, sides=("issuer",))
    if not newest:
        raise NotFound(said("no grant was issued here yet"))
    return newest[0].id


def overview(node: Node, *, limit: int = PAGE, before: str = "") -> listed.Page[dict[str, Any]]:
    """The newest grants issued or held here, oldest first; those before a grant with `before`."""
    found = listed.own_grants(node, limit=limit, before=before)
    revoked = revoked_among(node, found)
    rows = (_row(node, grant, revoked=grant.id in revoked) for grant in found[::-1])
    return listed.Page(rows, found.earlier)


def describe(node: Node, grant: Grant) -> dict[str, Any]:
    """One grant as lists show it."""
    return _row(node, grant, revoked=is_revoked(node, grant))


def _row(node: Node, grant: Grant, *, revoked: bool) -> dict[str, Any]:
    used, spent_units = _used(node, grant)
    return {
        **alike(GrantRow, grant.terms, grant),
        "id": grant.id,
        "issued": grant.issuer == node.account,
        "asset_name": node.asset(grant.asset).name if node.store.has(grant.asset) else "",
        "uses": used,
        "spent_units": spent_units,
        "revoked": revoked,
    }


def _used(node: Node, grant: Grant) -> tuple[int, int]:
    """(uses, spent units): the issuer counts them, a holder knows those it has receipts of."""
    if grant.issuer == node.account:
        return node.store.uses(grant.id)
    return uses.under(node, grant.id)
