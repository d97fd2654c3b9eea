"""What an open page does by itself: it says when the node is gone, keeps what is typed, and finds anything by a key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from console_node import Console
from node_world import World, free_port

_FOUND = "#palette [role=option]"


@pytest.fixture(scope="module")
def node(browser: Any, world: World, tmp_path_factory) -> Iterator[Console]:
    """One that stops and starts again at the same address."""
    port = str(free_port())
    made = Console(browser, tmp_path_factory.mktemp("live") / "home", world.rpc_url, "--port", port).start()
    page = made.enter(made.page(), name="Clinic North")
    made.state = page.context.storage_state()
    yield made
    if made.is_running:
        made.stop()


@pytest.fixture
def tab(node: Console) -> Iterator[Any]:
    opened = node.page(storage_state=node.state)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(node.url)
    yield opened
    opened.context.close()
    assert not problems, problems


def test_the_palette_finds_by_keyboard_alone_and_gives_the_focus_back(node: Console, tab):
    link = tab.locator("nav.side a").first
    link.focus()
    tab.keyboard.press("/")
    field = tab.get_by_role("combobox")
    assert tab.locator("#palette").get_attribute("open") is not None
    assert field.evaluate("one => one === document.activeElement")
    tab.keyboard.type("backup settings")
    tab.locator(_FOUND).first.wait_for()
    assert "Backup" in tab.locator(_FOUND).first.inner_text()
    assert field.get_attribute("aria-expanded") == "true"
    assert field.get_attribute("aria-activedescendant") == "palette-0"
    tab.keyboard.press("Escape")
    assert tab.locator("#palette").get_attribute("open") is None
    assert link.evaluate("one => one === document.activeElement")

    tab.keyboard.press("Control+k")
    field.fill("s")
    tab.locator("#palette-1").wait_for()
    tab.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == "palette-1"
    assert tab.locator("#palette-1").get_attribute("aria-selected") == "true"
    tab.keyboard.press("ArrowUp")
    field.fill("settings")
    tab.get_by_role("option", name="This node").wait_for()
    tab.keyboard.press("Enter")
    tab.wait_for_url(node.url + "settings")
    # a slash that somebody types is a slash
    name = tab.get_by_label("Address for others")
    name.focus()
    tab.keyboard.type("a/b")
    assert name.input_value() == "a/b"
    assert tab.locator("#palette").get_attribute("open") is None


def test_news_never_calls_off_a_form_that_is_on_its_way_and_nothing_is_said_twice(
    node: Console, tab, tmp_path
):
    table = tmp_path / "t.csv"
    table.write_text("age,label\n" + "\n".join(f"{i},{i % 2}" for i in range(20)) + "\n")
    tab.goto(node.url + "publish")
    tab.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(table)
    tab.get_by_role("button", name="Continue", exact=True).click()
    tab.get_by_role("button", name="Continue", exact=True).click()
    tab.get_by_role("button", name="Publish", exact=True).wait_for()
    review, asked = tab.url, []
    tab.on("request", lambda one: asked.append(one.url) if "x-freehold-live" in one.headers else None)
    # its form is sent and not answered yet, while the draft is a dataset already
    tab.evaluate("document.querySelector('form[action$=finish]').dataset.sent = 'yes'")
    form = tab.eval_on_selector("form[action$=finish]", "one => [...new FormData(one)]")
    cookies = {one["name"]: one["value"] for one in tab.context.cookies()}
    target = review.replace("/review", "/finish")
    with httpx.Client(cookies=cookies, headers={"origin": node.origin}, trust_env=False) as client:
        assert client.post(target, data=dict(form)).status_code == 303
        deadline = time.monotonic() + 20
        while not asked and time.monotonic() < deadline:
            tab.wait_for_timeout(50)
        tab.wait_for_timeout(500)
        assert asked
        assert tab.url == review, "the page waits for the answer to its form"
        shown = client.get(node.url).text
    assert shown.count('<div class="notice good">') == 1
    assert "Published. The table is sealed" in shown
    # nothing is on its way: the page goes where the draft went
    tab.evaluate("delete document.querySelector('form[action$=finish]').dataset.sent")
    tab.wait_for_url("**/assets/*")


def test_what_is_typed_folded_out_and_in_focus_survives_news(node: Console, tab):
    """The page takes over what the node says now, and nothing that somebody does is lost."""
    tab.goto(node.url)
    tab.evaluate(
        """() => {
        const part = document.querySelector('[data-live=todo]');
        part.insertAdjacentHTML('beforeend', '<details><summary>More</summary><p>x</p></details>');
        window.kept = part;
    }"""
    )
    shown = """(inside) => {
        const old = document.querySelector('[data-live=todo]');
        window.fetch = async () => new Response(`<section data-live="todo">${inside}</section>`);
        return old.innerHTML;
    }"""
    form = (
        "<h2>What needs you</h2><details><summary>More</summary><p>x</p></details>"
        '<input name="a" value="one"><textarea name="b">two</textarea><a href="#x">X</a>{}'
    )
    tab.evaluate(shown, form.format(""))
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tab.locator("[data-live=todo] textarea").wait_for()
    tab.locator("[data-live=todo] summary").click()
    tab.locator("[data-live=todo] textarea").fill("half a sentence")
    tab.locator("[data-live=todo] a").focus()
    tab.evaluate(
        shown,
        form.replace('<a href="#x">', '<a href="#new">New</a><a href="#x">').format("<p id='now'>now</p>"),
    )
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tab.locator("#now").wait_for()
    assert tab.evaluate("window.kept === document.querySelector('[data-live=todo]')")
    assert tab.locator("[data-live=todo] details").get_attribute("open") is not None
    assert tab.locator("[data-live=todo] textarea").input_value() == "half a sentence"
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "#x"
    assert tab.locator("#told").inner_text() == "This page was updated."


def test_an_answer_to_a_form_is_not_sent_again(node: Console, tab):
    tab.goto(node.url + "settings")
    tab.get_by_label("Log out after").fill("0")
    sent: list[str] = []
    tab.on(
        "request", lambda request: sent.append(request.method) if request.is_navigation_request() else None
    )
    tab.get_by_role("button", name="Save").first.click()
    tab.get_by_role("alert").wait_for()
    tab.reload()
    assert sent == ["POST", "GET"]
    # an address that only takes forms leads to the page above it
    cookies = {one["name"]: one["value"] for one in node.state["cookies"]}
    answer = httpx.get(node.url + "settings/leave-everywhere", cookies=cookies, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/settings")


def test_without_script_a_page_says_when_it_was_made(node: Console):
    page = node.page(storage_state=node.state, java_script_enabled=False)
    page.goto(node.url)
    assert "This page was made" in page.locator("noscript").inner_text()
    assert page.locator("#palette").is_hidden()


def test_a_node_that_is_gone_is_said_and_found_again(node: Console, tab):
    tab.goto(node.url + "settings")
    tab.get_by_label("Address for others").fill("https://half.example")
    other = node.page(storage_state=node.state)
    other.goto(node.url)
    assert other.locator(".light.on").count() == 1
    tab.wait_for_timeout(500)
    node.halt()
    for page in (tab, other):
        page.locator("#away").get_by_text("The node does not answer. What you see is from").wait_for()
    grey, green = (
        other.evaluate(f"getComputedStyle(document.querySelector('{one}')).{what}")
        for one, what in ((".light", "backgroundColor"), (":root", "getPropertyValue('--good')"))
    )
    assert grey != green
    assert other.evaluate(
        "getComputedStyle(document.querySelector('.light')).backgroundColor"
    ) == other.evaluate(
        """() => { const one = document.createElement('i'); one.style.color = 'var(--edge)'; document.body.append(one);
                   const found = getComputedStyle(one).color; one.remove(); return found; }"""
    )
    # nothing is sent into the void
    tab.get_by_role("button", name="Save").first.click()
    assert tab.get_by_label("Address for others").input_value() == "https://half.example"
    node.start()
    # it is locked now: who typed something is told, who did not is asked for the passphrase
    tab.locator("#away").get_by_role("link", name="Log in").wait_for()
    assert tab.get_by_label("Address for others").input_value() == "https://half.example"
    other.wait_for_url("**/enter**")
    assert json.loads(httpx.get(f"{node.origin}/healthz", trust_env=False).text)["status"] == "locked"
