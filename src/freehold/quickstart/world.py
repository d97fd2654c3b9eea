"""What runs during a quickstart: the chain, the nodes, and the files they start from."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold import plain_file
from freehold.core.errors import Conflict, FreeholdError, Unavailable
from freehold.core.money import units
from freehold.kernel.client import NodeClient
from freehold.quickstart.nursery import Nursery
from freehold.quickstart.processes import POLL_SECONDS, Child, Supervisor
from freehold.quickstart.progress import Steps
from freehold.shell.children import PROGRAM
from freehold.vault import home_folder

PATIENCE_SECONDS = 40.0
PAUSE_SECONDS = 0.25
ONCE = ("/api/publish", "/api/train")
"""Paths whose POST has an effect each time; only these are never repeated."""
_UNAVAILABLE = 503


class Patient:
    """`NodeClient` that waits while the node, or the chain behind it, is started again, and repeats what may be."""

    def __init__(self, control: NodeClient) -> None:
        self._control = control
        self.url, self.token = control.url, control.token

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The JSON object at a path."""
        return patiently(lambda: self._control.get(path, **query))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a POST answers."""
        if path in ONCE:
            return self._control.post(path, body)
        return patiently(lambda: self._control.post(path, body))


def patiently(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of `act`, repeated while something it needs does not answer.

    Raises whatever it raised last, or what no waiting would mend.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return act()
        except FreeholdError as error:
            passing = isinstance(error, Unavailable) or getattr(error, "status", 0) == _UNAVAILABLE
            if not passing or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


KEPT_RUNS = 3


class AlreadyRunning(Conflict, code="quickstart.running"):
    """Another quickstart uses this home."""


@contextmanager
def fresh(home: Path) -> Iterator[Path]:
    """A new directory under `HOME/quickstart`, locked while it is used. Raises `AlreadyRunning`."""
    above = home / "quickstart"
    home_folder.make(above)
    with os.fdopen(plain_file.plain(above / "lock", write=True), "r+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"a quickstart already runs in {above}", hint="End it with Ctrl-C, or give another --home."
            ) from None
        for old in _runs(above)[: -(KEPT_RUNS - 1)]:
            shutil.rmtree(old, ignore_errors=True)
        yield _made(above)


def _runs(above: Path) -> list[Path]:
    return sorted(path for path in above.glob("run-*-*-[0-9]*") if path.is_dir() and not path.is_symlink())


def _made(above: Path) -> Path:
    stamp = time.strftime("run-%Y%m%d-%H%M%S")
    # names sort by age, so a number that an older run of this second had is not used again
    taken = [int(path.name.rsplit("-", 1)[1]) for path in _runs(above) if path.name.startswith(stamp)]
    path = above / f"{stamp}-{max(taken, default=-1) + 1:04d}"
    path.mkdir(mode=0o700)
    return path


@dataclass(frozen=True)
class Owner:
    """An owner of data and what it asks for."""

    name: str
    """Its name, and that of its part of the table."""
    title: str
    """What its dataset is called."""
    price_units: int
    """Of one grant."""
    purposes: tuple[str, ...]
    days: int
    """How long grants last."""


_CARE = "diagnosis-support"
_TRAIN = "model-training"

OWNERS = (
    Owner("alder", "Alder screening centre", units("0.60"), (_TRAIN, _CARE), 365),
    Owner("birch", "Birch screening centre", units("0.55"), (_TRAIN,), 365),
    Owner("cedar", "Cedar hospital", units("0.45"), (_TRAIN, _CARE), 180),
    Owner("dogwood", "Dogwood hospital", units("0.40"), (_TRAIN,), 180),
    Owner("elm", "Elm clinic", units("0.35"), (_TRAIN, "teaching"), 730),
    Owner("fir", "Fir screening centre", units("0.50"), (_TRAIN,), 90),
)
EPSILON_RUN_MICRO, EPSILON_LIFE_MICRO = 4_000_000, 8_000_000
"""What every owner allows one run, and all runs together, to cost its rows, in millionths of epsilon."""
NOTES = (
    "Two of five labels at Elm are wrong: what it adds cannot be told from nothing, so it earns nothing or next to it.",
    (
        "Cedar and Dogwood hold the same 70 rows. At this epsilon so few rows cannot be told from strangers' rows, so"
        " both are paid; in tables of many hundreds of rows copies are found, and count once."
    ),
    "This table is easy: one screening centre alone, without noise, comes close to all rows together.",
    "How good a model without noise would be is known here only because all rows lie on one machine.",
)
"""What the shares show; how the tables were made is in `freehold.quickstart.demo`."""
BUILDER = "builder"
BUYER = "buyer"
MODEL = "Biopsy classifier"
CALLS = 100
CALL_PRICE_UNITS = units("0.05")
PURPOSE = _TRAIN


START_SECONDS = 60.0
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
def running(home: Path, nursery: Nursery, steps: Steps) -> Iterator[World]:
    """Start chain and nodes; all of them have ended when the block is left.

    Raises `AlreadyRunning`; `ChildFailed` or `Unavailable`: something did not start.
    """

    def restarted(child: Child, code: int) -> None:
        steps.notice(f"{child.name} ended with {code} and was started again")

    with (
        fresh(home) as place,
        Supervisor(restarted, nursery.launch) as supervisor,
        ThreadPoolExecutor(1) as pool,
    ):
        (place / "logs").mkdir()
        tables = pool.submit(_write_tables, place / "tables")
        with steps.step("a local chain with Freehold's contracts"):
            rpc_url = _start_chain(supervisor, place)
        with steps.step(f"{len(NAMES)} nodes, each a process of its own"):
            nodes = _start_nodes(supervisor, place, rpc_url)
            files = tables.result()
        yield World(place, supervisor, rpc_url, nodes, files)


def _write_tables(place: Path) -> dict[str, Path]:
    from freehold.quickstart import demo  # noqa: PLC0415 - numpy takes a moment to import

    return demo.write_parts(place)


def _start_chain(supervisor: Supervisor, place: Path) -> str:
    log = place / "logs" / "chain.log"
    chain = Child("chain", [*PROGRAM, "chain", "run", "--json", "--home", str(place / "chain")], log)
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
        argv = [*PROGRAM, "up", "--home", str(place / name), "--name", _title(name), "--rpc-url", rpc_url]
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
