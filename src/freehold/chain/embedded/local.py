"""JSON-RPC methods that only a local chain offers, under the names hardhat and anvil gave them."""

from __future__ import annotations

import time
from typing import Any

from freehold.chain.embedded.budget import current
from freehold.chain.embedded.faults import INVALID_PARAMS, Fault
from freehold.chain.embedded.reader import WRITING, MethodGroup, method
from freehold.chain.embedded.wire import read_address, read_quantity

_MOST_MINED = 1_000
_CALENDAR = 2**40
"""Seconds; no timestamp or step may be larger."""
_PAUSE_SECONDS = 0.0002
"""Between two blocks: a lock that is taken again at once is never given to who waits for it."""


class LocalMethods(MethodGroup):
    """Ether, blocks and time on demand; going back."""

    @method("anvil_setBalance", WRITING)
    def _set_balance(self, address: Any, wei: Any) -> None:
        self._ledger.top_up(read_address(address, "address"), read_quantity(wei, "balance"))

    @method("evm_mine", WRITING)
    def _mine(self, at: Any = None) -> str:
        if isinstance(at, dict):
            at = at.get("timestamp")
        if at is not None:
            self._set_next_time(at)
        self._ledger.mine_empty()
        return "0x0"

    @method("anvil_mine", WRITING)
    def _mine_several(self, blocks: Any = 1, interval: Any = None) -> None:
        count = 1 if blocks is None else read_quantity(blocks, "blocks")
        seconds = None if interval is None else read_quantity(interval, "interval")
        if count > _MOST_MINED or (seconds or 0) >= _CALENDAR:
            raise Fault(INVALID_PARAMS, f"expected at most {_MOST_MINED} blocks")
        for index in range(count):
            current().check()
            if seconds is not None and index:
                self._ledger.set_next_time(self._ledger.head.timestamp + seconds)
            self._ledger.mine_empty()
            time.sleep(_PAUSE_SECONDS)

    @method("evm_increaseTime", WRITING)
    def _increase_time(self, seconds: Any) -> str:
        step = read_quantity(seconds, "seconds") % _CALENDAR
        with self._ledger.lock:
            self._ledger.offset_seconds += step
            return hex(self._ledger.offset_seconds)

    @method("evm_setNextBlockTimestamp", WRITING)
    def _set_next_time(self, at: Any) -> None:
        seconds = read_quantity(at, "timestamp")
        if not self._ledger.head.timestamp <= seconds < _CALENDAR:
            raise Fault(INVALID_PARAMS, f"timestamp: {seconds} is before the head's, or beyond the calendar")
        self._ledger.set_next_time(seconds)

    @method("evm_snapshot", WRITING)
    def _snapshot(self) -> str:
        return hex(self._ledger.snapshot())

    @method("evm_revert", WRITING)
    def _revert(self, snapshot: Any) -> bool:
        return self._ledger.revert(read_quantity(snapshot, "snapshot"))
