"""Publishing: a table file becomes sealed data in the vault and a signed asset in the catalogue."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from freehold.core.documents import Asset, Content
from freehold.core.errors import InvalidInput, NotAllowed
from freehold.core.ids import require_name
from freehold.core.signing import Envelope
from freehold.core.texts import said
from freehold.features.data import licence
from freehold.features.data.offering import keep_choice, withdraw
from freehold.features.data.rules import reading
from freehold.features.data.rules import table as tables
from freehold.features.data.rules.names import spelled
from freehold.features.data.rules.reading import Distinct
from freehold.features.data.rules.table import Table
from freehold.features.data.rules.ways import Ways
from freehold.features.data.wire import Inspect, Publish
from freehold.features.privacy import lines
from freehold.features.privacy.rules import privacy, promises
from freehold.kernel import custody
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.store import Transaction
from freehold.vault.vault import Sealed

SALT_BYTES = 32


@dataclass(frozen=True)
class NoiseCost(Question[int | None]):
    """What the noise of a run on one table alone costs a model of it, in basis points; None: nothing else is left."""

    rows: int
    columns: int
    epsilon_micro: int
    delta_exponent: int
    rows_each: int


def inspect(node: Node, asked: Inspect) -> dict[str, Any]:
    """What publishing would find in the file, and what its budget means; nothing is changed. Raises as `publish`."""
    before, asked = _before(node, asked), licence.completed(node, asked)
    path, found = Path(asked.path), _read(node, asked)
    bounds = reading.declared(asked.bounds, found.table, path.name)
    joined = lines.meeting(node, _fingerprints(node, found), before.id if before else None)
    own = privacy.delta_exponent_for(found.table.rows)
    delta_exponent = max([own, *(promise.delta_exponent for promise in joined)])
    alone = NoiseCost(
        found.table.rows, len(found.table.columns), asked.epsilon_run, delta_exponent, asked.rows_each
    )
    losses = everything().ask(node, alone)
    worst = partial(promises.worst_case, delta_exponent=delta_exponent, rows_each=asked.rows_each)
    return {
        "file": path.name,
        "rows": found.table.rows,
        "columns": list(found.table.columns),
        "label": asked.label,
        "positives": int(found.table.labels.sum()),
        "duplicate_rows": found.repeats,
        "left_out_rows": found.beyond,
        "warnings": [
            *found.warnings,
            *reading.outside(bounds, found.table),
            *lines.notes(joined, asked.epsilon_life_micro),
        ],
        "privacy": [
            said("One run: {meaning}", meaning=worst(asked.epsilon_run)),
            said("All runs together: {meaning}", meaning=worst(asked.epsilon_life_micro)),
            promises.unit(asked.rows_each),
            *(promises.cost(found.table.rows, asked.epsilon_run, loss) for loss in losses),
        ],
        "delta_exponent": delta_exponent,
        "expected_loss_bps": losses[0] if losses else None,
        "lines": [promise.line for promise in joined],
        "size_bytes": found.file_bytes,
    }


def publish(
    node: Node,
    asked: Publish,
    *,
    warn: Callable[[str], object] = lambda _: None,
    noting: Callable[[Transaction, str], object] = lambda *_: None,
) -> Envelope:
    """Seal the table's distinct rows, sign its asset, log it and join its privacy lines; all or nothing.

    The version that it supersedes is taken off offer; grants on it stay. `warn` is told what was dropped and
    which older promises stay; `noting` keeps more about the asset's id in the same transaction. Raises NotAllowed: what it supersedes is another party's; PromiseBroken: more
    is offered than was promised about rows; InvalidTable: the file cannot be trained on; InvalidInput;
    StorageFull, StorageFailed: nothing was kept.
    """
    before, asked = _before(node, asked), licence.completed(node, asked)
    terms = licence.terms(node, asked)
    name = asked.name or Path(asked.path).stem
    found = _read(node, asked)
    # after it: what is no file has no name either, and that is said first
    require_name(name)
    table, salt = found.table, secrets.token_bytes(SALT_BYTES)
    bounds = reading.declared(asked.bounds, table, Path(asked.path).name)
    fingerprints = _fingerprints(node, found)
    if terms.reveals == "update":
        # asked before anything is sealed; `join` asks again
        older = lines.meeting(node, fingerprints, before.id if before else None)
        lines.require_kept(node, name, terms.reveals, older)
    with node.store.transaction() as tx:
        sealed = seal_table(node, tx, table, salt)
        asset = Asset(
            asset_kind="dataset",
            name=name,
            description=asked.description,
            owner=node.account,
            asset_version=before.asset_version + 1 if before else 1,
            supersedes=before.id if before else None,
            content=Content(
                commitment="0x" + tables.commitment(table, salt).hex(),
                media_type="application/vnd.freehold.table",
                size_bytes=sealed.size_bytes,
                blob=sealed.cid,
            ),
            schema_=_schema(table, asked, bounds),
            terms=terms,
            created_at=node.now(),
        )
        envelope = node.seal(asset)
        tx.put(envelope, public=True)
        custody.keep(tx, asset.id, sealed)
        keep_choice(tx, asset.id, asked)
        noting(tx, asset.id)
        lines.join(node, tx, asset, fingerprints)
        if before is not None:
            withdraw(tx, before.id)
    for told in (*found.warnings, *reading.outside(bounds, table), *lines.kept(node, asset)):
        warn(told)
    return envelope


def _before(node: Node, asked: Inspect) -> Asset | None:
    if not asked.supersedes:
        return None
    before = node.asset(asked.supersedes)
    require_own(node, before)
    return before


def _read(node: Node, asked: Inspect) -> Distinct:
    chosen = asked.model_dump(include={"positive", "subject", "rows_each", "left_out"})
    ways = Ways.of(asked.read_as)
    return reading.distinct(Path(asked.path), asked.label, limits=limits(node), ways=ways, **chosen)


def _fingerprints(node: Node, found: Distinct) -> set[bytes]:
    return reading.fingerprints(found, node.keys.derived("row-fingerprints/v1"))


def _schema(table: Table, asked: Inspect, bounds: reading.Bounds) -> dict[str, Any]:
    """What others may know of a table; what says nothing is left out."""
    return {
        "columns": list(table.columns),
        "label": table.label,
        "rows": table.rows,
        **({"subject": spelled(asked.subject)} if asked.subject is not None else {}),
        **({"rows_each": asked.rows_each} if asked.rows_each > 1 else {}),
        **({"bounds": {name: list(pair) for name, pair in bounds.items()}} if bounds else {}),
    }


def seal_table(node: Node, tx: Transaction, table: Table, salt: bytes) -> Sealed:
    """Put salt and table into the vault under a name of its own."""
    return node.vault(tx.connection).put(secrets.token_hex(16), salt + tables.canonical_bytes(table))


def open_table(node: Node, name: str) -> tuple[Table, bytes]:
    """(table, salt) kept sealed under a name; in memory only. Raises NotFound; DataLost: it is gone or was altered."""
    plain = custody.unseal(node, name)
    return tables.from_canonical_bytes(plain[SALT_BYTES:]), plain[:SALT_BYTES]


def require_own(node: Node, asset: Asset) -> None:
    """The asset is this node's. Raises NotAllowed."""
    if asset.owner != node.account:
        raise NotAllowed(
            said("{name} belongs to another party", name=asset.name), hint=said("Ask its owner's node.")
        )


def limits(node: Node) -> tables.Limits:
    """What table files of this node may hold."""
    size = node.settings.max_table_bytes
    if size <= 0:
        raise InvalidInput(said("max_table_bytes must be positive"))
    return tables.Limits(size_bytes=size)
