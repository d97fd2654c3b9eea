"""What every group of JSON-RPC methods shares: the ledger, and finding the block a caller means."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.faults import REFUSED, Fault
from freehold.chain.embedded.wire import read_data, read_quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.header import Header

LATEST = ("latest", "safe", "finalized")
PENDING = ("pending",)
BRIEF, LONG, WRITING = "brief", "long", "writing"
"""Turns of methods: those that take moments; those that may compute for long, and change nothing before their end;
those that wait for the ledger, which somebody's block may keep."""


def method(name: str, turn: str = BRIEF) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Publish a method under its JSON-RPC name."""

    def publish(function: Callable[..., Any]) -> Callable[..., Any]:
        function.rpc_name, function.turn = name, turn  # type: ignore[attr-defined]
        return function

    return publish


class MethodGroup:
    """Methods over one ledger; nobody holds its lock."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def table(self) -> dict[str, Callable[..., Any]]:
        """The published methods by name."""
        return {
            found.rpc_name: found
            for _, found in inspect.getmembers(self, inspect.ismethod)
            if hasattr(found, "rpc_name")
        }

    def _numbered(self, number: int) -> Header:
        # SQLite knows no larger numbers
        header = self._ledger.header_at(number) if number < 2**63 else None
        if header is None:
            raise Fault(REFUSED, "block not found")
        return header

    def _hashed(self, block_hash: bytes) -> Header | None:
        rows = self._ledger.store.rows("SELECT number FROM blocks WHERE hash = ?", (block_hash,))
        return self._numbered(rows[0][0]) if rows else None

    def _header(self, block: Any, *, clamp: bool = False) -> Header:
        """The header a block tag, number or EIP-1898 object names; `clamp` takes the head for the future."""
        if isinstance(block, dict):
            if "blockHash" in block:
                header = self._hashed(read_data(block["blockHash"], "blockHash", size=32))
                if header is None:
                    raise Fault(REFUSED, "block not found")
                return header
            block = block.get("blockNumber")
        elif isinstance(block, str) and len(block) == 66:
            # a bare hash, as ethers and web3.py send it
            return self._header({"blockHash": block}, clamp=clamp)
        if block in LATEST or block in PENDING:
            return self._ledger.head
        number, head = 0 if block == "earliest" else read_quantity(block, "block"), self._ledger.head
        return head if clamp and number > head.block_number else self._numbered(number)

    def _state(self, block: Any) -> Any:
        return self._ledger.machine.state(self._header(block))
