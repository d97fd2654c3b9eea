"""The JSON-RPC methods of the local chain, by name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.budget import current
from freehold.chain.embedded.calls import CallMethods
from freehold.chain.embedded.faults import INVALID_PARAMS, NO_METHOD, Fault
from freehold.chain.embedded.history import HistoryMethods
from freehold.chain.embedded.local import LocalMethods
from freehold.chain.embedded.logs import LogMethods
from freehold.chain.embedded.reader import BRIEF, LONG, WRITING
from freehold.chain.embedded.state import StateMethods
from freehold.chain.embedded.tracing import TraceMethods
from freehold.chain.embedded.turns import Caller, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from freehold.chain.embedded.ledger import Ledger

SEND = "eth_sendRawTransaction"


class Methods:
    """Finds a method, checks its parameters' number, and runs it."""

    def __init__(self, ledger: Ledger) -> None:
        self.turns = Turns()
        self.logs = LogMethods(ledger)
        groups = (
            StateMethods(ledger),
            CallMethods(ledger),
            HistoryMethods(ledger),
            self.logs,
            LocalMethods(ledger),
            TraceMethods(ledger),
        )
        self._table = {name: found for group in groups for name, found in group.table().items()}
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
        try:
            (self._signatures.get(name) or inspect.signature(found)).bind(*parameters)
        except TypeError as error:
            raise Fault(INVALID_PARAMS, f"{name}: {error}") from error
        if name != SEND:
            current().check()
        turn = self._turn(name)
        if turn == LONG:
            return self.turns.run(lambda: then(found(*parameters)), caller)
        places = self.turns.writing if turn == WRITING else self.turns.brief
        with places.take(caller), caller.paying():
            return then(found(*parameters))

    def waits(self, name: str) -> bool:
        """Whether a method may compute, or wait, for long."""
        return self._turn(name) != BRIEF

    def _turn(self, name: str) -> str:
        return getattr(self._table.get(name), "turn", BRIEF)
