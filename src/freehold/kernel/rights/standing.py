"""How a grant stands with this node right now: used so far, taken back, paid for; and its place in the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from freehold.core.documents import Claim, Grant
from freehold.core.errors import NotFound
from freehold.kernel import pending
from freehold.kernel.node import Node
from freehold.kernel.rights.check import Offer, Standing, is_priced
from freehold.kernel.store import Transaction


def is_purchased(node: Node, grant: Grant) -> bool:
    """Whether the chain holds the purchase of a priced grant."""
    return bool(node.chain.read("Market", "purchasedAt", _offered(node, grant)))


def purchased_among(node: Node, grants: Sequence[Grant]) -> set[str]:
    """Ids of those priced grants that were bought, the chain asked once."""
    asked = [("Market", "purchasedAt", (_offered(node, grant),)) for grant in grants]
    times = node.chain.read_many(asked) if asked else []
    return {grant.id for grant, at in zip(grants, times, strict=True) if at}


def _offered(node: Node, grant: Grant) -> bytes:
    return Offer.of(grant).digest(node.chain_id, node.contract("Market"))


def revocations(node: Node, grant: Grant) -> list[Claim]:
    """Claims by its issuer, kept here, that it was taken back."""
    found = [envelope.document for envelope in node.store.find("claim", "revocation", grant.id)]
    return [claim for claim in found if isinstance(claim, Claim) and claim.issuer == grant.issuer]


def is_revoked(node: Node, grant: Grant) -> bool:
    """Whether the issuer took the grant back, by its log here or by its bit on chain."""
    if revocations(node, grant):
        return True
    return bool(node.chain.read("Revocations", "isRevoked", grant.issuer, grant.revocation_index))


def revoked_among(node: Node, grants: Sequence[Grant]) -> set[str]:
    """Ids of those that were taken back, the chain asked once."""
    known = {grant.id for grant in grants if revocations(node, grant)}
    left = [grant for grant in grants if grant.id not in known]
    asked = [("Revocations", "isRevoked", (grant.issuer, grant.revocation_index)) for grant in left]
    bits = node.chain.read_many(asked) if asked else []
    return known | {grant.id for grant, bit in zip(left, bits, strict=True) if bit}


def standing(node: Node, grant: Grant, *, revoked: Callable[[Node, Grant], bool] = is_revoked) -> Standing:
    """What `check` wants to know about a grant right now."""
    uses, spent_units = node.store.uses(grant.id)
    return Standing(
        now=node.now(),
        uses=uses,
        spent_units=spent_units,
        revoked=revoked(node, grant),
        purchased=is_purchased(node, grant) if is_priced(grant) else True,
    )


def authorise(node: Node, tx: Transaction, grant_id: str) -> None:
    """The grant is used, paid for, or taken back by its owner: from now on it stands in the log. Idempotent.

    Raises `NotFound`: it was forgotten meanwhile.
    """
    if pending.remove(tx, pending.GRANTS.kind, grant_id):
        tx.put(node.store.get(grant_id))
        pending.befriend(tx, node.grant(grant_id).holder)
    elif not node.store.has(grant_id):
        raise NotFound("the grant was forgotten before its first use", hint="Ask for it at /peer/grants.")
