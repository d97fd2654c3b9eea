"""Parties and things by their names."""

from __future__ import annotations

import re

from freehold.core.texts import Text, filled_anew, said
from freehold.kernel.node import Node

_HEX = re.compile(r"0x[0-9a-f]{8,}")


def known_as(node: Node, account: str) -> str:
    """The name of an account's party; the first digits of the account where nobody introduced it, or none can read it."""
    known = node.store.party(account)
    return known[1] if known and known[1].isprintable() else account[:10]


def name_of(node: Node, account: str) -> str:
    """What an account's party calls itself, said to this node's owner."""
    return said("you") if account == node.account else known_as(node, account)


def thing_name(node: Node, asset_id: str) -> str:
    """A dataset's or model's name; the first digits of its id where it is not known here."""
    found = node.store.rows("SELECT name FROM assets WHERE id = ?", asset_id)
    return str(found[0][0]) if found else asset_id[:10]


def readable(node: Node, text: str) -> str:
    """A sentence of a check with accounts by their names and hashes left out; the exact one stands folded away."""

    def word(match: re.Match[str]) -> str:
        account = match.group()
        return name_of(node, account) if len(account) == 42 else "…"

    if not isinstance(text, Text):
        return _HEX.sub(word, text)
    values = {name: readable(node, one) if isinstance(one, str) else one for name, one in text.values.items()}
    return filled_anew(text, values)
