"""JSON-RPC over HTTP: one request or a batch, bounded answers, errors a caller can tell apart.

The endpoint is not trusted: sizes, shapes and identifiers are checked before anything is used. Its
URL may carry an access key, so messages name only its host.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx

from freehold.chain.errors import ChainUnreachable, ContractNotDeployed, ContractReverted, RpcError
from freehold.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ChainUnreachable", "ContractNotDeployed", "ContractReverted", "Rpc", "RpcError"]

MOST_ANSWER_BYTES = 64 * 1024 * 1024
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MOST_MESSAGE = 500


class Rpc:
    """A JSON-RPC endpoint. Usable from several threads; close it, or use it as a context manager."""

    def __init__(self, url: str, timeout: float = 10) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput("a chain URL looks like http://127.0.0.1:8545", hint="check the chain setting")
        self.name = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
        """Host and port, for messages."""
        self._ids = itertools.count(1)
        # a proxy configured for the outside world must not see, or break, calls to this machine
        outside = parts.hostname not in _LOOPBACK
        # loading certificates takes longer than a local call; plain http needs none
        self._client = httpx.Client(timeout=timeout, trust_env=outside, verify=parts.scheme == "https")
        self._url = url

    def call(self, method: str, *params: Any) -> Any:
        """The result of one method. Raises `ChainUnreachable`, `RpcError`."""
        request = self._request(method, params)
        answer = self._post(request)
        if not isinstance(answer, dict) or answer.get("id") != request["id"]:
            if isinstance(answer, dict) and "error" in answer:
                return self._result(answer)
            raise self._unusable("its answer is for another request")
        return self._result(answer)

    def batch(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Results of several `(method, *params)` in one request, in order; the first error is raised."""
        if not calls:
            return []
        requests = [self._request(method, params) for method, *params in calls]
        answers = self._post(requests)
        if isinstance(answers, dict) and "error" in answers:
            return [self._result(answers)]
        if not isinstance(answers, list):
            raise self._unusable("a batch was not answered with a list")
        found = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        if any(request["id"] not in found for request in requests):
            raise self._unusable("a batch was answered in part")
        return [self._result(found[request["id"]]) for request in requests]

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _post(self, body: Any) -> Any:
        try:
            with self._client.stream("POST", self._url, json=body) as response:
                received = bytearray()
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > MOST_ANSWER_BYTES:
                        raise self._unusable(f"its answer exceeds {MOST_ANSWER_BYTES} bytes")
                status = response.status_code
        except httpx.HTTPError as error:
            raise self._unusable(type(error).__name__) from error
        try:
            return json.loads(received)
        except (ValueError, RecursionError) as error:
            raise self._unusable(f"HTTP {status}, and not JSON") from error

    def _result(self, answer: dict[str, Any]) -> Any:
        error = answer.get("error")
        if error is None:
            if "result" not in answer:
                raise self._unusable("an answer has neither result nor error")
            return answer["result"]
        if not isinstance(error, dict):
            raise self._unusable("an error is not an object")
        code, message = error.get("code"), error.get("message")
        raise RpcError(
            str(message)[:_MOST_MESSAGE],
            rpc_code=code if isinstance(code, int) else 0,
            data=error.get("data"),
            hint=f"the chain at {self.name} refused the request",
        )

    def _unusable(self, why: str) -> ChainUnreachable:
        return ChainUnreachable(
            f"the chain at {self.name} gave no usable answer: {why}",
            hint="is it running? `freehold chain run` starts a local one",
        )
