"""Where notifications go and what of: kept sealed under the node's keys, passwords and addresses alike."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import asdict, dataclass, field, replace
from ipaddress import ip_address
from secrets import token_bytes
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from freehold.core import origins
from freehold.core.errors import InvalidInput, NotFound
from freehold.core.texts import said
from freehold.kernel.node import Node

Channel = Literal["email", "webhook"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
Security = Literal["starttls", "tls", "none"]
MOST_RECIPIENTS = 20
MOST_URL = 2_000
MOST_SECRET = 1_000
_CHOICE = "choice"
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
"""Of an address without quotes (RFC 5321, Dot-string): nothing in it ends a header or begins another."""
_IN_URL = re.compile(r"[!-~]+")


class NoChannel(NotFound, code="notifications.no_channel"):
    """No e-mail server or webhook was set up yet."""


@dataclass(frozen=True, repr=False)
class Email:
    """A mail server and who gets what it sends."""

    server: str
    port: int
    security: Security
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = ""
    on: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "to", tuple(self.to))


@dataclass(frozen=True, repr=False)
class Webhook:
    """An address that is called, and the secret that its calls are signed with."""

    url: str
    secret: str
    """`whsec_` and base64, as Standard Webhooks writes it."""
    on: bool = True

    @property
    def shown(self) -> str:
        """Its host alone: paths of webhooks are secrets."""
        return str(_origin(self.url))


@dataclass(frozen=True)
class Choice:
    """What is told, and how."""

    without: tuple[str, ...] = ()
    """Kinds of things that are not told; those that are new one day are."""
    language: str = "en"
    console_url: str = ""
    """Where links lead; empty for no links."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "without", tuple(self.without))


_KINDS = {"email": Email, "webhook": Webhook, _CHOICE: Choice}


@dataclass(frozen=True)
class Channels:
    """All of it, as it is kept now."""

    email: Email | None = None
    webhook: Webhook | None = None
    choice: Choice = field(default_factory=Choice)

    def of(self, channel: Channel) -> Email | Webhook:
        """One of them. Raises `NoChannel`."""
        found: Email | Webhook | None = getattr(self, channel)
        if found is None:
            raise NoChannel(said("this was not set up yet"), hint=said("Set it up first."))
        return found

    def is_on(self, channel: Channel) -> bool:
        """Whether something is sent there."""
        found: Email | Webhook | None = getattr(self, channel)
        return found is not None and found.on

    def switched(self, channel: Channel, *, on: bool) -> Channels:
        """The same with one that is on, or off. Raises `NoChannel`."""
        self.of(channel)
        if channel == "email" and self.email:
            return replace(self, email=replace(self.email, on=on))
        return replace(self, webhook=self.webhook and replace(self.webhook, on=on))


def load(node: Node) -> Channels:
    """What is kept."""
    rows = node.store.rows("SELECT name, sealed FROM notification_channels")
    return Channels(**{str(name): _KINDS[str(name)](**_opened(node, name, sealed)) for name, sealed in rows})


def keep(node: Node, one: Email | Webhook | Choice) -> None:
    """Keep one in the place of what was."""
    name = next(name for name, kind in _KINDS.items() if isinstance(one, kind))
    with node.store.transaction() as tx:
        tx.connection.execute("DELETE FROM notification_channels WHERE name = ?", (name,))
        sealed = _sealed(node, name, asdict(one))
        tx.connection.execute("INSERT INTO notification_channels VALUES (?, ?)", (name, sealed))


def switch(node: Node, channel: Channel, *, on: bool) -> None:
    """Send there from now on, or no more; what was set up stays. Raises `NoChannel`."""
    keep(node, replace(load(node).of(channel), on=on))


def forget(node: Node, channel: Channel) -> None:
    """Forget a channel with its secrets."""
    with node.store.transaction() as tx:
        tx.connection.execute("DELETE FROM notification_channels WHERE name = ?", (channel,))


def email(
    before: Email | None, *, server: str, port: int, security: str, sender: str, to: tuple[str, ...],
    user: str, password: str | None,
) -> Email:  # fmt: skip
    """A mail server as somebody typed it. Without a password the one of before counts, for the same log-in alone.

    Raises `InvalidInput`.
    """
    server = origins.host(server.strip())
    if not 1 <= port <= 65_535:
        raise InvalidInput(said("a port is 1 to 65535"), hint=said("587 and 465 are usual."))
    if security not in get_args(Security):
        raise InvalidInput(said("choose how the connection is protected"))
    if security == "none" and not is_this_machine(server):
        raise InvalidInput(
            said("mail goes unprotected to a server on this machine only"),
            hint=said("Choose STARTTLS or TLS."),
        )
    recipients = tuple(dict.fromkeys(map(address, to)))
    if not 1 <= len(recipients) <= MOST_RECIPIENTS:
        raise InvalidInput(said("mail goes to 1 to {n} addresses", n=MOST_RECIPIENTS))
    same = before is not None and (before.server, before.user) == (server, user)
    kept = before.password if before is not None and same and password is None else password or ""
    for secret in (user, kept):
        if len(secret) > MOST_SECRET or not secret.isprintable():
            raise InvalidInput(
                said("a user name or password has characters that cannot be sent, or too many")
            )
    if bool(user) != bool(kept):
        raise InvalidInput(
            said("a user name and a password go together"),
            hint=said("After a change of server or user name, type the password again."),
        )
    return Email(server, port, security, address(sender), recipients, user, kept)  # type: ignore[arg-type]


def address(text: str) -> str:
    """An e-mail address and nothing else: no name beside it, no quotes, one spelling. Raises `InvalidInput`."""
    local, at, domain = text.strip().rpartition("@")
    if not at or len(local) > 64 or not _LOCAL_PART.fullmatch(local):
        raise InvalidInput(
            said("{address} is not an e-mail address", address=text[:80]),
            hint=said("Write only the address, such as anna@example.org."),
        )
    return f"{local}@{origins.host(domain)}"


def webhook(url: str) -> Webhook:
    """A webhook with a new secret. Raises `InvalidInput`: no address that is called."""
    url = url.strip()
    if len(url) > MOST_URL or not _IN_URL.fullmatch(url):
        raise InvalidInput(
            said("this is not the address of a webhook"), hint=said("Write https://HOST/PATH.")
        )
    _origin(url)
    if "#" in url:
        raise InvalidInput(said("a webhook's address has no part after a #"))
    return Webhook(url, "whsec_" + b64encode(token_bytes(32)).decode())


def _origin(url: str) -> origins.Origin:
    parts = urlsplit(url)
    found = origins.parse(f"{parts.scheme}://{parts.netloc}")
    if found.scheme != "https" and not is_this_machine(found.host):
        raise InvalidInput(
            said("a webhook is called without TLS on this machine only"), hint=said("Write https://.")
        )
    return found


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine by its own name or address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def console_url(text: str) -> str:
    """Where the console is reached, for links; empty for none. Raises `InvalidInput`."""
    return str(origins.parse(text.strip().removesuffix("/").removesuffix("/console"))) if text.strip() else ""


def _aead(node: Node) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return AESGCM(node.keys.derived("notifications/v1"))


def _sealed(node: Node, name: str, content: dict[str, Any]) -> bytes:
    nonce = token_bytes(12)
    return nonce + bytes(_aead(node).encrypt(nonce, json.dumps(content).encode(), _bound(node, name)))


def _opened(node: Node, name: str, sealed: bytes) -> Any:
    return json.loads(_aead(node).decrypt(bytes(sealed[:12]), bytes(sealed[12:]), _bound(node, name)))


def _bound(node: Node, name: str) -> bytes:
    return f"{node.account}/{name}".encode()
