"""Channels paid from and vouchers accepted, as the database keeps them; nobody else asks these tables."""

from __future__ import annotations

import json
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.ids import prefix_range, resolve
from freehold.features.payments.rules.payment import Voucher
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

Record = dict[str, Any]
"""channel, model, provider, pool, salt, amount_units, cumulative_units (paid for), top_up, pending, counted."""
_CHANNEL = "channel, model, cumulative_units, record"
_VOUCHER = "channel, model, grant_id, cumulative_units, signature"


def channel(node: Node, channel_id: str) -> Record | None:
    """A channel that this party pays from."""
    rows = node.store.rows(f"SELECT {_CHANNEL} FROM channels WHERE channel = ?", channel_id)  # noqa: S608 - fixed text
    return _record(*rows[0]) if rows else None


def channel_for(node: Node, model: str) -> Record | None:
    """The channel that calls of a model are paid from."""
    rows = node.store.rows(f"SELECT {_CHANNEL} FROM channels WHERE model = ? AND in_use", model)  # noqa: S608 - fixed text
    return _record(*rows[0]) if rows else None


def channels(node: Node) -> list[Record]:
    """Every channel that this party pays from."""
    return [_record(*row) for row in node.store.rows(f"SELECT {_CHANNEL} FROM channels ORDER BY channel")]  # noqa: S608 - fixed text


def promised_units(node: Node) -> int:
    """What was promised by vouchers out of all channels."""
    return int(node.store.rows("SELECT coalesce(sum(cumulative_units), 0) FROM channels")[0][0])


def find_channel(node: Node, prefix: str) -> Record:
    """A channel that this party pays from, by its id or the beginning of it. Raises NotFound, Ambiguous."""
    query = f"SELECT {_CHANNEL} FROM channels WHERE channel >= ? AND channel < ?"  # noqa: S608 - fixed text
    return _record(*_found(node, query, prefix))


def keep_channel(tx: Transaction, record: Record) -> None:
    """Write a channel; calls are paid from it as before."""
    rest = {
        name: value for name, value in record.items() if name not in ("channel", "model", "cumulative_units")
    }
    tx.connection.execute(
        "INSERT INTO channels VALUES (?, ?, ?, ?, ?) ON CONFLICT (channel) DO UPDATE"
        " SET cumulative_units = excluded.cumulative_units, record = excluded.record",
        (record["channel"], record["model"], False, record["cumulative_units"], canonical_bytes(rest)),
    )


def use_channel(tx: Transaction, record: Record) -> None:
    """Calls of its model are paid from this channel now, and from no other."""
    tx.connection.execute(
        "UPDATE channels SET in_use = ? WHERE model = ? AND in_use", (False, record["model"])
    )
    tx.connection.execute("UPDATE channels SET in_use = ? WHERE channel = ?", (True, record["channel"]))


def leave_channel(tx: Transaction, channel_id: str) -> None:
    """Calls are not paid from a channel any more."""
    tx.connection.execute("UPDATE channels SET in_use = ? WHERE channel = ?", (False, channel_id))


def voucher(node: Node, channel_id: str) -> dict[str, Any] | None:
    """The newest accepted voucher of a channel."""
    rows = node.store.rows(f"SELECT {_VOUCHER} FROM vouchers WHERE channel = ?", channel_id)  # noqa: S608 - fixed text
    return _voucher(*rows[0]) if rows else None


def unsettled(node: Node, model: str = "") -> list[dict[str, Any]]:
    """Accepted vouchers that are not settled, where given of one model."""
    query = f"SELECT {_VOUCHER} FROM vouchers WHERE NOT settled"  # noqa: S608 - fixed text
    rows = (
        node.store.rows(f"{query} AND model = ? ORDER BY channel", model)
        if model
        # in the order of the index; by channel alone, the whole table would be walked
        else node.store.rows(f"{query} ORDER BY model, channel")
    )
    return sorted((_voucher(*row) for row in rows), key=lambda one: str(one["channel"]))


def find_unsettled(node: Node, prefix: str) -> dict[str, Any]:
    """The unsettled voucher of a channel, by its id or the beginning of it. Raises NotFound, Ambiguous."""
    query = f"SELECT {_VOUCHER} FROM vouchers WHERE channel >= ? AND channel < ? AND NOT settled"  # noqa: S608 - fixed text
    return _voucher(*_found(node, query, prefix))


def keep_voucher(tx: Transaction, one: Voucher, model: str) -> None:
    """Make a voucher the newest of its channel, to be settled."""
    tx.connection.execute(
        "INSERT INTO vouchers VALUES (?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT (channel) DO UPDATE"
        " SET model = excluded.model, grant_id = excluded.grant_id, cumulative_units = excluded.cumulative_units,"
        " signature = excluded.signature, settled = excluded.settled",
        (one.channel, model, one.grant, one.cumulative_units, one.signature, False),
    )


def settled(tx: Transaction, channel_id: str, cumulative_units: int) -> None:
    """Nothing is left to settle, unless a newer voucher came in meanwhile."""
    tx.connection.execute(
        "UPDATE vouchers SET settled = ? WHERE channel = ? AND cumulative_units = ?",
        (True, channel_id, cumulative_units),
    )


def lose(tx: Transaction, channel_id: str, units: int, at: int) -> None:
    """What a voucher promised and its channel no longer holds: kept, for it is in receipts and in no pool."""
    tx.connection.execute(
        "UPDATE vouchers SET settled = ?, lost_units = ?, lost_at = ? WHERE channel = ?",
        (True, units, at, channel_id),
    )


def lost(node: Node) -> list[dict[str, Any]]:
    """What was lost so, the newest first."""
    rows = node.store.rows(
        "SELECT channel, model, lost_units, lost_at FROM vouchers WHERE lost_at > 0"
        " ORDER BY lost_at DESC, channel"
    )
    return [dict(zip(("channel", "model", "units", "at"), row, strict=True)) for row in rows]


def _found(node: Node, query: str, prefix: str) -> Any:
    found = node.store.rows(f"{query} ORDER BY channel LIMIT 1000", *prefix_range(prefix))
    rows = {row[0]: row for row in found}
    return rows[resolve(prefix, rows, "channel")]


def _record(channel_id: str, model: str, cumulative_units: int, rest: bytes) -> Record:
    own = {"channel": channel_id, "model": model, "cumulative_units": cumulative_units}
    return {**own, **json.loads(rest)}


def _voucher(*row: Any) -> dict[str, Any]:
    return dict(zip(("channel", "model", "grant", "cumulative_units", "signature"), row, strict=True))
