"""A priced grant as an offer that the Market contract understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.core.documents import Grant
from freehold.core.typed_data import MARKET_DOMAIN, OFFER_TYPE, Domain, digest


@dataclass(frozen=True)
class Offer:
    """Everything the contract needs follows from the grant, so nothing else can be sold by it."""

    grant: str
    seller: str
    buyer: str
    token: str
    price_units: int
    deadline: int

    @classmethod
    def of(cls, grant: Grant) -> Offer:
        """The offer of a priced grant; its deadline is the grant's expiry."""
        terms = grant.terms
        return cls(grant.id, grant.issuer, grant.holder, terms.token, terms.price_units, terms.expires_at)

    def values(self) -> tuple[Any, ...]:
        """In the order of the Solidity struct, for ABI coding."""
        return (
            bytes.fromhex(self.grant[2:]),
            self.seller,
            self.buyer,
            self.token,
            self.price_units,
            self.deadline,
        )

    def digest(self, chain_id: int, market: str) -> bytes:
        """What the seller signs, and the key under which Market files the purchase."""
        return digest(Domain(MARKET_DOMAIN, chain_id, market), OFFER_TYPE, *self.values())
