"""kill -9 of both sides around an owner's word: one request, one grant, one payment."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


def start(*nodes: Process) -> None:
    for node in nodes:
        node.launch()
    for node in nodes:
        until(lambda node=node: node.ready or not node.alive, f"{node.name} is up", 60)
        assert node.alive, node.log()


def owner_and_builder(world: World, processes: list[Process], tmp_path: Path) -> tuple[Process, Process]:
    port = free_port()
    owner = Process(tmp_path / "owner", world.rpc_url, port=port)
    builder = Process(tmp_path / "builder", world.rpc_url, peers=[f"http://127.0.0.1:{port}"])
    processes.extend([owner, builder])
    start(owner, builder)
    table = write(tmp_path / "t.csv", make(30, seed=2))
    body = {"path": str(table), "label": LABEL, "price_units": PRICE_UNITS, "approval": "ask"}
    owner.api("/publish", body)
    return owner, builder


def ask(builder: Process, asset: str) -> tuple[int, dict[str, Any]]:
    token = (builder.home / "api-token").read_text().strip()
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.post(
            f"{builder.url}/api/grants",
            json={"asset": asset, "action": "derive"},
            headers={"authorization": f"Bearer {token}"},
        )
    return answer.status_code, answer.json()


def require_one_grant(owner: Process, account: str, kept: int = 1) -> None:
    with contextlib.closing(sqlite3.connect(owner.home / "node.sqlite", isolation_level=None)) as connection:
        require_sound_file(connection, account)
        found = connection.execute("SELECT count(*) FROM documents WHERE type = 'grant'").fetchone()
        assert found == (kept,)


def strike(owner: Process, path: str) -> None:
    """Send a whole request and kill the node without hearing the answer."""
    token, url = (owner.home / "api-token").read_text().strip(), urlsplit(owner.url)
    with socket.create_connection((url.hostname, url.port)) as sending:
        head = f"POST /api{path} HTTP/1.1\r\nhost: {url.netloc}\r\nauthorization: Bearer {token}\r\n"
        sending.sendall(f"{head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        owner.kill()


def test_both_killed_around_an_acceptance_make_one_grant_and_one_payment(
    world: World, processes: list[Process], tmp_path: Path
) -> None:
    owner, builder = owner_and_builder(world, processes, tmp_path)
    account, buyer = owner.account, builder.account
    asset = builder.api("/search")["assets"][0]["id"]
    assert ask(builder, asset)[1]["status"] == "waiting"
    (request,) = owner.api("/requests")["requests"]
    path = f"/requests/{request['id']}/accept"
    strike(owner, path)
    builder.kill()
    start(owner, builder)
    (kept,) = owner.api("/requests")["requests"]
    assert kept["id"] == request["id"]
    assert [row["id"] for row in owner.api("/grants")["grants"]] == ([kept["grant"]] if kept["grant"] else [])
    assert kept["state"] == ("accepted" if kept["grant"] else "waiting"), "the grant and the word, or neither"
    accepted = owner.api(path, {})["request"]
    owner.kill()
    assert ask(builder, asset)[0] == 503
    start(owner)
    status, grant = ask(builder, asset)
    assert (status, grant["id"]) == (200, accepted["grant"])
    bought = world.chain.events("Market", "GrantBought", buyer=buyer)
    assert [event.args["price"] for event in bought] == [PRICE_UNITS]
    assert (owner.terminate(), builder.terminate()) == (0, 0)
    require_one_grant(owner, account)
