"""The calls of one execution as a tree, in the shape of geth's `callTracer`.

py-evm keeps the computation of every call that ran. What it forgets is noted on the way: which
instruction made the call, calls that never began (no money, too deep), where between the calls a log
stood, and what a self-destruct sent away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from eth.exceptions import Halt
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.memory import Memory

from freehold.chain.embedded.faults import LIMIT, Fault, reason_of, words_for
from freehold.chain.embedded.interpreter import OPCODES, Computation, number
from freehold.chain.embedded.state import AccessState
from freehold.chain.embedded.wire import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from eth.abc import OpcodeAPI
    from eth_typing import Address

    from freehold.chain.embedded.faults import Outcome

MOST_TRACE_BYTES = 8 << 20
"""Bytes of input, output, logs, code and slots that one trace may hold; kept while it runs, too."""
_ENTRY_BYTES = 256
"""What a call or a log counts besides its data."""

_KINDS = {
    0xF0: "CREATE",
    0xF1: "CALL",
    0xF2: "CALLCODE",
    0xF4: "DELEGATECALL",
    0xF5: "CREATE2",
    0xFA: "STATICCALL",
}
_SELF_DESTRUCT = 0xFF
_VALUED = ("CALL", "CALLCODE", "CREATE", "CREATE2")
_DEEPEST = 1024
_PANIC = bytes.fromhex("4e487b71")
_PANICS = {
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}
"""Words for the codes of Solidity's `Panic(uint256)`, as geth has them."""


@dataclass(frozen=True)
class _Step:
    """A call, made or refused, or a self-destruct."""

    kind: str
    target: bytes
    """Whose code was asked to run; for a self-destruct, who gets the money."""
    computation: Any
    """What ran; None when nothing did."""
    value: int = 0
    gas: int = 0
    data: bytes = b""
    refusal: str = ""


def _watched(kind: str, instruction: Callable[[Any], None]) -> Callable[..., None]:
    """An instruction that makes a call, and a note of it."""

    def run(computation: Any) -> None:
        stack = [number(item) for item in computation._stack.values[-7:]][::-1]  # noqa: SLF001 - not offered otherwise
        begun = len(computation.children)
        instruction(computation)
        target = stack[1].to_bytes(32, "big")[12:]
        if len(computation.children) > begun:
            computation.steps.append(_Step(kind, target, computation.children[-1]))
        else:
            computation.steps.append(_refused(computation, kind, target, stack))

    return run


def _refused(computation: Any, kind: str, target: bytes, stack: list[int]) -> _Step:
    """The call that its caller could not begin."""
    creates = kind.startswith("CREATE")
    value, (at, size) = (stack[0], stack[1:3]) if creates else (stack[2], stack[3:5])
    remaining = computation.get_gas_remaining()
    if computation.msg.depth + 1 > _DEEPEST:
        refusal = "max call depth exceeded"
    elif kind in _VALUED and computation.state.get_balance(computation.msg.storage_address) < value:
        refusal = "insufficient balance for transfer"
    else:
        refusal = words_for("ContractCreationCollision")
    computation.state.spend(size + _ENTRY_BYTES)
    data = bytes(computation.memory_read_bytes(at, size))
    gas = remaining - remaining // 64 if creates else computation.returned_gas
    return _Step(kind, b"" if creates else target, None, value, gas, data, refusal)


def _self_destruct(instruction: Callable[[Any], None]) -> Callable[..., None]:
    """SELFDESTRUCT, and a note of what it sent."""

    def run(computation: Any) -> None:
        value = computation.state.get_balance(computation.msg.storage_address)
        try:
            instruction(computation)
        except Halt:
            beneficiary = computation.beneficiaries[-1]
            computation.steps.append(_Step("SELFDESTRUCT", beneficiary, None, value))
            raise

    return run


class _TraceComputation(Computation):
    """A computation that notes its calls and counts what they carry."""

    opcodes = cast(
        "dict[int, OpcodeAPI]",
        {
            **OPCODES,
            **{code: _watched(kind, OPCODES[code]) for code, kind in _KINDS.items()},
            _SELF_DESTRUCT: _self_destruct(OPCODES[_SELF_DESTRUCT]),
        },
    )
    state: Any

    def __init__(self, state: Any, message: Any, *given: Any) -> None:
        super().__init__(state, message, *given)
        self.steps: list[_Step] = []
        self.logged: list[tuple[int, int, bytes, tuple[int, ...], bytes]] = []
        """Calls before it, index in the transaction, address, topics, data."""
        self.returned_gas = 0
        if message.depth == 0:
            state.root = self

    def generate_child_computation(self, child_msg: Any) -> Any:
        data = child_msg.code if child_msg.is_create else child_msg.data
        self.state.spend(len(data) + _ENTRY_BYTES)
        child = super().generate_child_computation(child_msg)
        self.state.spend(len(child.output))
        return child

    def add_child_computation(self, child_computation: Any) -> None:
        # kept whole, as the trace tells of it; only its memory is done with
        PragueComputation.add_child_computation(self, child_computation)
        child_computation._memory = Memory()  # noqa: SLF001 - not offered otherwise

    def add_log_entry(self, account: Address, topics: tuple[int, ...], data: bytes) -> None:
        self.state.spend(len(data) + _ENTRY_BYTES)
        super().add_log_entry(account, topics, data)
        self.logged.append((len(self.steps), *self._log_entries[-1]))

    def return_gas(self, amount: int) -> None:
        self.returned_gas = amount
        super().return_gas(amount)


class TraceState(AccessState):
    """A state that keeps the root of the last execution, within a budget of bytes."""

    computation_class = cast("Any", _TraceComputation)
    root: Any = None
    left_bytes: int = MOST_TRACE_BYTES

    def spend(self, size: int) -> None:
        """Count bytes of the trace; raises `Fault` when there are too many."""
        self.left_bytes -= size
        if self.left_bytes < 0:
            raise Fault(LIMIT, f"the trace is larger than {MOST_TRACE_BYTES >> 20} MiB")

    def begin(self) -> None:
        """Forget what ran before."""
        self.root, self.left_bytes = None, MOST_TRACE_BYTES
        for noted in self.touched:
            noted.clear()


def created_in(computation: Any) -> set[bytes]:
    """Addresses at which a contract was made, or nearly."""
    own = {bytes(computation.msg.storage_address)} if computation.msg.is_create else set()
    return own.union(*(created_in(child) for child in computation.children))


def called_in(computation: Any) -> set[bytes]:
    """Addresses whose code was run."""
    message = computation.msg
    own = bytes(message.storage_address if message.is_create else message.code_address)
    return {own}.union(*(called_in(child) for child in computation.children))


def show_execution(root: Any, message: Any, outcome: Outcome, config: dict[str, Any]) -> dict[str, Any]:
    """The tree of an execution; `message` is the call or transaction that began it.

    `config` may say `withLog` and `onlyTopCall`.
    """
    head = {
        "type": "CALL" if message.to else "CREATE",
        "from": show(message.sender),
        "to": show(message.to or root.msg.storage_address),
        "value": hex(message.value),
        "gas": hex(message.gas),
        "gasUsed": hex(outcome.gas_used),
        "input": show(message.data),
    }
    return _show(root, head, config, kept=True)


def _show(computation: Any, head: dict[str, Any], config: dict[str, Any], *, kept: bool) -> dict[str, Any]:
    """A frame; `kept` says that no caller of it failed."""
    shown = dict(head)
    failed = type(computation.error).__name__ if computation.is_error else None
    output = bytes(computation.output)
    if output and failed in (None, "Revert"):
        shown["output"] = show(output)
    if failed:
        shown["error"] = words_for(failed)
        reason = _reason(output) if failed == "Revert" else ""
        shown |= {"revertReason": reason} if reason else {}
        if computation.msg.is_create:
            del shown["to"]
    kept = kept and not failed
    if computation.steps and not config.get("onlyTopCall"):
        shown["calls"] = [_show_step(computation, step, config, kept=kept) for step in computation.steps]
    if computation.logged and kept and config.get("withLog"):
        shown["logs"] = [_show_log(*entry) for entry in computation.logged]
    return shown


def _reason(output: bytes) -> str:
    """What revert data says in words, or nothing."""
    if output[:4] == _PANIC and len(output) == 36:
        return _PANICS.get(int.from_bytes(output[4:], "big"), "")
    return reason_of(output)


def _show_step(caller: Any, step: _Step, config: dict[str, Any], *, kept: bool) -> dict[str, Any]:
    head: dict[str, Any] = {"type": step.kind, "from": show(caller.msg.storage_address)}
    ran = step.computation
    if ran is None:
        head |= {"to": show(step.target)} if step.target else {}
        head |= {"value": hex(step.value), "gas": hex(step.gas), "gasUsed": "0x0", "input": show(step.data)}
        return head | ({"error": step.refusal} if step.refusal else {})
    message = ran.msg
    head["to"] = show(message.storage_address if message.is_create else step.target)
    if step.kind != "STATICCALL":
        head["value"] = hex(message.value)
    data = message.code if message.is_create else message.data
    head |= {"gas": hex(message.gas), "gasUsed": hex(ran.get_gas_used()), "input": show(bytes(data))}
    return _show(ran, head, config, kept=kept)


def _show_log(
    position: int, index: int, address: bytes, topics: tuple[int, ...], data: bytes
) -> dict[str, Any]:
    return {
        "address": show(address),
        "topics": [f"0x{topic:064x}" for topic in topics],
        "data": show(data),
        "position": hex(position),
        "index": hex(index),
    }
