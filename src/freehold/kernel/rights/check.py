"""The one gate before any use of an asset, and a priced grant as an offer that the Market contract understands.

Pure, so that a verifier can repeat it years later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from freehold.core.documents import Action, Asset, Grant, Receipt
from freehold.core.errors import NotAllowed, PaymentRequired
from freehold.core.ids import hash_bytes
from freehold.core.signing import MARKET_DOMAIN, OFFER_TYPE, Domain, digest
from freehold.core.terms import price_of, require_within, rows_charged


class GrantExpired(NotAllowed, code="grant.expired"):
    """The grant's time is over."""


class GrantNotYetValid(NotAllowed, code="grant.not_yet_valid"):
    """The grant's time has not begun."""


class GrantRevoked(NotAllowed, code="grant.revoked"):
    """The issuer took the grant back."""


class GrantUsedUp(NotAllowed, code="grant.used_up"):
    """Every use the grant allowed has been made."""


class SpendCapReached(NotAllowed, code="grant.spend_cap"):
    """One more use would cost more in all than the grant's spend cap."""


class ForeignGrant(NotAllowed, code="grant.foreign"):
    """The grant is another's, for another asset, or not by the asset's owner."""


class GrantUnpaid(PaymentRequired, code="grant.unpaid"):
    """The grant has a price that was not paid on chain."""


@dataclass(frozen=True)
class Standing:
    """What is known about a grant at the moment of use."""

    now: int
    """Unix seconds."""
    uses: int
    """Uses made so far."""
    spent_units: int
    """Cost of those uses."""
    revoked: bool
    purchased: bool
    """Paid on Market; only asked where the grant has a price per grant."""


def require_issued_within(grant: Grant, asset: Asset) -> None:
    """The asset's owner issued the grant, within the asset's terms. Raises `ForeignGrant`, `NotAllowed`."""
    if grant.asset != asset.id:
        raise ForeignGrant("the grant is for another asset", grant_id=grant.id)
    if grant.issuer != asset.owner:
        raise ForeignGrant("the grant was not issued by the asset's owner", grant_id=grant.id)
    require_within(grant.terms, asset.terms)
    if asset.terms.holders and grant.holder not in asset.terms.holders:
        raise ForeignGrant("the asset is offered to others by name", grant_id=grant.id)


def require_usable(
    grant: Grant,
    asset: Asset,
    standing: Standing,
    *,
    holder: str,
    action: Action,
    run: str | None = None,
    rows: int = 1,
) -> None:
    """Let one more use happen, of so many rows where it has any, or say why not.

    Raises `ForeignGrant`, `GrantNotYetValid`, `GrantExpired`, `GrantRevoked`, `GrantUsedUp`, `SpendCapReached`,
    `GrantUnpaid`, `NotAllowed`.
    """
    require_issued_within(grant, asset)
    terms = grant.terms
    if grant.holder != holder:
        raise ForeignGrant(
            "the grant belongs to someone else", hint="Ask the owner for one of your own.", grant_id=grant.id
        )
    if grant.run != run:
        raise ForeignGrant(
            "the grant is for another run" if grant.run else "the grant is not for a run",
            hint="A training run needs grants of its own.",
            grant_id=grant.id,
        )
    if action not in terms.actions:
        raise NotAllowed(
            f"the grant does not allow to {action}", hint=f"It allows: {', '.join(terms.actions)}."
        )
    if standing.now < terms.not_before:
        raise GrantNotYetValid("the grant is not valid yet", grant_id=grant.id, not_before=terms.not_before)
    if standing.now >= terms.expires_at:
        raise GrantExpired(
            "the grant has expired", hint="Ask for a new one.", grant_id=grant.id, expired_at=terms.expires_at
        )
    if standing.revoked:
        raise GrantRevoked("the owner revoked the grant", hint="Ask the owner.", grant_id=grant.id)
    if standing.uses >= terms.max_uses:
        raise GrantUsedUp(
            f"all {terms.max_uses} uses of the grant are made", hint="Ask for a new one.", grant_id=grant.id
        )
    if terms.price_per == "grant" and terms.price_units and not standing.purchased:
        raise GrantUnpaid(
            "the grant is not paid",
            hint="Buy its offer on Market.",
            grant_id=grant.id,
            price_units=terms.price_units,
        )
    if standing.spent_units + use_price(grant, rows) > spend_limit(grant):
        raise SpendCapReached(
            "one more use would pass the grant's spend cap",
            grant_id=grant.id,
            cap_units=grant.spend_cap_units,
        )


def use_price(grant: Grant, rows: int = 1) -> int:
    """What one use costs, in token units; of so many rows, where each has its price."""
    return price_of(grant.terms, rows) if grant.terms.price_per == "use" else 0


def spend_limit(grant: Grant) -> int:
    """Most that all uses may cost; unlimited uses at price 0 cost nothing."""
    return grant.spend_cap_units if use_price(grant) else 0


def require_receipt_fits(receipt: Receipt, grant: Grant) -> None:
    """What a countersigner and a verifier ask of a receipt besides its signatures.

    Raises `NotAllowed`: naming the field.
    """
    terms, rows = grant.terms, rows_charged(receipt, grant.terms)
    charged = -sum(line.delta_units for line in receipt.money if line.account == receipt.holder)
    wrong = (
        ("grant", receipt.grant != grant.id),
        ("holder", receipt.holder != grant.holder),
        ("provider", receipt.provider != grant.issuer),
        ("action", receipt.action not in terms.actions),
        ("inputs", receipt.inputs != (grant.asset,)),
        ("sequence", receipt.sequence > terms.max_uses),
        ("issued_at", not terms.not_before <= receipt.issued_at < terms.expires_at),
        ("rows", not 1 <= rows <= terms.rows_per_call),
        ("money", charged != use_price(grant, rows)),
        ("epsilon_micro", receipt.epsilon_micro > terms.epsilon_run_micro),
        ("run", receipt.action == "train" and receipt.evidence.get("run") != grant.run),
    )
    for field, broken in wrong:
        if broken:
            raise NotAllowed(f"the receipt's {field} does not fit its grant", field=field, grant_id=grant.id)


class Offer(NamedTuple):
    """Everything the contract needs follows from the grant, so nothing else can be sold by it; as its struct."""

    grant: bytes
    seller: str
    buyer: str
    token: str
    price_units: int
    deadline: int

    @classmethod
    def of(cls, grant: Grant) -> Offer:
        """The offer of a priced grant; its deadline is the grant's expiry."""
        terms = grant.terms
        return cls(
            hash_bytes(grant.id), grant.issuer, grant.holder, terms.token, terms.price_units, terms.expires_at
        )

    def digest(self, chain_id: int, market: str) -> bytes:
        """What the seller signs, and the key under which Market files the purchase."""
        return digest(Domain(MARKET_DOMAIN, chain_id, market), OFFER_TYPE, *self)


def is_priced(grant: Grant) -> bool:
    """Whether it counts only once it was bought on Market."""
    return grant.terms.price_per == "grant" and grant.terms.price_units > 0
