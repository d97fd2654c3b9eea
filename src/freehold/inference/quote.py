"""What a call costs and how to pay it: the body of a 402, enough for a client with only a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.core.typed_data import RECEIVE_TYPE, VOUCHER_TYPE, Domain
from freehold.inference.payment import HEADER


@dataclass(frozen=True)
class Quote:
    """The price of one call of one model."""

    model: str
    """Asset id."""
    price_units: int
    """Per call; a call is one request of up to 1,000 rows."""
    pool: str
    """The model's revenue pool, 32 bytes hex."""
    token: Domain
    """EIP-712 domain of the dollar token; `contract` is its address."""
    channels: Domain
    """EIP-712 domain of the Channels contract."""
    revenue: str
    """Address of the Revenue contract."""

    def to_json(self) -> dict[str, Any]:
        """As a 402 and `GET /v1/models` say it."""
        return {
            "model": self.model,
            "price_units": self.price_units,
            "token": self.token.contract,
            "chain_id": self.token.chain_id,
            "pool": self.pool,
            "channels": self.channels.contract,
            "revenue": self.revenue,
            "how": [self._voucher(), self._transfer()],
        }

    def _voucher(self) -> dict[str, Any]:
        return {
            "kind": "voucher",
            "header": HEADER,
            "fields": ["kind", "channel", "cumulative_units", "signature", "grant"],
            "sign": {"domain": _domain(self.channels), "type": VOUCHER_TYPE},
            "channel": "opened on Channels for this pool by the holder of the grant",
            "cumulative_units": "what the last answered call had, plus price_units",
        }

    def _transfer(self) -> dict[str, Any]:
        return {
            "kind": "transfer",
            "header": HEADER,
            "fields": [
                "kind",
                "payer",
                "value_units",
                "valid_after",
                "valid_before",
                "salt",
                "signature",
            ],
            "sign": {"domain": _domain(self.token), "type": RECEIVE_TYPE},
            "to": self.revenue,
            "value_units": self.price_units,
            "nonce": "keccak256(abi.encode(bytes32 pool, bytes32 salt)), salt random for every call",
        }


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": domain.contract,
    }
