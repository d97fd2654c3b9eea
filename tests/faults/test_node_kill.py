"""kill -9 and SIGTERM of owners and builders in the middle of work: nothing is lost, paid or counted twice."""

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from node_process import Process
from node_tables import LABEL, make, write
from node_world import (
    BUDGET,
    App,
    Party,
    World,
    begin,
    free_port,
    order,
    require_sound,
    require_sound_file,
    rounds_of,
    until,
)
from wire import Wire

from freehold.core.documents import Grant
from freehold.features.identity import peers
from freehold.features.privacy import budget
from freehold.features.training import training

PRICE_UNITS = 1_000_000


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for one in started:
        one.kill()


class Gate:
    """ASGI layer over an owner's node: acts on the n-th request to a path, before or after it is handled."""

    def __init__(self) -> None:
        self.acts: dict[tuple[str, str, int], Callable[[], None]] = {}
        self.asked: Counter[str] = Counter()

    def wrap(self, _: Party, app: App) -> App:
        async def served(scope: Any, receive: Any, send: Any) -> None:
            path = scope.get("path", "")
            self.asked[path] += 1
            count = self.asked[path]
            before = self.acts.pop(("before", path, count), None)
            after = self.acts.pop(("after", path, count), None)
            if before:
                await anyio.to_thread.run_sync(before)

            async def answering(message: Any) -> None:
                if after and message["type"] == "http.response.start":
                    await anyio.to_thread.run_sync(after)
                await send(message)

            await app(scope, receive, answering)

        return served


def require_sound_home(home: Path, account: str) -> None:
    with contextlib.closing(sqlite3.connect(home / "node.sqlite", isolation_level=None)) as connection:
        require_sound_file(connection, account)


@pytest.mark.parametrize("moment", ["before it was asked", "after it trained", "before it revealed"])
def test_an_owner_killed_in_a_round_is_left_out_and_takes_part_again(
    world: World, processes: list[Process], moment: str, tmp_path: Path
) -> None:
    port, gate = free_port(), Gate()
    wire = Wire(port)
    fragile = Process(tmp_path / "fragile", world.rpc_url, port=port, endpoint=wire.url)
    processes.append(fragile.start())
    account = fragile.account
    table = write(tmp_path / "fragile.csv", make(30, seed=2))
    fragile.api("/publish", {"path": str(table), "label": LABEL, "price_units": PRICE_UNITS, **BUDGET})
    steady, builder = world.party("steady", wrap=gate.wrap), world.party("builder")
    steady.publish(make(40, seed=1), price_units=PRICE_UNITS)
    peers.add(builder.services, wire.url)
    asked: Counter[bytes] = Counter()
    struck = False

    def strike(_: bytes) -> None:
        nonlocal struck
        if not struck:
            struck = True
            fragile.kill()
            raise ConnectionAbortedError  # what it still said is not passed on

    def request(data: bytes) -> None:
        for name in (b"commit", b"reveal"):
            asked[name] += data.count(b"POST /peer/rounds/" + name + b" ")
        waited_for = b"reveal" if moment == "before it revealed" else b"commit"
        if asked[waited_for] == 3 and moment.startswith("before"):
            strike(data)

    def answer(data: bytes) -> None:
        if asked[b"commit"] == 3 and moment.startswith("after"):
            strike(data)

    wire.on_request, wire.on_answer = request, answer
    gate.acts["before", "/peer/rounds/commit", 6] = lambda: fragile.start() and None

    job_id = begin(builder, order(builder, [steady], account, rounds=8, compare=False))
    job = training.Job(builder.node, builder.services.peers, job_id, lambda _: None).run()

    assert job["step"] == "done"
    rounds = rounds_of(builder.node, job["run"])
    present = [account in made.updates for made in rounds]
    assert present[:5] == [True, True, False, False, False]
    assert present[6:] == [True, True]
    assert all(steady.account in made.updates for made in rounds)
    assert [made.number for made in rounds if made.unrevealed] == [3] * (moment == "before it revealed")
    named = job["absent"][account]
    assert named["rounds"] == [made.number for made in rounds if account not in made.updates]
    assert named["code"] == "peer.unreachable"
    assert set(job["agreements"]) == {account, steady.account}, "it saw the rounds that it missed"
    assert fragile.terminate() == 0
    with contextlib.closing(
        sqlite3.connect(fragile.home / "node.sqlite", isolation_level=None)
    ) as connection:
        require_sound_file(connection, account)
        (uses,) = connection.execute("SELECT uses FROM uses").fetchone()
        (waiting,) = connection.execute("SELECT count(*) FROM documents WHERE NOT complete").fetchone()
        (charged,) = connection.execute("SELECT count(*) FROM privacy_spent").fetchone()
    lost = moment != "before it was asked"
    assert uses == sum(present) + lost, "each round it was in, and the answer nobody heard or saw the like of"
    assert waiting == 0, "every use was signed for by the builder"
    assert charged == 1
    require_sound(builder.node)
    wire.close()


@pytest.mark.parametrize(
    "every", [pytest.param(False, id="few"), pytest.param(True, id="every", marks=pytest.mark.slow)]
)
def test_a_builder_killed_again_and_again_finishes_the_same_run_and_pays_once(
    world: World, processes: list[Process], tmp_path: Path, *, every: bool
) -> None:
    rounds, gates = 4, (Gate(), Gate())
    gated = [(world.party("owner", wrap=gate.wrap), gate) for gate in gates]
    gated.sort(key=lambda pair: pair[0].account)  # the order in which a job asks
    owners, (first, second) = [owner for owner, _ in gated], [gate for _, gate in gated]
    for i, owner in enumerate(owners):
        owner.publish(make(30, seed=i), price_units=PRICE_UNITS)
    chain = Wire(int(world.rpc_url.rsplit(":", 1)[1]))
    builder = Process(tmp_path / "builder", chain.url, peers=[owner.url for owner in owners])
    processes.append(builder.start())
    account = builder.account
    deaths: list[str] = []

    def death(name: str) -> Callable[[], None]:
        def strike() -> None:
            if builder.kill():
                deaths.append(name)

        return strike

    first.acts = {
        ("before", "/peer/grants", 1): death("before the first grant"),
        ("after", "/peer/rounds/commit", 2): death("after a commitment of round 1"),
        ("before", "/peer/rounds/reveal", 5): death("before an update was shown"),
        ("after", "/peer/agreements", 1): death("after one agreed"),
        ("after", "/peer/releases", 1): death("after the release was announced"),
    }
    second.acts = {
        ("after", "/peer/grants", 1): death("one grant bought, the other issued"),
        ("before", "/peer/rounds/commit", 5): death("before a commitment"),
        ("after", "/peer/rounds/reveal", 3): death("after an update was shown"),
    }
    if not every:
        first.acts = {key: act for key, act in first.acts.items() if "/rounds/" in key[1]}
        second.acts = {key: act for key, act in second.acts.items() if "/grants" in key[1]}
    planned_deaths = len(first.acts) + len(second.acts) + 1
    paying = 0

    def at_payment(data: bytes) -> None:
        nonlocal paying
        paying += b"eth_sendRawTransaction" in data

    def after_payment(_: bytes) -> None:
        nonlocal paying
        if paying == 1:
            paying = 100
            death("paid, and not told so")()
            raise ConnectionAbortedError

    test = write(tmp_path / "test.csv", make(40, seed=7))
    assets = [item["id"] for item in builder.api("/search")["assets"]]
    chain.on_request, chain.on_answer = at_payment, after_payment
    body = {"assets": assets, "test": str(test), "name": "m", "rounds": rounds}
    job_id = builder.api("/train", body)["job"]
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if not builder.alive:
            builder.launch()  # it may die again before it answers
            until(lambda: builder.ready or not builder.alive, "the builder is up or dead", 40)
        with contextlib.suppress(Exception):  # it may die while it is asked
            if builder.api(f"/jobs/{job_id}")["step"] == "done":
                break
        time.sleep(0.05)
    if not builder.alive:
        builder.start()
    job = builder.api(f"/jobs/{job_id}")

    assert job["step"] == "done", (deaths, job, builder.log())
    # two may fall into one moment, and it dies once
    assert len(deaths) >= planned_deaths - 2, deaths
    assert not first.acts
    assert not second.acts
    bought = world.chain.events("Market", "GrantBought", buyer=account)
    assert Counter(e.args["seller"].lower() for e in bought) == {owner.account: 1 for owner in owners}
    assert len(claims(builder.home, "training_plan")) == 1, "one run, by one plan"
    for owner in owners:
        assert owner.node.store.uses(job["grants"][owner.account]) == (rounds + 1, 0)
        grants = [e.document for e in owner.node.store.find("grant")]
        assert [g.id for g in grants if isinstance(g, Grant) and g.issuer == owner.account] == [
            job["grants"][owner.account]
        ]
        require_sound(owner.node)
        (line,) = budget.overview(owner.node)
        assert [run["run"] for run in line["runs"]] == [job["run"]], "charged once"
    for kind in ("training_start", "test_opening", "contribution", "release"):
        assert len(claims(builder.home, kind)) == 1, kind
    assert len(claims(builder.home, "training_round")) == rounds + 1
    assert builder.terminate() == 0
    require_sound_home(builder.home, account)
    both_hold_the_same_receipts(builder.home, owners)
    chain.close()


def claims(home: Path, kind: str) -> list[str]:
    with contextlib.closing(sqlite3.connect(home / "node.sqlite", isolation_level=None)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM documents WHERE kind = ?", (kind,))]


def both_hold_the_same_receipts(home: Path, owners: list[Party]) -> None:
    with contextlib.closing(sqlite3.connect(home / "node.sqlite", isolation_level=None)) as connection:
        held = dict(
            connection.execute("SELECT id, envelope FROM documents WHERE type = 'receipt'").fetchall()
        )
    given = {e.document.id: e for owner in owners for e in owner.node.store.find("receipt")}
    assert {key: value.to_bytes() for key, value in given.items()} == held
    assert all(envelope.is_complete for envelope in given.values())


def test_sigterm_ends_a_builder_in_the_middle_of_a_run_and_it_goes_on_at_the_next_start(
    world: World, processes: list[Process], tmp_path: Path
) -> None:
    owner, builder = world.owners(1)[0], Process(tmp_path / "builder", world.rpc_url)
    processes.append(builder.start())
    builder.api("/peers", {"url": owner.url})
    test = write(tmp_path / "test.csv", make(40, seed=7))
    assets = [item["id"] for item in builder.api("/search")["assets"]]
    job_id = builder.api("/train", {"assets": assets, "test": str(test), "name": "m", "rounds": 30})["job"]
    until(lambda: builder.api(f"/jobs/{job_id}")["round"] >= 3, "the run is under way")
    began = time.monotonic()
    assert builder.terminate() == 0
    assert time.monotonic() - began < 5
    assert not (builder.home / "node.json").exists(), "a node that ended says so"
    done = len(claims(builder.home, "training_round"))
    assert 3 <= done < 30
    builder.start()
    until(lambda: builder.api(f"/jobs/{job_id}")["step"] == "done", "the run ends", 60)
    assert len(claims(builder.home, "training_round")) == 30
