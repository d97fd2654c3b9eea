"""Other parties by the names they gave themselves."""

from __future__ import annotations

from freehold.kernel.node import Node


def known_as(node: Node, account: str) -> str:
    """The name of an account's party; the first digits of the account where nobody introduced it, or none can read it."""
    known = node.store.party(account)
    return known[1] if known and known[1].isprintable() else account[:10]
