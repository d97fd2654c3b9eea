"""Lines: which tables of this node speak of the same rows, and what was promised about those.

A line is a dataset, all its versions, and every other table that shares a row with one of them; it bears the
id of its first asset. A table may belong to several lines. What one of its versions promised stays promised:
the least budget, the least delta and the least that answers reveal. So whichever table a row is in, and under
however many names, what runs cost it is counted in one place, the line of the first table that held it.

Rows are recognised by keyed fingerprints of their features (`data.rules.reading`); the key never leaves the node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from freehold.core.connection import Connection
from freehold.core.documents import REVEALS, Asset, Reveals
from freehold.core.errors import NotAllowed
from freehold.core.texts import Epsilon, said
from freehold.features.privacy.rules import privacy
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

_SIZES = (4_096, 512, 64, 8, 1)
"""Rows a statement; few sizes, so that a server keeps few statements prepared."""


class PromiseBroken(NotAllowed, code="privacy.promise"):
    """More was offered about rows than was promised about them before; `fields["line"]` names the line."""


@dataclass(frozen=True)
class Promise:
    """What all versions of a line together promised about its rows."""

    number: int
    line: str
    """Id of its first asset."""
    epsilon_life_micro: int
    """Most that all runs together may cost a row."""
    delta_exponent: int
    """The delta beside it is 10^-delta_exponent."""
    reveals: Reveals
    """Most that a use may show."""


def join(node: Node, tx: Transaction, asset: Asset, fingerprints: Iterable[bytes]) -> None:
    """Note a new asset's lines, oldest first; a new one where it shares nothing with any. Raises PromiseBroken."""
    connection, rows = tx.connection, sorted(set(fingerprints))
    joined = _meeting(connection, rows, asset.supersedes)
    require_kept(node, asset.name, asset.terms.reveals, joined)
    if not joined:
        joined = [_found(connection, asset)]
    for promise in joined:
        connection.execute("INSERT INTO privacy_lines VALUES (?, ?)", (asset.id, promise.line))
        _lower(connection, asset, promise)
    _keep(connection, rows, joined[0].number)


def meeting(node: Node, fingerprints: Iterable[bytes], supersedes: str | None = None) -> list[Promise]:
    """The lines that a table with these rows would belong to, if it were published; oldest first."""
    with node.store.reading() as connection:
        return _meeting(connection, sorted(set(fingerprints)), supersedes)


def of(connection: Connection, asset_id: str) -> list[Promise]:
    """The lines of an asset, oldest first; none for one published before there were budgets."""
    of_asset = "JOIN privacy_lines AS lines ON lines.line = terms.line WHERE lines.asset = ? ORDER BY number"
    return chosen(connection, of_asset, asset_id)


def chosen(connection: Connection, which: str, value: str | int) -> list[Promise]:
    """The lines that the end of a statement chooses by one value."""
    columns = "number, terms.line, epsilon_life_micro, delta_exponent, reveals"
    asked = f"SELECT {columns} FROM privacy_terms AS terms {which}"  # noqa: S608 - fixed texts
    return [Promise(*row) for row in connection.execute(asked, (value,)).fetchall()]


def notes(promises_made: Sequence[Promise], epsilon_life_micro: int) -> list[str]:
    """Sentences about what earlier tables with the same rows mean for one that offers so much."""
    if not promises_made:
        return []
    least = min(promise.epsilon_life_micro for promise in promises_made)
    told: list[str] = [
        said(
            "rows of this table were published before, so it shares their privacy budget and what was spent of it"
        )
    ]
    if least < epsilon_life_micro:
        told.append(
            said(
                "an epsilon of {promised} in all was promised about those rows; that stays, {asked} does not replace it",
                promised=Epsilon(least),
                asked=Epsilon(epsilon_life_micro),
            )
        )
    return told


def kept(node: Node, asset: Asset) -> list[str]:
    """As `notes`, about an asset that was published."""
    with node.store.reading() as connection:
        older = [promise for promise in of(connection, asset.id) if promise.line != asset.id]
    return notes(older, asset.terms.epsilon_life_micro)


def _meeting(connection: Connection, rows: Sequence[bytes], supersedes: str | None) -> list[Promise]:
    known = {promise.number: promise for promise in (of(connection, supersedes) if supersedes else [])}
    for number in _lines_of_rows(connection, rows) - set(known):
        (known[number],) = chosen(connection, "WHERE number = ?", number)
    return [known[number] for number in sorted(known)]


def _lines_of_rows(connection: Connection, rows: Sequence[bytes]) -> set[int]:
    if connection.execute("SELECT 1 FROM privacy_rows LIMIT 1").fetchone() is None:
        return set()
    found: set[int] = set()
    for batch in _batches(rows):
        places = ", ".join("?" * len(batch))
        asked = f"SELECT DISTINCT line FROM privacy_rows WHERE fingerprint IN ({places})"  # noqa: S608 - only places
        found |= {int(row[0]) for row in connection.execute(asked, batch).fetchall()}
    return found


def _keep(connection: Connection, rows: Sequence[bytes], number: int) -> None:
    """A row known before stays in the line it is in."""
    for batch in _batches(rows):
        places = ", ".join(["(?, ?)"] * len(batch))
        connection.execute(
            f"INSERT INTO privacy_rows VALUES {places} ON CONFLICT (fingerprint) DO NOTHING",  # noqa: S608
            [value for row in batch for value in (row, number)],
        )


def _batches(rows: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    start = 0
    for size in _SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def _found(connection: Connection, asset: Asset) -> Promise:
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM privacy_terms").fetchone()
    made = Promise(
        int(last) + 1, asset.id, asset.terms.epsilon_life_micro, _delta_exponent(asset), asset.terms.reveals
    )
    connection.execute(
        "INSERT INTO privacy_terms VALUES (?, ?, ?, ?, ?)",
        (made.number, made.line, made.epsilon_life_micro, made.delta_exponent, made.reveals),
    )
    return made


def _lower(connection: Connection, asset: Asset, promise: Promise) -> None:
    connection.execute(
        "UPDATE privacy_terms SET epsilon_life_micro = ?, delta_exponent = ?, reveals = ? WHERE number = ?",
        (
            min(promise.epsilon_life_micro, asset.terms.epsilon_life_micro),
            max(promise.delta_exponent, _delta_exponent(asset)),
            min(promise.reveals, asset.terms.reveals, key=REVEALS.index),
            promise.number,
        ),
    )


def _delta_exponent(asset: Asset) -> int:
    return privacy.delta_exponent_for(int(asset.schema_["rows"]))


def require_kept(node: Node, name: str, reveals: Reveals, promises_made: Iterable[Promise]) -> None:
    """A table shows no more than was promised about rows in it. Raises PromiseBroken."""
    for promise in promises_made:
        if REVEALS.index(reveals) > REVEALS.index(promise.reveals):
            first = node.asset(promise.line).name if node.store.has(promise.line) else promise.line[:10]
            raise PromiseBroken(
                f"rows of {name} were published in {first} with the promise that answers are {promise.reveals}",
                hint="A promise about rows stays. Publish without exact updates, or leave those rows out.",
                line=promise.line,
            )
