"""Traces: what a call or a mined transaction did, call by call or account by account.

`callTracer` gives the tree of calls, `prestateTracer` the accounts it touched, and with `diffMode`
what became of them. The answers have geth's shape, so debuggers and explorers read them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.calls import read_block_overrides, read_overrides
from freehold.chain.embedded.faults import INVALID_PARAMS, REFUSED, Fault
from freehold.chain.embedded.frames import TraceState, called_in, created_in, show_execution
from freehold.chain.embedded.messages import read_call
from freehold.chain.embedded.transactions import parse_transaction
from freehold.chain.embedded.wire import LONG, MethodGroup, method, read_data, read_flag, read_members, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.embedded.faults import Outcome

_TRACERS = ("callTracer", "prestateTracer")
_SWITCHES = ("diffMode", "onlyTopCall", "withLog")
_OPTIONS = ("tracer", "tracerConfig", "stateOverrides", "blockOverrides")
_SLOT_BYTES, _ACCOUNT_BYTES = 160, 128
"""What a slot and an account count in the trace's budget."""


class TraceMethods(MethodGroup):
    """Traces of calls and of mined transactions."""

    @method("debug_traceCall", LONG)
    def _trace_call(self, transaction: Any, block: Any = "latest", config: Any = None) -> dict[str, Any]:
        call, given = read_call(transaction), _read_config(config)
        header = replace(self._place(block), **read_block_overrides(given.get("blockOverrides")))
        machine = self._ledger.machine
        supposed = read_overrides(given.get("stateOverrides"))
        return _trace(
            lambda: supposed(machine.state(header, TraceState)),
            lambda state: machine.run(state, call),
            call,
            given,
        )

    @method("debug_traceTransaction", LONG)
    def _trace_transaction(self, tx_hash: Any, config: Any = None) -> dict[str, Any]:
        wanted, given = read_data(tx_hash, "hash", size=32), _read_config(config)
        store, machine = self._ledger.store, self._ledger.machine
        rows = store.rows("SELECT block, position FROM transactions WHERE hash = ?", (wanted,))
        if not rows:
            raise Fault(REFUSED, "transaction not found")
        number, position = rows[0]
        parent = self._numbered(number - 1)
        header = replace(self._numbered(number), state_root=parent.state_root)
        sql = "SELECT raw FROM transactions WHERE block = ? AND position <= ? ORDER BY position"
        raws = [bytes(raw) for (raw,) in store.rows(sql, (number, position))]
        *earlier, transaction = map(parse_transaction, raws)

        def replayed() -> TraceState:
            state: TraceState = machine.open_block(header, TraceState)
            for one in earlier:
                state.begin()
                machine.apply(state, one)
            state.lock_changes()
            return state

        return _trace(replayed, lambda state: machine.apply(state, transaction), transaction, given)


def _read_config(given: Any) -> dict[str, Any]:
    """The options of a trace, checked; `tracerConfig` is always there."""
    options = read_members({} if given is None else given, "options", _OPTIONS)
    if options.get("tracer") not in _TRACERS:
        raise Fault(INVALID_PARAMS, f"tracer: expected one of {', '.join(_TRACERS)}")
    switches = read_members(options.get("tracerConfig", {}), "tracerConfig", _SWITCHES)
    return {**options, "tracerConfig": {name: read_flag(value, name) for name, value in switches.items()}}


def _trace(
    before: Callable[[], Any], run: Callable[[Any], Outcome], message: Any, given: dict[str, Any]
) -> dict[str, Any]:
    """Run a call or a transaction on a throw-away state and tell what it did.

    `before` makes a state to run on; it is asked again for what was there, as a run spoils its state.
    """
    state = before()
    state.begin()
    outcome = run(state)
    switches = given["tracerConfig"]
    if given["tracer"] == "callTracer":
        return show_execution(state.root, message, outcome, switches)
    is_diff = switches.get("diffMode", False)
    slots = _touched(state, message)
    after = {address: _account(state, address, slots[address], state) for address in slots} if is_diff else {}
    created, gone = created_in(state.root), set(state.root.get_accounts_for_deletion())
    old = before()
    was = {address: _account(old, address, slots[address], state) for address in slots}
    if not is_diff:
        return {f"0x{address.hex()}": _show(one) for address, one in sorted(was.items())}
    return _difference(was, after, created, gone)


def _touched(state: Any, message: Any) -> dict[bytes, list[int]]:
    """Accounts that the execution looked at, with the slots it looked at."""
    addresses, slots = state.touched
    # precompiles are warm from the start, so being warm does not say that they were asked
    idle = set(state.computation_class.get_precompiles())
    sure = called_in(state.root) | {
        message.sender,
        message.to or state.root.msg.storage_address,
        state.coinbase,
    }
    found: dict[bytes, list[int]] = {bytes(address): [] for address in (addresses - idle) | sure}
    for owner, slot in sorted(slots):
        found.setdefault(owner, []).append(slot)
    return found


def _account(state: Any, address: bytes, slots: list[int], budget: TraceState) -> dict[str, Any]:
    """Everything about an account that a trace tells."""
    code = state.get_code(address)
    budget.spend(_ACCOUNT_BYTES + len(code) + _SLOT_BYTES * len(slots))
    return {
        "balance": state.get_balance(address),
        "nonce": state.get_nonce(address),
        "code": code,
        "storage": {slot: state.get_storage(address, slot) for slot in slots},
    }


def _difference(
    was: dict[bytes, dict[str, Any]],
    after: dict[bytes, dict[str, Any]],
    created: set[bytes],
    gone: set[bytes],
) -> dict[str, Any]:
    """What changed: `pre` whole accounts with the changed slots, `post` only what is new in them."""
    pre: dict[str, Any] = {}
    post: dict[str, Any] = {}
    for address, old in sorted(was.items()):
        new = after[address]
        changed = {slot for slot, value in old["storage"].items() if new["storage"][slot] != value}
        fields = {name: new[name] for name in ("balance", "nonce", "code") if new[name] != old[name]}
        if not (fields or changed or address in gone):
            continue
        if address not in created or old["balance"] or old["nonce"] or old["code"]:
            pre[f"0x{address.hex()}"] = _show({**old, "storage": _some(old["storage"], changed)})
        if address not in gone:
            post[f"0x{address.hex()}"] = _show(
                {**fields, "storage": _some(new["storage"], changed)}, whole=False
            )
    return {"pre": pre, "post": post}


def _some(storage: dict[int, int], slots: set[int]) -> dict[int, int]:
    """The slots asked for that hold something."""
    return {slot: value for slot, value in storage.items() if slot in slots and value}


def _show(one: dict[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """An account; of a `whole` one, nonce and code are left out when there are none."""
    shown: dict[str, Any] = {}
    if "balance" in one:
        shown["balance"] = hex(one["balance"])
    if "nonce" in one and (one["nonce"] or not whole):
        shown["nonce"] = one["nonce"]
    if "code" in one and (one["code"] or not whole):
        shown["code"] = show(one["code"])
    if one["storage"]:
        shown["storage"] = {f"0x{slot:064x}": f"0x{value:064x}" for slot, value in one["storage"].items()}
    return shown
