"""Parties and things as the console's owner is told of them."""

from __future__ import annotations

import re

from freehold.kernel.node import Node
from freehold.kernel.people import known_as

_HEX = re.compile(r"0x[0-9a-f]{8,}")


def name_of(node: Node, account: str) -> str:
    """What an account's party calls itself."""
    return "you" if account == node.account else known_as(node, account)


def thing_name(node: Node, asset_id: str) -> str:
    """A dataset's or model's name; the first digits of its id where it is not known here."""
    return node.asset(asset_id).name if node.store.has(asset_id) else asset_id[:10]


def readable(node: Node, text: str) -> str:
    """A sentence of a check with accounts by their names and hashes left out; the exact one stands folded away."""

    def word(match: re.Match[str]) -> str:
        account = match.group()
        return name_of(node, account) if len(account) == 42 else "…"

    return _HEX.sub(word, text)
