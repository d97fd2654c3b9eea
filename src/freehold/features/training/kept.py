"""Training jobs as the database keeps them, and which of them their owner holds; nobody else asks this table."""

from __future__ import annotations

import json
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.errors import NotFound
from freehold.core.ids import resolve
from freehold.features.models import kept as models
from freehold.features.training.tables import ENDED
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction

_MOST = "most:"
Job = dict[str, Any]


def job(node: Node, job_id: str) -> Job | None:
    """One job; None where there is none."""
    rows = node.store.rows("SELECT record FROM jobs WHERE id = ?", job_id)
    found: Job | None = json.loads(rows[0][0]) if rows else None
    return found


def require(node: Node, job_id: str) -> Job:
    """One job. Raises NotFound."""
    found = job(node, job_id)
    if found is None:
        raise NotFound("no such job", hint="List them: freehold jobs.")
    return found


def find(node: Node, prefix: str) -> str:
    """The full id of a job. Raises NotFound, Ambiguous."""
    text = f"0x{prefix.lower().removeprefix('0x')[:64]}"
    # as a range, which the key's index answers; no digit comes after f
    rows = node.store.rows(
        "SELECT id FROM jobs WHERE id >= ? AND id < ? ORDER BY id LIMIT 1000", text, f"{text}g"
    )
    return resolve(prefix, (row[0] for row in rows), "job")


def jobs(node: Node) -> dict[str, Job]:
    """Every job by its id."""
    return _read(node.store.rows("SELECT id, record FROM jobs ORDER BY id"))


def going_on(node: Node) -> dict[str, Job]:
    """Jobs that have not ended, by their ids."""
    return _read(node.store.rows("SELECT id, record FROM jobs WHERE NOT ended ORDER BY id"))


def job_of(node: Node, model_id: str) -> Job | None:
    """The job that a model came from."""
    return job(node, models.job_of(node, model_id))


def keep(tx: Transaction, job_id: str, as_it_stands: Job) -> None:
    """Write a job."""
    tx.connection.execute(
        "INSERT INTO jobs VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET ended = excluded.ended, record = excluded.record",
        (job_id, as_it_stands["step"] in ENDED, False, canonical_bytes(as_it_stands)),
    )


def at_most_units(node: Node, job_id: str) -> int | None:
    """Most that the grants of a job may cost together: as ordered, or as said since, whichever is less."""
    return within(node, job_id, node.store.state(f"{_MOST}{job_id}"))


def within(node: Node, job_id: str, at_most_units: int | None) -> int | None:
    """The lesser of what was allowed when a job was ordered and what is said now."""
    ordered = require(node, job_id).get("at_most_units")
    return min((one for one in (ordered, at_most_units) if one is not None), default=None)


def bound(tx: Transaction, job_id: str, at_most_units: int | None) -> None:
    """Keep what was said of that since; None is as it was ordered."""
    if at_most_units is None:
        tx.delete(f"{_MOST}{job_id}")
    else:
        tx.set(f"{_MOST}{job_id}", at_most_units)


def is_held(node: Node, job_id: str) -> bool:
    """Whether its owner stopped a job until it is resumed by hand."""
    return bool(node.store.rows("SELECT 1 FROM jobs WHERE id = ? AND held", job_id))


def hold(tx: Transaction, job_id: str, *, held: bool) -> None:
    """Stop a job so, or no more."""
    tx.connection.execute("UPDATE jobs SET held = ? WHERE id = ?", (held, job_id))


def _read(rows: list[Any]) -> dict[str, Job]:
    return {str(job_id): json.loads(kept) for job_id, kept in rows}
