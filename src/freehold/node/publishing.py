"""Publishing: a table file becomes sealed data in the vault and a signed asset in the catalogue."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from freehold.core.documents import Asset, Content, Terms
from freehold.core.errors import InvalidInput, InvalidTable, NotAllowed, NotFound, Unavailable
from freehold.core.signing import Envelope
from freehold.node import consent
from freehold.node.node import Node
from freehold.node.offering import is_offered, withdraw
from freehold.node.store import Transaction
from freehold.training import table as tables
from freehold.training.stored import from_canonical_bytes
from freehold.training.table import Table
from freehold.vault.vault import Sealed

SALT_BYTES = 32
MIN_ROWS = 10
"""Fewer rows could be solved for from their column sums and squares."""
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Licence:
    """The terms a person chooses when publishing."""

    price_units: int = 0
    """Price of one grant."""
    purposes: tuple[str, ...] = ("model-training",)
    max_uses: int = 100
    """Uses per grant; a training run of R rounds makes R + 1."""
    days: int = 365
    """How long grants may last from now."""
    duties: tuple[str, ...] = ()

    def terms(self, node: Node) -> Terms:
        """As a document; the result of training may be used and sold (derive, infer)."""
        return Terms(
            purposes=tuple(sorted(set(self.purposes))),
            actions=("derive", "infer", "train"),
            expires_at=node.now() + self.days * DAY_SECONDS,
            max_uses=self.max_uses,
            price_units=self.price_units,
            token=node.token,
            duties=tuple(sorted(set(self.duties))),
        )


def inspect(node: Node, path: Path, label: str, *, positive: str | None = None) -> dict[str, Any]:
    """What publishing would find in the file; nothing is changed."""
    report = asdict(tables.inspect(path, label, positive=positive, limits=limits(node)))
    return {**report, "columns": list(report["columns"]), "warnings": list(report["warnings"])}


def publish(
    node: Node,
    path: Path,
    label: str,
    licence: Licence,
    *,
    name: str = "",
    description: str = "",
    positive: str | None = None,
    expected: tuple[str, ...] | None = None,
    approval: consent.Approval = "automatic",
    supersedes: Asset | None = None,
) -> Envelope:
    """Seal the table, sign its asset and log it; all three or none.

    `supersedes` is the version it takes the place of, which is taken off offer; grants on it stay.

    Raises:
        NotAllowed: `supersedes` is another party's.
        InvalidTable: the file cannot be trained on. StorageFull, StorageFailed: nothing was kept.
    """
    if supersedes is not None:
        require_own(node, supersedes)
    table = tables.read(path, label, positive=positive, expected=expected, limits=limits(node))
    require_rows(table.rows, path.name)
    salt = secrets.token_bytes(SALT_BYTES)
    with node.store.transaction() as tx:
        sealed = seal_table(node, tx, table, salt)
        asset = Asset(
            asset_kind="dataset",
            name=name or path.stem,
            description=description,
            owner=node.account,
            asset_version=supersedes.asset_version + 1 if supersedes else 1,
            supersedes=supersedes.id if supersedes else None,
            content=Content(
                commitment="0x" + tables.commitment(table, salt).hex(),
                media_type="application/vnd.freehold.table",
                size_bytes=sealed.size_bytes,
                blob=sealed.cid,
            ),
            schema_={"columns": list(table.columns), "label": table.label, "rows": table.rows},
            terms=licence.terms(node),
            created_at=node.now(),
        )
        envelope = node.seal(asset)
        tx.put(envelope, public=True)
        tx.set(f"sealed:{asset.id}", asdict(sealed))
        consent.set_approval(tx, asset.id, approval)
        if supersedes is not None:
            withdraw(tx, supersedes.id)
    return envelope


def require_rows(rows: int, file: str) -> None:
    """A table has enough rows to hide each of them.

    Raises:
        InvalidTable.
    """
    if rows < MIN_ROWS:
        raise InvalidTable(
            f"{file} has {rows} rows, at least {MIN_ROWS} are needed",
            hint="Training shows column sums to the builder; of so few rows they would show the rows.",
            file=file,
        )


def seal_table(node: Node, tx: Transaction, table: Table, salt: bytes) -> Sealed:
    """Put salt and table into the vault under a name of its own."""
    return node.vault(tx.connection).put(secrets.token_hex(16), salt + tables.canonical_bytes(table))


def open_table(node: Node, name: str) -> tuple[Table, bytes]:
    """(table, salt) kept under `sealed:NAME`; in memory only.

    Raises:
        NotFound: no such data here. VerificationFailed: it was altered.
    """
    record = node.store.state(f"sealed:{name}")
    if record is None:
        raise NotFound("that data is not in this vault")
    with node.store.reading() as connection:
        plain = node.vault(connection).open(Sealed(**record))
    return from_canonical_bytes(plain[SALT_BYTES:]), plain[:SALT_BYTES]


def catalogue(node: Node, *, limit: int = 1_000) -> list[Envelope]:
    """Assets of this node that are on offer."""
    found = node.store.find("asset", public=True, limit=limit)
    return [envelope for envelope in found if is_offered(node, envelope.document.id)]


def search(node: Node, text: str, kind: str) -> list[dict[str, Any]]:
    """Known assets that mention `text`, newest last, with their owners' names."""
    found = []
    for envelope in node.store.find("asset"):
        asset = envelope.document
        if not isinstance(asset, Asset) or (kind and asset.asset_kind != kind):
            continue
        if text.lower() in f"{asset.name} {asset.description} {asset.schema_.get('columns')}".lower():
            found.append(describe(node, asset))
    return found


def describe(node: Node, asset: Asset) -> dict[str, Any]:
    """One asset as lists show it."""
    try:
        owner_name = node.party_of(asset.owner).name
    except Unavailable:
        owner_name = asset.owner[:10]
    return {
        "id": asset.id,
        "kind": asset.asset_kind,
        "name": asset.name,
        "description": asset.description,
        "owner": asset.owner,
        "owner_name": owner_name,
        "rows": asset.schema_.get("rows"),
        "columns": asset.schema_.get("columns"),
        "label": asset.schema_.get("label"),
        "price_units": asset.terms.price_units,
        "price_per": asset.terms.price_per,
        "expires_at": asset.terms.expires_at,
        "approval": consent.approval_of(node, asset.id),
        "mine": asset.owner == node.account,
    }


def require_own(node: Node, asset: Asset) -> None:
    """The asset is this node's.

    Raises:
        NotAllowed.
    """
    if asset.owner != node.account:
        raise NotAllowed(f"{asset.name} belongs to another party", hint="Ask its owner's node.")


def limits(node: Node) -> tables.Limits:
    """What table files of this node may hold."""
    size = node.settings.max_table_bytes
    if size <= 0:
        raise InvalidInput("max_table_bytes must be positive")
    return tables.Limits(size_bytes=size)
