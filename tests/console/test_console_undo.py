"""What a notice offers to take back is taken back: afterwards all is as it was before the act."""

from __future__ import annotations

import html
import inspect
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any

import node_tables
import pytest
from console_node import Console
from node_world import World
from slow_world import open_node
from web_browser import owner

from freehold.kernel import settings as settings_file
from freehold.kernel.registry import everything
from freehold.shell.web.pages import backup, inbox, people, settings, starting

_FORM = re.compile(
    r'<form class="inline" method="post" action="/console([^"]+)"[^>]*>(.*?)</form>', re.DOTALL
)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


BUDGET = {"epsilon_run_micro": 50_000_000, "epsilon_life_micro": 100_000_000}
"""With which a small table still teaches something."""


@dataclass
class Trader:
    """A node with a table and a model of its own, and another node beside it."""

    node: Console
    table: str
    model: str
    other: str


@pytest.fixture(scope="module")
def trader(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    folder = tmp_path_factory.mktemp("undo")
    node = open_node(folder / "node", world.rpc_url)
    path = node_tables.write(folder / "own.csv", node_tables.make(60, seed=1))
    test = node_tables.write(folder / "test.csv", node_tables.make(24, seed=3))
    table = node.api("/publish", {"path": str(path), "label": node_tables.LABEL, "name": "Own", **BUDGET})[
        "asset"
    ]["id"]
    (other,) = world.owners(1, **BUDGET)
    node.api("/peers", {"url": other.url})
    theirs = node.api("/search")["assets"]
    asked = {"assets": [one["id"] for one in theirs], "test": str(test), "rounds": 2}
    job = node.api("/train", {**asked, "name": "Risk", "price_units": 1_000})["job"]
    ends = time.monotonic() + 60
    while (made := node.api(f"/jobs/{job}"))["step"] != "done":
        assert time.monotonic() < ends, made
        time.sleep(0.2)
    assert owner(node).act("/settings/people", person="Dora", role="decider").status_code == 303
    hook = owner(node).act("/settings/notifications/webhook", url="http://127.0.0.1:1/told")
    assert hook.status_code == 303
    yield Trader(node, table, made["model"], other.url)
    assert "Traceback" not in node.log()
    assert node.stop() == 0


@dataclass
class Try:
    """One act that a person does, and with what."""

    act: str
    """Its address, as it is registered."""
    asset: str
    """Which of the trader's the address is of."""
    form: Mapping[str, str]
    """What is posted; places are the trader's."""
    prepared: Mapping[str, str] | None = None
    """Posted to the same address before, where the act needs another beginning."""


TRIES = [
    Try("/assets/{asset}/approval", "table", {"approval": "ask"}, {"approval": "automatic"}),
    Try("/assets/{asset}/approval", "table", {"approval": "automatic"}, {"approval": "ask"}),
    Try("/assets/{asset}/withdraw", "table", {}),
    Try("/assets/{asset}/offer", "table", {}),
    Try("/assets/{asset}/serve", "model", {"on": "yes", "calls": "7", "rows": ""}),
    Try("/assets/{asset}/serve", "model", {"on": "no"}, {"on": "yes", "calls": "3", "rows": "40"}),
    Try(
        "/assets/{asset}/serve",
        "model",
        {"on": "yes", "calls": "9"},
        {"on": "yes", "calls": "3", "rows": "40"},
    ),
    Try("/market/nodes/forget", "", {"url": "{other}"}),
    Try(
        "/settings", "", {"name": "South", "endpoint": "https://south.example", "console_idle_minutes": "45"}
    ),
    Try("/limits", "", {"per_act": "2.50", "per_day": "1250.005"}),
    Try("/limits", "", {"per_act": "", "per_day": "3"}, {"per_act": "1,0050", "per_day": "20"}),
    Try(
        "/settings/usual",
        "",
        {"price": "4", "max_uses": "5", "days": "6", "approval": "ask"},
        {"price": "1,0050", "max_uses": "50", "days": "60", "approval": "automatic"},
    ),
    Try("/settings/people/role", "", {"person": "Dora", "role": "auditor"}),
    Try("/settings/notifications/off", "", {"channel": "webhook"}),
    Try("/inbox/aside", "", {"key": "something"}),
]
"""Of every act that offers to take itself back, at least one."""


ITS_OWN = ("commits", "ready", "anchor", "account_nonce", "gas:", "chain:", "work:", "witness")
"""How names begin under which the node notes what it did by itself."""


def state(node: Console) -> dict[str, Any]:
    """All that a form can change and that is not a record of who did what."""
    with closing(sqlite3.connect(f"file:{node.home / 'node.sqlite'}?mode=ro", uri=True)) as store:
        kept: dict[str, Any] = {
            **dict(store.execute("SELECT name, value FROM state").fetchall()),
            "aside": store.execute("SELECT name FROM aside").fetchall(),
            "sale": store.execute("SELECT * FROM on_sale ORDER BY model").fetchall(),
            "people": store.execute("SELECT name, role, password, removed FROM members").fetchall(),
        }
    kept = {name: value for name, value in kept.items() if not name.startswith(ITS_OWN)}
    # a model that was never on sale is one that is not on sale, at no ration
    kept["sale"] = [row for row in kept["sale"] if any(row[1:])]
    return {**kept, "settings": settings_file.load(node.home), "told": node.api("/notifications")}


@pytest.mark.parametrize("one", TRIES, ids=lambda one: one.act)
@pytest.mark.parametrize("language", ["en", "de"])
def test_what_is_taken_back_is_as_before(trader: Trader, one: Try, language: str):
    node, browser = trader.node, owner(trader.node)
    browser.headers["accept-language"] = language
    path = one.act.replace("{asset}", getattr(trader, one.asset)) if one.asset else one.act
    if one.prepared is not None:
        assert browser.act(path, **one.prepared).status_code == 303
    assert 'class="notice bad"' not in browser.get("/console/settings").text
    before = state(node)
    form = {name: value.format_map(vars(trader)) for name, value in one.form.items()}
    done = browser.act(path, **form)
    assert done.status_code == 303, done.text
    if not one.act.endswith("/offer"):
        assert state(node) != before
    shown = browser.get(done.headers["location"]).text
    (notice,) = re.findall(r'<div class="notice good">(.*?)</div>', shown, re.DOTALL)
    (offered,) = _FORM.findall(notice)
    fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(offered[1])}
    undone = browser.post("/console" + offered[0], data=fields)
    assert undone.status_code == 303, undone.text
    assert 'class="notice bad"' not in browser.get(undone.headers["location"]).text
    if one.act.endswith("/offer"):
        assert state(node) != before, "it is off offer"
        assert browser.act(path).status_code == 303
    now = state(node)
    assert now.keys() == before.keys()
    assert {name: kept for name, kept in now.items() if kept != before.get(name)} == {}


CHANGED = [
    ("/limits", {"per_act": "2", "per_day": "20"}, {"per_act": "3", "per_day": "30"}),
    ("/settings/usual", {"price": "7", "approval": "ask"}, {"price": "8", "approval": "ask"}),
    ("/settings/people/role", {"person": "Dora", "role": "finance"}, {"person": "Dora", "role": "auditor"}),
    ("/settings", {"name": "East"}, {"name": "West"}),
    ("/assets/{asset}/serve", {"on": "yes", "calls": "11"}, {"on": "yes", "calls": "12"}),
]


@pytest.mark.parametrize(
    ("act", "form", "later"), CHANGED, ids=lambda one: one if isinstance(one, str) else ""
)
def test_what_somebody_changed_since_is_not_taken_back_with_it(
    trader: Trader, act: str, form: Any, later: Any
):
    node, browser = trader.node, owner(trader.node)
    path = act.replace("{asset}", trader.model)
    rest = {"console_idle_minutes": "30"} if act == "/settings" else {}
    rest |= {"max_uses": "5", "days": "6"} if act == "/settings/usual" else {}
    done = browser.act(path, **form, **rest)
    assert done.status_code == 303, done.text
    shown = browser.get(done.headers["location"]).text
    (offered,) = _FORM.findall(re.findall(r'<div class="notice good">(.*?)</div>', shown, re.DOTALL)[0])
    fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(offered[1])}
    assert browser.act(path, **later, **rest).status_code == 303
    before = state(node)
    answer = browser.post("/console" + offered[0], data=fields)
    if answer.status_code == 303:
        answer = browser.get(answer.headers["location"])
    assert "changed again meanwhile" in answer.text, answer.status_code
    assert state(node) == before


def test_every_act_that_offers_it_is_tried():
    pages = chain(
        people.PAGES, settings.PAGES, backup.PAGES, inbox.PAGES, starting.PAGES, everything().every("pages")
    )
    acts = [one for one in pages if one.method == "POST"]
    offering = {one.path for one in acts if "undo=" in inspect.getsource(inspect.unwrap(one.handler))}
    assert offering == {one.act for one in TRIES}
    assert all(one.words for one in acts if one.path in offering)


def test_a_node_that_was_removed_comes_back_only_as_the_party_that_it_was(trader: Trader):
    browser = owner(trader.node)
    answer = browser.act("/market/nodes", url=trader.other, account="0x" + "ab" * 20)
    assert "and not 0xab" in answer.text
