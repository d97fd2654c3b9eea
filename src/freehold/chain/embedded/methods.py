"""The JSON-RPC methods of the local chain, by name."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.budget import TRANSACTION_SECONDS, checked, current
from freehold.chain.embedded.calls import CallMethods
from freehold.chain.embedded.faults import INVALID_PARAMS, NO_METHOD, Fault
from freehold.chain.embedded.history import ReadingMethods
from freehold.chain.embedded.logs import LogMethods
from freehold.chain.embedded.queued import QueueMethods
from freehold.chain.embedded.sending import SendingMethods
from freehold.chain.embedded.simulation import SimulationMethods
from freehold.chain.embedded.tracing import TraceMethods
from freehold.chain.embedded.transactions import Ahead
from freehold.chain.embedded.turns import Caller, Turns
from freehold.chain.embedded.wire import (
    BRIEF,
    LONG,
    SENDING,
    STEPPING,
    WRITING,
    MethodGroup,
    method,
    read_address,
    read_members,
    read_quantity,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.embedded.transactions import Ticket

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

    @method("evm_mine", STEPPING)
    def _mine(self, at: Any = None) -> Generator[None, None, str]:
        options = {} if at is None else {"timestamp": at}
        if isinstance(at, dict):
            options = read_members(at, "options", ("timestamp", "blocks"))
        count = _read_count(options.get("blocks", 1))
        if "timestamp" in options:
            self._set_next_time(options["timestamp"])
        yield from self._mine_several(count)
        return "0x0"

    @method("anvil_mine", STEPPING)
    def _mine_several(self, blocks: Any = 1, interval: Any = None) -> Iterator[None]:
        count = _read_count(blocks)
        seconds = None if interval is None else read_quantity(interval, "interval")
        if (seconds or 0) >= _CALENDAR:
            raise Fault(INVALID_PARAMS, f"interval: {seconds} is beyond the calendar")
        for index in checked(range(count)):
            with self._ledger.lock:
                if seconds is not None and index:
                    self._ledger.set_next_time(self._ledger.head.timestamp + seconds)
                self._ledger.mine_empty()
            time.sleep(_PAUSE_SECONDS)
            yield

    @method("evm_increaseTime", WRITING)
    def _increase_time(self, seconds: Any) -> str:
        step = read_quantity(seconds, "seconds") % _CALENDAR
        return hex(self._ledger.increase_time(step))

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


def _read_count(given: Any) -> int:
    count = read_quantity(given, "blocks")
    if count > _MOST_MINED:
        raise Fault(INVALID_PARAMS, f"expected at most {_MOST_MINED} blocks")
    return count


SEND, SEND_SYNC = "eth_sendRawTransaction", "eth_sendRawTransactionSync"
SENDS = (SEND, SEND_SYNC)
_UNREADY = 5
"""Code of EIP-7966 for a transaction that waits for an earlier one."""
_OTHER_NAMES = {
    "hardhat_impersonateAccount": "anvil_impersonateAccount",
    "hardhat_stopImpersonatingAccount": "anvil_stopImpersonatingAccount",
    "hardhat_setBalance": "anvil_setBalance",
    "hardhat_mine": "anvil_mine",
}
"""Names by which clients of another development node know methods."""


def _filled(name: str, signature: inspect.Signature, parameters: list[Any]) -> list[Any]:
    """What to call a method with: null, at the end or between others, stands for what is absent."""
    wanted = list(signature.parameters.values())
    said = max((at for at, one in enumerate(parameters, 1) if one is not None), default=0)
    if said > len(wanted):
        raise Fault(INVALID_PARAMS, f"{name}: expected at most {len(wanted)} parameters, got {said}")
    given = [*parameters[: len(wanted)], *[None] * (len(wanted) - len(parameters))]
    filled = [one.default if value is None else value for one, value in zip(wanted, given, strict=True)]
    for one, value in zip(wanted, filled, strict=True):
        if value is inspect.Parameter.empty:
            raise Fault(INVALID_PARAMS, f"{name}: missing value for required argument {one.name}")
    return filled


class Methods:
    """Finds a method, checks its parameters' number, and runs it."""

    def __init__(self, ledger: Ledger) -> None:
        self.turns = Turns()
        self._ledger = ledger
        self.logs = LogMethods(ledger)
        self._reading = ReadingMethods(ledger)
        groups = (
            CallMethods(ledger),
            SendingMethods(ledger),
            QueueMethods(ledger),
            SimulationMethods(ledger),
            self._reading,
            self.logs,
            LocalMethods(ledger),
            TraceMethods(ledger),
        )
        self._table = {name: found for group in groups for name, found in group.table().items()}
        self._table |= {other: self._table[name] for other, name in _OTHER_NAMES.items()}
        self._signatures = {name: inspect.signature(found) for name, found in self._table.items()}

    def names(self) -> list[str]:
        """Every method there is."""
        return sorted(self._table)

    def call(
        self,
        name: str,
        parameters: list[Any],
        local: Mapping[str, Callable[..., Any]] | None = None,
        caller: Caller | None = None,
        then: Callable[[Any], Any] = lambda result: result,
    ) -> Any:
        """What `then` makes of a method's result, within the thread's budget and turn. Raises `Fault`.

        `local` are further methods, of the connection the request came by.
        """
        caller = caller or Caller()
        found = self._table.get(name) or (local or {}).get(name)
        if found is None:
            raise Fault(NO_METHOD, f"the method {name[:64]} does not exist")
        signature = self._signatures.get(name) or inspect.signature(found)
        parameters = _filled(name, signature, parameters)
        if name not in SENDS:
            current().check()
        turn = self.turn(name)
        if turn == LONG:
            return self.turns.run(lambda: then(found(*parameters)), caller)
        if turn == SENDING:
            return then(self._settled(self.turns.run(lambda: found(*parameters), caller), caller))
        if turn == STEPPING:
            return then(self._stepped(found(*parameters), caller))
        places = self.turns.writing if turn == WRITING else self.turns.brief
        with places.take(caller), caller.paying():
            return then(found(*parameters))

    def _settled(self, offered: Callable[[], Ticket], caller: Caller) -> str:
        """The hash of a transaction, put in line and settled beside those of others."""
        with self.turns.sending.take(caller):
            while True:
                ticket = offered()
                try:
                    return "0x" + self._ledger.settle(ticket).hex()
                except Ahead:
                    continue
                finally:
                    if ticket.is_long:
                        caller.pay(TRANSACTION_SECONDS)

    def _stepped(self, steps: Generator[None, None, Any], caller: Caller) -> Any:
        """What comes of steps, between two of which others may come first."""
        while True:
            with self.turns.writing.take(caller), caller.paying():
                try:
                    next(steps)
                except StopIteration as done:
                    return done.value

    def filled(self, name: str, parameters: list[Any]) -> list[Any]:
        """The parameters of a method, one for each that it takes. Raises `Fault`."""
        return _filled(name, self._signatures[name], parameters)

    def sent(self, name: str, tx_hash: bytes) -> Any:
        """What a method that sends answers, once its transaction is settled."""
        shown = "0x" + tx_hash.hex()
        if name == SEND:
            return shown
        receipt = self._reading.receipt(shown)
        if receipt is None:
            raise Fault(_UNREADY, "the transaction waits for one with an earlier nonce", shown)
        return receipt

    def waits(self, name: str) -> bool:
        """Whether a method may compute, or wait, for long."""
        return self.turn(name) != BRIEF

    def is_brief(self, name: Any) -> bool:
        """Whether a method waits for nothing but its turn, and changes nothing before its end."""
        return isinstance(name, str) and name not in SENDS and self.turn(name) in (BRIEF, LONG)

    def turn(self, name: str) -> str:
        """What kind of place a method takes."""
        return getattr(self._table.get(name), "turn", BRIEF)
