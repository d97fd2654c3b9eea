"""Runs over data of several owners: access that comes with one and is taken back, owners away, disputes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import market_acts as act
import node_tables
from console_looks import violations
from console_market import Market
from node_world import offered, until

from freehold.features.data import publishing


def test_access_comes_with_a_run_and_is_taken_back(market: Market, tmp_path: Path):
    page = market.builder_page
    page.goto(f"{market.builder.url}market/{market.data}")
    page.wait_for_url(f"**/assets/{market.data}")
    assert "an epsilon of at most 50 in one run and 100 in all" in page.locator("main").inner_text()
    page.get_by_role("link", name="Train with it").first.click()
    assert page.get_by_role("checkbox", name="Ward").is_checked()
    assert page.get_by_label("Privacy budget of the run").input_value() == "50"
    job = _waiting_for_another(market, tmp_path)
    act.accept(market.owner_page, market.owner)
    before = market.builder.api("/status")["balance_units"]
    market.builder.api(f"/jobs/{job}/resume", {})
    until(lambda: market.builder.api(f"/jobs/{job}")["grants"] != {}, "the first owner's grant is there")
    assert market.builder.api("/status")["balance_units"] == before - 2_500_000
    page.goto(f"{market.builder.url}assets/{market.data}/access")
    page.get_by_text("you have access").first.wait_for()
    owner_page = market.owner_page
    owner_page.goto(f"{market.owner.url}assets/{market.data}/access")
    owner_page.get_by_role("checkbox", name="Choose Northside Research").first.check()
    owner_page.get_by_role("button", name="Take access back…").click()
    owner_page.get_by_role("button", name="Take access back").click()
    owner_page.get_by_text("can no longer use it").wait_for()
    page.goto(f"{market.builder.url}assets/{market.data}/access")
    page.get_by_text("taken back").wait_for()
    market.builder.api(f"/requests/{market.builder.api('/requests')['asked'][0]['id']}/drop", {})


def _waiting_for_another(market: Market, folder: Path) -> str:
    """A job over the owner's data and that of one who does not decide; returns it once both were asked."""
    second = market.world.party("Harbour Clinic")
    path = node_tables.write(folder / "harbour.csv", node_tables.make(40, seed=11))
    publishing.publish(second.node, offered(path, name="Harbour", approval="ask"))
    market.builder.api("/peers", {"url": second.url})
    test = node_tables.write(folder / "test.csv", node_tables.make(30, seed=12))
    asked = {"assets": [market.data, "Harbour"], "test": str(test), "name": "Second risk", "rounds": 4}
    job = str(market.builder.api("/train", {**asked, "at_most_units": 5_000_000})["job"])
    until(lambda: len(market.builder.api(f"/jobs/{job}")["waiting"]) == 2, "both owners are asked")
    return job


def test_a_smaller_epsilon_is_filled_in_as_owners_are_ticked(market: Market):
    page = market.builder_page
    page.goto(market.builder.url + "train")
    field = page.get_by_label("Privacy budget of the run")
    assert field.input_value() == ""
    page.get_by_role("checkbox", name="Ward").check()
    assert field.input_value() == "50"
    field.fill("0.5")
    page.get_by_role("checkbox", name="Hillside").check()
    assert field.input_value() == "0.5", "what was typed stays"


def test_an_owner_away_is_named_with_its_rounds_and_what_is_held_back_is_released(
    market: Market, tmp_path: Path
):
    quick, gone = market.world.party("Quick Clinic"), market.world.party("Gone Clinic")
    quick.publish(node_tables.make(60, seed=21))
    gone.publish(node_tables.make(40, seed=22))
    for party in (quick, gone):
        market.builder.api("/peers", {"url": party.url})
    test = node_tables.write(tmp_path / "test.csv", node_tables.make(30, seed=23))
    gone.close()
    names = [f"{party.name}'s table" for party in (quick, gone)]
    asked = {"assets": names, "test": str(test), "name": "Held back", "rounds": 3, "review": True}
    job = str(market.builder.api("/train", {**asked, "patience_seconds": 1})["job"])
    until(lambda: market.builder.api(f"/jobs/{job}")["step"] == "withheld", "it is held back", 60)
    page = market.builder_page
    page.goto(market.builder.url)
    page.get_by_text("Held back is trained and held back").wait_for()
    page.goto(f"{market.builder.url}jobs/{job}")
    said = page.locator("main").inner_text()
    assert "Takes no part" in said
    assert "does not answer" in said
    assert "Commoner label alone" in said
    assert "0x" not in said
    assert not violations(page)
    page.get_by_role("link", name="Release all the same").click()
    assert "always giving the commoner label is right on" in page.locator("main").inner_text()
    assert not violations(page, at="/jobs/{job}/release")
    page.get_by_role("button", name="Release all the same").click()
    page.get_by_role("link", name="Look at it and put it on sale").wait_for(timeout=60_000)


def test_a_dispute_is_shown_on_home_until_it_is_put_aside(market: Market):
    run = market.builder.api("/jobs")["jobs"][0]["run"]
    with sqlite3.connect(market.owner.home / "node.sqlite", timeout=10) as database:
        (claim,) = database.execute(
            "SELECT id FROM documents WHERE type = 'claim' AND instr(envelope, '\"contribution\"') > 0"
            " AND instr(envelope, '\"shares_bps\"') > 0 LIMIT 1"
        ).fetchone()
        noted = json.dumps({"contribution": claim, "field": "shares_bps"}, separators=(",", ":"))
        database.execute("UPDATE runs SET disputed = ? WHERE run = ?", (noted.encode(), run))
        assert database.total_changes == 1, "the owner takes part in that run"
    database.close()
    page = market.owner_page
    page.goto(market.owner.url)
    line = page.get_by_text("Northside Research stated other shares than your node computed")
    line.wait_for()
    page.locator("li", has=line).get_by_role("link", name="Look").click()
    assert "did not sign that it agrees" in page.locator("main").inner_text()
    assert not violations(page, at="/disputes/{run}")
    page.get_by_role("button", name="Put it aside").click()
    page.get_by_text("The signed proof stays").wait_for()
    assert line.count() == 0
