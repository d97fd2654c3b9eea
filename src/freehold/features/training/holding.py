"""A validator's side of training: it keeps a test table that the builder does not see before the last round.

The table is committed to in the validator's log. When a run that was planned on that commitment is over, the
builder shows it whole; the validator checks it as an owner does and opens the table, once: a table that was
opened is known, and measures no second run.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.core.documents import Claim
from freehold.core.errors import Conflict, InvalidDocument, InvalidInput, NotAllowed, NotFound
from freehold.core.signing import Envelope
from freehold.features.data import publishing
from freehold.features.data.publishing import open_table, seal_table
from freehold.features.data.rules import reading
from freehold.features.data.rules import table as tables
from freehold.features.data.rules.table import Table
from freehold.features.data.rules.ways import NONE, Ways
from freehold.features.models.rules.scaling import Scaling, typical, unit_rows
from freehold.features.training.checks.replaying import table_json
from freehold.features.training.lending import require_claim, require_grants, require_receipts, statement_of
from freehold.features.training.rules import expected, record
from freehold.features.training.rules.record import PlannedTest, Replay, RunPlan, Start
from freehold.kernel import custody, logbook
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers

MAX_CURVATURE_PPM = 1_000_000


class TestOpened(Conflict, code="training.test_opened"):
    """The test table was opened for another run, so that its rows are known."""


@dataclass(frozen=True)
class TestShown:
    """All that is said of a test table before it is opened."""

    planned: PlannedTest
    columns: tuple[str, ...]
    label: str
    scaling: Scaling
    """Mean and spread of its columns."""
    curvature_ppm: int
    """Of its rows, by which the size of a step is chosen: `expected.curvature` in millionths."""

    @classmethod
    def of(cls, table: Table, commitment: str, holder: str) -> TestShown:
        """A table seen by the one who keeps it."""
        scaling = typical(table)
        bend = expected.curvature(unit_rows(table.features, scaling))
        planned = PlannedTest(commitment, table.rows, int(table.labels.sum()), holder)
        bend_ppm = min(MAX_CURVATURE_PPM, max(1, round(bend * 1_000_000)))
        return cls(planned, tuple(table.columns), table.label, scaling, bend_ppm)


def announced(test: PlannedTest, columns: Sequence[str], label: str) -> dict[str, Any]:
    """What the claim that commits to a test table says of it, whoever keeps the table."""
    counted = {"commitment": test.commitment, "rows": test.rows, "positives": test.positives}
    return {**counted, "columns": list(columns), "label": label}


def hold(
    node: Node, path: Path, label: str, builder: str, *, positive: str | None = None, ways: Ways = NONE
) -> dict[str, Any]:
    """Seal a test table and commit to it in this node's log; only `builder` may have it opened.

    Raises InvalidTable; InvalidRecord: too few rows, or of one label only. Conflict: it was kept here before.
    """
    table = reading.read(path, label, positive=positive, limits=publishing.limits(node), ways=ways)
    known = hmac.digest(node.keys.derived("held tests"), tables.canonical_bytes(table), "sha256").hex()
    if node.store.state(f"held_rows:{known}"):
        raise Conflict("that very table was kept here before", hint="Measure each run on rows nobody saw.")
    salt = secrets.token_bytes(publishing.SALT_BYTES)
    shown = TestShown.of(table, "0x" + tables.commitment(table, salt).hex(), node.account)
    test = shown.planned
    record.require_composition(test.rows, test.positives)
    claim = node.claim("test_commitment", test.commitment, announced(test, shown.columns, label))
    with node.store.transaction() as tx:
        sealed = seal_table(node, tx, table, salt)
        custody.keep(tx, test.commitment, sealed)
        tx.connection.execute(
            "INSERT INTO tests_held VALUES (?, ?, ?, '', '', ?)",
            (test.commitment, builder.lower(), claim.document.id, node.now()),
        )
        tx.set(f"held_rows:{known}", value=True)
        tx.put(claim, public=True)
    return {"test": test.commitment, "rows": test.rows, "positives": test.positives, "label": label}


def held(node: Node) -> list[dict[str, Any]]:
    """Test tables that this node keeps for others, oldest first."""
    found = []
    for test, claim, run, at in node.store.rows(
        "SELECT test, claim, run, at FROM tests_held ORDER BY at, test"
    ):
        said = node.typed(claim, Claim).statement
        shown = {name: said[name] for name in ("rows", "positives", "label")}
        found.append({"test": test, **shown, "run": run or None, "at": at})
    return found


def show(node: Node, builder: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a builder needs to plan a run on a test table kept here. Raises NotFound, TestOpened."""
    commitment = str(body.get("test"))
    kept = _kept(node, commitment, builder)
    # whom the owner named is no stranger: it will show a whole run
    node.befriend(builder)
    if kept["run"]:
        raise TestOpened("that test table was opened before", hint="Ask for another one.")
    shown = TestShown.of(open_table(node, commitment)[0], commitment, node.account)
    return {
        "claim": node.store.get(kept["claim"]).to_json(),
        "scaling": shown.scaling.to_json(),
        "curvature_ppm": shown.curvature_ppm,
    }


def ask(node: Node, peers: Peers, holder: str, commitment: str) -> TestShown:
    """A validator's description of a table; its claim is kept. Raises InvalidDocument, InvalidScaling."""
    answer = peers.ask(holder, "/peer/tests", {"test": commitment})
    claim = require_claim(node, answer.get("claim"), "test_commitment", commitment, holder)
    said, bend = statement_of(claim), answer.get("curvature_ppm")
    names = {"commitment", "rows", "positives", "columns", "label"}
    if set(said) != names or said["commitment"] != commitment or not isinstance(said["columns"], list):
        raise InvalidDocument("the validator's commitment does not say what its table holds")
    if type(bend) is not int or not 1 <= bend <= MAX_CURVATURE_PPM:
        raise InvalidDocument("the validator does not say how its rows bend")
    if any(type(said[name]) is not int for name in ("rows", "positives")):
        raise InvalidDocument("the validator's commitment does not count its rows")
    with node.store.transaction() as tx:
        if not node.store.has(claim.document.id):
            tx.put(claim, logged=False)
    planned = PlannedTest(commitment, said["rows"], said["positives"], holder)
    columns, scaling = tuple(map(str, said["columns"])), Scaling.from_json(answer.get("scaling"))
    return TestShown(planned, columns, str(said["label"]), scaling, bend)


def open_for(node: Node, builder: str, body: dict[str, Any]) -> dict[str, Any]:
    """Open a table for a run that is over: the claim with its salt, and the rows. Repeatable.

    Raises NotFound, TestOpened, InvalidInput, InvalidDocument, VerificationFailed.
    """
    plan = RunPlan.from_json(body.get("plan"))
    if (plan.builder, plan.test.holder) != (builder, node.account):
        raise InvalidInput("that run is another's, or is not measured on a table of this node")
    _kept(node, plan.test.commitment, builder)
    with node.exclusive(f"test:{plan.test.commitment}"):
        kept = _kept(node, plan.test.commitment, builder)
        if kept["run"] not in ("", plan.run_id):
            raise TestOpened("that test table was opened for another run")
        table, salt = open_table(node, plan.test.commitment)
        if not kept["run"]:
            final = _require_over(node, plan, body)
            opening = opening_of(node, plan, salt, final)
            kept["opening"] = opening.document.id
            with node.store.transaction() as tx:
                tx.put(opening, public=True)
                tx.connection.execute(
                    "UPDATE tests_held SET run = ?, opening = ? WHERE test = ?",
                    (plan.run_id, opening.document.id, plan.test.commitment),
                )
            logbook.anchor_soon(node)
    return {"opening": node.store.get(kept["opening"]).to_json(), "test": table_json(table)}


def opening_of(node: Node, plan: RunPlan, salt: bytes, model: str) -> Envelope:
    """The claim by which who keeps the test table opens it, to the model of that hash."""
    said: dict[str, object] = {"commitment": plan.test.commitment, "salt": "0x" + salt.hex(), "model": model}
    return node.claim("test_opening", plan.run_id, said)


def _kept(node: Node, commitment: str, builder: str) -> dict[str, Any]:
    rows = node.store.rows("SELECT builder, claim, run, opening FROM tests_held WHERE test = ?", commitment)
    if not rows:
        raise NotFound("no such test table is kept here")
    kept = dict(zip(("builder", "claim", "run", "opening"), rows[0], strict=True))
    if kept["builder"] != builder:
        raise NotAllowed("that test table is kept for another builder")
    return kept


def _require_over(node: Node, plan: RunPlan, body: dict[str, Any]) -> str:
    """Every round was committed to and revealed, by owners that granted this very run; hash of its final model.

    The opening names that hash, so a run made up to see the test early opens it to that model alone.
    """
    start_claim = require_claim(node, body.get("start"), "training_start", plan.run_id, plan.builder)
    start = Start.from_json(statement_of(start_claim).get("start"), plan)
    grants = require_grants(node, plan, start, body.get("grants"))
    known = {envelope.document.id: envelope.document for envelope in grants}
    rounds, running = body.get("rounds"), Replay(plan, start)
    for value in rounds if isinstance(rounds, list) else []:
        if not isinstance(value, dict) or running.is_done:
            raise InvalidInput("rounds are objects of claim, receipts and revealed, as many as planned")
        claim = require_claim(node, value.get("claim"), "training_round", plan.run_id, plan.builder)
        made = record.parse_round(plan, statement_of(claim), value.get("revealed"))
        if statement_of(claim)["previous"] != record.models_hash(plan, running.next, running.model):
            raise InvalidDocument(f"round {made.number} does not begin where the one before ended")
        require_receipts(node, plan, start, made, value.get("receipts"), known.__getitem__)  # type: ignore[arg-type]
        running.add(made)
    if not running.is_done:
        raise InvalidInput("the run is not over", hint="Show every round.", number=running.next)
    return record.final_hash(plan, running.model)
