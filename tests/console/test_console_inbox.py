"""The inbox: what waits, several decided at once, and answers of others that come without being asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import node_tables
import pytest
from chain_proxy import ChainProxy
from console_node import Console
from node_world import World, offered
from slow_world import open_node
from web_browser import owner

from freehold.features.data import publishing
from freehold.features.grants import asking, consent, granting
from freehold.features.grants.asking import GrantWaiting
from freehold.features.grants.hearing import Hearing
from freehold.features.identity import peers
from freehold.kernel.inbox import Inbox


def _asks(console: Console, world: World, table: Path, name: str, **chosen: Any) -> Any:
    """A party that asks for a new table of this node; returns it."""
    said = {
        "path": str(table),
        "label": node_tables.LABEL,
        "name": f"Table for {name}",
        "approval": "ask",
        **chosen,
    }
    asset = console.api("/publish", said)["asset"]["id"]
    party = world.party(name)
    peers.add(party.services, console.origin)
    with pytest.raises(GrantWaiting):
        granting.obtain(party.node, party.services.peers, party.node.asset(asset), "derive", max_uses=3)
    return party


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node_tables.write(tmp_path_factory.mktemp("inbox") / "t.csv", node_tables.make(20, seed=4))


def test_several_requests_are_decided_at_once_and_who_asked_hears_it(
    console: Console, page: Any, world: World, table: Path
):
    first, second = (_asks(console, world, table, name) for name in ("Harbour Lab", "Cedar Lab"))
    page.goto(console.url)
    page.locator(".bell").click()
    assert "3 things wait" in page.locator(".bell").inner_text()
    said = page.locator("main").inner_text()
    assert said.index("Requests to decide") < said.index("There is no backup yet"), "the pressing ones first"
    for name in ("Harbour Lab", "Cedar Lab"):
        page.get_by_role("checkbox", name=name).check()
    page.get_by_text("Decide those that are ticked").click()
    page.get_by_label("Why, if you refuse").fill("We share with partners only")
    page.get_by_role("button", name="Refuse", exact=True).click()
    page.get_by_text("2 requests were refused.").wait_for()
    for party in (first, second):
        assert party.services.part(Hearing).look() == 1
        (said,) = [one for one in party.services.part(Inbox).items() if one.kind == "refusal"]
        assert said.text.endswith("We share with partners only")
        party.services.part(Inbox).put_aside(said.key)
        assert said.key not in {one.key for one in party.services.part(Inbox).items()}
        party.services.part(Inbox).bring_back(said.key)
        assert said in party.services.part(Inbox).items()
    # nothing new was said, so it is asked less often
    assert first.services.part(Hearing).look() == 0


def test_a_list_that_changes_decides_what_was_shown_and_ticked(
    console: Console, page: Any, world: World, table: Path
):
    for name in ("Elm Lab", "Oak Lab"):
        _asks(console, world, table, name)
    page.goto(f"{console.url}inbox")
    ticked = page.locator("li:has(input[name=request]:checked)")
    for name in ("Elm Lab", "Oak Lab"):
        page.get_by_role("checkbox", name=name).check()
    _asks(console, world, table, "Yew Lab")
    page.get_by_role("checkbox", name="Yew Lab").wait_for()
    # whoever came in between is not taken for another
    assert ["Oak Lab" in ticked.nth(0).inner_text(), "Elm Lab" in ticked.nth(1).inner_text()] == [True, True]
    (elm, oak) = [
        row
        for row in console.api("/requests")["requests"]
        if row["holder_name"] in ("Elm Lab", "Oak Lab") and row["state"] == "waiting"
    ]
    # as on a page that no news reached
    page.evaluate(
        "document.querySelector('main').append(document.querySelector('form[action$=requests]').cloneNode(true))"
    )
    console.api(f"/requests/{elm['id']}/counter", {"max_uses": 2})
    page.evaluate("document.querySelector('main > form').querySelector('[value=accept]').click()")
    page.get_by_text("1 request was accepted.").wait_for()
    states = {row["id"]: row["state"] for row in console.api("/requests")["requests"]}
    assert (states[elm["id"]], states[oak["id"]]) == ("countered", "accepted")


def test_a_page_of_a_request_that_is_gone_says_so(console: Console, page: Any, world: World, table: Path):
    party = _asks(console, world, table, "Birch Lab")
    (row,) = [one for one in console.api("/requests")["requests"] if one["holder_name"] == "Birch Lab"]
    granting.drop(party.services, asking.overview(party.node)[0]["id"])
    page.goto(f"{console.url}requests/{row['id']}")
    page.get_by_text("no longer open").wait_for()
    assert page.url.endswith("/inbox")


def test_an_owners_word_is_heard_and_paid_for_only_by_hand(world: World, table: Path):
    owner, asker = world.party("Maple Clinic"), world.party("Poplar Lab")
    made = publishing.publish(owner.node, offered(table, name="Ward", price_units=250_000, approval="ask"))
    peers.add(asker.services, owner.url)
    with pytest.raises(GrantWaiting):
        granting.obtain(
            asker.node,
            asker.services.peers,
            asker.node.asset(made.document.id),
            "derive",
            at_most_units=250_000,
        )
    hearing = asker.services.part(Hearing)
    assert hearing.look() == 0
    (request,) = asking.overview(asker.node)
    consent.accept(owner.node, request["id"])
    before = asker.node.balance_units()
    granting.ask_again(asker.services, next(iter(asking.unanswered(asker.node))))
    (said,) = [one for one in asker.services.part(Inbox).items() if one.kind == "offer"]
    assert said.href == f"/asked/{request['id']}/pay"
    assert asker.node.balance_units() == before
    granting.buy(asker.services, request["id"], 250_000)
    assert asker.node.balance_units() == before - 250_000
    assert asking.overview(asker.node) == []


@pytest.mark.slow
def test_what_troubles_one_that_is_ticked_keeps_none_of_the_others(world: World, table: Path, tmp_path: Path):
    with ChainProxy(world.rpc_url) as chain:
        node = open_node(tmp_path / "node", chain.url)
        said = {"path": str(table), "label": node_tables.LABEL, "name": "Ward"}
        asset = node.api("/publish", said)["asset"]["id"]
        grants = []
        for name in ("Ash Lab", "Fir Lab", "Larch Lab"):
            party = world.party(name)
            peers.add(party.services, node.origin)
            asked = party.node.asset(asset)
            grants.append(granting.obtain(party.node, party.services.peers, asked, "derive", max_uses=3).id)
        boss = owner(node)
        form = {"csrf": boss.token, "chosen": grants, "sure": "yes"}
        # reads are answered, and nothing is taken
        chain.rule = lambda request: (
            {"error": {"code": -32000, "message": "not now"}}
            if request["method"] == "eth_sendRawTransaction"
            else None
        )
        answer = boss.post(f"/console/assets/{asset}/take-back", data=form)
        chain.rule = lambda _: None
        assert (answer.status_code, answer.headers["location"]) == (303, f"/console/assets/{asset}/access")
        shown = boss.get(f"/console/assets/{asset}/access").text
        assert all(f"{name} Lab: " in shown for name in ("Ash", "Fir", "Larch"))
        assert len(re.findall(r'class="notice bad"', shown)) == 3
        # each is denied here at once, whatever the network does
        assert [row["revoked"] for row in node.api("/grants")["grants"]] == [True] * 3
        assert node.stop() == 0
