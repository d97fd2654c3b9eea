"""Every page of a market with something on it: for everybody who looks, without script, and with altered data."""

from __future__ import annotations

import sqlite3

import market_acts as act
import pytest
from console_looks import look_over, needs_axe
from console_market import Market, newest


@needs_axe
@pytest.mark.parametrize(
    ("theme", "width"),
    [
        pytest.param("light", 1280, id="light and wide", marks=pytest.mark.slow),
        pytest.param("dark", 360, id="dark and narrow"),
    ],
)
def test_no_page_has_a_violation_or_is_broken(market: Market, theme: str, width: int):
    found = []
    for console, paths in market.addresses():
        page = console.page(
            storage_state=console.state,
            color_scheme=theme,
            bypass_csp=True,
            reduced_motion="reduce",
            viewport={"width": width, "height": 800},
        )
        found += look_over(page, console.url, paths, (width, 900), other_theme=False)
        page.context.close()
    assert not found, "\n".join(map(str, found))


def test_pages_work_without_script_and_show_no_hex(market: Market):
    for console, paths in market.addresses():
        page = console.page(storage_state=console.state, java_script_enabled=False)
        for path in paths:
            answer = page.goto(console.url + path)
            assert answer.status == 200, path
            assert page.locator("h1").count() == 1, path
            assert "0x" not in page.locator("body").inner_text(), path
            assert page.locator("b:text-is('Ward')").count() == 0, "a name is no markup"
            assert "\u202e" not in page.content(), path
        page.context.close()


@pytest.mark.parametrize("place", ["provider", "holder"])
def test_an_altered_database_fails_by_name(market: Market, place: str):
    """Runs last: one byte of a stored receipt is changed behind the node's back."""
    console, page = {
        "provider": (market.owner, market.owner_page),
        "holder": (market.buyer, market.buyer_page),
    }[place]
    page.goto(console.url + "uses")
    receipt = newest(page)
    with sqlite3.connect(console.home / "node.sqlite", timeout=10) as database:
        (envelope,) = database.execute("SELECT envelope FROM documents WHERE id = ?", (receipt,)).fetchone()
        at = envelope.index(b'"issued_at":') + len(b'"issued_at":') + 5
        altered = envelope[:at] + (b"1" if envelope[at : at + 1] != b"1" else b"2") + envelope[at + 1 :]
        database.execute("UPDATE documents SET envelope = ? WHERE id = ?", (altered, receipt))
    database.close()
    act.verify(page, console, receipt, "Your copy is unchanged: no.")
    assert "it was altered" in page.locator(".verdict").inner_text()
    assert page.locator(".checks li.bad").count() == 1
