"""Purchases by name: the key that their asker chose, or a hidden one; asking again with it is paid once.

Whether a caller heard what was sent to it, only the caller knows; so it is the caller who says what is one purchase.
A name is bound to its question in the transaction that plans the payment, so that nothing is signed under it for
another one. What came of it is kept with the answer's receipt, in one transaction, as long as sold answers are
(`pruning`): of one that had to go the receipt's id stays, so that its key still buys nothing a second time. A wrong
answer is what came of it too.
"""

from __future__ import annotations

import json
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Document, Receipt
from freehold.core.errors import Conflict, FreeholdError
from freehold.core.ids import sha256_hex
from freehold.features.gateway import pruning
from freehold.features.gateway.checking import WrongAnswer
from freehold.features.gateway.served import require_kept
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

_HIDDEN = "once "
"""Begins a name that no asker can choose: a key has no space."""
_WRONG = "wrong_answer"
_MOST_SAID = 500


class KeyReused(Conflict, code="inference.key_reused"):
    """This key was used for another question; nothing was paid."""


def hidden(body: bytes) -> str:
    """The name of a purchase whose asker chose none: until it had the answer, the same question is the same purchase."""
    return f"{_HIDDEN}{sha256_hex(body)}"


def is_open(key: str | None) -> bool:
    """Whether a purchase is that of whoever asks the same next: nobody chose a name for it."""
    return key is None or key.startswith(_HIDDEN)


def take(node: Node, key: str | None, body: bytes) -> dict[str, Any] | None:
    """What a question bought under a key before.

    Raises KeyReused; AnswerPruned: it was bought and is kept no more; WrongAnswer: that is what it bought.
    """
    known = node.store.answered(_name(key)) if key else None
    if known is None:
        return None
    _require_for(known[0], body)
    if not known[1]:
        return None
    found: dict[str, Any] = json.loads(require_kept(bytes(known[1])))
    if _WRONG in found:
        raise wrong(found[_WRONG])
    return found


def bind(tx: Transaction, key: str | None, body: bytes) -> None:
    """A payment is planned for a question: its key is that question's from here on. Raises KeyReused."""
    if key:
        _bind(tx, key, body)
        (request,) = tx.connection.execute(
            "SELECT request FROM answers WHERE key = ?", (_name(key),)
        ).fetchone()
        _require_for(request, body)


def is_bound(node: Node, key: str) -> bool:
    """Whether something was planned, paid or bought under a key, and not forgotten since."""
    return node.store.answered(_name(key)) is not None


def unbind(tx: Transaction, key: str | None) -> None:
    """Nothing was signed for what was planned under a key, or it goes on under another."""
    if key:
        tx.connection.execute("DELETE FROM answers WHERE key = ? AND answer = ?", (_name(key), b""))


def go_over(tx: Transaction, body: bytes, key: str) -> None:
    """What was begun or bought without a key, and was told to nobody, is from now on the purchase of a new key."""
    names = (_name(key), _name(hidden(body)))
    # what is left of a pruned answer begins otherwise; a wrong one was told
    changed = tx.connection.execute(
        "UPDATE answers SET key = ? WHERE key = ? AND (answer = ? OR answer >= ? AND answer < ?)"
        " AND NOT EXISTS (SELECT 1 FROM answers AS other WHERE other.key = ?)",
        (*names, b"", b'{"model"', b'{"model#', names[0]),
    )
    if changed.rowcount:
        tx.connection.execute("UPDATE sold SET key = ? WHERE key = ?", names)


def keep(
    node: Node, tx: Transaction, key: str, body: bytes, answer: dict[str, Any], receipt: Document
) -> bool:
    """Keep what a question bought; it is paid, so nothing is raised. False: the key has an answer, or is another's."""
    assert isinstance(receipt, Receipt)
    given = canonical_bytes(answer)
    kept = _settle(tx, key, body, given)
    if kept:
        pruning.note(node, tx, _name(key), given, receipt)
    return kept


def keep_wrong(tx: Transaction, key: str | None, body: bytes, error: FreeholdError) -> WrongAnswer:
    """Keep that what a question bought is no answer to it, and say so."""
    said = f"the answer is not what was paid for: {error.message}"[:_MOST_SAID]
    if key:
        # a message may quote what a seller sent, which JSON of our own kind might not take
        _settle(tx, key, body, json.dumps({_WRONG: said}).encode())
    made = wrong(said)
    made.fields = dict(error.fields)
    return made


def wrong(said: str) -> WrongAnswer:
    """What is raised of a wrong answer, each time that it is asked for."""
    return WrongAnswer(
        said,
        hint="At most this one call was paid, and asking again under its key signs nothing. Tell the owner;"
        " another key makes another purchase.",
    )


def forget(node: Node, key: str) -> None:
    """Its asker has the answer: asking again is another purchase."""
    with node.store.transaction() as tx:
        pruning.drop(tx, _name(key))


def is_pruned(node: Node, key: str) -> bool:
    """Whether the answer that a key bought is kept no more."""
    known = node.store.answered(_name(key))
    return known is not None and bool(known[1]) and not bytes(known[1]).startswith(b"{")


def _bind(tx: Transaction, key: str, body: bytes) -> None:
    tx.connection.execute(
        "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
        (_name(key), sha256_hex(body), b""),
    )


def _settle(tx: Transaction, key: str, body: bytes, given: bytes) -> bool:
    """What came of a purchase, in the place that is bound to it; the first stays."""
    _bind(tx, key, body)
    changed = tx.connection.execute(
        "UPDATE answers SET answer = ? WHERE key = ? AND request = ? AND answer = ?",
        (given, _name(key), sha256_hex(body), b""),
    )
    return changed.rowcount == 1


def _require_for(request: str, body: bytes) -> None:
    if request != sha256_hex(body):
        raise KeyReused(
            "this key was used for another question",
            hint="Nothing was paid for this one. Choose a new key for each question.",
        )


def _name(key: str) -> str:
    return f"{pruning.BOUGHT}{key}"
