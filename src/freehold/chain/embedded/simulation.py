"""`eth_simulateV1`: blocks of calls, each on what the one before left, of which nothing is kept.

Blocks and calls have the shape of the specification (execution-apis, `eth_simulateV1`); fees, nonces and senders are
looked at where `validation` asks for it. The transactions in them are those that `transactions.is_impersonated` tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from eth.vm.forks.london.headers import calculate_expected_base_fee_per_gas

from freehold.chain.embedded.blocks import Mined, closed
from freehold.chain.embedded.budget import checked
from freehold.chain.embedded.calls import read_block_overrides, read_overrides
from freehold.chain.embedded.faults import INVALID_PARAMS, LIMIT, REVERTED, Fault, reverted
from freehold.chain.embedded.interpreter import OPCODES, Computation
from freehold.chain.embedded.machine import Call, Machine, require_no_contract
from freehold.chain.embedded.messages import impersonated, read_call, read_nonce
from freehold.chain.embedded.state import State
from freehold.chain.embedded.store import Nodes, log_row
from freehold.chain.embedded.transactions import afford, parse_transaction
from freehold.chain.embedded.wire import (
    LONG,
    MethodGroup,
    block_size,
    method,
    read_flag,
    read_members,
    show,
    show_header,
    show_log,
    show_transaction,
)
from freehold.chain.header import Header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eth.abc import OpcodeAPI

    from freehold.chain.embedded.ledger import Ledger

_OPTIONS = ("blockStateCalls", "traceTransfers", "validation", "returnFullTransactions")
_MOST_BLOCKS = 256
_STEP_SECONDS = 12
"""Between blocks whose time is not said; as the specification has it."""
_MOST_BYTES = 8 << 20
"""Bytes of returned data and logs that one answer may hold."""
_ENTRY_BYTES = 512
_EXECUTION, _NUMBERS, _TIMES, _TOO_MANY = -32015, -38020, -38021, -38026
_CODES = {
    "nonce too low": -38010,
    "nonce too high": -38011,
    "max fee per gas less than block base fee": -38012,
    "intrinsic gas too low": -38013,
    "insufficient funds": -38014,
    "exceeds block gas limit": -38015,
    "sender not an eoa": -38024,
    "max initcode size exceeded": -38025,
}
"""The specification's codes for what makes a call no transaction."""
_ETHER = bytes.fromhex("ee" * 20)
"""What a transfer of ether is told as a log of."""
_TRANSFER = 0xDDF252AD1BE2C89B69C2B068FC378DAA952BA7F163C4A11628F55A4DF523B3EF
"""`Transfer(address,address,uint256)`."""
_SELF_DESTRUCT = 0xFF


class _TransferComputation(Computation):
    """A computation that logs what ether it moves."""

    def __init__(self, state: Any, message: Any, *given: Any) -> None:
        super().__init__(state, message, *given)
        if message.should_transfer_value and message.value:
            _log_transfer(self, message.sender, message.storage_address, message.value)


def _log_transfer(computation: Any, sender: bytes, recipient: bytes, value: int) -> None:
    topics = (_TRANSFER, int.from_bytes(sender, "big"), int.from_bytes(recipient, "big"))
    computation.add_log_entry(_ETHER, topics, value.to_bytes(32, "big"))


def _self_destruct(computation: Any) -> None:
    heir = computation._stack.values[-1:]  # noqa: SLF001 - not offered otherwise
    own = computation.msg.storage_address
    value = computation.state.get_balance(own)
    if heir and value and not computation.msg.is_static:
        heir_address = (heir[0] if isinstance(heir[0], int) else int.from_bytes(heir[0], "big")) % 2**160
        _log_transfer(computation, own, heir_address.to_bytes(20, "big"), value)
    OPCODES[_SELF_DESTRUCT](computation)


_TransferComputation.opcodes = cast("dict[int, OpcodeAPI]", {**OPCODES, _SELF_DESTRUCT: _self_destruct})


class _TransferState(State):
    computation_class = cast("Any", _TransferComputation)


@dataclass(frozen=True)
class _Block:
    """A block that was asked for."""

    fields: dict[str, Any]
    """Of its header."""
    supposed: Callable[[Any], Any]
    calls: list[Call]
    nonces: list[int | None]


class SimulationMethods(MethodGroup):
    """Simulation."""

    @method("eth_simulateV1", LONG)
    def _simulate(self, payload: Any, block: Any = "latest") -> list[dict[str, Any]]:
        said = read_members(payload, "payload", _OPTIONS, is_all=True)
        asked = said.pop("blockStateCalls", [])
        if not isinstance(asked, list) or not asked:
            raise Fault(INVALID_PARAMS, "blockStateCalls: expected a list of blocks, not empty")
        if len(asked) > _MOST_BLOCKS:
            raise Fault(_TOO_MANY, f"at most {_MOST_BLOCKS} blocks are simulated")
        options = {name: read_flag(value, name) for name, value in said.items()}
        simulated = _Simulated(self._ledger, self._header(block), options)
        return [
            told for one in list(map(_read_block, checked(asked))) for told in checked(simulated.add(one))
        ]


class _Simulated:
    """Blocks on top of a real one."""

    def __init__(self, ledger: Ledger, head: Header, options: dict[str, bool]) -> None:
        self._ledger, self._head = ledger, head
        self._is_valid = options.get("validation", False)
        self._is_whole = options.get("returnFullTransactions", False)
        self._kind = _TransferState if options.get("traceTransfers") else State
        self._hashes: dict[int, bytes] = {}
        self._replaced: frozenset[bytes] = frozenset()
        self._most_height = head.block_number + _MOST_BLOCKS
        self._left_bytes = _MOST_BYTES

        def stored(key: bytes) -> bytes | None:
            nodes = ledger.store.nodes
            return nodes[key] if key in nodes else None  # noqa: SIM401 - it is no dictionary

        # what is written stays here
        self._machine = Machine(Nodes(stored), self._ancestors)

    def add(self, block: _Block) -> Iterator[dict[str, Any]]:
        """Run a block, and empty ones before it where its number leaves room; what to tell of each."""
        number = block.fields.get("block_number", self._head.block_number + 1)
        if number <= self._head.block_number:
            raise Fault(_NUMBERS, f"block numbers must be in order: {number} <= {self._head.block_number}")
        if number > self._most_height:
            raise Fault(_TOO_MANY, f"at most {_MOST_BLOCKS} blocks are simulated")
        while number > self._head.block_number + 1:
            yield self._run(_Block({}, lambda state: state, [], []))
        yield self._run(block)

    # -- inside

    def _ancestors(self, number: int) -> Iterator[bytes]:
        for depth, found in enumerate(self._ledger.ancestors(number), 1):
            yield self._hashes.get(number - depth, found)

    def _next_header(self, fields: dict[str, Any]) -> Header:
        parent = self._head
        expected = calculate_expected_base_fee_per_gas(cast("Any", parent)) if self._is_valid else 0
        usual = Header(
            parent_hash=parent.hash,
            coinbase=parent.coinbase,
            state_root=parent.state_root,
            block_number=parent.block_number + 1,
            gas_limit=parent.gas_limit,
            timestamp=parent.timestamp + _STEP_SECONDS,
            base_fee_per_gas=expected,
        )
        header = replace(usual, **fields)
        if header.timestamp <= parent.timestamp:
            raise Fault(
                _TIMES, f"block timestamps must be in order: {header.timestamp} <= {parent.timestamp}"
            )
        return header

    def _run(self, block: _Block) -> dict[str, Any]:
        header = self._next_header(block.fields)
        state = self._machine.open_block(header, self._kind)
        state.replaced = self._replaced
        block.supposed(state)
        self._replaced = state.replaced
        mined: list[Mined] = []
        senders, left = [], header.gas_limit
        for asked, nonce in checked(zip(block.calls, block.nonces, strict=True)):
            state.lock_changes()
            one = self._mined(state, asked, nonce, left)
            mined.append(one)
            senders.append(asked.sender)
            left -= one.outcome.gas_used
        self._head = header = closed(header, state, mined)
        self._hashes[header.block_number] = header.hash
        return self._show(header, mined, senders)

    def _mined(self, state: Any, call: Call, nonce: int | None, left: int) -> Mined:
        due = state.get_nonce(call.sender)
        try:
            call = _fitting(call, left)
            if self._is_valid:
                _require_due(state, call, due if nonce is None else nonce, due)
            outcome = self._machine.run(state, call)
        except Fault as fault:
            code = next((code for words, code in _CODES.items() if fault.message.startswith(words)), None)
            if code is None:
                # as it is: what is out of time may go on at another turn
                raise
            raise Fault(code, fault.message) from fault
        self._left_bytes -= len(outcome.output) + _ENTRY_BYTES
        self._left_bytes -= sum(len(data) + _ENTRY_BYTES for _, _, data in outcome.logs)
        if self._left_bytes < 0:
            raise Fault(LIMIT, f"the answer is larger than {_MOST_BYTES >> 20} MiB")
        return Mined(call.type_id, impersonated(call, due), outcome)

    def _show(self, header: Header, mined: list[Mined], senders: list[bytes]) -> dict[str, Any]:
        position, shown, calls = 0, [], []
        for index, (one, sender) in enumerate(checked(zip(mined, senders, strict=True))):
            transaction = parse_transaction(one.raw)
            place = (header.block_number, header.hash, index)
            rows = [
                log_row(header.block_number, position + at, transaction.hash, index, entry)
                for at, entry in enumerate(one.outcome.logs)
            ]
            position += len(rows)
            calls.append(_show_call(one, [show_log(row, header.hash, header.timestamp) for row in rows]))
            whole = show_transaction(transaction, transaction.hash, sender, place) if self._is_whole else None
            shown.append(whole or show(transaction.hash))
        size = block_size(header, [one.raw for one in mined])
        return {**show_header(header), "size": hex(size), "transactions": shown, "calls": calls}


def _read_block(given: Any) -> _Block:
    said = read_members(given, "blockStateCalls", ("blockOverrides", "stateOverrides", "calls"), is_all=True)
    calls = said.get("calls", [])
    if not isinstance(calls, list):
        raise Fault(INVALID_PARAMS, "calls: expected a list")
    return _Block(
        read_block_overrides(said.get("blockOverrides")),
        read_overrides(said.get("stateOverrides")),
        list(map(read_call, checked(calls))),
        list(map(read_nonce, checked(calls))),
    )


def _fitting(call: Call, left: int) -> Call:
    """The call with gas that its block has left. Raises `Fault` where it asked for more."""
    if call.gas > left and call.is_gas_asked:
        raise Fault(LIMIT, f"exceeds block gas limit: have {call.gas}, left {left}")
    return replace(call, gas=min(call.gas, left))


def _require_due(state: Any, call: Call, nonce: int, due: int) -> None:
    """Raise `Fault` for a call that no transaction could be."""
    if nonce != due:
        which = "low" if nonce < due else "high"
        raise Fault(LIMIT, f"nonce too {which}: next nonce {due}, tx nonce {nonce}")
    require_no_contract(state, call.sender)
    afford(call, state.execution_context.base_fee_per_gas, state.get_balance(call.sender))


def _show_call(one: Mined, logs: list[dict[str, Any]]) -> dict[str, Any]:
    outcome = one.outcome
    shown: dict[str, Any] = {
        "returnData": "0x" if outcome.failed else show(outcome.output),
        "logs": logs,
        "gasUsed": hex(outcome.gas_used),
        "maxUsedGas": hex(max(outcome.gas_used, outcome.gas_needed)),
        "status": hex(int(outcome.failed is None)),
    }
    if outcome.failed is None:
        return shown
    fault = reverted(outcome)
    return {**shown, "error": {**fault.body(), "code": REVERTED if fault.code == REVERTED else _EXECUTION}}
