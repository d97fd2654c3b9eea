"""One paid question over HTTP: sent again where nobody answered, its answer bounded in size and time."""

from __future__ import annotations

import time
from typing import Any

import httpx

from freehold.core.canonical import parse
from freehold.core.errors import (
    Conflict,
    FreeholdError,
    InvalidInput,
    NotAllowed,
    NotFound,
    PaymentRequired,
    Unavailable,
)
from freehold.core.texts import said
from freehold.features.payments.rules.payment import HEADER
from freehold.kernel.peers import PeerRefused, refused
from freehold.kernel.reaching import TIMEOUT_SECONDS, PeerUnreachable

ANSWER = {"model", "outputs", "receipt"}
"""Members of an answer."""
MAX_ANSWER_BYTES = 1024 * 1024
_PAUSES_SECONDS = (0.1, 0.4)
_REFUSALS: dict[int, type[FreeholdError]] = {
    402: PaymentRequired,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    422: InvalidInput,
}


class NoAnswer(Unavailable, code="inference.no_answer"):
    """What came for a paid question is neither an answer nor a refusal; asking again sends the same payment."""


def post(client: httpx.Client, url: str, body: bytes, header: str) -> tuple[int, Any]:
    """Status and JSON of a paid question: an answer's members, or a refusal; after a short pause again where nobody answered.

    Repetition is free, and costs no more time than one. Raises PeerUnreachable; NoAnswer: neither came.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for pause in (*_PAUSES_SECONDS, None):
        try:
            status, value = _exchange(client, url, body, header, deadline - time.monotonic())
        except PeerUnreachable:
            if pause is None or time.monotonic() + pause >= deadline:
                raise
            time.sleep(pause)
        else:
            require_answer(status, value, url)
            return status, value
    raise AssertionError


def require_answer(status: int, value: Any, url: str) -> None:
    """What came is an answer by its shape, or refuses. Raises NoAnswer: whoever sent it, it says nothing of the question."""
    if status >= 400 or (status < 300 and isinstance(value, dict) and value.keys() == ANSWER):
        return
    raise NoAnswer(
        said(
            "{url} sent something that is neither an answer nor a refusal (status {status})",
            url=url,
            status=str(status),
        ),
        hint=said(
            "Something on the way may have sent it. Ask again: the same payment is sent, and none besides."
        ),
        url=url,
        status=status,
    )


def refusal(status: int, value: Any) -> FreeholdError:
    """What the seller refused with, as our own error; `Unavailable` where asking again may help."""
    kind = Unavailable if status >= 500 else _REFUSALS.get(status, PeerRefused)
    return refused("the seller", status, value, kind)


def _exchange(client: httpx.Client, url: str, body: bytes, header: str, timeout: float) -> tuple[int, Any]:
    headers = {HEADER: header, "content-type": "application/json"}
    try:
        target = url + "/v1/predict"
        with client.stream("POST", target, content=body, headers=headers, timeout=timeout) as response:
            content = bytearray()
            for chunk in response.iter_raw():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    return response.status_code, None
    except httpx.HTTPError as error:
        raise PeerUnreachable(
            said("{url} did not answer ({kind})", url=url, kind=type(error).__name__),
            hint=said("Is that node running? Ask again: the same payment is sent, and none besides."),
            url=url,
        ) from error
    try:
        return response.status_code, parse(bytes(content))
    except InvalidInput:
        return response.status_code, None
