"""Parties as the console's owner is told of them."""

from __future__ import annotations

from freehold.kernel.node import Node
from freehold.kernel.people import known_as


def name_of(node: Node, account: str) -> str:
    """What an account's party calls itself."""
    return "you" if account == node.account else known_as(node, account)
