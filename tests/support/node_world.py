"""Nodes of several parties over one real chain: in this process behind real HTTP, or as processes."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import node_tables
import uvicorn

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.rpc import Rpc
from freehold.core.documents import Asset, Content, Receipt, Terms
from freehold.core.signing import read_envelope
from freehold.features.data import finding, offering, publishing
from freehold.features.data.wire import Approval, Publish
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.serving import Gateway
from freehold.features.identity import peers
from freehold.features.payments import closing
from freehold.features.training import kept, ordering, training
from freehold.features.training.jobs import Jobs
from freehold.features.training.lending import Lender
from freehold.features.training.retrying import Retries
from freehold.features.training.rules.record import Round, RunPlan
from freehold.features.training.wire import Order
from freehold.kernel import home_lock
from freehold.kernel.evidence.manifest import log_entry
from freehold.kernel.http import app
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.settings import Settings
from freehold.log.store import LogStore
from freehold.vault.keystore import Keys

App = Callable[[Any, Any, Any], Awaitable[None]]
SPEND_PER_DAY_MICRO = 10**9
"""All that a new account on the local chain has."""
TOKEN = "control-token-of-a-test"
EPSILON_RUN_MICRO, EPSILON_LIFE_MICRO = 50_000_000, 100_000_000
"""So much that a model of a few dozen rows is better than always saying the commoner label."""

BUDGET = {"epsilon_run_micro": EPSILON_RUN_MICRO, "epsilon_life_micro": EPSILON_LIFE_MICRO}
"""As the control API takes it."""


def offered(path: Path, **chosen: Any) -> Publish:
    """A small table to publish; any field may be chosen."""
    return Publish.of(**{"path": str(path), "label": node_tables.LABEL, **BUDGET, **chosen})


class Party:
    """One node in this process, served by uvicorn in a thread."""

    def __init__(
        self,
        home: Path,
        rpc_url: str,
        name: str,
        *,
        endpoint: str = "",
        wrap: Callable[[Party, App], App] | None = None,
        clock: Callable[[], float] = time.time,
        **chosen: Any,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.name = home, name
        self._held = ExitStack()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = endpoint or f"http://127.0.0.1:{self.port}"
        self._rpc = Rpc(rpc_url)
        # runs follow one another within seconds here, and the local chain's gas costs nothing
        usual = {"anchor_least_seconds": 0, "spend_per_day_micro": SPEND_PER_DAY_MICRO}
        settings = Settings(name=name, rpc_url=rpc_url, endpoint=endpoint, **{**usual, **chosen})
        self.node = Node(home, Keys.generate(), settings, Chain(self._rpc), clock)
        self.node.prepare_local_account()
        self.node.ensure_party(self.url)
        self.services = everything().host(self.node)
        served: App = app.guarded(self.services, TOKEN)
        config = uvicorn.Config(
            wrap(self, served) if wrap else served, log_level="critical", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self._thread.start()
        until(lambda: self._server.started, "the server starts")

    @property
    def account(self) -> str:
        return self.node.account

    def channels(self) -> list[dict[str, Any]]:
        return closing.overview(self.node)

    def close_channel(self, channel: str) -> dict[str, Any]:
        return closing.close(self.services, channel)

    @property
    def buyer(self) -> Buyer:
        return self.services.part(Buyer)

    @property
    def gateway(self) -> Gateway:
        return self.services.part(Gateway)

    @property
    def jobs(self) -> Jobs:
        return self.services.part(Jobs)

    @property
    def lender(self) -> Lender:
        return self.services.part(Lender)

    @property
    def retries(self) -> Retries:
        return self.services.part(Retries)

    def publish(
        self, cells: node_tables.Cells, *, columns: tuple[str, ...] = node_tables.COLUMNS, **terms: Any
    ) -> Asset:
        path = node_tables.write(self.home / "table.csv", cells, columns=columns)
        envelope = publishing.publish(self.node, offered(path, name=f"{self.name}'s table", **terms))
        path.unlink()
        return self.node.asset(envelope.document.id)

    def sell(self, name: str, *, price_units: int = 0, approval: Approval = "automatic") -> Asset:
        """A model on offer as others see it, without what answers: to ask for grants that no run needs."""
        content = Content(commitment="0x" + "11" * 32, media_type="application/json", size_bytes=5)
        terms = Terms(
            purposes=("model-training",), actions=("derive", "infer"), expires_at=int(self.node.now()) + 86_400,
            max_uses=100, price_units=price_units, token=self.node.token,
        )  # fmt: skip
        made = Asset(
            asset_kind="model", name=name, owner=self.account, content=content, terms=terms,
            schema_={"columns": ["a"], "label": "b"}, created_at=self.node.now(),
        )  # fmt: skip
        with self.node.store.transaction() as tx:
            tx.put(self.node.seal(made), public=True)
            offering.set_approval(tx, made.id, approval)
        return made

    def knows(self, *others: Party) -> None:
        for other in others:
            peers.add(self.services, other.url)

    def found(self) -> None:
        """Commands and programs find this node in its home, which is held as by any that runs."""
        self._held.enter_context(home_lock.lock(self.home))
        (self.home / "node.json").write_text(json.dumps({"url": self.url}))
        (self.home / "api-token").write_text(TOKEN)

    def stop(self) -> None:
        """Begin to end; `close` waits for it."""
        self._server.should_exit = True

    def close(self) -> None:
        self.stop()
        self._thread.join(10)
        self.services.close()
        self._rpc.close()
        self._listener.close()
        self._held.close()


class World:
    """A chain with the contracts deployed, and the parties made on it."""

    def __init__(self, home: Path, chain: Any = None) -> None:
        """`chain` is one that is not started yet, where it shall not run in this process."""
        self.home = home
        self._chain_node = chain or EmbeddedNode(home / "chain")
        self._chain_node.start()
        self.rpc_url = self._chain_node.url
        self._rpc = Rpc(self.rpc_url)
        self.chain = Chain(self._rpc)
        deployments.deploy_missing(self.chain, DEV_KEY)
        self._parties: list[Party] = []

    def party(self, name: str, **more: Any) -> Party:
        """A new node with gas and test dollars."""
        made = Party(self.home / f"{len(self._parties)}-{name}", self.rpc_url, name, **more)
        self._parties.append(made)
        return made

    def owners(self, count: int, **terms: Any) -> list[Party]:
        """Owners with one table each; row counts and seeds differ."""
        made = []
        for i in range(count):
            owner = self.party(f"owner-{i}")
            owner.publish(node_tables.make(24 + 8 * i, seed=100 + i), **terms)
            made.append(owner)
        return made

    def close_parties(self) -> None:
        """End every node; the chain stays."""
        for party in self._parties:
            party.stop()
        for party in self._parties:
            party.close()
        self._parties.clear()

    def close(self) -> None:
        self.close_parties()
        self._rpc.close()
        self._chain_node.stop()


def order(
    builder: Party, owners: list[Party], *others: str, rounds: int = 3, name: str = "model", **more: Any
) -> Order:
    """A training order over the owners' tables, after reading their catalogues; `others` are known already."""
    builder.knows(*owners)
    wanted = {*others, *(owner.account for owner in owners)}
    found = [item["id"] for item in finding.search(builder.node, "", "dataset") if item["owner"] in wanted]
    test = node_tables.write(builder.home / "test.csv", node_tables.make(40, seed=7))
    said = {"assets": found, "test": test, "name": name, "rounds": rounds, "price_units": 1_000, **more}
    return Order(**{**said, "test": str(said["test"])})


def finished(party: Party, job_id: str, seconds: float = 60) -> dict[str, Any]:
    """The job once its thread has ended."""
    until(lambda: not party.jobs.get(job_id)["running"], "the job ends", seconds)
    return party.jobs.get(job_id)


def begin(builder: Party, wanted: Order) -> str:
    """A job that is ordered and not run yet."""
    return ordering.begin(builder.node, builder.services.peers, wanted)


def run_job(builder: Party, owners: list[Party], **more: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Train in this thread; returns the job as stored and everything it told on the way."""
    told: list[dict[str, Any]] = []
    job_id = begin(builder, order(builder, owners, **more))
    job = training.Job(builder.node, builder.services.peers, job_id, told.append).run()
    return job, told


def plan_of(builder: Node, run: str) -> RunPlan:
    """The plan of a run, as its builder claimed it."""
    (claim,) = builder.store.find("claim", "training_plan", run)
    return RunPlan.from_json(claim.document.body["statement"]["plan"])


def rounds_of(builder: Node, run: str) -> list[Round]:
    """The rounds that a builder kept, in order; where rows are compared the first is round 0."""
    return kept.rounds_of(builder, plan_of(builder, run))


def took_part(builder: Node, run: str) -> list[set[str]]:
    """Who revealed in each of the rounds 1, 2, ..."""
    return [set(made.updates) for made in rounds_of(builder, run) if made.number]


def until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait for something that happens in another thread or process."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.01)


def require_sound(node: Node) -> int:
    """The log verifies and every document stands where the store says it does; returns the log's size."""
    with node.store.reading() as connection:
        return require_sound_file(connection, node.account)


def require_sound_file(connection: sqlite3.Connection, account: str) -> int:
    """As `require_sound`, for a database whose node does not run."""
    log = LogStore(connection)
    size, _ = log.verify()
    rows = connection.execute("SELECT id, type, position, envelope FROM documents").fetchall()
    logged = [
        (document_id, type_, position) for document_id, type_, position, _ in rows if position is not None
    ]
    for document_id, type_, position in logged:
        assert log.entry(position) == log_entry(document_id, type_)
    assert len({position for _, _, position in logged}) == len(logged) == size
    documents = [read_envelope(envelope).document for _, _, _, envelope in rows]
    assert [document.id for document in documents] == [document_id for document_id, *_ in rows]
    receipts = [item for item in documents if isinstance(item, Receipt) and item.provider == account]
    uses = dict(connection.execute("SELECT grant_id, uses FROM uses").fetchall())
    for grant_id in {*uses, *(receipt.grant for receipt in receipts)}:
        sequences = sorted(receipt.sequence for receipt in receipts if receipt.grant == grant_id)
        assert sequences == list(range(1, uses.get(grant_id, 0) + 1)), (
            "each use has one receipt, without a gap"
        )
    return int(size)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
