"""What a call costs and how to pay it: the body of a 402, enough for a client with only a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.core.documents import Terms
from freehold.core.terms import price_of
from freehold.core.typed_data import RECEIVE_TYPE, VOUCHER_TYPE, Domain
from freehold.features.payments.rules.payment import HEADER


@dataclass(frozen=True)
class Quote:
    """The price of calls of one model."""

    model: str
    """Asset id."""
    terms: Terms
    """Price of a call or of each of its rows, most rows of one, decimals of an answer."""
    pool: str
    """The model's revenue pool, 32 bytes hex."""
    token: Domain
    """EIP-712 domain of the dollar token; `contract` is its address."""
    channels: Domain
    """EIP-712 domain of the Channels contract."""
    revenue: str
    """Address of the Revenue contract."""
    contract_payers: bool = False
    """Whether accounts with code may pay."""

    def price_of(self, rows: int) -> int:
        """What a call of so many rows costs."""
        return price_of(self.terms, rows)

    def to_json(self, rows: int = 1) -> dict[str, Any]:
        """As `GET /v1/models` says it, and a 402 for a question of so many rows."""
        return {
            "model": self.model,
            **self.terms.model_dump(include={"price_units", "per", "rows_per_call", "round_to"}),
            "call_units": self.price_of(rows),
            "token": self.token.contract,
            "chain_id": self.token.chain_id,
            "pool": self.pool,
            "channels": self.channels.contract,
            "revenue": self.revenue,
            "contract_payers": self.contract_payers,
            "how": [self._voucher(), self._transfer(self.price_of(rows))],
        }

    def _voucher(self) -> dict[str, Any]:
        return {
            "kind": "voucher",
            "header": HEADER,
            "fields": ["kind", "channel", "cumulative_units", "signature", "grant"],
            "sign": {"domain": _domain(self.channels), "type": VOUCHER_TYPE},
            "channel": "opened on Channels for this pool by the holder of the grant",
            "cumulative_units": "what the last answered call had, plus call_units",
        }

    def _transfer(self, units: int) -> dict[str, Any]:
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
            "value_units": units,
            "nonce": "keccak256(abi.encode(bytes32 pool, bytes32 salt)), salt random for every call",
        }


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": domain.contract,
    }
