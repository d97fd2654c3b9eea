"""Drafts of tables: sealed, there after log-out, kill and restart, never overwritten unseen, never published twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from console_node import Console
from node_world import World
from test_console_publish import choose_file, patients, publish


def _draft(page: Any, console: Console, path: Path) -> str:
    """Begin one; returns its address."""
    choose_file(page, console, path)
    page.get_by_text("Ready.").wait_for()
    return str(page.url)


def test_the_first_table_takes_few_clicks_and_few_tabs(console: Console, page, tmp_path):
    """From the first page after the log-in: what is pressed, and a chosen file, are counted."""
    clicks = 0

    def press(role: str, name: str) -> None:
        nonlocal clicks
        page.get_by_role(role, name=name, exact=True).first.click()
        clicks += 1

    path = tmp_path / "wide.csv"
    names = [f"m{n}" for n in range(60)]
    path.write_text(
        ",".join([*names, "y"])
        + "\n"
        + "".join(
            ",".join([*(f"{r * 7 % 11 + n / 8}" for n in range(60)), str(r % 2)]) + "\n" for r in range(40)
        )
    )
    page.goto(console.url)
    page.get_by_role("button", name="Share data").click()
    clicks += 1
    press("link", "Publish a table")
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(path)
    clicks += 1
    press("button", "Continue")
    page.get_by_text("Ready.").wait_for()
    page.locator("main").focus()
    tabs = 0
    while page.evaluate("document.activeElement.textContent.trim()") != "Continue" and tabs < 30:
        page.keyboard.press("Tab")
        tabs += 1
    assert tabs <= 12
    page.keyboard.press("Enter")
    clicks += 1
    said = page.locator(".sentence").inner_text()
    assert "Anyone who accepts these terms may use Wide for training a model" in said
    assert "cannot be called back" in page.locator("main").inner_text()
    press("button", "Publish")
    page.get_by_text("Published. The table is sealed").wait_for()
    assert clicks <= 8


def test_a_draft_outlives_log_out_and_kill_and_nobody_reads_it_on_the_disk(
    browser: Any, world: World, tmp_path: Path
):
    home = tmp_path / "home"
    node = Console(browser, home, world.rpc_url).start()
    page = node.enter(node.page(), name="Clinic")
    address = _draft(page, node, patients(tmp_path / "keep.csv"))
    page.get_by_label("Price of access").fill("7.25")
    page.get_by_text("Columns and first rows").click()
    page.get_by_label("Go along").select_option("glucose")
    page.get_by_role("button", name="Leave out what is chosen").click()
    page.get_by_text("Left out: ").wait_for()
    for file in (home / "drafts").iterdir():
        assert not any(
            word in file.read_bytes() for word in (b"Jane Doe", b"glucose", b"diabetic", b"keep.csv")
        )
    os.kill(node._process.pid, signal.SIGKILL)
    node._process.wait()
    # what a killed request left behind: a table without what was chosen of it, and an open one
    stray = home / "drafts" / "stray.table"
    stray.write_bytes(b"half")
    os.utime(stray, (time.time() - 7_200,) * 2)
    (home / "uploads" / "0123.part").write_bytes(b"Jane Doe")
    node.start()
    page = node.enter(node.page())
    assert list((home / "uploads").iterdir()) == []
    page.goto(node.url + "publish")
    assert "kept 14 more days" in page.locator("main").inner_text()
    page.get_by_role("link", name="Go on with keep.csv").click()
    assert page.get_by_label("Price of access").input_value() == "7.25"
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Published. The table is sealed").wait_for()
    (asset,) = node.api("/assets")["assets"]
    assert (asset["columns"], asset["price_units"]) == (["age"], 7_250_000)
    # Back, and the address of before, lead to the dataset with a word
    for old in ("", "/terms", "/review"):
        page.goto(f"{node.url}publish/{address.rsplit('/', 1)[1]}{old}")
        page.get_by_text("This draft is published").first.wait_for()
        assert asset["id"] in page.url
    # begun anew, it takes the stray away
    _draft(page, node, patients(tmp_path / "again.csv", 50))
    assert not stray.exists()
    node.stop()


def test_two_tabs_do_not_overwrite_each_other_unseen(console: Console, page, tmp_path):
    address = _draft(page, console, patients(tmp_path / "tabs.csv"))
    other = page.context.new_page()
    other.goto(address)
    page.get_by_label("Name", exact=True).fill("Mine")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Publish", exact=True).wait_for()
    other.get_by_label("Name", exact=True).fill("Theirs")
    other.get_by_role("button", name="Continue", exact=True).click()
    other.get_by_text("changed meanwhile, in another tab").wait_for()
    assert other.get_by_label("Name", exact=True).input_value() == "Mine"
    # and what is published is what the page showed
    other.get_by_label("Price of access").fill("9")
    other.get_by_role("button", name="Continue", exact=True).click()
    other.get_by_role("button", name="Publish", exact=True).wait_for()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("changed meanwhile, in another tab").wait_for()
    assert not [one for one in console.api("/assets")["assets"] if one["name"] in ("Mine", "Theirs")]
    other.get_by_role("link", name="Back to look and terms").click()
    other.get_by_role("button", name="Throw away").click()
    other.get_by_text("Nothing was published").wait_for()
    # a tab that only refreshes itself says nothing that another page would show
    page.request.get(address, headers={"x-freehold-live": "1"}, max_redirects=0)
    page.goto(console.url)
    assert "this draft is no longer here" not in page.locator("main").inner_text()
    page.goto(address)
    page.get_by_text("this draft is no longer here").first.wait_for()
    assert page.url.endswith("/publish")


@pytest.mark.parametrize("name", ["another's", "a second name"])
def test_a_file_of_another_home_or_under_another_name_opens_for_nobody(
    console: Console, page, tmp_path, name: str
):
    address = _draft(page, console, patients(tmp_path / "own.csv", 45))
    identifier = address.rsplit("/", 1)[1]
    folder = console.home / "drafts"
    if name == "a second name":
        for kind in (".draft", ".table"):
            shutil.copy(folder / f"{identifier}{kind}", folder / f"second{kind}")
    else:
        (folder / "second.draft").write_bytes(os.urandom(400))
    page.goto(console.url + "publish/second")
    page.get_by_text("this draft is no longer here").first.wait_for()
    assert "second" not in page.locator("main").inner_text()
    for path in folder.glob("second.*"):
        path.unlink()
    for hostile in ("..%2F..%2Fkeys", "x" * 300, "%00"):
        page.goto(f"{console.url}publish/{hostile}")
        assert page.locator("main").is_visible()
    page.goto(address)
    page.get_by_role("button", name="Throw away").click()


def test_what_could_be_two_things_is_asked_before_it_is_published(console: Console, page, tmp_path):
    path = tmp_path / "<b onclick=x>odd<b>.csv"
    rows = "".join(f"1.{n:03d};0{n % 9 + 1}/0{n % 8 + 1}/2026;{n % 9},5;{n % 2}\n" for n in range(100, 140))
    path.write_text(f"dose;day;share;y\n{rows}")
    choose_file(page, console, path)
    said = page.locator("#read").inner_text()
    assert "dose: 1.100 could be read in two ways" in said
    assert "share: 1,5 is read as 1.5" in said
    assert "Cells are separated by semicolons" in said
    assert page.get_by_role("alert").is_visible()
    page.get_by_role("radio", name="the comma is the decimal mark").click()
    page.get_by_text("Ready.").wait_for()
    assert "dose: 1.100 is read as 1100" in page.locator("#read").inner_text()
    said = page.locator("main").inner_text()
    assert said.count("separated by semicolons") == 1, "once is enough"
    assert "is read as the decimal mark" not in said
    page.get_by_role("button", name="Throw away").click()
    page.get_by_text("Nothing was published").wait_for()


def test_a_workbook_is_published(console: Console, page, tmp_path):
    import workbooks_made as made

    path = tmp_path / "ward.xlsx"
    rows = [["age", "when", "ill"], *([20.5 + n, ("date", 46_000 + n), n % 2 == 0] for n in range(30))]
    path.write_bytes(made.xlsx({"Ward": made.rows(rows)}))
    publish(page, console, path)
    (asset,) = [one for one in console.api("/assets")["assets"] if one["name"] == "Ward"]
    assert (asset["rows"], asset["columns"]) == (30, ["age"]), "dates are left out unless they are taken in"
    assert json.dumps(asset).count("46000") == 0
