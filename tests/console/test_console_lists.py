"""A long list in a browser without script: searched, sorted, turned, downloaded, and readable at any size."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path
from typing import Any

import big_store
import pytest
from console_node import Console

from freehold.core.look_alikes import folded
from freehold.kernel.databases import opening
from freehold.kernel.store import Store


def names(page: Any) -> list[str]:
    return page.locator("table.list td.lead").all_inner_texts()


@pytest.mark.slow
def test_a_long_list(console: Console, tmp_path: Path) -> None:
    account = console.account
    console.stop()
    with closing(Store(opening.for_writing(console.home, ""))) as store:
        big_store.fill(store, account, assets=130, grants=1, receipts=0, mine=1)
        own = [
            str(row[0])
            for row in store.rows("SELECT name FROM assets WHERE kind = 'dataset' ORDER BY rowid DESC")
        ]
    console.start()
    page = console.enter(console.page(java_script_enabled=False))
    page.goto(console.url + "data")
    assert names(page) == own[:50]
    assert f"1\N{EN DASH}50 of {len(own)}" in page.locator(".foot").inner_text()
    page.get_by_role("link", name="Next", exact=True).click()
    assert names(page) == own[50:100]
    page.get_by_role("link", name="Previous", exact=True).click()
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    assert names(page) == sorted(own, key=folded)[:50]
    assert page.get_by_role("columnheader", name="Name").get_attribute("aria-sort") == "ascending"
    page.get_by_role("searchbox", name="Search", exact=True).fill("wine PULSE")
    page.get_by_role("button", name="Search", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    download.value.save_as(tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Name"] for row in rows][:50] == names(page)
    assert rows
    page.get_by_role("searchbox", name="Search", exact=True).fill("nothing is called that")
    page.get_by_role("button", name="Search", exact=True).click()
    assert "Nothing fits" in page.locator("main").inner_text()
    page.get_by_role("link", name="Show everything").click()
    page.context.close()


def test_filters_are_folded_on_a_phone_and_stand_in_the_row_of_the_search_on_a_desk(console: Console) -> None:
    page = console.enter(console.page(java_script_enabled=False, viewport={"width": 360, "height": 800}))
    page.goto(console.url + "trail")
    choice, fold = page.locator(".narrow select").first, page.locator(".narrow summary")
    assert not choice.is_visible(), "rows come first"
    fold.click()
    choice.select_option(label="Owner")
    page.get_by_role("button", name="Show").click()
    assert page.url.endswith("trail?who=owner")
    assert fold.inner_text().split("\n")[0] == "Filter and sort 1", "how many are set"
    page.set_viewport_size({"width": 1200, "height": 800})
    assert choice.is_visible()
    assert not fold.is_visible()
    one, other = (at.bounding_box() for at in (choice, page.get_by_role("button", name="Show")))
    assert abs(one["y"] + one["height"] - other["y"] - other["height"]) < 2
    page.context.close()


def test_nothing_collides_when_letters_are_twice_as_large(console: Console) -> None:
    page = console.enter(console.page(viewport={"width": 640, "height": 900}))
    for path in ("", "data", "earnings", "market"):
        page.goto(console.url + path)
        page.evaluate(
            "const large = new CSSStyleSheet(); large.replaceSync('html { font-size: 200% }');"
            " document.adoptedStyleSheets = [large]"
        )
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        cut = page.evaluate(
            "[...document.querySelectorAll('.figure, .go button')]"
            ".filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText)"
        )
        assert cut == [], path
        for button in page.locator(".go button").all():
            assert button.evaluate("(one) => one.getClientRects().length === 1 && one.clientHeight < 120"), (
                path
            )
