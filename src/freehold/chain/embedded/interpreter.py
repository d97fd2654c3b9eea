"""py-evm's interpreter loop again, with the commonest instructions done in place.

Two thirds of what a contract runs are pushes, copies, swaps, jumps and small sums, for which py-evm
goes through five calls each. Here they are done where the loop stands, but only when nothing can go
wrong: whatever lacks gas or stack, grows memory or is not listed is left to py-evm as it was found.
So every error, and every price that depends on state, remains py-evm's.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

from eth.exceptions import Halt
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.logic.invalid import InvalidOpcode

from freehold.chain.embedded import precompiles

if TYPE_CHECKING:
    from collections.abc import Callable

_WORD = 2**256 - 1
_MOST_STACK = 1_024
_MOST_CODES = 32
"""Codes whose jump targets and push values are kept; an entry takes at most about 2 MB."""
_MOST_KEPT = 49_152
"""Bytes of a code that is kept: a longer one is supposed by a caller (`calls`)."""
_NEVER = 2**64
"""Gas that no call has: the price of an instruction that is left to py-evm."""

_ISZERO, _NOT, _CALLDATALOAD, _POP, _MLOAD, _MSTORE = 0x15, 0x19, 0x35, 0x50, 0x51, 0x52
_SELF_DESTRUCT = 0xFF
_JUMP, _JUMPI, _JUMPDEST, _PUSH0, _PUSH32, _DUP1, _SWAP1 = 0x56, 0x57, 0x5B, 0x5F, 0x7F, 0x80, 0x90

_SUMS: dict[int, Callable[[int, int], int]] = {
    0x01: lambda a, b: (a + b) & _WORD,
    0x02: lambda a, b: (a * b) & _WORD,
    0x03: lambda a, b: (a - b) & _WORD,
    0x04: lambda a, b: a // b if b else 0,
    0x06: lambda a, b: a % b if b else 0,
    0x10: lambda a, b: int(a < b),
    0x11: lambda a, b: int(a > b),
    0x14: lambda a, b: int(a == b),
    0x16: operator.and_,
    0x17: operator.or_,
    0x18: operator.xor,
    0x1B: lambda a, b: (b << a) & _WORD if a < 256 else 0,
    0x1C: lambda a, b: b >> a if a < 256 else 0,
}
"""Instructions that put one number in the place of two; the first was on top."""
_DONE_HERE = {*_SUMS, _ISZERO, _NOT, _CALLDATALOAD, _POP, _MLOAD, _MSTORE, _JUMP, _JUMPI, _JUMPDEST}
_DONE_HERE.update(range(_PUSH0, _SWAP1 + 16))
_LONG = frozenset((0x20, 0x37, 0x39, 0x3C, 0x3E, 0x5E, *range(0xA0, 0xA5), *range(0xF0, 0x100)))
"""Instructions whose work grows with memory, or that call: the budget is looked at before each."""
_JUMPS, _LEFT_COUNTS = 64, 4
"""Jumps between two looks at the budget, and as how many of them an instruction left to py-evm counts."""
OPCODES: dict[int, Any] = dict(PragueComputation.opcodes)
"""py-evm's instructions."""
# py-evm wraps it in a warning to whoever runs it; contracts that hold it are not ours to change
OPCODES[_SELF_DESTRUCT] = getattr(OPCODES[_SELF_DESTRUCT], "__wrapped__", OPCODES[_SELF_DESTRUCT])
_PRICES = [OPCODES[code].gas_cost if code in _DONE_HERE else _NEVER for code in range(256)]


class _Message(NamedTuple):
    to: bytes


class _Remains:
    """What is asked of a finished call later: py-evm would keep it whole, with its memory and its input."""

    __slots__ = ("_deleted", "_heirs", "_logs", "_refund", "children", "is_error", "msg", "state")

    def __init__(self, finished: Any) -> None:
        self._logs = finished.get_raw_log_entries()
        self._deleted = finished.get_accounts_for_deletion()
        self._heirs = finished.get_self_destruct_beneficiaries()
        self._refund = finished.get_gas_refund()
        # the accounts it touched, which go if they are empty (EIP-161)
        self.state, self.is_error = finished.state, finished.is_error
        self.msg, self.children = _Message(finished.msg.to), finished.children

    @property
    def only_touches(self) -> bool:
        """Whether nothing but the account it went to will be asked for."""
        return not (self._logs or self._deleted or self._heirs or self._refund or self.children)

    def get_raw_log_entries(self) -> Any:
        """Its logs, and those of its calls."""
        return self._logs

    def get_accounts_for_deletion(self) -> Any:
        """What was destroyed in it."""
        return self._deleted

    def get_self_destruct_beneficiaries(self) -> Any:
        """Who got the money of that."""
        return self._heirs

    def get_gas_refund(self) -> Any:
        """Gas to give back."""
        return self._refund


class Computation(PragueComputation):
    """One call, run by the loop below, within the budget of its state."""

    opcodes = OPCODES
    _precompiles = precompiles.guarded()

    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        super().__init__(state, message, transaction_context)
        self._touches: set[tuple[bytes, bool]] = set()

    def add_child_computation(self, child_computation: Any) -> None:
        """Take in what a call returned, and keep of it what matters at the end."""
        super().add_child_computation(child_computation)
        remains: Any = _Remains(self.children.pop())
        if remains.only_touches:
            touch = (remains.msg.to, remains.is_error)
            if touch in self._touches:
                return
            self._touches.add(touch)
        self.children.append(remains)

    @classmethod
    def apply_computation(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None
    ) -> Any:
        """Run a message; the order of steps is py-evm's."""
        with cls(state, message, transaction_context) as computation:
            if computation.is_origin_computation:
                computation.contracts_created = []
                if message.is_create:
                    cls.consume_initcode_gas_cost(computation)
            if parent_computation is not None:
                computation.contracts_created = parent_computation.contracts_created
            if message.is_create:
                computation.contracts_created.append(message.storage_address)
            address = message.code_address
            precompile = None if address in state.replaced else computation.precompiles.get(address)
            if precompile is None:
                _run(computation, bytes(message.code))
            elif not message.is_delegation:
                state.budget.check()
                precompile(computation)
        return computation


def _read(code: bytes) -> tuple[bytes, frozenset[int], dict[int, tuple[int, int]]]:
    """Code with an end behind any push, its jump targets, and room to note (value, following) of pushes."""
    targets, at, size = set(), 0, len(code)
    while at < size:
        here = code[at]
        if here == _JUMPDEST:
            targets.add(at)
        at += here - _PUSH0 + 1 if _PUSH0 < here <= _PUSH32 else 1
    return code + bytes(33), frozenset(targets), {}


_kept = functools.lru_cache(maxsize=_MOST_CODES)(_read)


def _run(computation: Any, code: bytes) -> None:  # noqa: C901, PLR0912, PLR0915 - one loop; calls are what it saves
    code, targets, pushes = (_kept if len(code) <= _MOST_KEPT else _read)(code)
    meter, stream, memory = computation._gas_meter, computation.code, computation._memory  # noqa: SLF001
    values: list[Any] = computation._stack.values  # noqa: SLF001
    push, pop = values.append, values.pop
    opcodes, look, jumps = computation.opcodes, computation.state.budget.check, _JUMPS
    gas, at, end = meter.gas_remaining, 0, len(code) - 1
    while True:
        here = code[at] if at < end else 0
        left = gas - _PRICES[here]
        if left >= 0:
            if here >= _PUSH0:
                if here <= _PUSH32:
                    if len(values) < _MOST_STACK:
                        known = pushes.get(at)
                        if known is None:
                            known = pushes[at] = _pushed(code, at, here - _PUSH0)
                        gas, at = left, known[1]
                        push(known[0])
                        continue
                elif here < _SWAP1:
                    if here - _PUSH32 <= len(values) < _MOST_STACK:
                        gas, at = left, at + 1
                        push(values[_PUSH32 - here])
                        continue
                elif len(values) > here - _SWAP1 + 1:
                    gas, at, other = left, at + 1, _SWAP1 - here - 2
                    values[-1], values[other] = values[other], values[-1]
                    continue
            elif here == _JUMPDEST:
                gas, at = left, at + 1
                continue
            elif here == _JUMPI:
                if len(values) > 1:
                    target, condition = number(values[-1]), number(values[-2])
                    if not condition or target in targets:
                        gas, at = left, target if condition else at + 1
                        del values[-2:]
                        jumps -= 1
                        if jumps > 0:
                            continue
                        look()
                        jumps = _JUMPS
                        continue
            elif not values:
                pass
            elif here in _SUMS:
                if len(values) > 1:
                    gas, at, first = left, at + 1, number(pop())
                    values[-1] = _SUMS[here](first, number(values[-1]))
                    continue
            elif here == _ISZERO:
                gas, at = left, at + 1
                values[-1] = 0 if number(values[-1]) else 1
                continue
            elif here == _POP:
                gas, at = left, at + 1
                pop()
                continue
            elif here == _JUMP:
                target = number(values[-1])
                if target in targets:
                    gas, at = left, target
                    pop()
                    jumps -= 1
                    if jumps > 0:
                        continue
                    look()
                    jumps = _JUMPS
                    continue
            elif here == _MSTORE:
                if len(values) > 1:
                    offset = number(values[-1])
                    if offset + 32 <= len(memory):
                        gas, at = left, at + 1
                        memory._bytes[offset : offset + 32] = number(values[-2]).to_bytes(32, "big")  # noqa: SLF001
                        del values[-2:]
                        continue
            elif here == _MLOAD:
                offset = number(values[-1])
                if offset + 32 <= len(memory):
                    gas, at = left, at + 1
                    values[-1] = int.from_bytes(memory._bytes[offset : offset + 32], "big")  # noqa: SLF001
                    continue
            elif here == _NOT:
                gas, at = left, at + 1
                values[-1] = number(values[-1]) ^ _WORD
                continue
            elif here == _CALLDATALOAD:
                gas, at, offset = left, at + 1, number(values[-1])
                found = bytes(computation.msg.data[offset : offset + 32])
                values[-1] = int.from_bytes(found.ljust(32, b"\0"), "big")
                continue
        meter.gas_remaining, stream.program_counter = gas, at + 1
        jumps -= _LEFT_COUNTS
        if jumps <= 0 or here in _LONG:
            look()
            jumps = _JUMPS
        try:
            (opcodes.get(here) or InvalidOpcode(here))(computation)
        except Halt:
            return
        gas, at = meter.gas_remaining, stream.program_counter


def number(item: int | bytes) -> int:
    """An item of the stack; py-evm keeps some as bytes."""
    return item if item.__class__ is int else int.from_bytes(item, "big")  # type: ignore[arg-type]


def _pushed(code: bytes, at: int, size: int) -> tuple[int, int]:
    return int.from_bytes(code[at + 1 : at + 1 + size], "big"), at + 1 + size
