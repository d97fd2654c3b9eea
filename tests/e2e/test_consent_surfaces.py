"""Consent by hand from the command line and from Python, both sides, as people type it."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from json_answers import documented
from node_tables import LABEL, make, write
from node_world import Party, World

import freehold
from freehold.features.grants.library import GrantPending
from freehold.features.grants.wire import RequestRow
from freehold.kernel.client import NodeClient, NodeRefused
from freehold.shell.cli.main import main

opened: list[NodeClient] = []


class Desk:
    """An owner who asks first and a buyer, each with a home that commands and programs find."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.owner, self.buyer, self._capsys = world.party("owner"), world.party("buyer"), capsys
        for party in (self.owner, self.buyer):
            party.found()
        self.table = write(self.owner.home / "north.csv", make(20, seed=1))
        self.test = write(self.buyer.home / "test.csv", make(40, seed=7))

    def said(self, by: Party, *words: str, code: int = 0) -> str:
        done = main([*words, "--home", str(by.home)])
        out, err = self._capsys.readouterr()
        assert done == code, out + err
        while opened:
            opened.pop()._client.close()  # what the end of a process closes otherwise
        return out + err

    def json(self, by: Party, *words: str) -> dict[str, Any]:
        return documented(words, self.said(by, *words, "--json"))


@pytest.fixture
def desk(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    start = NodeClient.__init__

    def remembered(client: NodeClient, *given: Any, **named: Any) -> None:
        start(client, *given, **named)
        opened.append(client)

    monkeypatch.setattr(NodeClient, "__init__", remembered)
    made = Desk(world, capsys)
    made.said(
        made.owner,
        *("publish", str(made.table), "--label", LABEL, "--name", "north", "--price", "2.50"),
        *("--approval", "ask", "--epsilon", "50", "--epsilon-life", "100"),
    )
    made.owner.sell("sold", price_units=2_500_000, approval="ask")
    made.buyer.knows(made.owner)
    return made


def waiting(desk: Desk) -> dict[str, Any]:
    """The one request without an answer: several may be of the same second, so the last is not the newest."""
    (found,) = (r for r in desk.json(desk.owner, "grants", "requests")["requests"] if r["state"] == "waiting")
    return found


def undecided(owner: freehold.Node) -> RequestRow:
    (found,) = (request for request in owner.requests() if request.state == "waiting")
    return found


def test_the_command_line_decides_and_asks(desk: Desk) -> None:
    assert "asks first" in desk.said(desk.buyer, "search", "sold")
    asked = desk.said(desk.buyer, "grants", "ask", "sold", "--max-uses", "9")
    assert "waiting: owner decides by hand; nothing is paid yet" in asked
    (request,) = desk.json(desk.owner, "grants", "requests")["requests"]
    listed = desk.said(desk.owner, "grants", "requests")
    assert all(text in listed for text in ("buyer (0x", "sold", "model-training", "$2.50", "waiting"))
    too_cheap = desk.said(desk.owner, "grants", "counter", request["id"], "--price", "1.00", code=6)
    assert "cannot be cheaper" in too_cheap
    offered = desk.said(
        desk.owner, *("grants", "counter", request["id"][:10], "--price", "5.00", "--note", "one study")
    )
    assert "offered: $5.00/grant, 9 uses" in offered
    asked = desk.said(desk.buyer, "grants", "ask", "sold", "--max-uses", "9")
    assert "one study" in asked
    (mine,) = desk.json(desk.buyer, "grants", "requests")["asked"]
    how = f"grants take {request['id'][:10]} --offer {mine['offer']['id'][:18]}"
    assert f"take it up with: freehold {how} --home {shlex.quote(str(desk.buyer.home))}\n" in asked
    assert how in desk.said(desk.buyer, "grants", "requests")
    taken = desk.said(desk.buyer, *how.split())
    assert "granted: 0x" in taken
    assert "paid: $5.00\n" in taken
    (held,) = desk.json(desk.buyer, "grants", "list")["grants"]
    assert (held["price_units"], held["max_uses"]) == (5_000_000, 9)

    desk.said(desk.buyer, "grants", "ask", "sold")
    second = waiting(desk)
    assert "granted: 0x" in desk.said(desk.owner, "grants", "accept", second["id"])
    assert "paid: $2.50\n" in desk.said(desk.buyer, "grants", "ask", "sold")
    desk.said(desk.buyer, "grants", "ask", "sold", "--max-uses", "5")
    (mine,) = desk.json(desk.buyer, "grants", "requests")["asked"]
    assert "dropped" in desk.said(desk.buyer, "grants", "drop", mine["id"])
    desk.said(desk.buyer, "grants", "ask", "sold", "--max-uses", "6")
    third = waiting(desk)
    desk.said(desk.owner, "grants", "refuse", third["id"], "--reason", "enough now")
    assert "enough now" in desk.said(desk.buyer, "grants", "ask", "sold", "--max-uses", "6", code=6)
    assert "enough now" in desk.said(desk.buyer, "grants", "requests")


def test_a_grant_that_would_permit_nothing_is_not_asked_for(desk: Desk) -> None:
    """A dataset is used by runs alone, which ask for their own grants."""
    said = desk.said(desk.buyer, "grants", "ask", "north", "--max", "9", code=6)
    assert "north is a dataset, which is not there to infer: the grant would permit nothing" in said
    assert "Order a run" in said
    assert desk.json(desk.owner, "grants", "requests")["requests"] == []


def test_train_names_the_owners_that_have_not_answered(desk: Desk) -> None:
    words = ("train", "north", "--test", str(desk.test), "--name", "m", "--rounds", "2")
    first = desk.said(desk.buyer, *words, code=8)
    assert "training waits: owners decide by hand; not answered yet: owner (north)" in first
    assert "freehold train --resume" in first
    (request,) = desk.json(desk.owner, "grants", "requests")["requests"]
    desk.said(desk.owner, "grants", "accept", request["id"])
    assert "model: 0x" in desk.said(desk.buyer, *words)
    assert len(desk.json(desk.buyer, "jobs")["jobs"]) == 1, "the same order went on"


def test_python_decides_and_asks(desk: Desk) -> None:
    with freehold.connect(desk.owner.home) as owner, freehold.connect(desk.buyer.home) as buyer:
        (offer,) = buyer.search("sold")
        assert offer.approval == "ask"
        with pytest.raises(GrantPending, match="waiting") as pending:
            buyer.grant(offer)
        assert pending.value.fields["asked"] == buyer.asked()[0]
        (request,) = owner.requests()
        assert (request.holder, request.total_units, request.offer) == (desk.buyer.account, 2_500_000, None)
        countered = owner.counter(request, price="3.00", max_uses=8, note="one study")
        assert countered.offer is not None
        assert (countered.state, countered.offer.total_units) == ("countered", 3_000_000)
        with pytest.raises(GrantPending, match="countered"):
            buyer.grant(offer)
        (asked,) = buyer.asked()
        assert asked.offer is not None
        assert asked.offer.note == "one study"
        assert buyer.take(asked, offer=asked.offer).price_units == 3_000_000
        assert owner.requests()[0].state == "accepted"
        with pytest.raises(GrantPending):
            buyer.grant(offer)
        buyer.drop(buyer.asked()[0])
        assert len(owner.requests()) == 1
        with pytest.raises(GrantPending):
            buyer.grant(offer)
        owner.accept(undecided(owner))
        assert buyer.grant(offer).price_units == 2_500_000
        with pytest.raises(GrantPending):
            buyer.grant(offer)
        owner.refuse(undecided(owner), "enough now")
        with pytest.raises(NodeRefused, match="enough now") as refused:
            buyer.grant(offer)
        assert refused.value.code == "grant.refused"
