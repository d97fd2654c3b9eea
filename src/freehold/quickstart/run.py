"""One run from empty directory to report."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.core.errors import Unavailable
from freehold.quickstart import directory, play, scene
from freehold.quickstart.patience import Patient
from freehold.quickstart.processes import POLL_SECONDS, Child, Supervisor
from freehold.quickstart.progress import Steps
from freehold.quickstart.scene import BUILDER, BUYER, OWNERS, Connect, Control

START_SECONDS = 60.0
NAMES = (*(owner.name for owner in OWNERS), BUILDER, BUYER)


@dataclass(frozen=True)
class World:
    """What runs: the children, their directory and the nodes' control APIs by name."""

    directory: Path
    supervisor: Supervisor
    rpc_url: str
    nodes: dict[str, Control]
    files: dict[str, Path]
    """The table's parts by owner, and `test`."""

    @property
    def owners(self) -> dict[str, Control]:
        """The owners' nodes by name."""
        return {owner.name: self.nodes[owner.name] for owner in OWNERS}


@contextmanager
def running(home: Path, launch: Sequence[str], connect: Connect, steps: Steps) -> Iterator[World]:
    """Start chain and nodes; all of them have ended when the block is left.

    `launch` is the command line that starts `freehold`; `connect` gives the control API of a home.

    Raises:
        AlreadyRunning; ChildFailed or Unavailable: something did not start.
    """

    def restarted(child: Child, code: int) -> None:
        steps.notice(f"{child.name} ended with {code} and was started again")

    with directory.fresh(home) as place, Supervisor(restarted) as supervisor, ThreadPoolExecutor(1) as pool:
        (place / "logs").mkdir()
        tables = pool.submit(_write_tables, place / "tables")
        with steps.step("a local chain with Freehold's contracts"):
            rpc_url = _start_chain(supervisor, place, launch)
        with steps.step(f"{len(NAMES)} nodes, each a process of its own"):
            nodes = _start_nodes(supervisor, place, launch, connect, rpc_url)
            files = tables.result()
        yield World(place, supervisor, rpc_url, nodes, files)


def _write_tables(place: Path) -> dict[str, Path]:
    from freehold.training import demo  # noqa: PLC0415 - scikit-learn takes a second to import

    return demo.write_parts(place)


def _start_chain(supervisor: Supervisor, place: Path, launch: Sequence[str]) -> str:
    log = place / "logs" / "chain.log"
    chain = Child("chain", [*launch, "chain", "run", "--json", "--home", str(place / "chain")], log)
    supervisor.start(chain)

    def ready() -> str | None:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                return str(json.loads(line)["url"])
        return None

    url: str = _wait(supervisor, [chain], ready)
    chain.port = int(url.rsplit(":", 1)[1])
    return url


def _start_nodes(
    supervisor: Supervisor, place: Path, launch: Sequence[str], connect: Connect, rpc_url: str
) -> dict[str, Control]:
    children = {}
    for name in NAMES:
        argv = [*launch, "up", "--home", str(place / name), "--name", _title(name), "--rpc-url", rpc_url]
        children[name] = Child(name, argv, place / "logs" / f"{name}.log", secret=secrets.token_urlsafe(24))
        supervisor.start(children[name])
    nodes: dict[str, Control] = {}

    def ready() -> dict[str, Control] | None:
        for name in NAMES:
            if name not in nodes and (place / name / "node.json").exists():
                nodes[name] = Patient(connect(place / name))
                children[name].port = int(nodes[name].url.rsplit(":", 1)[1])
        return nodes if len(nodes) == len(NAMES) else None

    found: dict[str, Control] = _wait(supervisor, list(children.values()), ready)
    return found


def _title(name: str) -> str:
    return next((owner.title for owner in OWNERS if owner.name == name), name.capitalize())


def _wait(supervisor: Supervisor, children: Sequence[Child], ready: Any) -> Any:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = ready()
        if found is not None:
            return found
        for child in children:
            supervisor.check(child)
        time.sleep(POLL_SECONDS)
    names = ", ".join(child.name for child in children)
    raise Unavailable(
        f"not ready after {START_SECONDS:.0f} s: {names}",
        hint=f"Their output is in {children[0].log.parent}.",
    )


@dataclass(frozen=True)
class Result:
    """What a run comes to."""

    values: dict[str, Any]
    """The report: JSON values only."""
    lineage: str
    """SVG text."""
    directory: Path
    """Everything the run left."""


def run(
    home: Path, *, launch: Sequence[str], connect: Connect, progress: Steps, then: Callable[[Result], None]
) -> None:
    """The whole main job; `then` is told the result while chain and nodes still run.

    Every process has ended when this returns.

    Raises:
        FreeholdError: a step failed; says which and where to look.
    """
    from freehold.quickstart import report  # noqa: PLC0415

    began = time.monotonic()
    with running(home, launch, connect, progress) as world:
        with ThreadPoolExecutor(1) as pool:
            facts = _play(world, progress, pool)
        facts["processes"] = len(world.supervisor.children())
        values = {"seconds": round(time.monotonic() - began, 1), **report.values(facts)}
        result = Result(values, report.lineage(facts), world.directory)
        report.write(result.values, result.lineage, world.directory)
        then(result)


def _play(world: World, steps: Steps, pool: ThreadPoolExecutor) -> dict[str, Any]:
    builder, buyer, test = world.nodes[BUILDER], world.nodes[BUYER], world.files["test"]
    from freehold.training import demo  # noqa: PLC0415

    facts: dict[str, Any] = {}
    with steps.step("six owners publish their tables, sealed, on their own terms"):
        play.publish(world.owners, world.files, demo.LABEL)
    with steps.step("the builder meets the owners and finds their offers"):
        play.meet(builder, list(world.owners.values()))
        assets = play.find(builder, "dataset", len(OWNERS))
    with steps.step("grants bought, model trained where the data is, contributions measured, released"):
        job = play.train(builder, assets, test, scene.recipe(), steps.tell)
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
    return {**facts, **_collect(world, model), "compared": _finished(compared)}


def _compare(world: World, model: dict[str, Any], label: str) -> dict[str, float]:
    from freehold.quickstart import comparison  # noqa: PLC0415

    parts = [world.files[owner.name] for owner in OWNERS]
    return {
        "pooled": comparison.pooled_accuracy(parts, world.files["test"], label, model["recipe"]),
        "best_single": comparison.best_single_accuracy(model["correct"], model["test_rows"]),
    }


def _finished(compared: Future[dict[str, float]]) -> dict[str, float]:
    return compared.result()


def _prove(world: World, buyer: Control) -> dict[str, Any]:
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
