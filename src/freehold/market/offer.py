"""A priced grant as an offer that the Market contract understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_hash.auto import keccak

from freehold.core.documents import Grant
from freehold.core.typed_data import OFFER_TYPE, RECEIVE_TYPE, VOUCHER_TYPE, Domain, digest

MARKET_DOMAIN = "Freehold Market"
CHANNELS_DOMAIN = "Freehold Channels"
TEST_DOLLAR_DOMAIN = "Freehold Test Dollar"


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


def receive_digest(
    token: Domain, payer: str, payee: str, value_units: int, valid: tuple[int, int], nonce: bytes
) -> bytes:
    """What a payer signs to let `payee` (a contract) pull exactly one payment (EIP-3009)."""
    return digest(token, RECEIVE_TYPE, payer, payee, value_units, valid[0], valid[1], nonce)


def voucher_digest(channels: Domain, channel: bytes, cumulative_units: int) -> bytes:
    """What a payer signs to let a channel pay `cumulative_units` in all."""
    return digest(channels, VOUCHER_TYPE, channel, cumulative_units)


def keyed_id(account: str, value: bytes) -> bytes:
    """keccak256(abi.encode(address, bytes32)): ids that nobody else can take (tokens, pools)."""
    return bytes(keccak(bytes.fromhex(account[2:]).rjust(32, b"\x00") + value))
