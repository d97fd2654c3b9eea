"""What a call costs and how to pay it: the body of a 402, enough for a client with only a wallet."""

from __future__ import annotations

from typing import Any

from freehold.core.documents import Asset
from freehold.core.terms import price_of
from freehold.core.typed_data import RECEIVE_TYPE, VOUCHER_TYPE, Domain
from freehold.features.models.releasing import SALE, pool_of
from freehold.features.payments.rules.payment import HEADER
from freehold.features.payments.spending import channels_domain
from freehold.kernel.node import Node


def quote(node: Node, asset: Asset, rows: int = 1) -> dict[str, Any]:
    """The price of calls of one model, as `GET /v1/models` says it, and a 402 for a question of so many rows."""
    token, channels, units = node.token_domain, channels_domain(node), price_of(asset.terms, rows)
    revenue = node.contract("Revenue")
    voucher = {
        "kind": "voucher",
        "header": HEADER,
        "fields": ["kind", "channel", "cumulative_units", "signature", "grant"],
        "sign": {"domain": _domain(channels), "type": VOUCHER_TYPE},
        "channel": "opened on Channels for this pool by the holder of the grant",
        "cumulative_units": "what the last answered call had, plus call_units",
    }
    transfer = {
        "kind": "transfer",
        "header": HEADER,
        "fields": ["kind", "payer", "value_units", "valid_after", "valid_before", "salt", "signature"],
        "sign": {"domain": _domain(token), "type": RECEIVE_TYPE},
        "to": revenue,
        "value_units": units,
        "nonce": "keccak256(abi.encode(bytes32 pool, bytes32 salt)), salt random for every call",
    }
    return {
        "model": asset.id,
        # one by one: a dump leaves out what is as the first release had it
        **{name: getattr(asset.terms, name) for name in SALE},
        "call_units": units,
        "token": token.contract,
        "chain_id": token.chain_id,
        "pool": "0x" + pool_of(asset).hex(),
        "channels": channels.contract,
        "revenue": revenue,
        "contract_payers": node.settings.contract_payers,
        "how": [voucher, transfer],
    }


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": domain.contract,
    }
