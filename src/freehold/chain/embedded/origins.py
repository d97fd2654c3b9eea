"""Which web pages may ask the chain.

It speaks for any account, moves a clock, gives out ether and computes for whoever asks, and every page in a
browser on this machine can send to its port. So a request that a page sent is refused unless the chain was
started with that page's origin; so is one that came by another host name (DNS rebinding). Browser extensions,
wallets that is, are not pages: a person installed them, and no page can send their origin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from freehold.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    Headers = dict[bytes, bytes]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EXTENSION = re.compile(rb"(?:chrome|moz|safari-web)-extension://[A-Za-z0-9-]{1,64}\Z")
_ORIGIN = re.compile(r"https?://[a-z0-9.\[\]:-]{1,255}\Z")
_FORMS = (b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data")


class InvalidOrigin(InvalidInput, code="chain.origin"):
    """The text is not the origin of a web page."""


class Origins:
    """The pages that may ask, beside those who are no page."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = {_checked(one).encode() for one in allowed}

    def refusal(self, headers: Headers) -> tuple[int, bytes] | None:
        """Status and reason for a request that is not answered; None for one that is."""
        # HTTP/1.0 knows no host; browsers always name one
        if not _names_loopback(headers.get(b"host", b"localhost")):
            return 403, b"this chain answers to loopback names only: ask http://127.0.0.1, with its port\n"
        origin = headers.get(b"origin")
        if origin is not None:
            return None if origin in self._allowed or _EXTENSION.match(origin) else (403, _told(origin))
        if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
            return 403, _told(b"")
        # what a form of an old browser can send, without saying where from
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() in _FORMS:
            return 415, b"send content-type: application/json\n"
        return None


def granted(headers: Headers) -> list[tuple[bytes, bytes]]:
    """What tells the browser that a page whose request was not refused may read the answer."""
    origin = headers.get(b"origin")
    if origin is None:
        return []
    told = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"content-type"),
        (b"vary", b"Origin"),
    ]
    if b"access-control-request-private-network" in headers:
        told.append((b"access-control-allow-private-network", b"true"))
    return told


def _told(origin: bytes) -> bytes:
    """Why a web page is refused, and what to do about it."""
    name = origin if _ORIGIN.match(origin.decode("latin-1")) else b"ORIGIN"
    return (
        b"web pages may not ask this chain; who trusts this one starts it with"
        b" `freehold chain run --allow-origin %s`. Browser wallets may ask as they are.\n" % name
    )


def _checked(origin: str) -> str:
    try:
        parts = urlsplit(origin)
        usable = bool(_ORIGIN.match(origin) and parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidOrigin(
            f"{origin[:100]!r} is not the origin of a web page",
            hint="Give scheme, host and port as the browser sends them, such as http://localhost:3000.",
        )
    return origin


def _names_loopback(host: bytes) -> bool:
    try:
        return urlsplit("//" + host.decode("latin-1")).hostname in _LOOPBACK
    except ValueError:
        return False
