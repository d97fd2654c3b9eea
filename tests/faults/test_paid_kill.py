"""A seller under full load is killed, or loses its database: what was answered is kept, and no payment counts twice."""

import json
import random
import resource
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from inference_world import PRICE
from node_world import World, require_sound_file, until
from paid_world import ChainProcess, PaidShop, Payer, paying
from postgres_server import Server, serving

from freehold.core.canonical import parse
from freehold.core.signing import parse_envelope, read_envelope
from freehold.kernel.databases import opening

CLIENTS, KILLS = 8, 6


@pytest.fixture(scope="module")
def far_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One whose chain is a process of its own."""
    home = tmp_path_factory.mktemp("world")
    made = World(home, ChainProcess(home / "chain"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def require_kept(shop: PaidShop, payers: list[Payer]) -> None:
    """Receipts, log, uses, vouchers and answers agree with what the payers were answered, to the unit."""
    url = str(shop.builder.settings.get("database", ""))
    with closing(opening.for_reading(shop.builder.home, url)) as kept:
        require_sound_file(kept, shop.account)
        positions = dict(kept.execute("SELECT id, position FROM documents WHERE type = 'receipt'").fetchall())
        answers = {bytes(row[0]) for row in kept.execute("SELECT answer FROM answers")}
        uses = {row[0]: row[1:] for row in kept.execute("SELECT grant_id, uses, spent_units FROM uses")}
        vouchers = dict(kept.execute("SELECT channel, cumulative_units FROM vouchers").fetchall())
        receipts = [
            read_envelope(bytes(row[0])).document.body
            for row in kept.execute(
                "SELECT envelope FROM documents WHERE type = 'receipt' AND kind = 'infer'"
            )
        ]
    for payer in payers:
        count, given = len(payer.answers), payer.answers
        assert set(given) <= answers
        own = [parse_envelope(parse(one)["receipt"]).document for one in given]
        assert len({one.id for one in own}) == count
        assert all(positions[one.id] is not None for one in own)
        assert [one.body["sequence"] for one in own] == list(range(1, count + 1))
        assert tuple(uses[payer.hand.grant]) == (count, count * PRICE)
        assert vouchers["0x" + payer.hand.channel.hex()] == count * PRICE
    mine = {payer.hand.grant for payer in payers}
    moved = [line for one in receipts if one["grant"] in mine for line in one["money"]]
    total = sum(len(payer.answers) for payer in payers)
    assert sum(line["delta_units"] for line in moved if line["delta_units"] > 0) == total * PRICE
    assert sum(line["delta_units"] for line in moved) == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_answered_call_outlives_a_kill_and_counts_once(
    far_world: World, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    settings: dict[str, Any] = {}
    if kind == "postgresql":
        settings["database"] = request.getfixturevalue("server").database("killed")
    shop = PaidShop(far_world, tmp_path / "seller", **settings)
    payers = [Payer(shop, number) for number in range(CLIENTS)]
    rng = random.Random(11)
    with paying(payers):
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.3, 1.5))
            assert shop.builder.kill()
            shop.builder.start()
        time.sleep(0.5)
    assert sum(payer.unanswered for payer in payers) >= KILLS
    assert all(len(payer.answers) > KILLS for payer in payers)
    # asking again for any is answered the same, and counts nothing
    for payer in payers:
        calling = shop.calling()
        for count in (1, len(payer.answers) // 2, len(payer.answers)):
            assert calling.post(*payer.request(count)) == (200, payer.answers[count - 1])
        calling.close()
    shop.end()
    require_kept(shop, payers)


@pytest.mark.slow
def test_a_database_that_goes_away_under_load_is_told_and_nothing_is_lost_or_counted_twice(
    far_world: World, server: Server, tmp_path: Path
) -> None:
    """Its server is killed while it commits, again and again: who is told of a failure asks again."""
    shop = PaidShop(far_world, tmp_path / "seller", database=server.database("away"))
    payers = [Payer(shop, number) for number in range(CLIENTS)]
    rng = random.Random(5)
    with paying(payers):
        for _ in range(3):
            had = [len(payer.answers) for payer in payers]
            until(
                lambda had=had: all(len(p.answers) > n for p, n in zip(payers, had, strict=True)), "paid", 60
            )
            time.sleep(rng.uniform(0, 0.3))
            server.stop("immediate")
            time.sleep(rng.uniform(0, 1))
            server.start()
        had = [len(payer.answers) for payer in payers]
        until(lambda: all(len(p.answers) > n for p, n in zip(payers, had, strict=True)), "paid again", 60)
    assert shop.builder.alive
    assert sum(payer.unanswered for payer in payers) > 0
    shop.end()
    require_kept(shop, payers)


@pytest.mark.slow
def test_a_disk_that_is_full_under_load_is_told_to_all_and_what_was_paid_is_still_given(
    far_world: World, tmp_path: Path
) -> None:
    shop = PaidShop(far_world, tmp_path / "seller")
    payers = [Payer(shop, number) for number in range(CLIENTS)]
    pid = json.loads((shop.builder.home / "node.json").read_text())["pid"]
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    with paying(payers):
        for _ in range(2):
            had = [len(payer.answers) for payer in payers]
            until(
                lambda had=had: all(len(p.answers) > n for p, n in zip(payers, had, strict=True)), "paid", 60
            )
            # no file of the node grows, or is written beyond its first page
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_096, most))
            waiting = [payer.unanswered for payer in payers]
            until(
                lambda n=waiting: all(p.unanswered > m for p, m in zip(payers, n, strict=True)),
                "all are told",
                60,
            )
            kept = [len(payer.answers) for payer in payers]
            calling = shop.calling()
            for payer in payers:
                count = len(payer.answers)
                assert calling.post(*payer.request(count)) == (200, payer.answers[count - 1])
            assert calling.get("/catalogue")[0] == 200
            calling.close()
            assert [len(payer.answers) for payer in payers] == kept
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
        had = [len(payer.answers) for payer in payers]
        until(lambda: all(len(p.answers) > n for p, n in zip(payers, had, strict=True)), "paid again", 60)
    shop.end()
    require_kept(shop, payers)


@pytest.mark.slow
def test_a_stop_under_load_tells_nobody_what_was_not_kept(far_world: World, tmp_path: Path) -> None:
    shop = PaidShop(far_world, tmp_path / "seller")
    payers = [Payer(shop, number) for number in range(CLIENTS)]
    with paying(payers):
        for _ in range(2):
            time.sleep(1)
            assert shop.builder.terminate(40) == 0
            shop.builder.start()
    shop.end()
    require_kept(shop, payers)


def median(shop: PaidShop, path: str, headers: dict[str, str], rounds: int = 15) -> float:
    calling, took = shop.calling(), []
    for _ in range(rounds):
        began = time.monotonic()
        status, answer = calling.get(path, **headers)
        took.append(time.monotonic() - began)
        assert status == 200, answer
    calling.close()
    return sorted(took)[rounds // 2]


@pytest.mark.slow
def test_others_who_read_are_answered_under_full_load(far_world: World, tmp_path: Path) -> None:
    shop = PaidShop(far_world, tmp_path / "seller")
    token = (shop.builder.home / "api-token").read_text().strip()
    read = {"/catalogue": {}, "/api/status": {"authorization": f"Bearer {token}"}}
    idle = {path: median(shop, path, headers) for path, headers in read.items()}
    payers = [Payer(shop, number) for number in range(CLIENTS)]
    with paying(payers):
        time.sleep(1)
        before = sum(len(payer.answers) for payer in payers)
        busy = {path: median(shop, path, headers) for path, headers in read.items()}
        assert sum(len(payer.answers) for payer in payers) > before
    for path in read:
        assert busy[path] < max(0.25, 10 * idle[path]), path
    shop.end()
    require_kept(shop, payers)
