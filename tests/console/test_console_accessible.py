"""Every page holds up under axe-core, in light and dark, on a phone, without script, and is small and quick."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import console_looks
import pytest
from console_looks import look_over, needs_axe, page_of, violations
from console_node import Console
from node_world import World, offered

from freehold.features.data import publishing
from freehold.features.grants import consent, granting
from freehold.features.grants.asking import GrantWaiting
from freehold.features.grants.wire import CounterRequest
from freehold.features.identity import peers

CLOCK = "new Date().toLocaleTimeString('de', {hour: '2-digit', minute: '2-digit'})"
WIDTHS = (360, 900, 1200, 1600)


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
    draft = page.url.rsplit("/", 1)[-1]
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_text("Is this right?").wait_for()
    request, grant = _asked(console, world, table, asset)
    ids = {"own dataset": asset, "draft": draft, "request": request, "grant": grant}
    ids |= _asks(console, world, table, page)
    page.context.close()
    return [one.format(**ids) for one in console_looks.of_one_node()]


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


def _asks(console: Console, world: World, table: Path, page: Any) -> dict[str, str]:
    """Requests of this node: one waits, to one other terms were offered, one was agreed to."""
    owner = world.party("Seller")
    asked = {}
    for name in ("waiting", "offered", "agreed"):
        made = publishing.publish(
            owner.node,
            offered(table, label="label", name=name.capitalize(), price_units=100_000, approval="ask"),
        )
        console.api("/peers", {"url": owner.url})
        asked[name] = console.api("/grants", {"asset": made.document.id, "action": "derive"})["asked"]["id"]
    consent.counter(owner.node, CounterRequest(request_id=asked["offered"], price_units=200_000))
    consent.accept(owner.node, asked["agreed"])
    for name in ("offered", "agreed"):
        page.goto(f"{console.url}asked/{asked[name]}")
        page.get_by_role("button", name="Ask now").click()
        page.wait_for_load_state()
    return asked


@pytest.fixture(scope="module")
def seen(console: Console, addresses: list[str]) -> list[tuple[str, str, object]]:
    """What is wrong with any page."""
    page = console.page(storage_state=console.state, bypass_csp=True, reduced_motion="reduce")
    found = look_over(page, console.url, addresses, WIDTHS)
    page.goto(console.url)
    page.locator("details.account summary").click()
    found += [("account menu", f"axe {one}", where) for one, where in violations(page)]
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("s")
    page.locator("#palette-1").wait_for()
    found += [("palette", f"axe {one}", where) for one, where in violations(page)]
    page.goto(console.url + "settings")
    page.locator("#f-console_idle_minutes").fill("x")
    page.get_by_role("button", name="Save").first.click()
    page.get_by_role("alert").wait_for()
    found += [("a form with an error", f"axe {one}", where) for one, where in violations(page)]
    page.locator("main form [name=csrf]").first.evaluate("one => { one.value = 'x'.repeat(43) }")
    page.get_by_role("button", name="Save").first.click()
    page.get_by_role("heading", name="This form was not sent").first.wait_for()
    found += [("a form that was not sent", f"axe {one}", where) for one, where in violations(page)]
    page.context.close()
    out = console.page(bypass_csp=True, reduced_motion="reduce")
    found += look_over(out, console.url, ("enter", "enter/code"), WIDTHS)
    out.context.close()
    return found


def _of(seen: list[tuple[str, str, object]], word: str) -> str:
    return "\n".join(str(one) for one in seen if word in one[1])


def test_no_page_is_left_out():
    """Each page that features register, each tab of each kind of asset, own and of others."""
    market = (one for some in console_looks.of_a_market().values() for one in some)
    looked_at = {page_of(one) for one in (*console_looks.of_one_node(), *market)}
    alone = console_looks.looked_at_alone()
    assert not alone & looked_at, "a page that a walk looks at needs nothing more"
    assert looked_at - {""} | alone == console_looks.every_address()


@needs_axe
def test_no_violation(seen: list[tuple[str, str, object]]):
    assert not _of(seen, "axe ")


@needs_axe
def test_no_violation_of_its_colours_in_the_other_theme(seen: list[tuple[str, str, object]]):
    assert not _of(seen, "other theme ")


@needs_axe
@pytest.mark.slow
def test_no_violation_on_a_phone_in_the_dark(console: Console, addresses: list[str]):
    page = console.page(
        storage_state=console.state,
        color_scheme="dark",
        bypass_csp=True,
        reduced_motion="reduce",
        viewport={"width": 360, "height": 740},
    )
    assert not _of(look_over(page, console.url, addresses), "")
    page.context.close()


@needs_axe
def test_the_first_page_of_all_has_no_violation(browser: Any, tmp_path: Path):
    node = Console(browser, tmp_path / "home", "")
    # nobody said which network, so it asks
    node.arguments = ["--port", "0"]
    node.start()
    page = node.page(bypass_csp=True, reduced_motion="reduce")
    found = look_over(page, node.url, ["enter"], WIDTHS)
    page.get_by_role("heading", name="Welcome").wait_for()
    page.get_by_role("radio", name="A real network").check()
    found += [("a real network", f"axe {one}", where) for one, where in violations(page)]
    assert node.stop() == 0
    assert not found


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_its_window(seen: list[tuple[str, str, object]], width: int):
    """It scrolls one way only; no word of a table and no button is broken, sentences stand apart, a finger hits what it wants."""
    assert not _of(seen, f" at {width} px")


def test_paper_is_white_whatever_the_colours_of_the_screen(console: Console):
    page = console.enter(console.page(color_scheme="dark"))
    seen = """() => { const root = getComputedStyle(document.documentElement);
        return [getComputedStyle(document.body).backgroundColor, root.getPropertyValue("--good-ground"), root.colorScheme] }"""
    for theme in ("", "dark"):
        page.evaluate("theme => { if (theme) document.documentElement.dataset.theme = theme }", theme)
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate(seen) == ["rgb(255, 255, 255)", "#e8f6ed", "light"]
        page.emulate_media(media="screen", color_scheme="dark")
        assert page.evaluate(seen)[2] == "dark"
    page.context.close()


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
