"""From the body of a request to the body of its answer: JSON-RPC 2.0, single and in batches."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.budget import REQUEST_SECONDS, limited
from freehold.chain.embedded.faults import INTERNAL, INVALID_REQUEST, LIMIT, PARSE, Fault
from freehold.chain.embedded.methods import LONG, SEND, Methods
from freehold.chain.embedded.store import StateMissing
from freehold.core.canonical import InvalidJson, require_shallow

if TYPE_CHECKING:
    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.embedded.pool import Ticket
    from freehold.chain.embedded.sockets import Local

log = logging.getLogger("freehold.chain")

MOST_BATCH = 1_000
MOST_ANSWER_BYTES = 32 << 20
"""Bytes of all answers to a batch together; what comes after is refused."""
_MOST_NESTED = 64
_MOST_VALUES = 250_000
"""JSON values of a body: each takes a hundred bytes of memory, however short it is."""


def read(body: bytes) -> Any:
    """The JSON of a body; a `Fault` where it is none, or more than is worth reading."""
    if sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        return Fault(LIMIT, f"a request holds at most {_MOST_VALUES:,} values")
    try:
        require_shallow(body, _MOST_NESTED)
        return json.loads(body)
    except (InvalidJson, ValueError):
        return Fault(PARSE, "the body is not JSON")


def is_long(request: Any) -> bool:
    """Whether answering may take long."""
    return any(
        isinstance(one, dict) and isinstance(one.get("method"), str) and one["method"] in LONG
        for one in (request if isinstance(request, list) else (request,))
    )


class Dispatcher:
    """Turns requests into response bodies."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.methods = Methods(ledger)

    def answer(self, request: Any, local: Local | None = None) -> bytes:
        """The JSON answer to a single request or a batch, as `read`; empty when nothing wants one.

        `local` are methods of the connection the request came by.
        """
        if isinstance(request, Fault):
            return _encode(_failure(None, request))
        if not isinstance(request, list):
            return self._one(request, None, local, REQUEST_SECONDS)[0]
        if not 0 < len(request) <= MOST_BATCH:
            return _encode(
                _failure(None, Fault(INVALID_REQUEST, f"a batch holds 1 to {MOST_BATCH} requests"))
            )
        tickets = [self._offered(each) for each in request]
        left, size, told = REQUEST_SECONDS, 0, []
        for each, ticket in zip(request, tickets, strict=True):
            if size > MOST_ANSWER_BYTES and ticket is None:
                ticket = Fault(LIMIT, f"the answer is larger than {MOST_ANSWER_BYTES >> 20} MiB")  # noqa: PLW2901
            answer, left = self._one(each, ticket, local, left)
            size += len(answer)
            told += [answer] if answer else []
        return b"[" + b",".join(told) + b"]" if told else b""

    def _offered(self, request: Any) -> Ticket | Fault | None:
        """Put a batch's transactions in line before the first one is mined, so that they share a block."""
        if not isinstance(request, dict) or request.get("method") != SEND:
            return None
        parameters = request.get("params")
        if not isinstance(parameters, list) or len(parameters) != 1 or not isinstance(parameters[0], str):
            return None
        try:
            return self._ledger.offer(bytes.fromhex(parameters[0].removeprefix("0x")))
        except Fault as fault:
            return fault
        except ValueError:
            return None

    def _one(
        self, request: Any, offered: Ticket | Fault | None, local: Local | None, seconds: float
    ) -> tuple[bytes, float]:
        """The answer to one request within `seconds`, and what is left of them."""
        identifier = request.get("id") if isinstance(request, dict) else None
        if isinstance(identifier, (dict, list)):
            identifier = None
        with limited(seconds) as budget:
            try:
                result = self._result(request, offered, local)
                answer = _encode({"jsonrpc": "2.0", "id": identifier, "result": result})
            except Exception as error:  # noqa: BLE001 - `_fault` logs what nobody foresaw
                answer = _encode(_failure(identifier, _fault(error)))
            # a transaction's time is that of its block, which may hold those of others
            if not isinstance(request, dict) or request.get("method") != SEND:
                seconds = budget.left
        wanted = not isinstance(request, dict) or "id" in request
        return (answer if wanted else b""), seconds

    def _result(self, request: Any, offered: Ticket | Fault | None, local: Local | None) -> Any:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            raise Fault(INVALID_REQUEST, "a request is an object with a method")
        if isinstance(offered, Fault):
            raise offered
        if offered is not None:
            return "0x" + self._ledger.settle(offered).hex()
        parameters = request.get("params", [])
        if parameters is None:
            parameters = []
        if not isinstance(parameters, list):
            raise Fault(INVALID_REQUEST, "params must be a list")
        return self.methods.call(request["method"], parameters, local)


def _fault(error: Exception) -> Fault:
    """What to answer when a request failed; what nobody foresaw is logged."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, StateMissing):
        return Fault(INTERNAL, "the chain database is damaged: a piece of its state is missing; restore it")
    log.error("a request failed", exc_info=error)
    if isinstance(error, sqlite3.DatabaseError):
        return Fault(INTERNAL, f"the chain database cannot be read: {error}")
    return Fault(INTERNAL, f"internal error: {type(error).__name__}")


def _failure(identifier: Any, fault: Fault) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "error": fault.body()}


def _encode(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()
