"""kill -9 around an owner's word and a training job that waits for it: one request, one grant, one payment."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from node_process import Process
from node_tables import LABEL, make, write
from node_world import World, free_port, require_sound_file, until

PRICE_UNITS = 1_000_000


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for one in started:
        one.kill()


def owner_and_builder(world: World, processes: list[Process], tmp_path: Path) -> tuple[Process, Process]:
    owner = Process(tmp_path / "owner", world.rpc_url, port=free_port())
    processes.append(owner.start())
    builder = Process(tmp_path / "builder", world.rpc_url, port=free_port(), peers=[owner.url])
    processes.append(builder.start())
    table = write(tmp_path / "t.csv", make(30, seed=2))
    body = {"path": str(table), "label": LABEL, "price_units": PRICE_UNITS, "approval": "ask"}
    owner.api("/publish", body)
    return owner, builder


def ask(builder: Process, asset: str) -> tuple[int, dict[str, Any]]:
    token = (builder.home / "api-token").read_text().strip()
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.post(
            f"{builder.url}/api/grants",
            json={"asset": asset, "action": "train"},
            headers={"authorization": f"Bearer {token}"},
        )
    return answer.status_code, answer.json()


def require_one_grant(owner: Process, account: str, kept: int = 1) -> None:
    with contextlib.closing(sqlite3.connect(owner.home / "node.sqlite", isolation_level=None)) as connection:
        require_sound_file(connection, account)
        found = connection.execute("SELECT count(*) FROM documents WHERE type = 'grant'").fetchone()
        assert found == (kept,)


@pytest.mark.parametrize("when", ["at once", "after the answer"])
def test_an_owner_killed_while_it_accepts_issues_one_grant_and_is_paid_once(
    world: World, processes: list[Process], tmp_path: Path, when: str
) -> None:
    owner, builder = owner_and_builder(world, processes, tmp_path)
    account, buyer = owner.account, builder.account
    asset = builder.api("/search")["assets"][0]["id"]
    assert ask(builder, asset)[1]["status"] == "waiting"
    owner.kill()
    owner.start()
    (request,) = owner.api("/requests")["requests"]
    assert ask(builder, asset)[1]["asked"]["id"] == request["id"], "the request outlived the owner"
    path = f"/requests/{request['id']}/accept"
    if when == "at once":
        token = (owner.home / "api-token").read_text().strip()
        with httpx.Client(trust_env=False, timeout=0.001) as client, contextlib.suppress(httpx.HTTPError):
            client.post(f"{owner.url}/api{path}", headers={"authorization": f"Bearer {token}"})
    else:
        owner.api(path, {})
    owner.kill()
    owner.start()
    accepted = owner.api(path, {})["request"]
    assert accepted["state"] == "accepted"
    builder.kill()
    builder.start()
    status, grant = ask(builder, asset)
    assert (status, grant["id"]) == (200, accepted["grant"])
    bought = world.chain.events("Market", "GrantBought", buyer=buyer)
    assert [event.args["price"] for event in bought] == [PRICE_UNITS]
    assert (owner.terminate(), builder.terminate()) == (0, 0)
    require_one_grant(owner, account)


def test_a_training_job_says_who_has_not_answered_and_goes_on_by_itself_once_they_agree(
    world: World, processes: list[Process], tmp_path: Path
) -> None:
    owner, builder = owner_and_builder(world, processes, tmp_path)
    automatic = world.party("automatic")
    automatic.publish(make(30, seed=1), price_units=PRICE_UNITS)
    builder.api("/peers", {"url": automatic.url})
    test = write(tmp_path / "test.csv", make(40, seed=7))
    assets = [item["id"] for item in builder.api("/search")["assets"]]
    order = {"assets": assets, "test": str(test), "name": "m", "rounds": 2}
    job = builder.api("/train", order)["job"]
    until(lambda: builder.api(f"/jobs/{job}")["waiting"] != [], "the job waits")
    found = builder.api(f"/jobs/{job}")
    assert (found["running"], found["step"], found["error"]["code"]) == (False, "grants", "grant.waiting")
    assert "not answered yet: owner (" in found["error"]["title"]
    assert world.chain.events("Market", "GrantBought", buyer=builder.account) == [], (
        "nothing is bought of others before"
    )
    assert builder.api("/train", order)["job"] == job, "the same order is the same job"
    builder.kill()
    builder.start()
    until(lambda: builder.api(f"/jobs/{job}")["waiting"] != [], "the job waits again")
    (request,) = owner.api("/requests")["requests"]
    owner.api(f"/requests/{request['id']}/counter", {"price_units": PRICE_UNITS + 1})
    builder.api(f"/jobs/{job}/resume", {})
    until(lambda: "other terms offered by: owner" in str(builder.api(f"/jobs/{job}")["error"]), "an offer")
    builder.api(f"/requests/{request['id']}/take", {})
    until(lambda: builder.api(f"/jobs/{job}")["step"] == "done", "the run ends", 60)
    bought = world.chain.events("Market", "GrantBought", buyer=builder.account)
    assert sorted(event.args["price"] for event in bought) == [PRICE_UNITS, PRICE_UNITS + 1]
    held = {row["asset"]: row["uses"] for row in builder.api("/grants")["grants"]}
    assert set(held.values()) == {3}, "the buyer counts its receipts: column sums and two rounds"


def test_a_refused_job_stands_still_and_says_why(
    world: World, processes: list[Process], tmp_path: Path
) -> None:
    owner, builder = owner_and_builder(world, processes, tmp_path)
    test = write(tmp_path / "test.csv", make(40, seed=7))
    assets = [item["id"] for item in builder.api("/search")["assets"]]
    job = builder.api("/train", {"assets": assets, "test": str(test), "name": "m", "rounds": 2})["job"]
    until(lambda: builder.api(f"/jobs/{job}")["waiting"] != [], "the job waits")
    (request,) = owner.api("/requests")["requests"]
    owner.api(f"/requests/{request['id']}/refuse", {"reason": "not for this"})
    builder.api(f"/jobs/{job}/resume", {})
    until(lambda: "not for this" in str(builder.api(f"/jobs/{job}")["error"]), "it says why")
    found = builder.api(f"/jobs/{job}")
    assert (found["error"]["code"], found["running"], found["waiting"]) == ("grant.refused", False, [])
