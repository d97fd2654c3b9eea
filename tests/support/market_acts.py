"""What owner, builder and buyer do in their consoles, step by step, as a person would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import node_tables
from console_node import Console
from node_world import until


def enter(console: Console, name: str) -> Any:
    """Set a new node up; returns a tab in which its owner is logged in."""
    page = console.enter(console.page(), name=name)
    console.state = page.context.storage_state()
    return page


def offer(console: Console, path: Path, *, name: str, price_units: int) -> str:
    """Publish with a budget in which a small table still teaches something; returns the dataset's id."""
    terms = {"approval": "ask", "epsilon_run_micro": 50_000_000, "epsilon_life_micro": 100_000_000}
    asked = {"path": str(path), "label": node_tables.LABEL, "name": name, "price_units": price_units, **terms}
    return str(console.api("/publish", asked)["asset"]["id"])


def publish(
    page: Any,
    console: Console,
    path: Path,
    *,
    name: str,
    price: str,
    approval: str,
    epsilon: str = "1",
    epsilon_life: str = "4",
) -> str:
    """Returns the dataset's id."""
    describe(page, console, path, name, price, approval, epsilon, epsilon_life)
    return finish(page)


def describe(
    page: Any, console: Console, path: Path, name: str, price: str, approval: str, epsilon: str, life: str
) -> None:
    """Hand a table over and fill its terms in, up to the second page's last button."""
    page.goto(console.url + "publish")
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(path)
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Price of access").fill(price)
    page.get_by_text("How much training may tell").click()
    page.get_by_label("Epsilon of one training run").fill(epsilon)
    page.get_by_label("Epsilon of all runs together").fill(life)
    page.get_by_role("radio", name=approval).check()


def finish(page: Any) -> str:
    """Publish what was described; returns the dataset's id."""
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Published. The table is sealed").wait_for()
    return str(page.url).rsplit("/", 1)[-1]


def look_around(page: Any, console: Console, *others: Console) -> None:
    """Meet other nodes and read what they offer."""
    for other in others:
        page.goto(console.url + "market/nodes")
        page.get_by_label("Address of another node").fill(other.origin)
        page.get_by_role("button", name="Connect").click()
        page.get_by_role("button", name="Remove").first.wait_for()
    page.goto(console.url + "market")
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("this is what they offer now").wait_for()


def order(
    page: Any,
    console: Console,
    datasets: list[str],
    test: Path,
    *,
    name: str,
    price: str,
    rounds: int | None = None,
    epsilon: str = "",
) -> None:
    """Up to the page that says what it comes to."""
    page.goto(console.url + "train")
    for dataset in datasets:
        page.get_by_role("checkbox", name=dataset).check()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Price of an answer").fill(price)
    if rounds is not None:
        page.get_by_text("More choices").click()
        page.get_by_label("Rounds of training").fill(str(rounds))
    if epsilon:
        page.get_by_label("Privacy budget of the run").fill(epsilon)
    page.get_by_label("Test table").set_input_files(test)
    page.get_by_role("button", name="See what it comes to").click()
    page.get_by_text("Nothing was asked and nothing was paid yet").wait_for()


def start(page: Any) -> str:
    """Place the order; returns the job's id."""
    page.locator("main form button[type=submit]").click()
    page.get_by_text("Training has begun").wait_for()
    return str(page.url).rsplit("/", 1)[-1]


def accept(page: Any, console: Console) -> None:
    """Say yes to the one request that waits."""
    page.goto(console.url + "requests")
    page.get_by_role("link", name="Decide").click()
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("now has access").wait_for()


def trained(page: Any) -> str:
    """Watch the job's page until the model is there; returns the model's id."""
    link = page.get_by_role("link", name="Look at it and put it on sale")
    link.wait_for(timeout=60_000)
    link.click()
    return str(page.url).rsplit("/", 1)[-1]


def sell(page: Any, console: Console, model: str) -> None:
    page.goto(f"{console.url}assets/{model}/serve")
    page.get_by_role("button", name="Put on sale").click()
    page.get_by_text("It is on sale").wait_for()


def ask(page: Any, console: Console, model: str, line: str) -> str:
    """Buy one answer; returns the receipt's id."""
    page.goto(f"{console.url}assets/{model}")
    page.get_by_label("A row, values separated by commas").fill(line)
    page.locator("form[action*='/try'] button[type=submit]").click()
    link = page.get_by_role("link", name="See the receipt")
    link.wait_for()
    return str(link.get_attribute("href")).rsplit("/", 1)[-1]


def verify(page: Any, console: Console, receipt: str, verdict: str = "Every check holds") -> None:
    """Press Verify and wait for what it says."""
    page.goto(f"{console.url}uses/{receipt}")
    page.locator("#verified form button").first.click()
    page.locator("#verified .verdict").wait_for(timeout=60_000)
    assert verdict in page.locator("#verified .verdict").inner_text(), page.locator("#verified").inner_text()


def settled(console: Console) -> None:
    """Vouchers are collected; the node does this by itself, later."""
    console.api("/settle", {})
    until(lambda: not console.api("/settle", {})["settled"], "everything is settled")
