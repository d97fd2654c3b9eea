"""Training jobs and their rounds as their builder's database keeps them; nobody else asks these tables.

A row of a round begins as who committed to what; once it is shown, what was revealed is there too.
"""

from __future__ import annotations

import json
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Claim
from freehold.core.errors import NotFound
from freehold.core.ids import prefix_range, resolve
from freehold.core.texts import said
from freehold.features.models import kept as models
from freehold.features.training.rules.record import Round, RunPlan, parse_round
from freehold.features.training.tables import ENDED, words
from freehold.kernel import selecting
from freehold.kernel.node import Node
from freehold.kernel.selecting import Found, Selection, Wanted
from freehold.kernel.store import Transaction

_MOST = "most:"
STATES = {"going": "step <> 'done'", "ended": "step = 'done'"}
"""How a list tells jobs apart, and when that is so."""
_LIST = Selection("id", "jobs", "number", mentions="words LIKE ? ESCAPE '!'")
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
        raise NotFound(said("no such job"), hint=said("List them: freehold jobs."))
    return found


def find(node: Node, prefix: str) -> str:
    """The full id of a job. Raises NotFound, Ambiguous."""
    query = "SELECT id FROM jobs WHERE id >= ? AND id < ? ORDER BY id LIMIT 1000"
    rows = node.store.rows(query, *prefix_range(prefix))
    return resolve(prefix, (row[0] for row in rows), "job")


def jobs(node: Node) -> dict[str, Job]:
    """Every job by its id."""
    return _read(node.store.rows("SELECT id, record FROM jobs ORDER BY id"))


def listed(node: Node, wanted: Wanted) -> Found[str]:
    """Ids of jobs, the newest first; `state` is `going` or `ended`."""
    chosen = _LIST.only(STATES[state]) if (state := wanted.filter("state")) in STATES else _LIST
    return selecting.page(node.store, chosen, wanted).map(lambda row: str(row[0]))


def in_order(node: Node) -> list[str]:
    """Ids of all jobs, oldest first."""
    return [str(row[0]) for row in node.store.rows("SELECT id FROM jobs ORDER BY number")]


def withheld(node: Node, most: int) -> list[tuple[str, str]]:
    """(id, name) of the newest jobs whose model is held back."""
    rows = node.store.rows(
        "SELECT id, record FROM jobs WHERE step = 'withheld' ORDER BY number DESC LIMIT ?", most
    )
    return [(job_id, str(one["name"])) for job_id, one in _read(rows).items()]


def count_ended(node: Node) -> int:
    """How many jobs go on only by their owner's word."""
    return int(node.store.rows("SELECT count(*) FROM jobs WHERE step IN (?, ?)", *ENDED)[0][0])


def going_on(node: Node) -> dict[str, Job]:
    """Jobs that have not ended, by their ids."""
    return _read(node.store.rows("SELECT id, record FROM jobs WHERE NOT ended ORDER BY id"))


def job_of(node: Node, model_id: str) -> Job | None:
    """The job that a model came from."""
    return job(node, models.job_of(node, model_id))


def keep(tx: Transaction, job_id: str, as_it_stands: Job) -> None:
    """Write a job."""
    at = as_it_stands["step"]
    tx.connection.execute(
        "INSERT INTO jobs (id, ended, held, record, number, step, words)"
        " VALUES (?, ?, ?, ?, (SELECT coalesce(max(number), 0) + 1 FROM jobs), ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET ended = excluded.ended, record = excluded.record, step = excluded.step, words = excluded.words",
        (
            job_id,
            at in ENDED,
            False,
            canonical_bytes(as_it_stands),
            at,
            words(str(as_it_stands.get("name", ""))),
        ),
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


def begun(node: Node, run: str, number: int) -> dict[str, Any] | None:
    """`claim` and `receipts` of a round that was committed to."""
    rows = node.store.rows(
        "SELECT claim, receipts FROM rounds_made WHERE run = ? AND number = ?", run, number
    )
    return {"claim": rows[0][0], "receipts": json.loads(rows[0][1])} if rows else None


def begin(tx: Transaction, run: str, number: int, opened: dict[str, Any]) -> None:
    """A round was committed to."""
    tx.connection.execute(
        "INSERT INTO rounds_made VALUES (?, ?, ?, ?, NULL)",
        (run, number, opened["claim"], canonical_bytes(opened["receipts"])),
    )


def end(tx: Transaction, run: str, made: Round) -> None:
    """What was committed to in a round was revealed."""
    tx.connection.execute(
        "UPDATE rounds_made SET revealed = ? WHERE run = ? AND number = ?",
        (canonical_bytes(made.to_json()), run, made.number),
    )


def rounds_of(node: Node, plan: RunPlan) -> list[Round]:
    """Every round of a run that is over."""
    rows = node.store.rows(
        "SELECT claim, revealed FROM rounds_made WHERE run = ? AND revealed IS NOT NULL ORDER BY number",
        plan.run_id,
    )
    return [
        parse_round(plan, node.typed(claim, Claim).statement, json.loads(revealed))
        for claim, revealed in rows
    ]


def claims_of(node: Node, run: str) -> list[Claim]:
    """What the builder signed of each of them."""
    rows = node.store.rows(
        "SELECT claim FROM rounds_made WHERE run = ? AND revealed IS NOT NULL ORDER BY number", run
    )
    return [node.typed(row[0], Claim) for row in rows]


def records_of(node: Node, run: str, first: int, beyond: int) -> list[dict[str, Any]]:
    """Rounds `first` to `beyond` - 1 as owners and evidence get them: claim, receipts, what was revealed."""
    rows = node.store.rows(
        "SELECT claim, receipts, revealed FROM rounds_made"
        " WHERE run = ? AND number >= ? AND number < ? AND revealed IS NOT NULL ORDER BY number",
        run,
        first,
        beyond,
    )
    return [
        {
            "claim": node.store.get(claim).to_json(),
            "receipts": [node.store.get(receipt).to_json() for receipt in json.loads(receipts)],
            "revealed": json.loads(revealed),
        }
        for claim, receipts, revealed in rows
    ]
