"""JSON-RPC methods that run messages: calls, estimates, access lists, and the sending of transactions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded import genesis
from freehold.chain.embedded.faults import INVALID_PARAMS, REFUSED, Fault, reverted
from freehold.chain.embedded.machine import Call
from freehold.chain.embedded.overrides import Overrides, read_block_overrides, read_overrides
from freehold.chain.embedded.reader import LATEST, LONG, PENDING, MethodGroup, method
from freehold.chain.embedded.wire import read_address, read_data, read_quantity, show, show_access

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_ACCESSED = 1_000
_MOST_INITCODE = 49_152
_MOST_ROUNDS = 8
"""Runs after which an access list that still changes the path taken is given as it stands."""


class CallMethods(MethodGroup):
    """Execution."""

    @method("eth_call", LONG)
    def _call(
        self, transaction: Any, block: Any = "latest", overrides: Any = None, block_overrides: Any = None
    ) -> str | None:
        environment = self._environment(block, read_overrides(overrides), block_overrides)
        outcome = self._ledger.machine.run(environment(), read_call(transaction))
        if outcome.failed:
            raise reverted(outcome)
        return show(outcome.output)

    @method("eth_estimateGas", LONG)
    def _estimate_gas(self, transaction: Any, block: Any = "pending", overrides: Any = None) -> str:
        # blocks come only with transactions, so the head's clock may be old: estimate in the next block
        place = "pending" if block is None or block in LATEST else block
        environment = self._environment(place, read_overrides(overrides))
        return hex(self._ledger.machine.estimate(environment, read_call(transaction)))

    @method("eth_createAccessList", LONG)
    def _create_access_list(self, transaction: Any, block: Any = "latest") -> dict[str, Any]:
        call, header = read_call(transaction), self._place(block)
        machine = self._ledger.machine
        for _ in range(_MOST_ROUNDS):
            outcome, touched = machine.trace_access(header, call)
            if touched == call.access_list:
                break
            call = replace(call, access_list=touched)
        shown: dict[str, Any] = {
            "accessList": show_access(call.access_list),
            "gasUsed": hex(outcome.gas_used),
        }
        return {**shown, "error": reverted(outcome).message} if outcome.failed else shown

    @method("eth_sendRawTransaction")
    def _send_raw_transaction(self, raw: Any) -> str | None:
        return show(self._ledger.settle(self._ledger.offer(read_data(raw, "transaction"))))

    # -- inside

    def _place(self, block: Any) -> Any:
        return self._ledger.next_header() if block in PENDING else self._header(block)

    def _environment(
        self, block: Any, overrides: Overrides, block_overrides: Any = None
    ) -> Callable[[], Any]:
        """Fresh states in which a call at a block runs."""
        header = replace(self._place(block), **read_block_overrides(block_overrides))
        return lambda: overrides.on(self._ledger.machine.state(header))


def read_call(given: Any) -> Call:
    """The message of a call. Fee fields are ignored: calls are free here."""
    if not isinstance(given, dict):
        raise Fault(INVALID_PARAMS, "expected a call object")
    data = _read_input(given)
    gas = given.get("gas")
    listed = given.get("accessList") or []
    if not isinstance(listed, list) or len(listed) > _MOST_ACCESSED:
        raise Fault(INVALID_PARAMS, "accessList: expected a list")
    if given.get("to") is None and len(data) > _MOST_INITCODE:
        raise Fault(REFUSED, f"max initcode size exceeded: {len(data)} > {_MOST_INITCODE}")
    return Call(
        sender=bytes(20) if given.get("from") is None else read_address(given["from"], "from"),
        to=b"" if given.get("to") is None else read_address(given["to"], "to"),
        data=data,
        value=0 if given.get("value") is None else read_quantity(given["value"], "value"),
        gas=genesis.GAS_LIMIT if gas is None else min(read_quantity(gas, "gas"), genesis.GAS_LIMIT),
        access_list=tuple(_read_access(one) for one in listed),
    )


def _read_input(given: dict[str, Any]) -> bytes:
    """The calldata under either of its names, or both alike; null says nothing."""
    named = {name: read_data(given[name], name) for name in ("input", "data") if given.get(name) is not None}
    if len(set(named.values())) > 1:
        raise Fault(INVALID_PARAMS, "input and data differ; give one of them")
    return next(iter(named.values()), b"")


def _read_access(given: Any) -> tuple[bytes, tuple[int, ...]]:
    if not isinstance(given, dict) or not isinstance(given.get("storageKeys"), list):
        raise Fault(INVALID_PARAMS, "accessList: expected {address, storageKeys}")
    slots = tuple(read_quantity(slot, "storageKeys") for slot in given["storageKeys"][:_MOST_ACCESSED])
    return read_address(given.get("address"), "accessList"), slots
