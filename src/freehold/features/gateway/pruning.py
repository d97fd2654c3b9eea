"""Answers that were sold, or bought under a key, are kept for a retry: for some days, while there is room, oldest first out.

What stays is the key with the receipt's id in place of the answer: a payment whose answer was let go still
counts as answered, so sending it again is refused (410) and is neither charged, counted nor answered twice.
Receipts, uses and accepted vouchers are never pruned. Whether the buyer signed its receipt changes nothing:
it could keep answers here for good by not signing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from freehold.core.documents import Receipt
from freehold.core.signing import read_envelope
from freehold.core.times import DAY_SECONDS
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

BUYERS_PART = 8
"""One buyer has this part of the room."""
BOUGHT = "asked:"
"""What the names of answers begin with that were bought under a key (`keyed`)."""
_AT_ONCE = 500
_CURSOR = "answers:pruned"
_BYTES = "sold_bytes"


def note(node: Node, tx: Transaction, key: str, answer: bytes, receipt: Receipt) -> None:
    """Note that the answer which a payment bought takes room; the oldest go where there is no more."""
    tx.connection.execute(
        "INSERT INTO sold (key, buyer, receipt, bytes) VALUES (?, ?, ?, ?)",
        (key, receipt.holder, receipt.id, len(answer)),
    )
    in_all, own = _add(tx, receipt.holder, len(answer))
    room = node.settings.keep_answers_bytes
    while own > room // BUYERS_PART:
        in_all, own = _oldest_goes(tx, "WHERE buyer = ?", (receipt.holder,))
    while in_all > room:
        in_all, _ = _oldest_goes(tx, "", ())


def prune(node: Node) -> int:
    """Let go of answers older than the settings keep them; returns how many. Safe to repeat."""
    days = node.settings.keep_answers_days
    if not days:
        return 0
    before = node.now() - days * DAY_SECONDS
    pruned = _forget_bought(node, before)
    while True:
        seen, freed = _step(node, before)
        pruned += freed
        if seen < _AT_ONCE:
            return pruned


def drop(tx: Transaction, key: str) -> None:
    """Let go of an answer that its asker has, and of its key."""
    _let_go(tx, key, "")
    tx.connection.execute("DELETE FROM answers WHERE key = ?", (key,))


def _step(node: Node, before: int) -> tuple[int, int]:
    """Look at the next receipts of the log: (how many were old enough, how many answers were let go)."""
    start = int(node.store.state(_CURSOR, -1))
    with node.store.reading() as connection:
        rows = connection.execute(
            "SELECT position, envelope FROM documents"
            " WHERE position > ? AND type = ? AND kind = ? ORDER BY position LIMIT ?",
            (start, "receipt", "infer", _AT_ONCE),
        ).fetchall()
    old, keys = 0, []
    for position, envelope in rows:
        receipt = read_envelope(bytes(envelope)).document
        if not isinstance(receipt, Receipt) or receipt.issued_at >= before:
            break
        old, start = old + 1, position
        if receipt.provider == node.account:
            keys.append((key_of(receipt.holder, receipt.evidence), receipt.id))
    if not old:
        return 0, 0
    with node.store.transaction() as tx:
        freed = sum(_let_go(tx, key, receipt_id) for key, receipt_id in keys)
        tx.set(_CURSOR, start)
    return old, freed


def _forget_bought(node: Node, before: int) -> int:
    """Let go of what this node bought under keys so long ago; how many answers that were."""
    with node.store.transaction() as tx:
        rows = tx.connection.execute(
            "SELECT sold.key, documents.id, documents.envelope FROM sold JOIN documents ON documents.id = sold.receipt"
            " WHERE sold.buyer = ? AND sold.key >= ? AND sold.key < ? ORDER BY sold.rowid LIMIT ?",
            (node.account, BOUGHT, BOUGHT[:-1] + ";", _AT_ONCE),
        ).fetchall()
        old = [
            (key, receipt_id) for key, receipt_id, envelope in rows if _issued_at(bytes(envelope)) < before
        ]
        freed = sum(_let_go(tx, key, receipt_id) for key, receipt_id in old)
    return freed + _forget_bought(node, before) if len(old) == _AT_ONCE else freed


def _issued_at(envelope: bytes) -> int:
    receipt = read_envelope(envelope).document
    assert isinstance(receipt, Receipt)
    return receipt.issued_at


def _oldest_goes(tx: Transaction, where: str, values: tuple[str, ...]) -> tuple[int, int]:
    key, buyer, receipt = tx.connection.execute(
        f"SELECT key, buyer, receipt FROM sold {where} ORDER BY rowid LIMIT 1",  # noqa: S608 - fixed text
        values,
    ).fetchone()
    _let_go(tx, key, receipt)
    return _add(tx, buyer, 0)


def _let_go(tx: Transaction, key: str, receipt_id: str) -> int:
    """The receipt's id in place of the answer; how many answers that were there (0 or 1)."""
    changed = tx.connection.execute(
        "UPDATE answers SET answer = ? WHERE key = ? AND answer <> ?",
        (receipt_id.encode(), key, receipt_id.encode()),
    )
    noted = tx.connection.execute("SELECT buyer, bytes FROM sold WHERE key = ?", (key,)).fetchone()
    if noted is not None:
        tx.connection.execute("DELETE FROM sold WHERE key = ?", (key,))
        _add(tx, noted[0], -noted[1])
    return changed.rowcount


def _add(tx: Transaction, buyer: str, size: int) -> tuple[int, int]:
    """(bytes kept in all, of this buyer) after so many more."""
    found = []
    for name in (_BYTES, f"{_BYTES}:{buyer}"):
        row = tx.connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        found.append((int(json.loads(row[0])) if row else 0) + size)
        if size:
            tx.set(name, found[-1])
    return found[0], found[1]


def key_of(payer: str, evidence: Mapping[str, Any]) -> str:
    """Under which the answer is kept that a payment buys, by what its receipt says of it.

    The payer is in it, or a stranger could ask for another's answer by the channel's name.
    """
    if "channel" in evidence:
        return f"voucher:{payer}:{evidence['channel']}:{evidence['cumulative_units']}"
    return f"transfer:{payer}:{str(evidence['payment']).removeprefix('0x')}"
