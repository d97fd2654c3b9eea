"""From the body of a request to the body of its answer: JSON-RPC 2.0, single and in batches."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.faults import INTERNAL, INVALID_REQUEST, PARSE, Fault
from freehold.chain.embedded.methods import SEND, Methods
from freehold.core.canonical import InvalidJson, require_shallow

if TYPE_CHECKING:
    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.embedded.pool import Ticket
    from freehold.chain.embedded.sockets import Local

log = logging.getLogger("freehold.chain")

MOST_BATCH = 1_000
_MOST_NESTED = 64


class Dispatcher:
    """Turns a request body into a response body."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.methods = Methods(ledger)

    def answer(self, body: bytes, local: Local | None = None) -> bytes:
        """The JSON answer to a single request or a batch; empty when nothing wants one.

        `local` are methods of the connection the request came by.
        """
        try:
            require_shallow(body, _MOST_NESTED)
            request = json.loads(body)
        except (InvalidJson, ValueError):
            return _encode(_failure(None, Fault(PARSE, "the body is not JSON")))
        if not isinstance(request, list):
            one = self._one(request, None, local)
            return b"" if one is None else _encode(one)
        if not 0 < len(request) <= MOST_BATCH:
            return _encode(
                _failure(None, Fault(INVALID_REQUEST, f"a batch holds 1 to {MOST_BATCH} requests"))
            )
        tickets = [self._offered(each) for each in request]
        answers = [self._one(each, ticket, local) for each, ticket in zip(request, tickets, strict=True)]
        told = [each for each in answers if each is not None]
        return _encode(told) if told else b""

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
        self, request: Any, offered: Ticket | Fault | None, local: Local | None
    ) -> dict[str, Any] | None:
        identifier = request.get("id") if isinstance(request, dict) else None
        if isinstance(identifier, (dict, list)):
            identifier = None
        try:
            result = self._result(request, offered, local)
        except Fault as fault:
            answer = _failure(identifier, fault)
        except Exception as error:
            log.exception("a request failed")
            answer = _failure(identifier, Fault(INTERNAL, f"internal error: {type(error).__name__}"))
        else:
            answer = {"jsonrpc": "2.0", "id": identifier, "result": result}
        return answer if not isinstance(request, dict) or "id" in request else None

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


def _failure(identifier: Any, fault: Fault) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "error": fault.body()}


def _encode(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()
