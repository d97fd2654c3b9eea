"""How a block is closed: its header, from what ran in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from freehold.chain.embedded import transactions, tries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.chain.embedded.faults import Outcome
    from freehold.chain.header import Header


class Mined(NamedTuple):
    """A transaction in a block."""

    kind: int
    raw: bytes
    outcome: Outcome


def closed(header: Header, state: Any, mined: Sequence[Mined]) -> Header:
    """The header over what the transactions left in the state, whose tries are written by this."""
    state.persist()
    receipts, cumulative, bloom = [], 0, 0
    for kind, _, outcome in mined:
        cumulative += outcome.gas_used
        receipt, bits = transactions.encode(
            kind, is_success=outcome.failed is None, cumulative_gas=cumulative, logs=outcome.logs
        )
        receipts.append(receipt)
        bloom |= bits
    return replace(
        header,
        state_root=state.state_root,
        transaction_root=tries.root_of([one.raw for one in mined]),
        receipt_root=tries.root_of(receipts),
        bloom=bloom.to_bytes(256, "big"),
        gas_used=cumulative,
    )
