"""Grants that the published terms alone gave and nobody has used: outside the log, bounded, the oldest forgotten.

Asking costs nothing, so a grant enters the log (which nothing ever leaves) when it is first used or its price was
paid. What its owner grants by hand is logged at once. One that was forgotten while its payment was on the way
stands all the same: its holder shows it, signed by this party, and the chain shows the payment.
"""

from __future__ import annotations

from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Grant
from freehold.core.signing import parse_envelope
from freehold.core.texts import said
from freehold.features.grants.issuing import granted_key, planned
from freehold.kernel import pending
from freehold.kernel.node import Node
from freehold.kernel.rights.check import ForeignGrant, is_priced
from freehold.kernel.rights.standing import authorise, is_purchased
from freehold.kernel.store import Transaction

_LOOKED_AT = 4
"""Grants that the chain is asked about for one request of somebody new."""


def is_unused(node: Node, grant_id: str) -> bool:
    """Whether it may still be forgotten; one that was paid for meanwhile is authorised here."""
    with node.store.reading() as connection:
        if not pending.has(connection, pending.GRANTS.kind, grant_id):
            return False
    grant = node.grant(grant_id)
    if not (is_priced(grant) and is_purchased(node, grant)):
        return True
    with node.store.transaction() as tx:
        authorise(node, tx, grant_id)
    return False


def has_dealt(node: Node, account: str) -> bool:
    """Whether an account is a partner; the newest of its grants that was paid for meanwhile makes it one."""
    with node.store.reading() as connection:
        if pending.is_partner(connection, account):
            return True
        newest = connection.execute(
            "SELECT name FROM pending WHERE kind = ? AND party = ? ORDER BY rowid DESC LIMIT ?",
            (pending.GRANTS.kind, account, _LOOKED_AT),
        ).fetchall()
    for (name,) in newest:
        is_unused(node, name)
    with node.store.reading() as connection:
        return pending.is_partner(connection, account)


def make_room(node: Node, holder: str) -> None:
    """Forget the oldest that nobody paid for, so that `holder` can have one more."""
    while True:
        with node.store.reading() as connection:
            name = pending.surplus(connection, pending.GRANTS, holder, spare=1)
        if name is None:
            return
        if is_unused(node, name):
            with node.store.transaction() as tx:
                _forget(node, tx, node.grant(name))


def readmit(node: Node, holder: str, body: dict[str, Any]) -> Grant | None:
    """The paid grant that a wish shows, kept and logged from now on; None where it shows none, or the chain no payment.

    Raises ForeignGrant: it is no answer of this party to that wish; InvalidDocument, InvalidSignature.
    """
    if body.get("grant") is None:
        return None
    envelope = parse_envelope(body["grant"])
    grant = envelope.document
    asked = (node.account, holder, body.get("asset"), body.get("nonce"))
    if not isinstance(grant, Grant) or (grant.issuer, grant.holder, grant.asset, grant.nonce) != asked:
        raise ForeignGrant(said("the grant shown is not the one asked for"))
    node.check(envelope)
    if not (is_priced(grant) and is_purchased(node, grant)):
        return None
    plans = planned(grant.terms.actions) if grant.run else None
    plan = plans.read(body.get("plan")) if plans else None
    if plan is not None and plan.run_id != grant.run:
        raise ForeignGrant(said("the grant is for another run"), grant_id=grant.id)
    with node.store.transaction() as tx:
        if node.store.has(grant.id):
            authorise(node, tx, grant.id)
        else:
            tx.put(envelope)
            pending.befriend(tx, holder)
        tx.set(granted_key(holder, grant.nonce), grant.id)
        if plans is not None:
            # agreed to when the grant was signed
            plans.recall(tx, plan)
    return grant


def keep(node: Node, tx: Transaction, grant: Grant) -> None:
    """Note a grant that was given by the published terms. Raises TooMuch: too large, with its plan, for one party."""
    planned_size = planned(grant.terms.actions).size(node, grant.run) if grant.run else 0
    size = len(canonical_bytes(grant.body)) + planned_size
    pending.add(tx, pending.GRANTS, grant.id, grant.holder, size)


def _forget(node: Node, tx: Transaction, grant: Grant) -> None:
    if not pending.remove(tx, pending.GRANTS.kind, grant.id):
        return
    tx.forget(grant.id)
    name = granted_key(grant.holder, grant.nonce)
    if node.store.state(name) != grant.id:
        # another grant of the same wish was paid for, and of the same run
        return
    tx.delete(name)
    if grant.run:
        planned(grant.terms.actions).forget(tx, grant.run)
