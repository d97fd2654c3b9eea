"""What is to be told, what was, and what came of it: a row for each thing and channel, kept before it is sent.

A row is `due` until it is `sent`, `gone` (its thing was over before) or `failed` (given up). It `waits` while
its thing is in the inbox, so that the same thing is told again when it comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from freehold.core.connection import Connection
from freehold.features.notifications.channels import Channel
from freehold.features.notifications.wording import Line
from freehold.kernel.node import Node

DIGEST_OVER = 5
"""More than so many that are due at once go out as one message."""
MOST_IN_DIGEST = 100
MOST_AN_HOUR = 30
HOUR_SECONDS = 3_600
REPEAT_SECONDS = HOUR_SECONDS
"""What comes and goes is told at most once in this time."""
MOST_ATTEMPTS = 50
"""By the pauses of recurring work about half a day."""
TROUBLE_ATTEMPTS = 3
KEEP_SECONDS = 365 * 86_400


@dataclass(frozen=True)
class Due:
    """One message."""

    id: str
    """Its own for good, over every attempt: the Message-ID, and the webhook-id."""
    kept_at: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Standing:
    """How a channel does."""

    due: int
    sent_at: int
    """When the last message went out; 0 for never."""
    failing_since: int
    """When the oldest thing was kept that several attempts since then did not send; 0 where all is well."""


def note(node: Node, channel: Channel, lines: Sequence[Line]) -> None:
    """Keep what is new; what is in the inbox no more is not sent any more."""
    now, there = node.now(), {one.key: one for one in lines}
    with node.store.transaction() as tx:
        rows = tx.connection
        waiting = rows.execute("SELECT id, item FROM notifications WHERE channel = ? AND waits", (channel,))
        known = {str(item): str(id_) for id_, item in waiting.fetchall()}
        for item in known.keys() - there.keys():
            rows.execute(
                "UPDATE notifications SET waits = ?, state = CASE WHEN state = 'due' THEN 'gone' ELSE state END"
                " WHERE id = ?",
                (False, known[item]),
            )
        lately = _lately(rows, channel, now)
        # in the order of the inbox; the ids need none
        for key, one in there.items():
            if key not in known and key not in lately:
                _insert(rows, token_hex(16), channel, one, now)
        rows.execute("DELETE FROM notifications WHERE kept_at < ? AND NOT waits", (now - KEEP_SECONDS,))


def _lately(rows: Connection, channel: Channel, now: int) -> set[str]:
    found = rows.execute(
        "SELECT item FROM notifications WHERE channel = ? AND state = 'sent' AND tried_at > ? AND NOT waits",
        (channel, now - REPEAT_SECONDS),
    )
    return {str(item) for (item,) in found.fetchall()}


def _insert(rows: Connection, id_: str, channel: Channel, one: Line, now: int, state: str = "due") -> None:
    values: tuple[Any, ...] = (id_, channel, one.key, one.kind, state, state == "due", "", now, 0, 0)
    rows.execute(f"INSERT INTO notifications VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608


def due(node: Node, channel: Channel, lines: Sequence[Line]) -> list[Due]:
    """Messages to send now, as they were put together before or are from now on; within the hour's number."""
    there = {one.key: one for one in lines}
    room = MOST_AN_HOUR - sent_lately(node, channel)
    if room <= 0:
        return []
    with node.store.transaction() as tx:
        fresh = [id_ for id_, message, _, _ in _rows(tx.connection, channel) if not message]
        if len(fresh) > min(DIGEST_OVER, room):
            digest = token_hex(16)
            _assign(tx.connection, dict.fromkeys(fresh[:MOST_IN_DIGEST], digest))
        else:
            _assign(tx.connection, {one: one for one in fresh})
        found: dict[str, Due] = {}
        for _, message, item, kept_at in _rows(tx.connection, channel):
            if message and item in there:
                before = found.get(message, Due(message, kept_at, ()))
                found[message] = Due(message, before.kept_at, (*before.lines, there[item]))
    return list(found.values())[:room]


def _assign(rows: Connection, messages: dict[str, str]) -> None:
    for id_, message in messages.items():
        rows.execute("UPDATE notifications SET message = ? WHERE id = ?", (message, id_))


def _rows(rows: Connection, channel: Channel) -> list[Any]:
    return rows.execute(
        "SELECT id, message, item, kept_at FROM notifications WHERE channel = ? AND waits AND state = 'due'"
        " ORDER BY kept_at, id",
        (channel,),
    ).fetchall()


def sent_lately(node: Node, channel: Channel) -> int:
    """How many messages went out in the last hour, tests among them."""
    found = node.store.rows(
        "SELECT count(DISTINCT message) FROM notifications WHERE channel = ? AND state = 'sent' AND tried_at > ?",
        channel,
        node.now() - HOUR_SECONDS,
    )
    return int(found[0][0])


def tried(node: Node, message: str, *, sent: bool) -> None:
    """What came of an attempt."""
    with node.store.transaction() as tx:
        tx.connection.execute(
            "UPDATE notifications SET attempts = attempts + 1, tried_at = ?, state = CASE WHEN ? THEN 'sent'"
            " WHEN attempts + 1 >= ? THEN 'failed' ELSE state END WHERE message = ? AND state = 'due'",
            (node.now(), sent, MOST_ATTEMPTS, message),
        )


def note_test(node: Node, channel: Channel, id_: str, one: Line) -> None:
    """A test went out."""
    with node.store.transaction() as tx:
        _insert(tx.connection, id_, channel, one, node.now(), "sent")
        tx.connection.execute(
            "UPDATE notifications SET message = id, tried_at = ? WHERE id = ?", (node.now(), id_)
        )


def standing(node: Node, channel: Channel) -> Standing:
    """How a channel does."""
    waiting = node.store.rows(
        "SELECT count(*) FROM notifications WHERE channel = ? AND waits AND state = 'due'", channel
    )
    last = node.store.rows(
        "SELECT coalesce(max(tried_at), 0) FROM notifications WHERE channel = ? AND state = 'sent'", channel
    )
    sent_at = int(last[0][0])
    failing = node.store.rows(
        "SELECT coalesce(min(kept_at), 0) FROM notifications WHERE channel = ? AND state IN ('due', 'failed')"
        " AND tried_at > ? AND attempts >= ?",
        channel,
        sent_at,
        TROUBLE_ATTEMPTS,
    )
    return Standing(int(waiting[0][0]), sent_at, int(failing[0][0]))
