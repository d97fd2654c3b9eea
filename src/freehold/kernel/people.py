"""Other parties by the names they gave themselves."""

from __future__ import annotations

from freehold.core.errors import Unavailable
from freehold.kernel.node import Node


def known_as(node: Node, account: str) -> str:
    """The name of an account's party; the first digits of the account where nobody introduced it, or none can read it."""
    try:
        name = node.party_of(account).name
    except Unavailable:
        return account[:10]
    return name if name.isprintable() else account[:10]
