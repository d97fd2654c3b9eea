"""One run from empty directory to report."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from freehold.quickstart import play
from freehold.quickstart.nursery import Nursery
from freehold.quickstart.progress import Steps
from freehold.quickstart.world import BUILDER, BUYER, CALLS, OWNERS, World, running


def run(
    home: Path, nursery: Nursery, *, progress: Steps, then: Callable[[dict[str, Any], str, Path], None]
) -> None:
    """The whole main job; `then` is told report, picture (SVG) and directory while chain and nodes still run.

    Every process has ended when this returns. Raises `FreeholdError` saying which step failed and where to look.
    """
    from freehold.quickstart import report  # noqa: PLC0415

    began = time.monotonic()
    with running(home, nursery, progress) as world:
        with ThreadPoolExecutor(1) as pool:
            facts = _play(world, progress, pool)
        facts["processes"] = len(world.supervisor.children())
        values = {"seconds": round(time.monotonic() - began, 1), **report.values(facts)}
        lineage = report.lineage(facts)
        report.write(values, lineage, world.directory)
        then(values, lineage, world.directory)


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
    recipe = builder.get(f"/api/models/{model}")["recipe"]
    compared = pool.submit(demo.compared, world.files, recipe)
    with steps.step(f"the buyer makes {CALLS} paid calls"):
        builder.post("/api/serve", {"model": model, "on": True})
        play.meet(buyer, [builder])
        play.find(buyer, "model", 1)
        rows = play.question_rows(test, demo.LABEL, CALLS)
        facts["answers"] = play.buy(buyer, model, rows, steps.tell)
    with steps.step("revenue settled on chain, two owners claim"):
        builder.post("/api/settle")
        details = builder.get(f"/api/models/{model}")
        facts["claims"] = play.claim(world.owners, details, steps.notice)
        builder.post("/api/anchor")
    with steps.step("evidence of one answer written, verified and tampered with"):
        facts |= play.prove(buyer, world.rpc_url, world.directory)
    return {**facts, **_collect(world, model), "compared": compared.result()}


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
    }
