"""Where a node is reached: scheme, host and port, each origin with one spelling (RFC 6454, WHATWG URL, UTS 46).

What is no origin (path, query, user name, control character) or says a host in an ambiguous way (an IPv4 address
in octal, a name that looks like another) is refused, not repaired: the text may be a stranger's. `kind` says what
an address is: anybody's, this machine, its network, or nobody's.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

import idna

from freehold.core.errors import InvalidInput
from freehold.core.texts import said

Kind = Literal["public", "private", "loopback", "metadata", "never"]
"""`private` is a home's or company's network, carrier-grade NAT among them. At `metadata` addresses clouds hand
out credentials of the machine. `never`: multicast, link-local, reserved, unspecified, another address in disguise."""

_METADATA = {
    "169.254.169.254",  # AWS, Azure, Google, and most others
    "169.254.170.2",  # AWS ECS
    "169.254.170.23",  # AWS EKS
    "168.63.129.16",  # Azure, in a range that is public elsewhere
    "100.100.100.200",  # Alibaba
    "192.0.0.192",  # Oracle
    "fd00:ec2::254",  # AWS over IPv6
    "fd00:ec2::23",
    "fd20:ce::254",  # Google over IPv6
}
_SHARED = ip_network("100.64.0.0/10")
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_NAT64 = ip_network("64:ff9b::/96")
_CARRIERS = tuple(map(ip_network, ("::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10")))  # fmt: skip
"""IPv6 ranges that stand for an IPv4 address, or once did: nothing is reached there that has not its own address."""
_NOBODYS = tuple(map(ip_network, ("192.88.99.0/24", "3fff::/20", "5f00::/16", "100::/64")))
"""Special too, and not known as such to every Python."""


def kind(address: IPv4Address | IPv6Address) -> Kind:
    """The kind of an address, by the IANA special-purpose registries and what clouds document."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        # how a machine with IPv6 only reaches IPv4: its resolver makes these
        inner = kind(IPv4Address(int(address) & 0xFFFF_FFFF))
        return inner if inner in ("public", "metadata") else "never"
    if str(address) in _METADATA:
        return "metadata"
    if address == IPv6Address("::1") or (isinstance(address, IPv4Address) and address.is_loopback):
        return "loopback"
    if _is_within(address, (*_CARRIERS, *_NOBODYS)):
        return "never"
    if _is_within(address, (*_PRIVATE, _SHARED)):
        return "private"
    usable = address.is_global and not (address.is_multicast or address.is_reserved or address.is_link_local)
    return "public" if usable else "never"


def _is_within(address: IPv4Address | IPv6Address, networks: tuple[object, ...]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]


DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_TEXT = 300
_SHAPE = re.compile(r"(?P<scheme>https?)://(?P<rest>[^/?#\\@\s\x00-\x20\x7f]+)/?", re.IGNORECASE)
_AFTER_HOST = re.compile(r"[/?#\\]")
_REST = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]%<>^`{|}\"]+)(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WRITTEN_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
"""Scripts that one word may mix (UTS 39, section 5.2: highly restrictive)."""
_JOINERS = "\u200c\u200d"
"""Unseen too, but some scripts are written with them; IDNA has rules for where they stand."""
_NO_SCRIPT = {"COMMON", "INHERITED"}


class NotAnOrigin(InvalidInput, code="origin.invalid"):
    """An address is not just scheme, host and port, or its host cannot be told from another."""


@dataclass(frozen=True)
class Origin:
    """A scheme, host and port; equal ones are equal text."""

    scheme: str
    """http or https."""
    host: str
    """Lower case: a name in ASCII (punycode), or an address; IPv6 without brackets."""
    port: int
    """Always said, also where it is the scheme's own."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """As RFC 9421 section 2.2.3 and a Host header have it: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The host where it is an address; None for a name."""
        return _address(self.host)


@lru_cache(maxsize=1_024)
def parse(text: str) -> Origin:
    """The origin that a text of any source names. Raises `NotAnOrigin`: saying what is wrong with it."""
    shape = _SHAPE.fullmatch(text) if len(text) <= MAX_TEXT else None
    rest = _REST.fullmatch(shape["rest"]) if shape else None
    if shape is None or rest is None:
        raise NotAnOrigin(
            said("{text} is not the address of a node", text=repr(_shown(text))),
            hint=said(
                "Write http://HOST or https://HOST, with :PORT where it is not 80 or 443; without path, query or user name."
            ),
        )
    scheme = shape["scheme"].lower()
    port = int(rest["port"]) if rest["port"] else DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65_535:
        raise NotAnOrigin(said("{port} is not a port", port=str(port)), hint=said("Ports are 1 to 65535."))
    return Origin(scheme, host(rest["host"]), port)


def _shown(text: str) -> str:
    """What is no address, without the parts in which secrets are sent: user and password, path, query."""
    start, separator, rest = text.partition("://")
    if not separator:
        start, rest = "", text
    place = "" if "@" in rest else _AFTER_HOST.split(rest, maxsplit=1)[0]
    return f"{start}{separator}{place}{'' if place == rest else '...'}"[:100]


def spelled(text: str) -> str:
    """An address in its one spelling; as it stands where it is none, which is said when it is used."""
    try:
        return str(parse(text))
    except NotAnOrigin:
        return text


def authority(text: str, scheme: str) -> str:
    """A Host header in the one spelling, under a scheme; empty where it is none."""
    try:
        return parse(f"{scheme}://{text}").authority if "/" not in text else ""
    except NotAnOrigin:
        return ""


def host(text: str) -> str:
    """One spelling of a host: an address, IPv6 in brackets, or a name in any script. Raises `NotAnOrigin`."""
    if text.startswith("["):
        try:
            return compressed(IPv6Address(text[1:-1]))
        except ValueError:
            raise NotAnOrigin(said("{text} is not an IPv6 address", text=text[:60])) from None
    name = (_ascii(text) if not text.isascii() else text.lower()).removesuffix(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        address = _address(name)
        if not isinstance(address, IPv4Address):
            raise NotAnOrigin(
                said("{text} is an IPv4 address in an unusual notation", text=repr(text[:60])),
                hint=said("Write it as 192.0.2.1."),
            )
        return str(address)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise NotAnOrigin(said("{text} is not a host name", text=repr(text[:60])))
    if "xn--" in name:
        # so that a name may be said in either form, and neither escapes the rules
        try:
            spoken = idna.decode(name)
        except idna.IDNAError:
            raise NotAnOrigin(
                said("{text} is not an internationalised host name", text=repr(text[:60]))
            ) from None
        _require_distinct(spoken)
    return name


def compressed(address: IPv4Address | IPv6Address) -> str:
    """An address as RFC 5952 and the URL standard write it, the same in every Python."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        low = int(address) & 0xFFFF_FFFF
        return f"::ffff:{low >> 16:x}:{low & 0xFFFF:x}"
    return str(address)


def _ascii(text: str) -> str:
    # the mapping drops what cannot be seen, and two names would be one
    seen = all(unicodedata.category(letter) != "Cf" or letter in _JOINERS for letter in text)
    try:
        plain = idna.uts46_remap(text, std3_rules=True) if seen else ""
        return plain if plain.isascii() and plain else idna.encode(plain, strict=False).decode()
    except (idna.IDNAError, UnicodeError):
        raise NotAnOrigin(
            said("{text} is not an internationalised host name (UTS 46)", text=repr(text[:60])),
            hint=said("Write it in letters that are in use, or in ASCII."),
        ) from None


def _require_distinct(name: str) -> None:
    """Refuse a name that a reader takes for another. Raises `NotAnOrigin`."""
    # the table takes 20 ms to load, and most names are ASCII
    from confusable_homoglyphs import categories, confusables  # noqa: PLC0415

    labels = name.split(".")
    # a top-level domain is its registry's; under one in another script, so are names of that script
    judged = labels[:-1] if len(labels) > 1 and labels[-1].isascii() else labels if len(labels) == 1 else []
    for label in labels:
        scripts = categories.unique_aliases(label) - _NO_SCRIPT
        letters = {letter for letter in label if categories.alias(letter) not in _NO_SCRIPT}
        mixed = len(scripts) > 1 and not any(scripts <= known for known in _WRITTEN_TOGETHER)
        disguised = (
            label in judged
            and scripts
            and "LATIN" not in scripts
            and all(confusables.is_confusable(letter, preferred_aliases=["latin"]) for letter in letters)
        )
        if mixed or disguised:
            raise NotAnOrigin(
                said(
                    "{text} looks like another name: it mixes scripts, or has Latin look-alikes only",
                    text=repr(label[:60]),
                ),
                hint=said("Use a name of one script (UTS 39)."),
            )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
