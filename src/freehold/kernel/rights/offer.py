"""A priced grant as an offer that the Market contract understands."""

from __future__ import annotations

from typing import NamedTuple

from freehold.core.documents import Grant
from freehold.core.ids import hash_bytes
from freehold.core.typed_data import MARKET_DOMAIN, OFFER_TYPE, Domain, digest


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
