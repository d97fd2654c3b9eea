"""From the body of a request to the body of its answer: JSON-RPC 2.0, single and in batches."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.budget import (
    MOMENT_SECONDS,
    REQUEST_SECONDS,
    TRANSACTION_SECONDS,
    OutOfTime,
    limited,
)
from freehold.chain.embedded.faults import INTERNAL, INVALID_REQUEST, LIMIT, PARSE, Fault
from freehold.chain.embedded.methods import SENDS, Methods
from freehold.chain.embedded.store import StateMissing
from freehold.chain.embedded.transactions import Ticket
from freehold.chain.embedded.turns import Caller
from freehold.chain.embedded.wire import Written, read_data
from freehold.core.canonical import InvalidJson, require_bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.embedded.sockets import Local

log = logging.getLogger("freehold.chain")

MOST_BATCH = 1_000
MOST_ANSWER_BYTES = 32 << 20
"""Bytes of all answers to a batch together; what comes after is refused."""
MOST_LONG_TRANSACTIONS = 4
"""Transactions of a batch that may need a second run; those after it are refused."""
_MOST_NESTED = 64
_MOST_VALUES = 250_000
_VALUE_BYTES = 100
"""JSON values of a body, and the memory that each takes, however short it is."""


def read(body: bytes) -> Any:
    """The JSON of a body; a `Fault` where it is none, or more than is worth reading."""
    if _values_in(body) > _MOST_VALUES:
        return Fault(LIMIT, f"a request holds at most {_MOST_VALUES:,} values")
    try:
        require_bounded(body, None, _MOST_NESTED)
        return json.loads(body.decode("utf-8-sig"), parse_constant=_finite, parse_float=_finite)
    except (InvalidJson, ValueError):
        return Fault(PARSE, "the body is not JSON")


def _finite(text: str) -> float:
    """A number that JSON can say again."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def size_read(body: bytes) -> int:
    """Bytes that the values of a body take once read."""
    return _VALUE_BYTES * min(_values_in(body), _MOST_VALUES)


def _values_in(body: bytes) -> int:
    return sum(map(body.count, (b",", b"[", b"{")))


class Dispatcher:
    """Turns requests into response bodies."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.methods = Methods(ledger)

    def read(self, body: bytes, caller: Caller) -> Any:
        """`read`, when it is the caller's turn."""
        try:
            with self.methods.turns.brief.take(caller), caller.paying():
                return read(body)
        except Fault as fault:
            return fault

    def is_long(self, request: Any) -> bool:
        """Whether answering may take long."""
        return any(
            isinstance(one, dict) and isinstance(one.get("method"), str) and self.methods.waits(one["method"])
            for one in (request if isinstance(request, list) else (request,))
        )

    def at_once(self, request: Any, caller: Caller, local: Local | None = None) -> list[bytes] | None:
        """The answer to a request that takes no more than a moment, as `answer`; None where it takes, or waits, longer.

        For the event loop: most requests take less than to hand them to a thread, and back.
        """
        if not (
            isinstance(request, dict) and caller.is_quick and self.methods.is_brief(request.get("method"))
        ):
            return None
        try:
            answer, _ = self._one(request, None, caller, local, MOMENT_SECONDS, may_wait=False)
        except OutOfTime:
            return None
        return [answer] if answer else []

    def answer(self, request: Any, caller: Caller, local: Local | None = None) -> list[bytes]:
        """The JSON answer, in pieces, to a single request or a batch, as `read`; empty when nothing wants one.

        `local` are methods of the connection the request came by.
        """
        if isinstance(request, Fault):
            return [_encode(_failure(None, request))]
        is_batch = isinstance(request, list)
        requests = request if is_batch else [request]
        if not 0 < len(requests) <= MOST_BATCH:
            fault = Fault(INVALID_REQUEST, f"a batch holds 1 to {MOST_BATCH} requests")
            return [_encode(_failure(None, fault))]
        tickets = self._sent(requests, caller)
        left, size, told = REQUEST_SECONDS, 0, []
        for each, ticket in zip(requests, tickets, strict=True):
            if caller.is_gone:
                return []
            if size > MOST_ANSWER_BYTES and ticket is None:
                ticket = Fault(LIMIT, f"the answer is larger than {MOST_ANSWER_BYTES >> 20} MiB")  # noqa: PLW2901
            answer, left = self._one(each, ticket, caller, local, left)
            size += len(answer)
            told += [b",", answer] if answer else []
        if not is_batch or not told:
            return told[1:]
        return [b"[", *told[1:], b"]"]

    def _sent(self, requests: list[Any], caller: Caller) -> list[Ticket | Fault | None]:
        """What became of the transactions among the requests; None for others.

        All are put in line before the first one is mined, so that they share a block.
        """
        if not any(_is_send(one) for one in requests):
            return [None] * len(requests)
        try:
            with self.methods.turns.sending.take(caller):
                tickets = [self._offered(each) for each in requests]
                self._settle([one for one in tickets if isinstance(one, Ticket)], caller)
                return tickets
        except Fault as fault:
            return [fault if _is_send(one) else None for one in requests]

    def _settle(self, tickets: list[Ticket], caller: Caller) -> None:
        long = 0
        for ticket in tickets:
            if long == MOST_LONG_TRANSACTIONS and self._ledger.pool.withdraw(ticket):
                reason = f"a batch holds at most {MOST_LONG_TRANSACTIONS} transactions that take long"
                ticket.settled, ticket.fault = True, Fault(LIMIT, reason)
            try:
                with suppress(Fault):
                    self._ledger.settle(ticket)
            except Exception as error:  # noqa: BLE001 - told to each ticket; `_fault` logs it
                _fault(error)
            if ticket.is_long:
                caller.pay(TRANSACTION_SECONDS)
                long = min(long + 1, MOST_LONG_TRANSACTIONS)

    def _offered(self, request: Any) -> Ticket | Fault | None:
        """A request's transaction, put in line; None for what is none."""
        if not _is_send(request):
            return None
        try:
            raw, *_ = self.methods.filled(request["method"], _parameters(request))
            return self._ledger.offer(read_data(raw, "transaction"))
        except Fault as fault:
            return fault

    def _one(
        self,
        request: Any,
        offered: Ticket | Fault | None,
        caller: Caller,
        local: Local | None,
        seconds: float,
        *,
        may_wait: bool = True,
    ) -> tuple[bytes, float]:
        """The answer to one request within `seconds`, and what is left of them.

        Raises `OutOfTime` where it may not wait.
        """
        identifier = request.get("id") if isinstance(request, dict) else None
        if not _is_identifier(identifier):
            identifier = None

        def told(result: Any) -> bytes:
            answer = _success(_json(identifier), result)
            if not caller.hold(len(answer)):
                raise Fault(LIMIT, "too much in memory at once; try again")
            return answer

        with limited(seconds, may_wait=may_wait) as budget:
            try:
                answer = self._result(request, offered, caller, local, told)
            except OutOfTime as fault:
                if not may_wait:
                    raise
                answer = _encode(_failure(identifier, fault))
            except Exception as error:  # noqa: BLE001 - `_fault` logs what nobody foresaw
                answer = _encode(_failure(identifier, _fault(error)))
            # a transaction's time is that of its block, which may hold those of others
            if not _is_send(request):
                seconds = budget.left
        wanted = not isinstance(request, dict) or "id" in request
        return (answer if wanted else b""), seconds

    def _result(
        self,
        request: Any,
        offered: Ticket | Fault | None,
        caller: Caller,
        local: Local | None,
        told: Callable[[Any], bytes],
    ) -> bytes:
        parameters = _parameters(request)
        if isinstance(offered, Fault):
            raise offered
        if offered is not None:
            return told(self.methods.sent(request["method"], self._ledger.settle(offered)))
        found: bytes = self.methods.call(request["method"], parameters, local, caller, told)
        return found


def _is_send(request: Any) -> bool:
    return isinstance(request, dict) and request.get("method") in SENDS


def _is_identifier(value: Any) -> bool:
    return value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool))


def _parameters(request: Any) -> list[Any]:
    """The parameters of a request that is one; what else it may have says nothing."""
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise Fault(INVALID_REQUEST, "a request is an object with a method")
    if not _is_identifier(request.get("id")):
        raise Fault(INVALID_REQUEST, "id: expected a string or a number")
    if request.get("jsonrpc") not in (None, "2.0"):
        raise Fault(INVALID_REQUEST, 'jsonrpc: expected "2.0"')
    parameters = request.get("params")
    if not isinstance(parameters, (list, type(None))):
        raise Fault(INVALID_REQUEST, "params must be a list")
    return parameters or []


def _fault(error: Exception) -> Fault:
    """What to answer when a request failed; what nobody foresaw is logged."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, StateMissing):
        return Fault(INTERNAL, "the chain database is damaged: a piece of its state is missing; restore it")
    log.error("a request failed", exc_info=error)
    if isinstance(error, sqlite3.DatabaseError):
        return Fault(INTERNAL, f"the chain database cannot be read: {error}")
    return Fault(INTERNAL, "internal error; the chain's log says what it is")


def _success(identifier: str, result: Any) -> bytes:
    begun = f'{{"jsonrpc":"2.0","id":{identifier},"result":'
    if not isinstance(result, Written):
        return f"{begun}{_json(result)}}}".encode()
    # no copy more than has to be: they are megabytes
    parts = [*result] or [""]
    parts[0] = f"{begun}[{parts[0]}"
    parts[-1] += "]}"
    return b",".join([part.encode() for part in parts])


def _failure(identifier: Any, fault: Fault) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "error": fault.body()}


def _encode(answer: Any) -> bytes:
    return _json(answer).encode()


_json = json.JSONEncoder(separators=(",", ":")).encode
