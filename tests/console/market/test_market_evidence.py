"""Verifying rounds, answers, models and the log through the console, and the picture of what a model came from."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import market_acts as act
import node_tables
from console_market import Market, newest
from console_node import Console


def test_verifying_a_training_round_and_the_log(market: Market, tmp_path: Path):
    page = market.owner_page
    act.offer(
        market.owner,
        node_tables.write(tmp_path / "later.csv", node_tables.make(30, seed=9)),
        name="Later",
        price_units=0,
    )
    page.goto(market.owner.url + "log/anchor")
    page.get_by_role("button", name="Do it now").click()
    page.get_by_text("Done: the network now vouches").wait_for()
    page.goto(market.owner.url + "uses")
    act.verify(page, market.owner, newest(page))
    page.goto(market.owner.url + "uses")
    page.get_by_text("5 uses in one run").click()
    page.get_by_role("link", name="Comparison of rows").click()
    page.get_by_role("heading", name="In plain words").wait_for()
    first = page.locator("main").inner_text()
    assert "the comparison of rows, before the first round" in first
    assert "epsilon 50, for the whole run" in first
    page.goto(market.owner.url + "log")
    page.get_by_role("button", name="Check my log").click()
    page.get_by_text("are still the first of this log, unchanged").wait_for()
    assert page.locator(".checks .bad").count() == 0


def test_verifying_an_answer_really_verifies(market: Market, tmp_path: Path):
    page = market.buyer_page
    act.verify(page, market.buyer, market.answer, "What could be checked holds")
    said = page.locator("#verified").inner_text()
    assert "The log of Northside Research has entries that are not anchored yet" in said
    assert "vouch for my log" not in said, "it is not the buyer's to anchor"
    market.builder.api("/anchor", {})
    act.verify(page, market.buyer, market.answer)
    names = page.locator(".checks strong").all_inner_texts()
    assert "Training, computed again, gives the same" in names
    assert len(names) > 30
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the evidence").click()
    data = Path(waiting.value.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path)
    folder = f"evidence-{market.answer[2:12]}"
    assert page.locator("#verified pre").text_content() == f"freehold verify {folder}"
    command = [
        sys.executable,
        "-m",
        "freehold",
        "verify",
        str(tmp_path / folder),
        "--rpc-url",
        market.buyer.rpc_url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    _uploaded(market, tmp_path, data)


def _uploaded(market: Market, folder: Path, good: bytes) -> None:
    """Somebody else checks the same zip at a node that took no part, and one in which a byte was changed."""
    page, path = market.owner_page, folder / "given.zip"
    path.write_bytes(good)
    said = _checked(page, market.owner, path)
    assert "Every check holds" in said
    assert "Training, computed again, gives the same" in said
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the report").click()
    assert "Verdict: HOLDS\n" in Path(waiting.value.path()).read_text()
    with zipfile.ZipFile(io.BytesIO(good)) as archive, zipfile.ZipFile(path, "w") as changed:
        for name in archive.namelist():
            data = archive.read(name)
            changed.writestr(
                name, data.replace(b'"sequence":1', b'"sequence":2') if "manifest" not in name else data
            )
    assert "No file is missing or changed: no." in _checked(page, market.owner, path)
    path.write_bytes(b"PK\5\6 no zip")
    assert "The file could be read: no." in _checked(page, market.owner, path)


def _checked(page: Any, console: Console, path: Path) -> str:
    page.goto(console.url + "verify")
    page.get_by_label("Evidence (zip)").set_input_files(path)
    page.get_by_role("button", name="Check it").click()
    page.locator("#uploaded .verdict").wait_for(timeout=60_000)
    return str(page.locator("#uploaded").inner_text())


def test_a_model_is_verified_by_whoever_looks_at_it(market: Market):
    page = market.buyer_page
    page.goto(market.buyer.url + "verify")
    page.get_by_role("link", name="Illness risk", exact=True).click()
    page.get_by_role("button", name="Verify").click()
    page.locator("#verified .verdict.good").wait_for(timeout=60_000)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the evidence").click()
    assert zipfile.is_zipfile(waiting.value.path())


def test_verify_does_not_anchor_unasked(market: Market):
    size = market.builder.api("/status")["log"]["anchored"]
    page = market.builder_page
    question = {"model": market.model, "rows": [["5000.1", "5000.2", "5000.3"]], "at_most_units": 50_000}
    market.buyer.api("/predict", question)
    page.goto(market.builder.url + "uses?action=infer")
    receipt = newest(page)
    act.verify(page, market.builder, receipt, "What could be checked holds")
    assert market.builder.api("/status")["log"]["anchored"] == size
    page.get_by_role("button", name="Have the network vouch for my log, then verify").click()
    page.locator(".verdict.good, .verdict.open").wait_for(timeout=60_000)
    assert market.builder.api("/status")["log"]["anchored"] > size


def test_the_picture_moves_and_its_boxes_are_links(market: Market):
    page = market.builder_page
    page.goto(f"{market.builder.url}lineage/{market.model}")
    page.wait_for_url(f"**/assets/{market.model}/lineage")
    svg = page.locator(".canvas svg")
    whole = svg.get_attribute("viewBox")
    page.locator(".canvas").focus()
    page.keyboard.press("+")
    assert svg.get_attribute("viewBox") != whole
    near = svg.get_attribute("viewBox")
    page.keyboard.press("ArrowRight")
    assert svg.get_attribute("viewBox") != near
    page.keyboard.press("0")
    assert [float(one) for one in svg.get_attribute("viewBox").split()] == [
        float(one) for one in whole.split()
    ]
    assert svg.locator("a").count() == 4, "two datasets, the model, its answers"
    assert page.get_by_role("heading", name="Made from").locator("+ ul li").count() == 2, "the same as a list"
    svg.locator("a", has_text="Illness risk").click()
    page.wait_for_url(f"**/assets/{market.model}")
