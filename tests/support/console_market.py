"""Three nodes whose people published, granted, trained together and asked for answers, through their consoles."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import console_looks
import market_acts as act
import node_tables
from console_looks import violations
from console_node import Console
from node_world import World

HOSTILE = "<b>Ward</b> \u202etxt.exe"


@dataclass
class Market:
    """Three nodes, a browser tab for each, and what came of it."""

    owner: Console
    builder: Console
    buyer: Console
    owner_page: Any
    builder_page: Any
    buyer_page: Any
    world: World
    data: str = ""
    model: str = ""
    answer: str = ""
    clicks: dict[str, int] = field(default_factory=dict)
    """Of the owner, from the welcome page to its first table, and from there to its first money."""

    def addresses(self) -> list[tuple[Console, list[str]]]:
        """Every kind of page, with something on it."""
        job = self.builder.api("/jobs")["jobs"][0]
        (channel,) = self.buyer.api("/channels")["channels"]
        ids = {
            "own dataset": self.data, "others dataset": self.data, "own model": self.model, "others model": self.model,
            "job": job["id"], "answer": self.answer, "channel": channel["channel"],
        }  # fmt: skip
        return [
            (getattr(self, who), [path.format(**ids) for path in paths])
            for who, paths in console_looks.of_a_market().items()
        ]


class Clicks:
    """Counts what is pressed on a page, as the browser reports it; what is typed is none."""

    def __init__(self, page: Any) -> None:
        self._many = 0
        page.expose_function("pressed", self._one)
        page.add_init_script("addEventListener('pointerdown', (event) => event.isTrusted && pressed(), true)")

    def _one(self) -> None:
        self._many += 1

    def counted(self) -> int:
        """Since it was asked last."""
        many, self._many = self._many, 0
        return many


def _first_table(page: Any, console: Console, table: Path) -> str:
    """From the welcome page to the first table, by what the pages offer; returns the dataset's id.

    What this market needs beyond the usual terms is chosen with the keyboard: a decision by hand, and an epsilon at
    which sixty rows teach something.
    """
    console.enter(page, name="Lakeview Clinic")
    console.state = page.context.storage_state()
    page.get_by_role("button", name="Share data").click()
    page.get_by_role("link", name="Publish a table").first.click()
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Choose a CSV, Excel or Parquet file").click()
    chooser.value.set_files(table)
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_text("Ready.").wait_for()
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_label("Price of access").fill("2.50")
    page.get_by_role("radio", name="Ask me first").press("Space")
    page.locator("summary", has_text="How much training may tell").press("Enter")
    page.get_by_label("Epsilon of one training run").fill("50")
    page.get_by_label("Epsilon of all runs together").fill("100")
    return act.finish(page)


def trade(made: Market, world: World, home: Path) -> None:
    second = world.party("Hillside Hospital")
    second.publish(node_tables.make(40, seed=101), price_units=500_000)
    table = node_tables.write(home / "ward.csv", node_tables.make(60, seed=1))
    test = node_tables.write(home / "test.csv", node_tables.make(30, seed=2))
    page = made.builder_page
    clicks = Clicks(made.owner_page)
    made.data = _first_table(made.owner_page, made.owner, table)
    made.clicks["to the first table"] = clicks.counted()
    made.builder.api("/peers", {"url": second.url})
    act.look_around(page, made.builder, made.owner)
    act.order(
        page,
        made.builder,
        ["Ward", "Hillside"],
        test,
        name="Illness risk",
        price="0.05",
        rounds=4,
        epsilon="50,0",
    )
    assert not violations(page, at="/train/{draft}")
    assert "$3.00" in page.locator(".figures").inner_text()
    said = page.locator("main").inner_text()
    assert "The run costs each owner's rows an epsilon of 50." in said
    assert "times in 100" in said
    assert "On made-up rows of these sizes" in said
    assert "count once" in said
    # an order that waits keeps its test table sealed
    beginning = test.read_bytes().partition(b"\n")[2][:60]
    kept = [one for one in made.builder.home.rglob("*") if one.is_file()]
    assert len([one for one in kept if one.suffix == ".part"]) == 1
    assert not [one.name for one in kept if beginning in one.read_bytes()]
    # a form that is sent several times at once is one order
    page.evaluate(
        """() => {
          const form = document.querySelector("main form[action$='/start']");
          const once = () => fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual"});
          return Promise.all([once(), once(), once()]);
        }"""
    )
    act.start(page)
    assert len(made.builder.api("/jobs")["jobs"]) == 1
    assert not list((made.builder.home / "uploads").iterdir())
    page.get_by_text("decides by hand").wait_for()
    tab = page.context.new_page()
    tab.goto(made.builder.url + "inbox")
    assert "Illness risk" not in tab.locator("main").inner_text(), "it waits for others"
    tab.close()
    owner_page = made.owner_page
    owner_page.locator(".bell").click()
    owner_page.get_by_role("link", name="Decide").click()
    _read_request(made)
    owner_page.get_by_role("button", name="Accept").click()
    owner_page.get_by_text("now has access").wait_for()
    made.clicks["to the first money"] = clicks.counted()
    # pressed where it is still there: the builder's node asks again by itself too
    page.evaluate("""() => document.querySelector("form[action$='/resume'] button")?.click()""")
    made.model = act.trained(page)
    act.sell(page, made.builder, made.model)
    act.look_around(made.buyer_page, made.buyer, made.builder)
    row = ",".join(f"{value / 1_000_000:.6f}" for value in node_tables.make(1, seed=3).micro[0])
    made.answer = act.ask(made.buyer_page, made.buyer, made.model, row)


def _read_request(made: Market) -> None:
    """The owner sees what the run would do to its rows before it decides."""
    page = made.owner_page
    page.get_by_text("The training run").wait_for()
    said = page.locator("main").inner_text()
    for part in (
        *(
            "The training run",
            "an epsilon of 50.",
            "30 rows that nobody trains on (so says who asks)",
            "no run used these rows yet",
        ),
        *("1 owner not known here 40 rows", "would still fit into the budget"),
    ):
        assert part in said, part
    assert page.get_by_label("Uses").count() == 0, "a run makes as many uses as its plan says"


def newest(page: Any) -> str:
    """The receipt that a list of uses begins with."""
    return str(page.locator(".listing a.said").first.get_attribute("href")).rsplit("/", 1)[-1]
