"""Old answers are let go once their buyer has shown that it holds them, by countersigning the receipt.

What stays is the key with the receipt's id in place of the answer: a payment whose answer was let go still
counts as answered, so sending it again is refused (410) and is neither charged, counted nor answered twice.
Receipts, uses and accepted vouchers are never pruned.
"""

from __future__ import annotations

from freehold.core.documents import Receipt
from freehold.core.signing import read_envelope
from freehold.node.node import Node

DAY_SECONDS = 86_400
_AT_ONCE = 500
_CURSOR = "answers:pruned"


def prune(node: Node) -> int:
    """Let go of answers older than the settings keep them; returns how many. Safe to repeat."""
    days = node.settings.keep_answers_days
    if not days:
        return 0
    pruned, before = 0, node.now() - days * DAY_SECONDS
    while True:
        seen, freed = _step(node, before)
        pruned += freed
        if seen < _AT_ONCE:
            return pruned


def _step(node: Node, before: int) -> tuple[int, int]:
    """Look at the next receipts of the log: (how many were old enough, how many answers were let go)."""
    start = int(node.store.state(_CURSOR, -1))
    with node.store.reading() as connection:
        rows = connection.execute(
            "SELECT position, envelope, complete FROM documents"
            " WHERE position > ? AND type = ? AND kind = ? ORDER BY position LIMIT ?",
            (start, "receipt", "infer", _AT_ONCE),
        ).fetchall()
    old, keys = 0, []
    for position, envelope, complete in rows:
        receipt = read_envelope(bytes(envelope)).document
        if not isinstance(receipt, Receipt) or receipt.issued_at >= before:
            break
        old, start = old + 1, position
        # where the buyer has not signed it may still come for its answer, which then stays for good
        if complete and receipt.provider == node.account:
            keys.append((receipt.id.encode(), _key(receipt)))
    if not old:
        return 0, 0
    with node.store.transaction() as tx:
        freed = sum(
            tx.connection.execute("UPDATE answers SET answer = ? WHERE key = ?", one).rowcount for one in keys
        )
        tx.set(_CURSOR, start)
    return old, freed


def _key(receipt: Receipt) -> str:
    """Under which the gateway kept the answer that a receipt is for."""
    evidence = receipt.evidence
    if "channel" in evidence:
        return f"voucher:{receipt.holder}:{evidence['channel']}:{evidence['cumulative_units']}"
    return f"transfer:{receipt.holder}:{str(evidence['payment']).removeprefix('0x')}"
