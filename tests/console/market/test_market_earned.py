"""What a market brought its owner: figures, money collected, uses with their rounds, files for the books."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

import market_acts as act
import pytest
from console_looks import violations
from console_market import Market


def test_the_first_table_and_the_first_money_take_few_clicks(market: Market):
    assert 5 <= market.clicks["to the first table"] <= 8, market.clicks
    # access is paid to the wallet at once; a share of a model's earnings is collected in two from Home
    assert 3 <= market.clicks["to the first money"] <= 4, market.clicks
    assert market.owner.api("/earnings")["sold_units"] == 2_500_000


def test_contributions_and_price_are_on_the_models_page(market: Market):
    page = market.builder_page
    page.goto(f"{market.builder.url}assets/{market.model}")
    shares = page.locator(".shares li")
    assert shares.count() == 2
    said = page.locator("main").inner_text()
    assert "Lakeview Clinic" in said
    assert "$0.05" in said
    for part in (
        "Right answers",
        "always the commoner answer",
        "Best single owner",
        "AUC",
        "EPSILON 50",
        "± ",
    ):
        assert part.lower() in said.lower(), part
    assert said.count("computed it again and agrees") == 2
    assert said.count("without it about") == 2, "and what leaving an owner out would change"
    assert page.locator(".chart.measured .whisker").count() == 6
    shown = sum(
        float(text.rstrip(" %")) for text in page.locator(".shares b").all_inner_texts() if "%" in text
    )
    assert shown == pytest.approx(100, abs=0.2)


def test_the_owner_is_paid_and_collects_in_two_clicks(market: Market):
    page, (channel,) = market.builder_page, market.buyer.api("/channels")["channels"]
    page.goto(f"{market.builder.url}channels/{channel['channel']}/retry")
    assert not violations(page, at="/channels/{channel}/retry")
    act.settled(market.builder)
    page = market.owner_page
    page.goto(market.owner.url)
    before = market.owner.api("/earnings")
    assert before["claimable_units"] > 0
    page.locator("[data-live=earned]").get_by_role("link", name="Collect", exact=True).click()
    assert "play money" in page.locator("main").inner_text(), "what it costs is said before"
    button = page.get_by_role("button", name="Collect")
    assert "danger" not in (button.get_attribute("class") or ""), "receiving money destroys nothing"
    button.click()
    page.get_by_text("moved to your wallet, from one model").wait_for()
    after = market.owner.api("/earnings")
    assert after["claimable_units"] == 0
    assert after["balance_units"] == before["balance_units"] + before["claimable_units"]
    rows = page.locator("table.list tbody tr")
    assert rows.count() == 1
    assert "Illness risk" in rows.inner_text()


def test_what_was_earned_is_listed_and_taken_along_for_the_books(market: Market):
    page = market.owner_page
    page.goto(market.owner.url + "earnings")
    page.wait_for_url("**/money")
    assert page.locator(".chart.area").get_attribute("aria-label") == "Earned so far"
    rows = page.locator(".listing tbody tr")
    assert "access sold" in rows.last.inner_text()
    assert "Northside Research" in rows.last.inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download as CSV").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    found = list(csv.DictReader(io.StringIO(text)))
    assert len(found) == rows.count()
    assert list(found[0])[:6] == ["Date", "For", "Kind", "With whom", "Amount", "Currency"]
    sold = found[-1]
    assert (sold["Kind"], sold["With whom"], sold["Amount"], sold["Currency"]) == (
        "access sold", "Northside Research", "2.50", "USD",
    )  # fmt: skip
    assert datetime.fromisoformat(sold["Date"]).tzinfo is not None
    assert sold["Transaction, grant or receipt"].startswith("0x")
    # whoever trained without data of its own has no part in what the model earns
    market.builder_page.goto(market.builder.url + "money")
    assert market.builder_page.locator(".listing tbody tr").count() == 0


def test_the_owner_sees_a_run_as_one_use_with_its_rounds_inside(market: Market):
    page = market.owner_page
    page.goto(market.owner.url + "uses")
    rows = page.locator(".listing tbody tr")
    assert rows.count() == 1, "the comparison of rows and four rounds are one run"
    assert "Northside Research trained on" in rows.inner_text()
    assert "$" not in rows.inner_text(), "money only where there is money"
    rows.get_by_text("5 uses in one run").click()
    rounds = rows.locator("li")
    assert rounds.count() == 5
    assert "Round 4" in rounds.first.inner_text()
    assert "Comparison of rows" in rounds.last.inner_text()
    assert page.locator(".said b").first.inner_text().startswith("<b>Ward</b>")
    assert page.locator("main").locator("b:text-is('Ward')").count() == 0, "a name is no markup"
    assert "\u202e" not in page.content()
    page.get_by_label("Who").select_option(label="Northside Research")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**who=0x*")
    assert rows.count() == 1
    page.goto(market.owner.url + "uses?q=northside+ward")
    assert rows.count() == 1
    page.goto(market.owner.url + "uses?action=train&q=nobody")
    page.get_by_text("Nothing fits").wait_for()


def test_uses_are_taken_along_round_by_round(market: Market):
    page = market.owner_page
    page.goto(market.owner.url + "uses")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download as CSV").click()
    found = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text(encoding="utf-8-sig"))))
    assert [row["Round of training"] for row in found] == ["4", "3", "2", "1", "0"]
    assert {row["Signed by both sides"] for row in found} == {"yes"}
