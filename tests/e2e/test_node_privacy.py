"""What leaves an owner: nothing from which a cell of its table could be read, neither by wire nor by disk."""

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from node_tables import COLUMNS, Cells, found_in, make, write
from node_world import World, begin, order, plan_of, rounds_of, took_part
from wire import Wire

from freehold.core.ids import sha256_hex
from freehold.features.data import publishing
from freehold.features.grants import granting
from freehold.features.identity import peers
from freehold.features.models.rules.scaling import unit_rows
from freehold.features.training import training
from freehold.features.training.lending import noise_seed
from freehold.features.training.rules import record, sketch, updates
from freehold.kernel.rights.standing import is_revoked

ROUNDS = 3


class Watched:
    """A finished run of two owners, of which one is reached through a wire that writes everything down."""

    def __init__(self, world: World) -> None:
        self.cells = make(24, seed=42)
        self.wire = Wire()
        self.owner = world.party("watched", endpoint=self.wire.url)
        self.wire.target_port = self.owner.port
        self.asset = self.owner.publish(self.cells, price_units=1_000_000)
        self.others = world.owners(1)
        self.builder = world.party("builder")
        self.disks: dict[str, dict[str, bytes]] = {}
        """What lay on each party's disk, before the test table was opened and in the end."""
        job_id = begin(self.builder, order(self.builder, [self.owner, *self.others], rounds=ROUNDS))

        def look(told: dict[str, Any]) -> None:
            if told["step"] == "open":
                self.disks["before"] = self.files()

        self.job = training.Job(self.builder.node, self.builder.services.peers, job_id, look).run()
        peers.refresh(self.builder.services)
        self.disks["after"] = self.files()

    def files(self) -> dict[str, bytes]:
        """All but the builder's own source file, where its user put it."""
        paths = [path for party in (self.owner, self.builder) for path in party.home.rglob("*")]
        return {str(path): path.read_bytes() for path in paths if path.is_file() and path.name != "test.csv"}


@pytest.fixture(scope="module")
def watched(world: World) -> Watched:
    return Watched(world)


@pytest.mark.parametrize("form", ["decimal", "integer", "little-endian", "big-endian", "hex", "float64"])
def test_the_search_for_cells_would_find_one(form: str, tmp_path: Path) -> None:
    cells = Cells(((5_123_456_789,),), (1,))
    written = {
        "decimal": b"x5123.456789,",
        "integer": b"[5123456789]",
        "little-endian": b"\x00" + (5_123_456_789).to_bytes(8, "little"),
        "big-endian": (5_123_456_789).to_bytes(8, "big"),
        "hex": (5_123_456_789).to_bytes(8, "little").hex().encode(),
        "float64": struct.pack("<d", 5123.456789),
    }
    assert found_in(written[form], cells) == [5_123_456_789]
    path = write(tmp_path / "t.csv", cells, columns=COLUMNS[:1])
    assert found_in(path.read_bytes(), cells) == [5_123_456_789]


def test_no_cell_of_the_owners_table_crosses_the_wire(watched: Watched) -> None:
    seen = watched.wire.recorded()
    for path in (
        b"/peer/grants",
        b"/peer/agreements",
        b"/peer/countersign",
        b"/peer/proofs",
        b"/peer/releases",
        b"GET /catalogue",
    ):
        assert path in seen, "the wire carried the whole run"
    for path in (b"POST /peer/rounds/commit ", b"POST /peer/rounds/reveal "):
        assert seen.count(path) == ROUNDS + 1
    assert found_in(seen, watched.cells) == []


def test_what_an_owner_shows_is_exact_nowhere(watched: Watched) -> None:
    """Its updates and sketch as they crossed the wire differ from what its rows give, by noise."""
    plan = plan_of(watched.builder.node, watched.job["run"])
    table, _ = publishing.open_table(watched.owner.node, watched.asset.id)
    running = record.Replay(plan, record.Start(watched.job["grants"]))
    for made in rounds_of(watched.builder.node, plan.run_id):
        _, shown = made.updates[watched.owner.account]
        bare = replace(plan.noise, sigma=0)
        exact = (
            updates.make(unit_rows(table.features, plan.scaling), table.labels, running.model, bare, b"")
            if made.number
            else sketch.draw(table, plan.scaling, plan.nonce, plan.sketch.buckets)
        )
        assert json.dumps(shown.tolist(), separators=(",", ":")).encode() in watched.wire.recorded()
        assert (shown != exact).sum() > len(exact) // 2
        running.add(made)


def test_no_label_and_no_noise_seed_can_be_read_off_the_wire(watched: Watched) -> None:
    seen = watched.wire.recorded()
    plan = plan_of(watched.builder.node, watched.job["run"])
    seed = noise_seed(watched.owner.node, plan)
    assert sha256_hex(seed).encode() in seen, "what the owner is bound to"
    for form in (seed, seed.hex().encode()):
        assert form not in seen
    labels = json.dumps(list(watched.cells.labels), separators=(",", ":"))
    assert labels.encode() not in seen
    assert "".join(map(str, watched.cells.labels)).encode() not in seen


def test_the_wire_carries_no_secret_of_either_side(watched: Watched) -> None:
    seen = watched.wire.recorded()
    for party in (watched.owner, watched.builder):
        for secret in (party.node.keys.account_key, party.node.keys.log_seed, party.node.keys.encryption_key):
            assert secret not in seen
            assert secret.hex().encode() not in seen


def test_nothing_is_in_clear_on_either_disk(watched: Watched) -> None:
    """The test table is shown to all in the end, with the evidence; until then it is sealed like the others."""
    some, test = Cells(watched.cells.micro[:6], ()), Cells(make(40, seed=7).micro[:3], ())
    assert set(watched.disks) == {"before", "after"}
    for moment, files in watched.disks.items():
        for party in (watched.owner, watched.builder):
            names = {path.rsplit("/", 1)[-1] for path in files if path.startswith(str(party.home))}
            assert {"node.sqlite", "node.sqlite-wal"} <= names
            assert any(path.startswith(str(party.home / "blobs")) for path in files)
        for path, data in files.items():
            assert found_in(data, some) == [], path
            if moment == "before" or path.startswith(str(watched.owner.home)):
                assert found_in(data, test) == [], f"the test table lies open in {path}"
            for party in (watched.owner, watched.builder):
                for secret in (
                    party.node.keys.account_key,
                    party.node.keys.log_seed,
                    party.node.keys.encryption_key,
                ):
                    assert secret not in data


def test_the_sealed_table_is_the_one_that_was_published(watched: Watched) -> None:
    table, _ = publishing.open_table(watched.owner.node, watched.asset.id)
    assert tuple(map(tuple, table.features.tolist())) == watched.cells.micro
    assert tuple(table.labels.tolist()) == watched.cells.labels


def test_the_test_table_stays_with_the_builder_until_the_last_round(watched: Watched) -> None:
    """Owners get it to agree to what their rows were worth: in order, after every update was shown."""
    test = make(40, seed=7)
    before, _, after = watched.wire.recorded().partition(b"POST /peer/agreements ")
    assert before.count(b"POST /peer/rounds/reveal ") == ROUNDS + 1
    assert found_in(before, test) == []
    assert len(found_in(after, test)) > 100, "and then it is opened"


def test_a_revocation_counts_from_the_next_round_and_the_run_finishes(world: World) -> None:
    leaving, staying = world.owners(2)
    builder = world.party("builder")
    job_id = begin(builder, order(builder, [staying, leaving], rounds=5))

    def report(told: dict[str, Any]) -> None:
        if told.get("round") == 2 and not is_revoked(
            leaving.node, leaving.node.grant(told["grants"][leaving.account])
        ):
            granting.revoke(leaving.node, told["grants"][leaving.account])

    job = training.Job(builder.node, builder.services.peers, job_id, report).run()

    assert job["step"] == "done"
    both = {staying.account, leaving.account}
    assert took_part(builder.node, job["run"]) == [both] * 2 + [{staying.account}] * 3
    away = job["absent"][leaving.account]
    assert (away["rounds"], away["code"]) == ([3, 4, 5], "grant.revoked")
    assert leaving.node.store.uses(job["grants"][leaving.account]) == (3, 0)
    assert not leaving.node.store.unsigned_receipts(builder.account), "what was used was signed for"
