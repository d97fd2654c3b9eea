"""Models released here and shares in those of others, as the database keeps them; nobody else asks these tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset
from freehold.core.errors import NotFound
from freehold.core.texts import said
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction


@dataclass(frozen=True)
class Share:
    """What this party has in another's model."""

    model: str
    claim: str
    """The release that says so."""
    shares: int


def require_weights(node: Node, asset: Asset) -> dict[str, Any]:
    """`weights`, `scaling` and `columns` of a model. Raises NotFound: it was not released here."""
    rows = node.store.rows("SELECT weights FROM models WHERE id = ?", asset.id)
    if not rows:
        raise NotFound(
            said("{name} has no released weights here", name=asset.name), hint=said("Release it first.")
        )
    found: dict[str, Any] = json.loads(rows[0][0])
    return found


def released(node: Node) -> list[str]:
    """Models that were released here."""
    return [str(row[0]) for row in node.store.rows("SELECT id FROM models ORDER BY id")]


def job_of(node: Node, model: str) -> str:
    """Which of the builder's jobs made a model; empty where none here did."""
    rows = node.store.rows("SELECT job FROM models WHERE id = ?", model)
    return str(rows[0][0]) if rows else ""


def release(tx: Transaction, model: str, job: str, made: dict[str, Any], owners: Iterable[str]) -> None:
    """A model was released; its owners are yet to be told."""
    tx.connection.execute(
        "INSERT INTO models VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET job = excluded.job, weights = excluded.weights, untold = excluded.untold",
        (model, job, canonical_bytes(made), canonical_bytes(list(owners))),
    )


def untold(node: Node) -> list[tuple[str, list[str]]]:
    """(model, owners that are yet to be told of it)."""
    rows = node.store.rows("SELECT id, untold FROM models WHERE untold IS NOT NULL ORDER BY id")
    return [(str(model), json.loads(owners)) for model, owners in rows]


def tell(tx: Transaction, model: str, away: list[str]) -> None:
    """Its owners were told, but for these."""
    left = canonical_bytes(away) if away else None
    tx.connection.execute("UPDATE models SET untold = ? WHERE id = ?", (left, model))


def share(node: Node, model: str) -> Share | None:
    """What this party has in a model."""
    rows = node.store.rows("SELECT model, claim, shares FROM shares WHERE model = ?", model)
    return Share(*rows[0]) if rows else None


def shares(node: Node) -> list[Share]:
    """Every one of them."""
    return [Share(*row) for row in node.store.rows("SELECT model, claim, shares FROM shares ORDER BY model")]


def announced(node: Node, run: str) -> int:
    """How many models of a run this party was told of."""
    return int(node.store.rows("SELECT count(*) FROM shares WHERE run = ?", run)[0][0])


def keep_share(tx: Transaction, run: str, one: Share) -> None:
    """This party was told of a model."""
    tx.connection.execute(
        "INSERT INTO shares VALUES (?, ?, ?, ?) ON CONFLICT (model) DO UPDATE"
        " SET run = excluded.run, claim = excluded.claim, shares = excluded.shares",
        (one.model, run, one.claim, one.shares),
    )
