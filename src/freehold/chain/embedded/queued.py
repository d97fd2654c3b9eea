"""JSON-RPC methods over transactions that wait: all of them for an earlier nonce, as a block is made at once."""

from __future__ import annotations

from typing import Any

from eth_utils.address import to_checksum_address

from freehold.chain.embedded.budget import checked
from freehold.chain.embedded.faults import LIMIT, Fault
from freehold.chain.embedded.transactions import parse_transaction
from freehold.chain.embedded.wire import LONG, MethodGroup, method, read_address, show_transaction

_MOST_BYTES = 8 << 20
"""Bytes of transactions that one answer tells of."""


class QueueMethods(MethodGroup):
    """What waits. Nothing is ever `pending`: what may enter a block is in one before its sender is answered."""

    @method("txpool_status")
    def _status(self) -> dict[str, str]:
        return {"pending": "0x0", "queued": hex(len(self._ledger.pool.queued))}

    @method("txpool_content", LONG)
    def _content(self) -> dict[str, Any]:
        return {"pending": {}, "queued": _by_sender(self._waiting(), _whole)}

    @method("txpool_contentFrom", LONG)
    def _content_from(self, address: Any) -> dict[str, Any]:
        wanted = read_address(address, "address")
        found = [one for one in self._waiting() if one.sender == wanted]
        return {"pending": {}, "queued": {str(one.nonce): _whole(one) for one in checked(found)}}

    @method("txpool_inspect", LONG)
    def _inspect(self) -> dict[str, Any]:
        return {"pending": {}, "queued": _by_sender(self._waiting(), _line)}

    def _waiting(self) -> list[Any]:
        found, size = [], 0
        for (raw,) in checked(self._ledger.store.select("SELECT raw FROM queued")):
            size += len(raw)
            if size > _MOST_BYTES:
                raise Fault(LIMIT, f"more than {_MOST_BYTES >> 20} MiB of transactions wait")
            found.append(parse_transaction(bytes(raw)))
        return sorted(found, key=lambda one: (one.sender, one.nonce))


def _by_sender(found: list[Any], told: Any) -> dict[str, dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for one in checked(found):
        shown.setdefault(to_checksum_address(one.sender), {})[str(one.nonce)] = told(one)
    return shown


def _whole(one: Any) -> dict[str, Any]:
    return show_transaction(one, one.hash, one.sender, None)


def _line(one: Any) -> str:
    """A transaction in geth's one line."""
    to = to_checksum_address(one.to) if one.to else "contract creation"
    return f"{to}: {one.value} wei + {one.gas} gas × {one.max_fee_per_gas} wei"  # noqa: RUF001 - geth's sign
