"""Answers kept under a key that their asker chose: asking again with it is paid once, however often and late.

Whether a caller heard what was sent to it, only the caller knows; so it is the caller who says what is one purchase.
Kept with the answer's receipt, in one transaction, as long as sold answers are (`pruning`): of one that had to go
the receipt's id stays, so that its key still buys nothing a second time.
"""

from __future__ import annotations

import json
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Document, Receipt
from freehold.core.errors import Conflict
from freehold.core.ids import sha256_hex
from freehold.features.gateway import pruning
from freehold.features.gateway.served import require_kept
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction


class KeyReused(Conflict, code="inference.key_reused"):
    """This key was used for another question; nothing was paid."""


def take(node: Node, key: str | None, body: bytes) -> dict[str, Any] | None:
    """What a question bought under a key before. Raises KeyReused; AnswerPruned: it was bought and is kept no more."""
    known = node.store.answered(_name(key)) if key else None
    if known is None:
        return None
    if known[0] != sha256_hex(body):
        raise KeyReused(
            "this key was used for another question",
            hint="Nothing was paid. Choose a new key for each question.",
        )
    found: dict[str, Any] = json.loads(require_kept(bytes(known[1])))
    return found


def keep(
    node: Node, tx: Transaction, key: str, body: bytes, answer: dict[str, Any], receipt: Document
) -> None:
    """Keep what a question bought."""
    assert isinstance(receipt, Receipt)
    given = canonical_bytes(answer)
    tx.answer(_name(key), sha256_hex(body), given)
    pruning.note(node, tx, _name(key), given, receipt)


def forget(node: Node, key: str) -> None:
    """Its asker has the answer: asking again is another purchase."""
    with node.store.transaction() as tx:
        pruning.drop(tx, _name(key))


def _name(key: str) -> str:
    return f"{pruning.BOUGHT}{key}"
