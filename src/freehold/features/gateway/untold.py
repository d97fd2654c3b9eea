"""Answers that were bought and that nobody was told: given to who asks the same question again, and not bought twice.

Somebody asks in vain where the seller does not answer in time or this node dies: its question, which may be paid, is
finished before the next one, and what it bought is kept a while. And who asks a question that is being bought joins
that purchase. Whether a caller heard what was sent to it is not known here, so what was sent counts as told.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary

from freehold.core.ids import sha256_hex
from freehold.core.signing import parse_envelope
from freehold.features.gateway import keyed
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

KEPT_SECONDS = 600
_KEPT = "untold:"


def keep(node: Node, tx: Transaction, body: bytes, answer: dict[str, Any]) -> None:
    """Keep the answer to a question that nobody waits for any more."""
    tx.set(f"{_KEPT}{sha256_hex(body)}", {"at": node.now(), "answer": answer})


def take(node: Node, body: bytes, key: str | None = None) -> dict[str, Any] | None:
    """The kept answer to a question, once, and from then on under the key of who asks; old ones go."""
    kept = node.store.states(_KEPT)
    if not kept:
        return None
    asked, found = f"{_KEPT}{sha256_hex(body)}", None
    with node.store.transaction() as tx:
        for name, one in kept.items():
            is_old = _is_old(node, one)
            if name == asked and not is_old:
                found = one["answer"]
            if name == asked or is_old:
                tx.delete(name)
        if found and key:
            keyed.bind(tx, key, body)
            keyed.keep(node, tx, key, body, found, parse_envelope(found["receipt"]).document)
    return found


def let_go(node: Node) -> None:
    """Those that nobody asked for in time go."""
    kept = node.store.states(_KEPT)
    with node.store.transaction() as tx:
        for name, one in kept.items():
            if _is_old(node, one):
                tx.delete(name)


def _is_old(node: Node, one: dict[str, Any]) -> bool:
    return bool(node.now() - one["at"] > KEPT_SECONDS)


class Purchase:
    """One question on its way, for all who ask it meanwhile."""

    answer: dict[str, Any] | None = None


class Purchases:
    """What is being bought now; usable from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: WeakValueDictionary[Hashable, Purchase] = WeakValueDictionary()

    def join(self, question: Hashable) -> Purchase:
        """The purchase of a question, as long as its answer was told to nobody; a new one where there is none."""
        with self._lock:
            purchase = self._now.get(question) or Purchase()
            self._now[question] = purchase
            return purchase

    def end(self, question: Hashable, purchase: Purchase, answer: dict[str, Any]) -> None:
        """Its answer is there: for all who joined, and for nobody who asks from now on."""
        with self._lock:
            purchase.answer = answer
            if self._now.get(question) is purchase:
                del self._now[question]
