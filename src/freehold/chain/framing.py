"""JSON-RPC 2.0 answers: matched to their requests by identifier, results told from errors.

A refused request becomes an `RpcError` as a value, so that a batch can hold both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.chain.errors import RpcError

if TYPE_CHECKING:
    from freehold.chain.endpoint import Endpoint

_MOST_MESSAGE = 500


def given(result: Any) -> Any:
    """A result, or its error raised."""
    if isinstance(result, RpcError):
        raise result
    return result


def single(endpoint: Endpoint, request: dict[str, Any], answer: Any) -> Any:
    """The outcome of one request. Raises `ChainUnreachable`."""
    if not isinstance(answer, dict) or answer.get("id") != request["id"]:
        if isinstance(answer, dict) and "error" in answer:
            return _outcome(endpoint, answer)
        raise endpoint.unusable("its answer is for another request")
    return _outcome(endpoint, answer)


def several(endpoint: Endpoint, requests: list[dict[str, Any]], answers: Any) -> Any:
    """The outcomes of a batch in order, or one `RpcError` for all of it. Raises `ChainUnreachable`."""
    if isinstance(answers, dict) and "error" in answers:
        return _outcome(endpoint, answers)
    if not isinstance(answers, list):
        raise endpoint.unusable("a batch was not answered with a list")
    found = {
        answer["id"]: answer
        for answer in answers
        if isinstance(answer, dict) and isinstance(answer.get("id"), int)
    }
    if any(request["id"] not in found for request in requests):
        raise endpoint.unusable("a batch was answered in part")
    return [_outcome(endpoint, found[request["id"]]) for request in requests]


def _outcome(endpoint: Endpoint, answer: dict[str, Any]) -> Any:
    """The result of an answer, or its `RpcError`."""
    error = answer.get("error")
    if error is None:
        if "result" not in answer:
            raise endpoint.unusable("an answer has neither result nor error")
        return answer["result"]
    if not isinstance(error, dict):
        raise endpoint.unusable("an error is not an object")
    code, message = error.get("code"), error.get("message")
    return RpcError(
        str(message)[:_MOST_MESSAGE],
        rpc_code=code if isinstance(code, int) else 0,
        data=error.get("data"),
        hint=f"the chain at {endpoint.name} refused the request",
    )
