"""What lists show of a document, count it by and look it up by: a row beside it, so that no list reads documents.

The rows follow from the documents: `put` writes them with each, `fill` makes them for documents that were there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from freehold.core.connection import Connection
from freehold.core.documents import Asset, Document, Grant, Party, Receipt
from freehold.core.errors import FreeholdError
from freehold.core.look_alikes import folded
from freehold.core.signing import read_envelope
from freehold.kernel.databases.steps import moved

_BATCH = 500
_MOST_WORDS = 8_192
"""Characters of what an asset says of itself that a search looks through: its name and description, and columns."""
MOST_SORTED = 200
"""Letters of a name that lists are sorted by."""
_MOST_NUMBER = 2**53
_PARTY = "party:"
"""How names of `state` began under which the document of each party stood."""


def put(connection: Connection, document: Document, *, public: bool, position: int | None) -> None:
    """Write the rows of a document that is kept; again, where it has become public or logged."""
    if isinstance(document, Receipt) and position is not None:
        _put_receipt(connection, document, position)
    elif isinstance(document, Asset):
        _put_asset(connection, document, public=public)
        sort(connection, document)
    elif isinstance(document, Grant):
        _put_grant(connection, document)
        sort(connection, document)


def _put_receipt(connection: Connection, receipt: Receipt, position: int) -> None:
    asset = receipt.inputs[0] if receipt.inputs else ""
    units = sum(max(line.delta_units, 0) for line in receipt.money)
    kept = connection.execute(
        "INSERT INTO receipts (position, id, issued_at, action, asset, provider, holder, units, grant_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (position) DO NOTHING",
        (
            position, receipt.id, receipt.issued_at, receipt.action, asset,
            receipt.provider, receipt.holder, units, receipt.grant,
        ),
    )  # fmt: skip
    if kept.rowcount == 1:
        connection.execute(
            "UPDATE receipts SET newest = ? WHERE grant_id = ? AND action = ? AND newest AND position < ?",
            (False, receipt.grant, receipt.action, position),
        )
        connection.execute(
            "INSERT INTO used VALUES (?, ?, 1, ?) ON CONFLICT (asset, action)"
            " DO UPDATE SET receipts = used.receipts + 1, units = used.units + excluded.units",
            (asset, receipt.action, units),
        )


def _put_asset(connection: Connection, asset: Asset, *, public: bool) -> None:
    columns = asset.schema_.get("columns")
    said = [asset.name, asset.description, *(map(str, columns) if isinstance(columns, list) else ())]
    connection.execute(
        "INSERT INTO assets (id, kind, owner, name, public, expires_at, supersedes, words) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET public = excluded.public",
        (
            asset.id, asset.asset_kind, asset.owner, text(asset.name), public, asset.terms.expires_at,
            asset.supersedes or "", text(folded(" ".join(said)))[:_MOST_WORDS],
        ),
    )  # fmt: skip


def _put_grant(connection: Connection, grant: Grant) -> None:
    sold = grant.terms.price_per == "grant"
    connection.execute(
        "INSERT INTO grants (id, issuer, holder, asset, issued_at, expires_at, price_units) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO NOTHING",
        (
            grant.id, grant.issuer, grant.holder, grant.asset, grant.issued_at, grant.terms.expires_at,
            grant.terms.price_units if sold else 0,
        ),
    )  # fmt: skip


def sort(connection: Connection, document: Document) -> None:
    """What lists sort and count by: columns that came later than their rows."""
    if isinstance(document, Asset):
        rows = document.schema_.get("rows")
        connection.execute(
            "UPDATE assets SET sort_name = ?, created_at = ?, price_units = ?, row_count = ? WHERE id = ?",
            (
                sortable(document.name), document.created_at, document.terms.price_units,
                rows if type(rows) is int and 0 <= rows < _MOST_NUMBER else -1, document.id,
            ),
        )  # fmt: skip
    elif isinstance(document, Grant):
        connection.execute(
            "UPDATE grants SET max_uses = ? WHERE id = ?", (document.terms.max_uses, document.id)
        )


def sortable(said: str) -> str:
    """A name as lists are sorted by it, and not too much of it."""
    return folded(text(said))[:MOST_SORTED]


def put_party(connection: Connection, party: Party) -> None:
    """The party document of an account from now on."""
    connection.execute(
        "INSERT INTO parties (account, id, name) VALUES (?, ?, ?)"
        " ON CONFLICT (account) DO UPDATE SET id = excluded.id, name = excluded.name",
        (party.account, party.id, text(party.name)),
    )


def sort_party(connection: Connection, account: str, name: str) -> None:
    """What a party is searched by: a column that came later than its row."""
    connection.execute("UPDATE parties SET sort_name = ? WHERE account = ?", (sortable(name), account))


def count(connection: Connection, type_: str, kind: str, change: int) -> None:
    """So many documents more of a type and kind."""
    connection.execute(
        "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT (type, kind)"
        " DO UPDATE SET documents = counts.documents + excluded.documents",
        (type_, kind, change),
    )


def forget(connection: Connection, document_id: str, type_: str, kind: str) -> None:
    """A document is gone."""
    for table in ("assets", "grants"):
        connection.execute(f"DELETE FROM {table} WHERE id = ?", (document_id,))  # noqa: S608 - fixed names
    count(connection, type_, kind, -1)
    connection.execute("DELETE FROM counts WHERE type = ? AND kind = ? AND documents = 0", (type_, kind))


def text(said: str) -> str:
    """A text of anybody's as both databases can hold it, to be shown or looked up."""
    return said.replace("\0", "")


def fill(connection: Connection) -> None:
    """The rows of all documents."""
    connection.execute("INSERT INTO counts SELECT type, kind, count(*) FROM documents GROUP BY type, kind")
    connection.execute(
        "UPDATE receipts SET grant_id = (SELECT about FROM documents WHERE documents.id = receipts.id)"
    )
    for document, public in _documents(connection):
        if isinstance(document, Asset):
            _put_asset(connection, document, public=public)
        elif isinstance(document, Grant):
            _put_grant(connection, document)
    for _, document_id in moved(connection, _PARTY):
        found = connection.execute("SELECT envelope FROM documents WHERE id = ?", (document_id,)).fetchone()
        # one that cannot be read was never shown either
        with suppress(FreeholdError):
            party = read_envelope(found[0]).document if found else None
            if isinstance(party, Party):
                put_party(connection, party)


def fill_sorted(connection: Connection) -> None:
    """What lists sort by, of all documents."""
    for document, _ in _documents(connection):
        sort(connection, document)


def fill_folded(connection: Connection) -> None:
    """What lists search and sort by, without accents."""
    last = -1
    while rows := connection.execute(
        "SELECT rowid, name, words FROM assets WHERE rowid > ? ORDER BY rowid LIMIT ?", (last, _BATCH)
    ).fetchall():
        last = rows[-1][0]
        for rowid, name, words in rows:
            connection.execute(
                "UPDATE assets SET sort_name = ?, words = ? WHERE rowid = ?",
                (sortable(name), folded(words)[:_MOST_WORDS], rowid),
            )
    for account, name in connection.execute("SELECT account, name FROM parties").fetchall():
        sort_party(connection, account, name)


def _documents(connection: Connection) -> Iterator[tuple[Document, bool]]:
    """Assets and grants, in the order in which they were kept."""
    last = -1
    while rows := connection.execute(
        "SELECT rowid, public, envelope FROM documents WHERE rowid > ? AND type IN ('asset', 'grant')"
        " ORDER BY rowid LIMIT ?",
        (last, _BATCH),
    ).fetchall():
        last = rows[-1][0]
        for _, public, envelope in rows:
            # one that cannot be read was never shown either
            with suppress(FreeholdError):
                yield read_envelope(envelope).document, bool(public)
