"""What stands before every page: who may connect, under which host name, and what a browser must obey.

A page that somebody else's web site makes the browser request is refused here: by the host name it asked
for (DNS rebinding) and, where something would change, by where the request comes from.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from freehold.kernel.web.reader import READER
from freehold.shell.web import reading

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "x-frame-options": "DENY",
}
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Gate:
    """Wraps the console; `hosts` are names allowed besides this machine's own."""

    def __init__(
        self,
        inside: ASGIApp,
        hosts: Iterable[str] = (),
        has_session: Callable[[Scope], bool] = lambda _: False,
    ) -> None:
        self._inside, self._hosts = inside, frozenset(host.lower() for host in hosts)
        self._has_session = has_session

    def knows(self, scope: Scope) -> bool:
        """Whether somebody who is logged in asks, and as its browser may."""
        return not self._refusal(scope, Headers(scope=scope)) and self._has_session(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on; every answer gets the headers."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal:
            await PlainTextResponse(refusal + "\n", status_code=403)(scope, receive, guarded)
        else:
            READER.set(reading.reader(Request(scope)))
            await self._inside(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> str:
        """Why a request is refused; empty if it is not."""
        if len(headers.getlist("host")) != 1:
            return "exactly one Host is needed"
        name = host_name(headers["host"])
        if name not in self._hosts:
            if name not in _LOOPBACK_NAMES:
                return "the console does not answer under this name; the setting console_hosts allows more"
            if not _is_loopback(scope.get("client")) or any(header in headers for header in _FORWARDING):
                return "the console is for this machine only; the setting console_hosts allows more"
        if scope["method"] not in ("GET", "HEAD") and not is_own(headers):
            if "sec-fetch-site" not in headers and headers.get("origin", "null") == "null":
                return "without HTTPS a browser does not tell where a form comes from: put HTTPS before the console"
            return "this request comes from another site"
        return ""


def is_own(headers: Headers) -> bool:
    """Whether a page of this very console made the request, by what browsers say and pages cannot forge.

    Under the referrer policy `no-referrer` browsers say `Origin: null`, so `Sec-Fetch-Site` decides; it is
    sent on this machine and over HTTPS.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin" and (origin in (None, "null") or _is_here(origin, headers))
    return origin is not None and _is_here(origin, headers)


def is_over_tls(headers: Headers) -> bool:
    """Whether a browser asks over TLS, which a proxy ended, by what it says.

    Under `no-referrer` it says `Origin: null`; then `Sec-Fetch-Site` tells, which it sends over TLS and, without
    TLS, to this machine alone.
    """
    origin = headers.get("origin", "null")
    if origin != "null":
        return origin.startswith("https:")
    return "sec-fetch-site" in headers and not _is_this_machine(host_name(headers.get("host", "")))


def _is_this_machine(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _is_here(origin: str, headers: Headers) -> bool:
    return urlsplit(origin).netloc.lower() == headers["host"].lower()


def host_name(host: str) -> str:
    """The name in a Host header, without its port; empty if it makes no sense."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_loopback(client: tuple[str, int] | None) -> bool:
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
