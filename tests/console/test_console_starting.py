"""The first steps of whoever comes, how the node is, and pages while the network is away."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from chain_proxy import ChainProxy
from console_node import Console
from node_process import PASSPHRASE
from node_world import World, until

from freehold.kernel.registry import everything
from freehold.shell.web import places

_AWAY = "The network does not answer"


@pytest.fixture(scope="module")
def proxy(world: World) -> Iterator[ChainProxy]:
    with ChainProxy(world.rpc_url) as made:
        yield made


@pytest.fixture(scope="module")
def node(proxy: ChainProxy, tmp_path_factory) -> Iterator[Console]:
    made = Console(None, tmp_path_factory.mktemp("starting") / "home", proxy.url).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def owner(node: Console) -> Iterator[httpx.Client]:
    headers = {"sec-fetch-site": "same-origin"}
    with httpx.Client(
        base_url=node.origin + "/console", headers=headers, trust_env=False, timeout=60
    ) as made:
        typed = {"name": "North", "passphrase": PASSPHRASE, "again": PASSPHRASE}
        assert made.post("/enter", data=typed).status_code == 303
        yield made


def _ready(node: Console) -> bool:
    return bool(httpx.get(f"{node.origin}/readyz", trust_env=False, timeout=30).json()["ready"])


def _choose(owner: httpx.Client, aim: str) -> str:
    token = re.search(r'name="csrf" value="([^"]+)"', owner.get("/settings").text)[1]
    assert owner.post("/first", data={"csrf": token, "aim": aim}).status_code == 303
    return owner.get("/").text


def _steps(page: str) -> list[tuple[bool, str]]:
    listed = page.split('class="todo steps-list"')[1].split("</ol>", maxsplit=1)[0]
    rows: list[Any] = re.findall(
        r'<li class="(done)?".*?</span>\s*(.*?)\s*<span class="unseen">', listed, re.DOTALL
    )
    return [(bool(done), text) for done, text in rows]


def test_home_lists_first_steps_until_they_are_done(node: Console, owner: httpx.Client, tmp_path):
    home = owner.get("/").text
    assert "What do you want to do first?" in home
    assert [done for done, _ in _steps(_choose(owner, "audit"))] == [False, False]
    token = re.search(r'name="csrf" value="([^"]+)"', owner.get("/log").text)[1]
    owner.post("/log/check", data={"csrf": token})
    assert [done for done, _ in _steps(owner.get("/").text)] == [True, False]

    steps = _steps(_choose(owner, "share"))
    assert steps[0] == (False, "Publish a table: say who may use it, for what and at which price.")
    table = tmp_path / "t.csv"
    table.write_text("age,label\n" + "\n".join(f"{i},{i % 2}" for i in range(20)) + "\n")
    node.api("/publish", {"path": str(table), "label": "label", "name": "Ages, Hohe Straße"})
    assert _steps(owner.get("/").text)[0][0]
    for word in ("straße", "Straße", "HOHE ages"):
        assert "Ages, Hohe" in owner.get("/find", params={"q": word}).text.split("<main")[1], word
    assert owner.post("/first", data={"csrf": token, "aim": "everything"}).status_code == 422
    put_away = _choose(owner, "skipped")
    assert "First steps" not in put_away
    assert "What do you want to do first?" not in put_away


@pytest.mark.slow
def test_every_page_works_while_the_network_is_away_and_says_so_once(
    node: Console, owner: httpx.Client, proxy: ChainProxy
):
    asset = node.api("/assets")["assets"][0]["id"]
    assert _AWAY not in owner.get("/").text
    health = owner.get("/health").text
    assert len(re.findall('class="light good"', health)) >= 6
    pages = {tab.path for tab in places.tabs()} | {"/find?q=a", f"/assets/{asset}"}
    pages |= {one.path for one in everything().every("pages") if one.method == "GET" and "{" not in one.path}
    usual = [
        path for path in sorted(pages - {"/health"}) if owner.get(path, follow_redirects=True).is_success
    ]
    assert len(usual) > 15
    proxy.rule = lambda _: "drop"
    try:
        until(lambda: not _ready(node), "it is seen", 40)
        found: list[tuple[str, int, int]] = []
        for path in usual:
            answer = owner.get(path, follow_redirects=True)
            said = re.sub(r"<[^>]+>", "", answer.text.split("<main")[1].split("<noscript")[0])
            times = len(re.findall("(?:network|chain) does not answer", said, re.IGNORECASE))
            found.append((answer.url.path.removeprefix("/console"), answer.status_code, times))
        # asking whether to do what only the network can do is refused, with the reason
        wrong = {one[0]: one[1:] for one in found if one[1:] != (200, 1)}
        assert {path: status for path, (status, _) in wrong.items()} == {"/collect": 503, "/log/anchor": 503}
        health = owner.get("/health").text
        assert "does not answer" in health
        assert 'class="light bad"' in health
    finally:
        proxy.rule = lambda _: None
    until(lambda: _AWAY not in owner.get("/").text, "it is back", 40)


@pytest.mark.slow
def test_a_network_that_keeps_everybody_waiting_keeps_no_page_waiting(
    node: Console, owner: httpx.Client, proxy: ChainProxy
):
    owner.get("/money")
    goes_on = threading.Event()
    proxy.rule = lambda _: goes_on.wait(60) and "drop"
    try:
        until(lambda: not _ready(node), "it is seen", 60)
        for path in ("/", "/money", "/health", "/collected", "/channels"):
            began = time.monotonic()
            assert owner.get(path).status_code == 200
            # one question to the network alone waits ten seconds
            assert time.monotonic() - began < 5, path
        assert "These sums are as of" in owner.get("/money").text
    finally:
        proxy.rule = lambda _: None
        goes_on.set()
    until(lambda: _AWAY not in owner.get("/").text, "it is back", 60)
