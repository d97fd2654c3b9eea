"""Ordering a training run: the test table is committed to and the plan made before anything is asked or bought."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from freehold.core.documents import Claim
from freehold.core.errors import Conflict
from freehold.core.ids import short
from freehold.core.money import BPS
from freehold.core.texts import said
from freehold.features.data import publishing
from freehold.features.data.publishing import open_table, seal_table
from freehold.features.data.rules import table as tables
from freehold.features.grants import asking
from freehold.features.training import kept
from freehold.features.training.planning import check, grants_units, plan, require_allowed, require_releasable
from freehold.features.training.rules.record import RunPlan
from freehold.features.training.wire import Order
from freehold.kernel import ceiling, custody
from freehold.kernel.ceiling import Act
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers


class JobHeld(Conflict, code="training.held"):
    """A job was stopped by hand, and goes on only where that is asked for by its name."""


def begin(node: Node, peers: Peers, order: Order) -> str:
    """Check the order, commit the test table to the vault, make the plan, keep the job. Returns its id.

    The same order again, while owners who decide by hand are still asked for it, is the same job, which may
    then cost no more than either order allows. Raises InvalidInput, InvalidTable, NotFound, TermsConflict,
    NotAllowed: nothing was started.
    """
    assets, test, table = check(node, peers, order)
    total = grants_units(assets)
    ceiling.require_shown(total, order.shown_units)
    wanted = _wanted(order)
    waiting = _waiting(node, wanted, table)
    if waiting:
        _require_goes_on(node, waiting, order.at_most_units, total)
        return waiting
    # before anything is committed to: whether it may be paid is known now
    ceiling.require_affordable(node, Act(wanted["name"], order.at_most_units), total)
    salt = secrets.token_bytes(publishing.SALT_BYTES)
    job_id = "0x" + secrets.token_hex(32)
    if table is not None:
        known = "0x" + tables.commitment(table, salt).hex()
        test = replace(test, planned=replace(test.planned, commitment=known))
    made = plan(node, order, assets, test)
    require_allowed(assets, order, made)
    require_releasable(node, assets, order, made)
    job = {
        "id": job_id,
        "step": "plan",
        "order": wanted,
        "name": order.name,
        "assets": [asset.id for asset in assets],
        "plan": made.to_json(),
        "run": made.run_id,
        "at_most_units": order.at_most_units,
        "absent": {},
        "started_at": node.now(),
    }
    with node.store.transaction() as tx:
        if table is not None:
            custody.keep(tx, job_id, seal_table(node, tx, table, salt))
        kept.keep(tx, job_id, job)
    return job_id


def _wanted(order: Order) -> dict[str, Any]:
    """What makes two orders the same; the test table is compared by its rows."""
    spoken = order.model_dump(exclude={"shown_units", "at_most_units"})
    kept = order.test if order.validator is not None else None
    return {**spoken, "assets": sorted(order.assets), "test": kept}


def _waiting(node: Node, wanted: dict[str, Any], table: tables.Table | None) -> str:
    """The id of a job of the same order whose owners have not all agreed yet; else empty."""
    as_bytes = tables.canonical_bytes
    for job_id, job in kept.going_on(node).items():
        if job["step"] != "grants" or job.get("order") != wanted or not asking.is_open(node, job_id):
            continue
        if table is None or as_bytes(open_table(node, job_id)[0]) == as_bytes(table):
            return str(job_id)
    return ""


def _require_goes_on(node: Node, job_id: str, at_most_units: int | None, total: int) -> None:
    """A job that was ordered before may go on, for no more than is allowed now; else it stays as it was."""
    if kept.is_held(node, job_id):
        raise JobHeld(
            said("this training was ordered before, and stopped by hand"),
            hint=said("Go on with it: freehold train --resume {job_id}", job_id=short(job_id)),
            job=job_id,
        )
    act = Act(job_id, kept.within(node, job_id, at_most_units))
    ceiling.require_agreed(act, total)
    ceiling.require_affordable(node, act, max(0, total - ceiling.taken(node, act)))
    with node.store.transaction() as tx:
        kept.bound(tx, job_id, at_most_units)


def is_good_enough(node: Node, job: dict[str, Any], plan: RunPlan) -> bool:
    """Whether a model is released by default: at least the plan's score, and better than not having trained.

    A model that is no better than always giving the commoner label is held back, and any model whose builder
    asked to see it first; its builder may then release it by saying so.
    """
    scores = node.typed(job["contribution"], Claim).statement["scores"]
    correct, rows = int(scores["correct"]), int(scores["rows"])
    enough = correct * BPS >= plan.least_correct_bps * rows
    if job.get("anyway"):
        return enough
    return enough and correct > int(scores["majority_correct"]) and not job["order"]["review"]
