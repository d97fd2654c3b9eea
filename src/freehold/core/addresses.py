"""What kind of place a network address is: anybody's, this machine, its network, or nobody's."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Literal

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
