"""By which names this node is called: the origins that requests are signed for, the hosts that it answers to."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.types import Scope

from freehold.core import origins
from freehold.core.documents import Party
from freehold.core.errors import InvalidInput
from freehold.core.origins import NotAnOrigin, Origin
from freehold.kernel.settings import EVERYWHERE, Settings

HEALTH = ("/healthz", "/readyz")
"""Whether the node is well."""


class WrongHost(InvalidInput, code="http.host", http_status=421):
    """A request is for a host that this node is not: a stale address, or a page that plays one (DNS rebinding)."""


class BadHost(InvalidInput, code="http.host_malformed", http_status=400):
    """A request names no host, several, or none that makes sense."""


def own_names(party: Party, settings: Settings) -> tuple[Origin, ...]:
    """The origins of this node, the first of its party document first; requests are signed for one of them."""
    known = [origins.parse(endpoint) for endpoint in party.endpoints]
    return (*known, *(Origin("https", _host(host), 443) for host in settings.console_hosts))


class Hosts:
    """The hosts under which one node answers: its endpoint's, `console_hosts`, and this machine's own."""

    def __init__(self, settings: Settings) -> None:
        self._own = {_host(one) for one in (*settings.console_hosts, settings.host)}
        # every address of the machine, and the name of none
        self._own -= set(EVERYWHERE)
        if settings.endpoint:
            self._own.add(origins.parse(settings.endpoint).host)

    def require(self, scope: Scope) -> None:
        """Refuse a request for another host. Raises `WrongHost`, `BadHost`."""
        if scope.get("http_version") == "1.0" and scope["path"] in HEALTH and not _names_host(scope):
            # as load balancers ask, which know no name; what is answered there is the same under any
            return
        said = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        try:
            host = origins.parse(f"http://{said[0]}").host if len(said) == 1 and "/" not in said[0] else ""
        except NotAnOrigin:
            host = ""
        if not host:
            raise BadHost(
                "the request needs one Host, and one that makes sense", hint="Send Host: NAME:PORT."
            )
        if host not in self._own and not _is_here(host, scope):
            raise WrongHost(
                f"this node is not {host[:100]}",
                hint="Its owner sets endpoint to the address under which others reach it, or adds to console_hosts.",
            )


def _names_host(scope: Scope) -> bool:
    return any(name == b"host" for name, _ in scope["headers"])


def _is_here(host: str, scope: Scope) -> bool:
    """Whether a host is this machine: by a name of loopback, or by the very address that was connected to.

    A page of somebody else's cannot make a browser send either.
    """
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    server = scope.get("server") or ("",)
    return origins.kind(address) == "loopback" or host == _host(str(server[0]))


def _host(text: str) -> str:
    try:
        return origins.host(f"[{text}]" if ":" in text else text)
    except NotAnOrigin:
        return text.lower()
