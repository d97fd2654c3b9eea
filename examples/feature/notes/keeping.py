"""Keeping notes."""

from __future__ import annotations

from typing import Any

from freehold.core.errors import InvalidInput, NotFound
from freehold.kernel.node import Node
from freehold.kernel.selecting import Selection, Wanted, page

_COLUMNS = ("number", "about", "text", "at")


def add(node: Node, about: str, text: str) -> dict[str, Any]:
    """Keep a note about a document.

    Raises:
        InvalidInput: it is too long.
    """
    longest = node.settings.notes_longest
    if len(text) > longest:
        raise InvalidInput(
            f"a note has at most {longest} characters", hint="Set notes_longest, or say it shorter."
        )
    with node.store.transaction() as tx:
        # one writer at a time, so the next number is nobody else's
        number = tx.connection.execute("SELECT coalesce(max(number), 0) + 1 FROM notes").fetchone()[0]
        note = (int(number), about, text, node.now())
        tx.connection.execute("INSERT INTO notes (number, about, text, at) VALUES (?, ?, ?, ?)", note)
    return dict(zip(_COLUMNS, note, strict=True))


def newest(node: Node, limit: int) -> list[dict[str, Any]]:
    """The newest notes; the cost does not grow with their number."""
    with node.store.reading() as connection:
        rows = connection.execute(
            "SELECT number, about, text, at FROM notes ORDER BY number DESC LIMIT ?", (limit,)
        ).fetchall()
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


def about(node: Node, asset: str, limit: int) -> list[dict[str, Any]]:
    """The newest notes about one thing, by an index."""
    query = "SELECT number, about, text, at FROM notes WHERE about = ? ORDER BY number DESC LIMIT ?"
    return [dict(zip(_COLUMNS, row, strict=True)) for row in node.store.rows(query, asset, limit)]


def mentioning(node: Node, words: tuple[str, ...], limit: int) -> list[dict[str, Any]]:
    """The newest notes that mention every word."""
    chosen = Selection(", ".join(_COLUMNS), "notes", "number", mentions="lower(text) LIKE ? ESCAPE '!'")
    found = page(node.store, chosen, Wanted(words, limit=limit))
    return [dict(zip(_COLUMNS, row, strict=True)) for row in found.rows]


def drop(node: Node, number: int) -> None:
    """Let go of a note."""
    with node.store.transaction() as tx:
        tx.connection.execute("DELETE FROM notes WHERE number = ?", (number,))


def one(node: Node, number: int) -> dict[str, Any]:
    """One note.

    Raises:
        NotFound: there is none of that number.
    """
    with node.store.reading() as connection:
        row = connection.execute(
            "SELECT number, about, text, at FROM notes WHERE number = ?", (number,)
        ).fetchone()
    if row is None:
        raise NotFound(f"there is no note {number}", hint="List them with: freehold notes list")
    return dict(zip(_COLUMNS, row, strict=True))


def count(node: Node) -> int:
    """How many there are."""
    with node.store.reading() as connection:
        return int(connection.execute("SELECT count(*) FROM notes").fetchone()[0])
