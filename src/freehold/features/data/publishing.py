"""Publishing: a table file becomes sealed data in the vault and a signed asset in the catalogue."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.core.documents import Asset, Content
from freehold.core.errors import InvalidInput, NotAllowed
from freehold.core.signing import Envelope
from freehold.features.data.approval import USUAL, set_approval
from freehold.features.data.licence import ALL_ROWS, EPSILON_LIFE_MICRO, EPSILON_RUN_MICRO, Licence, Rows
from freehold.features.data.offering import withdraw
from freehold.features.data.rules import distinct
from freehold.features.data.rules import table as tables
from freehold.features.data.rules.distinct import Distinct
from freehold.features.data.rules.stored import from_canonical_bytes
from freehold.features.data.rules.table import Table
from freehold.features.data.wire import Approval
from freehold.features.privacy import lines
from freehold.features.privacy.rules import privacy, promises
from freehold.kernel import custody, listed
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.store import Transaction
from freehold.vault.vault import Sealed

SALT_BYTES = 32
PAGE = 100
"""Assets of a list, where nothing else is said."""


@dataclass(frozen=True)
class NoiseCost(Question[int | None]):
    """What the noise of a run on one table alone costs a model of it, in basis points; None: nothing else is left.

    Answered by what learns from tables.
    """

    rows: int
    columns: int
    epsilon_micro: int
    delta_exponent: int
    rows_each: int


def inspect(
    node: Node,
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    rows: Rows = ALL_ROWS,
    epsilon_run_micro: int = EPSILON_RUN_MICRO,
    epsilon_life_micro: int = EPSILON_LIFE_MICRO,
    supersedes: Asset | None = None,
) -> dict[str, Any]:
    """What publishing would find in the file, and what the privacy budget means for it; nothing is changed."""
    found = _read(node, path, label, positive, rows)
    bounds = distinct.declared(rows.bounds, found.table, path.name)
    joined = lines.meeting(node, _fingerprints(node, found), supersedes.id if supersedes else None)
    own = privacy.delta_exponent_for(found.table.rows)
    delta_exponent = max([own, *(promise.delta_exponent for promise in joined)])
    alone = NoiseCost(
        found.table.rows, len(found.table.columns), epsilon_run_micro, delta_exponent, rows.rows_each
    )
    losses = everything().ask(node, alone)
    return {
        "file": path.name,
        "rows": found.table.rows,
        "columns": list(found.table.columns),
        "label": label,
        "positives": int(found.table.labels.sum()),
        "duplicate_rows": found.repeats,
        "left_out_rows": found.beyond,
        "warnings": [
            *found.warnings,
            *distinct.outside(bounds, found.table),
            *lines.notes(joined, epsilon_life_micro),
        ],
        "privacy": [
            promises.of_run(epsilon_run_micro, delta_exponent, rows.rows_each),
            promises.of_life(epsilon_life_micro, delta_exponent, rows.rows_each),
            promises.unit(rows.rows_each),
            *(promises.cost(found.table.rows, epsilon_run_micro, loss) for loss in losses),
        ],
        "delta_exponent": delta_exponent,
        "expected_loss_bps": losses[0] if losses else None,
        "lines": [promise.line for promise in joined],
        "size_bytes": path.stat().st_size,
    }


def publish(
    node: Node,
    path: Path,
    label: str,
    licence: Licence,
    *,
    name: str = "",
    description: str = "",
    positive: str | None = None,
    rows: Rows = ALL_ROWS,
    approval: Approval = USUAL,
    supersedes: Asset | None = None,
    warn: Callable[[str], object] = lambda _: None,
) -> Envelope:
    """Seal the table's distinct rows, sign its asset, log it and join its privacy lines; all or nothing.

    `supersedes` is the version it takes the place of, which is taken off offer; grants on it stay. `warn` is
    told what was dropped and which older promises stay.

    Raises:
        NotAllowed: `supersedes` is another party's. PromiseBroken: more is offered than was promised about rows.
        InvalidTable: the file cannot be trained on. InvalidInput. StorageFull, StorageFailed: nothing was kept.
    """
    if supersedes is not None:
        require_own(node, supersedes)
    terms = licence.terms(node)
    found = _read(node, path, label, positive, rows)
    table, salt = found.table, secrets.token_bytes(SALT_BYTES)
    bounds = distinct.declared(rows.bounds, table, path.name)
    fingerprints = _fingerprints(node, found)
    if terms.reveals == "update":
        # asked before anything is sealed; `join` asks again
        older = lines.meeting(node, fingerprints, supersedes.id if supersedes else None)
        lines.require_kept(node, name or path.stem, terms.reveals, older)
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
            schema_=_schema(table, rows, bounds),
            terms=terms,
            created_at=node.now(),
        )
        envelope = node.seal(asset)
        tx.put(envelope, public=True)
        custody.keep(tx, asset.id, sealed)
        set_approval(tx, asset.id, approval)
        lines.join(node, tx, asset, fingerprints)
        if supersedes is not None:
            withdraw(tx, supersedes.id)
    for said in (*found.warnings, *distinct.outside(bounds, table), *lines.kept(node, asset)):
        warn(said)
    return envelope


def _read(node: Node, path: Path, label: str, positive: str | None, rows: Rows) -> Distinct:
    return distinct.read(
        path, label, positive=positive, limits=limits(node), subject=rows.subject, rows_each=rows.rows_each
    )


def _fingerprints(node: Node, found: Distinct) -> set[bytes]:
    return distinct.fingerprints(found, lines.fingerprint_key(node.keys))


def _schema(table: Table, rows: Rows, bounds: distinct.Bounds) -> dict[str, Any]:
    """What others may know of a table; what says nothing is left out."""
    return {
        "columns": list(table.columns),
        "label": table.label,
        "rows": table.rows,
        **({"subject": rows.subject} if rows.subject is not None else {}),
        **({"rows_each": rows.rows_each} if rows.rows_each > 1 else {}),
        **({"bounds": {name: list(pair) for name, pair in bounds.items()}} if bounds else {}),
    }


def seal_table(node: Node, tx: Transaction, table: Table, salt: bytes) -> Sealed:
    """Put salt and table into the vault under a name of its own."""
    return node.vault(tx.connection).put(secrets.token_hex(16), salt + tables.canonical_bytes(table))


def open_table(node: Node, name: str) -> tuple[Table, bytes]:
    """(table, salt) kept sealed under a name; in memory only.

    Raises:
        NotFound: no such data here. DataLost: it is gone or was altered.
    """
    plain = custody.unseal(node, name)
    return from_canonical_bytes(plain[SALT_BYTES:]), plain[:SALT_BYTES]


def has_published(node: Node) -> bool:
    """Whether a dataset of this party was ever published."""
    return bool(listed.assets(node, kind="dataset", owner=node.account, limit=1))


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
