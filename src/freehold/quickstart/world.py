"""What runs during a quickstart: the chain, the nodes, and the files they start from."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.core.errors import Unavailable
from freehold.kernel.client import NodeClient
from freehold.quickstart import directory
from freehold.quickstart.patience import Patient
from freehold.quickstart.processes import POLL_SECONDS, Child, Supervisor
from freehold.quickstart.progress import Steps
from freehold.quickstart.scene import BUILDER, BUYER, OWNERS

START_SECONDS = 60.0
LAUNCH = (sys.executable, "-m", "freehold.shell.cli")
SPEND_PER_DAY_MICRO = 200_000_000
"""What builder and buyer may spend: more than the grants and calls of a run take."""
NAMES = (*(owner.name for owner in OWNERS), BUILDER, BUYER)


@dataclass(frozen=True)
class World:
    """What runs: the children, their directory and the nodes' control APIs by name."""

    directory: Path
    supervisor: Supervisor
    rpc_url: str
    nodes: dict[str, Patient]
    files: dict[str, Path]
    """The table's parts by owner, and `test`."""

    @property
    def owners(self) -> dict[str, Patient]:
        """The owners' nodes by name."""
        return {owner.name: self.nodes[owner.name] for owner in OWNERS}


@contextmanager
def running(home: Path, steps: Steps) -> Iterator[World]:
    """Start chain and nodes; all of them have ended when the block is left.

    Raises:
        AlreadyRunning; ChildFailed or Unavailable: something did not start.
    """

    def restarted(child: Child, code: int) -> None:
        steps.notice(f"{child.name} ended with {code} and was started again")

    with directory.fresh(home) as place, Supervisor(restarted) as supervisor, ThreadPoolExecutor(1) as pool:
        (place / "logs").mkdir()
        tables = pool.submit(_write_tables, place / "tables")
        with steps.step("a local chain with Freehold's contracts"):
            rpc_url = _start_chain(supervisor, place)
        with steps.step(f"{len(NAMES)} nodes, each a process of its own"):
            nodes = _start_nodes(supervisor, place, rpc_url)
            files = tables.result()
        yield World(place, supervisor, rpc_url, nodes, files)


def _write_tables(place: Path) -> dict[str, Path]:
    from freehold.quickstart import demo  # noqa: PLC0415 - scikit-learn takes a second to import

    return demo.write_parts(place)


def _start_chain(supervisor: Supervisor, place: Path) -> str:
    log = place / "logs" / "chain.log"
    chain = Child("chain", [*LAUNCH, "chain", "run", "--json", "--home", str(place / "chain")], log)
    supervisor.start(chain)

    def ready() -> str | None:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                return str(json.loads(line)["url"])
        return None

    url: str = _wait(supervisor, [chain], ready)
    chain.port = int(url.rsplit(":", 1)[1])
    return url


def _start_nodes(supervisor: Supervisor, place: Path, rpc_url: str) -> dict[str, Patient]:
    children = {}
    for name in NAMES:
        argv = [*LAUNCH, "up", "--home", str(place / name), "--name", _title(name), "--rpc-url", rpc_url]
        argv += ["--set", f"spend_per_day_micro={SPEND_PER_DAY_MICRO}"] if name in (BUILDER, BUYER) else []
        children[name] = Child(name, argv, place / "logs" / f"{name}.log", secret=secrets.token_urlsafe(24))
        supervisor.start(children[name])
    nodes: dict[str, Patient] = {}

    def ready() -> dict[str, Patient] | None:
        for name in NAMES:
            if name not in nodes and (place / name / "node.json").exists():
                nodes[name] = Patient(NodeClient.of(place / name))
                children[name].port = int(nodes[name].url.rsplit(":", 1)[1])
        return nodes if len(nodes) == len(NAMES) else None

    found: dict[str, Patient] = _wait(supervisor, list(children.values()), ready)
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
