"""One JSON-RPC server over HTTP: a body out, bounded JSON back.

The server is not trusted: sizes are bounded while they arrive. Its URL may carry an access key, so
messages name only its host. A refused request becomes an `RpcError` as a value, so that a batch can hold both.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from freehold.chain.errors import ChainUnreachable, RpcError
from freehold.core.canonical import InvalidJson, require_bounded
from freehold.core.errors import InvalidInput

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NOT_DELIVERED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_BUSY = (429, 502, 503, 504)
"""Answers of whoever stands before the node: nothing was done, and later it may be."""
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 2.0, 60.0
_LONGEST_WISH_SECONDS = 5.0
_MOST_NESTED = 256


class Endpoint:
    """A URL and what is known of its health. Usable from several threads."""

    def __init__(self, url: str, timeout: float, place: int = 0) -> None:
        parts = _checked(url)
        self.name = _host(parts) if place == 0 else f"{_host(parts)} (#{place + 1})"
        """Host, port and place in the list, for messages: two may stand on one host."""
        self.chain_id: int | None = None
        """What it said once, when it was compared with others."""
        self.why_aside = ""
        """Why it is set aside; empty while it is not."""
        self.is_wrong = False
        """It contradicts the others: not to be asked at all until the next comparison."""
        self._aside_until = 0.0
        self._failures = 0
        # a proxy configured for the outside world must not see, or break, calls to this machine
        outside = parts.hostname not in _LOOPBACK
        # loading certificates takes longer than a local call; plain http needs none
        self._client = httpx.Client(timeout=timeout, trust_env=outside, verify=parts.scheme == "https")
        self._url = url

    def post(self, body: Any, most_bytes: int, timeout: float | None = None) -> Any:
        """The JSON answer to a JSON body. Raises `ChainUnreachable`."""
        waiting = httpx.USE_CLIENT_DEFAULT if timeout is None else httpx.Timeout(timeout)
        try:
            with self._client.stream("POST", self._url, json=body, timeout=waiting) as response:
                if response.status_code in _BUSY:
                    raise self.unusable(f"HTTP {response.status_code}", wait_seconds=_wish(response))
                received = bytearray()
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > most_bytes:
                        raise self.unusable(f"its answer exceeds {most_bytes} bytes", is_final=True)
                status = response.status_code
        except httpx.HTTPError as error:
            raise self.unusable(
                type(error).__name__, was_delivered=not isinstance(error, _NOT_DELIVERED)
            ) from error
        try:
            require_bounded(bytes(received), None, _MOST_NESTED)
            return json.loads(received)
        except (ValueError, InvalidJson) as error:
            raise self.unusable(f"HTTP {status}, and not JSON") from error

    def unusable(
        self, why: str, *, was_delivered: bool = True, is_final: bool = False, wait_seconds: float = 0
    ) -> ChainUnreachable:
        """The error for an answer that cannot be used."""
        error = ChainUnreachable(
            f"the chain at {self.name} gave no usable answer: {why}",
            hint="is it running? `freehold chain run` starts a local one",
        )
        error.was_delivered, error.is_final, error.wait_seconds = was_delivered, is_final, wait_seconds
        return error

    @property
    def near(self) -> tuple[str, int] | None:
        """Host and port, where it is plain HTTP on this machine, at no path of somebody else's server."""
        parts = urlsplit(self._url)
        plain = parts.scheme == "http" and parts.path in ("", "/") and not parts.username and not parts.query
        return (parts.hostname, parts.port or 80) if plain and parts.hostname in _LOOPBACK else None

    @property
    def is_aside(self) -> bool:
        """Whether others are asked first for now."""
        return self.is_wrong or time.monotonic() < self._aside_until

    def move(self, url: str) -> None:
        """It answers at another address of the same machine."""
        self._url, self.name = url, _host(_checked(url))

    def succeeded(self) -> None:
        """It answered."""
        if self._failures:
            self._failures, self._aside_until, self.why_aside = 0, 0.0, ""

    def failed(self, why: str) -> None:
        """It did not: ask others first, for longer each time."""
        self._failures += 1
        rest = _FIRST_REST_SECONDS * 2 ** min(self._failures - 1, 10)
        self.set_aside(why, min(rest, _LONGEST_REST_SECONDS))

    def set_aside(self, why: str, seconds: float, *, is_wrong: bool = False) -> None:
        """Ask others first for some seconds, or nobody but them when this one is wrong."""
        self.why_aside, self.is_wrong = why, is_wrong
        self._aside_until = time.monotonic() + seconds

    def welcome_back(self) -> None:
        """It agrees with the others."""
        self._failures, self._aside_until, self.is_wrong, self.why_aside = 0, 0.0, False, ""

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()


def _checked(url: str) -> Any:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and url.isprintable()
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput("a chain URL looks like http://127.0.0.1:8545", hint="check the chain setting")
    return parts


def _host(parts: Any) -> str:
    return str(parts.hostname) if parts.port is None else f"{parts.hostname}:{parts.port}"


def _wish(response: httpx.Response) -> float:
    """Seconds the server asks to be left alone for, bounded."""
    try:
        seconds = float(response.headers.get("retry-after", "0"))
    except ValueError:
        return 0
    return min(max(seconds, 0), _LONGEST_WISH_SECONDS) if math.isfinite(seconds) else 0


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
