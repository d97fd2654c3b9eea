"""Every page holds up under axe-core, in light and dark, on a phone, without script, and is small and quick."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from console_node import Console
from node_world import World

from freehold.features.grants import granting
from freehold.features.grants.asking import GrantWaiting
from freehold.features.identity import peers

AXE = Path(__file__).resolve().parents[1] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
PATHS = (
    *("", "data", "publish", "requests", "settings", "backup", "no-such-page"),
    *("uses", "money", "models", "market", "lineage", "log"),
    *("inbox", "health", "find?q=a", "trail", "settings/people", "verify", "train"),
    *("spending", "channels", "limits"),
)
CLOCK = "new Date().toLocaleTimeString('de', {hour: '2-digit', minute: '2-digit'})"
needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: npm install in tests/clients"
)


@pytest.fixture(scope="module")
def addresses(console: Console, world: World, tmp_path_factory) -> list[str]:
    """Every kind of page, with something on it."""
    table = tmp_path_factory.mktemp("tables") / "t.csv"
    table.write_text("age,glucose,label\n" + "\n".join(f"{i},{i % 7},{i % 2}" for i in range(20)) + "\n")
    asset = console.api("/publish", {"path": str(table), "label": "label", "name": "Measurements"})["asset"][
        "id"
    ]
    page = console.page(storage_state=console.state)
    page.goto(console.url + "publish")
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(table)
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_text("Ready.").wait_for()
    draft = page.url.removeprefix(console.url)
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_text("Is this right?").wait_for()
    request, grant = _asked(console, world, table, asset)
    others = [f"requests/{request}", f"access/{grant}/revoke"]
    return [
        *PATHS,
        *others,
        *(
            f"assets/{asset}{facet}"
            for facet in ("", "/access", "/uses", "/money", "/lineage", "/proof", "/settings")
        ),
        f"assets/{asset}/withdraw",
        "assets",
        "jobs",
        "market/models",
        "market/nodes",
        draft,
        f"{draft}/review",
    ]


def _asked(console: Console, world: World, table: Path, asset: str) -> tuple[str, str]:
    """A request that waits, and a grant that was given."""
    asks_first = {"path": str(table), "label": "label", "name": "Asks first", "approval": "ask"}
    other = console.api("/publish", asks_first)["asset"]["id"]
    builder = world.party("Builder")
    peers.add(builder.services, console.origin)
    node, clients = builder.node, builder.services.peers
    with pytest.raises(GrantWaiting):
        granting.obtain(node, clients, node.asset(other), "derive", max_uses=3)
    grant = granting.obtain(node, clients, node.asset(asset), "derive", max_uses=3)
    return console.api("/requests")["requests"][0]["id"], grant.id


@needs_axe
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_violation(console: Console, addresses: list[str], theme: str):
    page = console.page(
        storage_state=console.state, color_scheme=theme, bypass_csp=True, reduced_motion="reduce"
    )
    found = []
    for path in addresses:
        page.goto(console.url + path)
        found += [(path, one["id"], _where(one)) for one in _violations(page)]
    page.goto(console.url)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("s")
    page.locator("#palette-1").wait_for()
    found += [("palette", one["id"], _where(one)) for one in _violations(page)]
    out = console.page(color_scheme=theme, bypass_csp=True)
    for path in ("enter", "enter/code"):
        out.goto(console.url + path)
        found += [(path, one["id"], _where(one)) for one in _violations(out)]
    assert not found


@needs_axe
def test_the_first_page_of_all_has_no_violation(browser: Any, world: World, tmp_path: Path):
    node = Console(browser, tmp_path / "home", world.rpc_url).start()
    found = []
    for theme in ("light", "dark"):
        page = node.page(color_scheme=theme, bypass_csp=True)
        page.goto(node.url + "enter")
        page.get_by_role("heading", name="Welcome").wait_for()
        found += [(theme, one["id"], _where(one)) for one in _violations(page)]
    assert node.stop() == 0
    assert not found


def _violations(page: Any) -> list[Any]:
    page.evaluate(AXE.read_text())
    found: list[Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return found


def _where(violation: Any) -> list[str]:
    return [node["html"][:120] for node in violation["nodes"][:3]]


def test_a_phone_scrolls_one_way_only(console: Console, addresses: list[str]):
    page = console.page(storage_state=console.state, viewport={"width": 360, "height": 740})
    for path in addresses:
        page.goto(console.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


_BROKEN = """() => [...document.querySelectorAll('main th, main td')].flatMap(cell => {
    const broken = [], range = document.createRange(), walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walk.nextNode())
        for (const word of walk.currentNode.data.matchAll(/[\\w.,$%]{2,}/g)) {
            range.setStart(walk.currentNode, word.index);
            range.setEnd(walk.currentNode, word.index + word[0].length);
            const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
            if (word[0].length <= 14 && tops.size > 1) broken.push(word[0]);
        }
    return broken;
})"""
"""Short words in cells of tables that stand on several lines."""


@pytest.mark.parametrize("width", [900, 1200, 1600])
def test_no_word_of_a_table_is_broken_and_no_page_is_wider_than_its_window(
    console: Console, addresses: list[str], width: int
):
    page = console.page(storage_state=console.state, viewport={"width": width, "height": 800})
    for path in addresses:
        page.goto(console.url + path)
        assert page.evaluate(_BROKEN) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_pages_work_without_script_and_are_small(console: Console, addresses: list[str]):
    page = console.page(storage_state=console.state, java_script_enabled=False)
    for path in addresses:
        sizes: list[int] = []
        page.on("response", lambda answer, sizes=sizes: sizes.append(len(answer.body())))
        page.goto(console.url + path, wait_until="load")
        assert page.locator("h1").count() == 1, path
        assert sum(sizes) < 200_000, path
    page.goto(console.url + "settings")
    page.get_by_role("button", name="Dark", exact=True).click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="As this computer").click()
    assert page.locator("html").get_attribute("data-theme") is None


def test_the_keyboard_reaches_everything(console: Console, page):
    page.goto(console.url + "data")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')")
    assert page.locator("nav [aria-current=page]").inner_text() == "Data"
    assert page.locator("nav.side [aria-current]").inner_text() == "Assets"


def test_live_parts_keep_focus_and_open_details(console: Console, page, tmp_path):
    asset = console.api("/assets")["assets"][-1]["id"]
    page.goto(f"{console.url}assets/{asset}/proof")
    page.evaluate("document.querySelector('details.id').open = true")
    page.goto(console.url + "data")
    page.wait_for_function(
        "performance.getEntriesByType('resource').some(one => one.name.endsWith('/events')) || true"
    )
    page.locator("table a").first.focus()
    table = tmp_path / "later.csv"
    table.write_text("age,label\n" + "\n".join(f"{i},{i % 2}" for i in range(20)) + "\n")
    page.wait_for_timeout(1_500)
    console.api("/publish", {"path": str(table), "label": "label", "name": "Came later"})
    page.get_by_role("link", name="Came later").wait_for()
    assert page.evaluate("document.activeElement.tagName") == "A"
    assert page.locator("#told").inner_text() == "This page was updated."


def test_a_page_is_in_the_language_the_numbers_and_the_zone_of_its_browser(console: Console):
    page = console.page(storage_state=console.state, locale="de-AT", timezone_id="Europe/Vienna")
    page.goto(console.url + "settings")
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["de", "ltr"]
    # it told its zone, which is known from now on
    began = page.evaluate(CLOCK)
    page.reload()
    hint = page.locator("#h-zone").inner_text()
    told = re.match(r"Jetzt ist \d\d?\. \w+ \d{4}, (\d\d:\d\d)\. ", hint)
    assert told, hint
    assert told[1] in (began, page.evaluate(CLOCK)), "as late as it is in Vienna"
    for typed in ("1,5", "2.000"):
        page.locator("#f-console_idle_minutes").fill(typed)
        page.get_by_role("button", name="Speichern").first.click()
        said = page.get_by_role("alert").inner_text().replace("\N{NO-BREAK SPACE}", ".")
        assert "Die Anzahl der Minuten ist eine ganze Zahl von 1 bis 1.440" in said
    page.locator("#f-console_idle_minutes").fill("1.440")
    page.get_by_role("button", name="Speichern").first.click()
    assert page.locator("#f-console_idle_minutes").input_value() == "1440"
    page.locator("#f-language").select_option("es")
    page.locator("#f-zone").select_option("America/Mexico_City")
    page.get_by_role("button", name="In diesem Browser merken").click()
    page.get_by_role("heading", name="Ajustes").wait_for()
    assert page.locator("#f-zone").input_value() == "America/Mexico_City"


def test_a_page_that_runs_from_right_to_left_fits_its_window(console: Console):
    page = console.page(storage_state=console.state, viewport={"width": 1200, "height": 800})
    for path in ("", "settings", "backup"):
        page.goto(console.url + path)
        page.evaluate("document.documentElement.dir = 'rtl'")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        nav, main = (page.locator(one).bounding_box()["x"] for one in ("nav.side", "main"))
        assert nav > main, "what leads stands where reading begins"
