"""What leaves an owner: nothing from which a cell of its table could be read, neither by wire nor by disk."""

import struct
from pathlib import Path
from typing import Any

import pytest
from node_tables import COLUMNS, Cells, found_in, make, write
from node_world import World, order, rounds_of, run_job
from wire import Wire

from freehold.node import granting, publishing, training, viewing

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
        self.job, _ = run_job(self.builder, [self.owner, *self.others], rounds=ROUNDS)
        viewing.refresh(self.builder.services)


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
        b"/peer/statistics",
        b"/peer/rounds",
        b"/peer/countersign",
        b"GET /catalogue",
    ):
        assert path in seen, "the wire carried the whole run"
    assert seen.count(b"POST /peer/rounds ") == ROUNDS
    assert found_in(seen, watched.cells) == []


def test_the_wire_carries_no_secret_of_either_side(watched: Watched) -> None:
    seen = watched.wire.recorded()
    for party in (watched.owner, watched.builder):
        for secret in (party.node.keys.account_key, party.node.keys.log_seed, party.node.keys.encryption_key):
            assert secret not in seen
            assert secret.hex().encode() not in seen


def test_nothing_is_in_clear_on_either_disk(watched: Watched) -> None:
    found = {}
    some, test = Cells(watched.cells.micro[:6], ()), Cells(make(40, seed=7).micro[:3], ())
    for party in (watched.owner, watched.builder):
        files = [path for path in party.home.rglob("*") if path.is_file()]
        assert {"node.sqlite", "node.sqlite-wal"} <= {path.name for path in files}
        assert any("blobs" in path.parts for path in files)
        for path in files:
            if path.name == "test.csv":
                continue  # the builder's own source file, where its user put it
            data = path.read_bytes()
            found.update({str(path): cells for cells in [found_in(data, some)] if cells})
            assert found_in(data, test) == [], f"the test table lies open in {path}"
            for secret in (
                party.node.keys.account_key,
                party.node.keys.log_seed,
                party.node.keys.encryption_key,
            ):
                assert secret not in data
    assert found == {}


def test_the_sealed_table_is_the_one_that_was_published(watched: Watched) -> None:
    table, _ = publishing.open_table(watched.owner.node, watched.asset.id)
    assert tuple(map(tuple, table.features.tolist())) == watched.cells.micro
    assert tuple(table.labels.tolist()) == watched.cells.labels


def test_the_test_table_stays_with_the_builder_until_the_last_round(watched: Watched) -> None:
    assert found_in(watched.wire.recorded(), make(40, seed=7)) == []


def test_a_revocation_counts_from_the_next_round_and_the_run_finishes(world: World) -> None:
    staying, leaving = world.owners(2)
    builder = world.party("builder")
    job_id = training.begin(builder.node, order(builder, [staying, leaving], rounds=5))
    absent: dict[int, dict[str, str]] = {}

    def report(told: dict[str, Any]) -> None:
        if "round" in told:
            absent[told["round"]] = told["absent"]
            if told["round"] == 2:
                granting.revoke(leaving.node, told["grants"][leaving.account])

    job = training.Job(builder.node, builder.services.peers, job_id, report).run()

    assert job["step"] == "done"
    present = [set(made["updates"]) for made in rounds_of(builder.node, job["run"])]
    assert present == [{staying.account, leaving.account}] * 2 + [{staying.account}] * 3
    assert all("revoked" in absent[number][leaving.account] for number in (3, 4, 5))
    assert leaving.node.store.uses(job["grants"][leaving.account]) == (3, 0)
    assert not leaving.node.store.unsigned_receipts(builder.account), "what was used was signed for"
