"""One run from empty directory to report."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.quickstart import play, scene
from freehold.quickstart.patience import Patient
from freehold.quickstart.progress import Steps
from freehold.quickstart.scene import BUILDER, BUYER, OWNERS
from freehold.quickstart.world import World, running


@dataclass(frozen=True)
class Result:
    """What a run comes to."""

    values: dict[str, Any]
    """The report: JSON values only."""
    lineage: str
    """SVG text."""
    directory: Path
    """Everything the run left."""


def run(home: Path, *, progress: Steps, then: Callable[[Result], None]) -> None:
    """The whole main job; `then` is told the result while chain and nodes still run.

    Every process has ended when this returns.

    Raises:
        FreeholdError: a step failed; says which and where to look.
    """
    from freehold.quickstart import report  # noqa: PLC0415

    began = time.monotonic()
    with running(home, progress) as world:
        with ThreadPoolExecutor(1) as pool:
            facts = _play(world, progress, pool)
        facts["processes"] = len(world.supervisor.children())
        values = {"seconds": round(time.monotonic() - began, 1), **report.values(facts)}
        result = Result(values, report.lineage(facts), world.directory)
        report.write(result.values, result.lineage, world.directory)
        then(result)


def _play(world: World, steps: Steps, pool: ThreadPoolExecutor) -> dict[str, Any]:
    builder, buyer, test = world.nodes[BUILDER], world.nodes[BUYER], world.files["test"]
    from freehold.quickstart import demo  # noqa: PLC0415

    facts: dict[str, Any] = {}
    with steps.step("six owners publish their tables, sealed, each with a privacy budget"):
        play.publish(world.owners, world.files, demo.LABEL)
    with steps.step("the builder meets the owners and finds their offers"):
        play.meet(builder, list(world.owners.values()))
        assets = play.find(builder, "dataset", len(OWNERS))
    with steps.step(
        "grants bought, model trained under noise where the data is, contributions measured and agreed, released"
    ):
        job = play.train(builder, assets, test, steps.tell)
        model = str(job["model"])
    compared = pool.submit(_compare, world, builder.get(f"/api/models/{model}"), demo.LABEL)
    with steps.step(f"the buyer makes {scene.CALLS} paid calls"):
        builder.post("/api/serve", {"model": model, "on": True})
        play.meet(buyer, [builder])
        play.find(buyer, "model", 1)
        rows = play.question_rows(test, demo.LABEL, scene.CALLS)
        facts["answers"] = play.buy(buyer, model, rows, steps.tell)
    with steps.step("revenue settled on chain, two owners claim"):
        builder.post("/api/settle")
        details = builder.get(f"/api/models/{model}")
        facts["claims"] = play.claim(world.owners, details, steps.notice)
        builder.post("/api/anchor")
    with steps.step("evidence of one answer written, verified and tampered with"):
        facts |= _prove(world, buyer)
    return {**facts, **_collect(world, model), "compared": compared.result()}


def _compare(world: World, model: dict[str, Any], label: str) -> dict[str, float]:
    from freehold.quickstart import comparison  # noqa: PLC0415

    parts = [world.files[owner.name] for owner in OWNERS]
    return {
        "pooled": comparison.pooled_accuracy(parts, world.files["test"], label, model["recipe"]),
        "best_single": comparison.best_single_accuracy(parts, world.files["test"], label, model["recipe"]),
    }


def _prove(world: World, buyer: Patient) -> dict[str, Any]:
    from freehold.quickstart import proof  # noqa: PLC0415

    receipts = buyer.get("/api/receipts", limit="10000")["receipts"]
    receipt = next(item for item in receipts if item["action"] == "infer" and item["complete"])
    return proof.prove(buyer, str(receipt["id"]), world.rpc_url, world.directory)


def _collect(world: World, model: str) -> dict[str, Any]:
    builder, buyer = world.nodes[BUILDER], world.nodes[BUYER]
    gas: dict[str, int] = {}
    for node in world.nodes.values():
        for operation, used in node.get("/api/gas").items():
            gas[operation] = max(int(used), gas.get(operation, 0))
    return {
        "model": builder.get(f"/api/models/{model}"),
        "lineage": builder.get(f"/api/lineage/{model}"),
        "status": {name: node.get("/api/status") for name, node in world.nodes.items()},
        "earnings": {name: node.get("/api/earnings") for name, node in world.owners.items()},
        "builder_receipts": builder.get("/api/receipts", limit="10000"),
        "buyer_receipts": buyer.get("/api/receipts", limit="10000"),
        "gas": gas,
        "pids": {child.name: child.pid for child in world.supervisor.children()},
    }
