"""One call of a webhook, signed as Standard Webhooks says: https://github.com/standard-webhooks/standard-webhooks."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import urlsplit

import httpx

from freehold.core.origins import Kind
from freehold.core.texts import Text, moment_of, said
from freehold.features.notifications.channels import Webhook, is_this_machine
from freehold.features.notifications.mail import NotSent
from freehold.features.notifications.wording import TEST, Line
from freehold.kernel import reaching
from freehold.kernel.web.words import plain

SECONDS = 10.0
MOST_ANSWER_BYTES = 4 * 1024


def signature(secret: str, id_: str, at: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 over id, moment and body."""
    key = b64decode(secret.removeprefix("whsec_"))
    return "v1," + b64encode(hmac.digest(key, f"{id_}.{at}.".encode() + body, "sha256")).decode()


def content(kept_at: int, lines: Sequence[Line]) -> bytes:
    """What is posted; a digest has a list."""
    kind = "inbox.items" if len(lines) > 1 else "inbox.test" if lines[0].kind == TEST else "inbox.item"
    data = {"items": [asdict(one) for one in lines]} if len(lines) > 1 else asdict(lines[0])
    when = moment_of(kept_at).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"type": kind, "timestamp": when, "data": data}, ensure_ascii=False).encode()


def send(to: Webhook, id_: str, at: int, body: bytes) -> Text:
    """Post it; what was answered. Raises `NotSent`."""
    headers = {
        "content-type": "application/json",
        "user-agent": "freehold",
        "webhook-id": id_,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(to.secret, id_, at, body),
    }
    try:
        with reaching.client(_allowed(to.url)) as client:
            request = client.build_request("POST", to.url, content=body, headers=headers, timeout=SECONDS)
            answer = client.send(request, stream=True)
            try:
                said_there = _start(answer)
            finally:
                answer.close()
    except reaching.PeerNotAllowed:
        raise NotSent(
            said("the webhook's address leads to where nothing is called"),
            hint=said(
                "Without TLS only this machine is called; addresses of a cloud's own services never are."
            ),
        ) from None
    # an error of the library may quote the address, which is a secret
    except (httpx.HTTPError, httpx.InvalidURL, reaching.PeerUnreachable, OSError, ValueError) as error:
        raise NotSent(
            said("the webhook does not answer ({why})", why=type(error).__name__),
            hint=said("Check its address and whether it runs."),
        ) from None
    if not 200 <= answer.status_code < 300:
        raise NotSent(
            said("the webhook answers {code} {text}", code=str(answer.status_code), text=said_there),
            hint=said("Redirects are not followed.")
            if 300 <= answer.status_code < 400
            else said("Look at what receives it."),
            status=answer.status_code,
        )
    return said("The webhook answered {code} {text}", code=str(answer.status_code), text=said_there)


def _allowed(url: str) -> reaching.Allowed:
    """Where it may lead: its owner typed it, so the own network is fine, and without TLS this machine alone."""
    near: set[Kind] = {"loopback"}
    parts = urlsplit(url)
    kinds = (
        near
        if parts.scheme == "http" or is_this_machine(parts.hostname or "")
        else {"public", "private", *near}
    )
    return lambda _host, _port: kinds


def _start(answer: httpx.Response) -> str:
    """The beginning of what is answered; no more is read."""
    found = b""
    for piece in answer.iter_raw(1024):
        found += piece
        if len(found) >= MOST_ANSWER_BYTES:
            break
    return " ".join(plain(found[:MOST_ANSWER_BYTES].decode("utf-8", "replace"), 200).split())
