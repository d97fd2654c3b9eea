"""From an empty folder to a running node without a terminal, and what happens to those who guess."""

import re

import httpx
from console_node import PASSPHRASE, Console
from node_world import World, free_port, until


def test_first_run_then_a_restart_asks_for_the_passphrase(browser, world: World, tmp_path):
    console = Console(browser, tmp_path / "home", world.rpc_url).start()
    assert httpx.get(f"{console.origin}/healthz", trust_env=False).json() == {"ok": True, "status": "locked"}
    assert httpx.get(f"{console.origin}/catalogue", trust_env=False).json()["code"] == "node.locked"
    page = console.page()
    page.goto(console.origin)
    assert page.url == console.url + "enter"
    assert page.locator("h1").inner_text() == "Welcome"
    page.get_by_label("Your organisation's name").fill("Clinic North")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_label("The same once more").fill("another one entirely")
    page.locator("button.wide").click()
    assert "differ" in page.get_by_role("alert").inner_text()
    for name in ("Passphrase", "The same once more"):
        page.get_by_label(name).fill("password password")
    page.locator("button.wide").click()
    told = page.get_by_role("alert").inner_text()
    assert "too weak" in told
    assert re.search(r"random now: ([a-z2-9]{4}-){4}[a-z2-9]{4}\.", told), "no command has to be run for one"
    assert not (tmp_path / "home" / "keys.jwe").exists()
    console.enter(page, name="Clinic North")
    assert "Clinic North" in page.locator(".who").inner_text()
    assert console.api("/status")["name"] == "Clinic North"
    assert console.stop() == 0

    console.start()
    page = console.page()
    page.goto(console.url + "data")
    assert page.locator("h1").inner_text() == "Unlock Clinic North"
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.locator("button.wide").click()
    until(lambda: page.url.endswith("/console/data"), "the page that was wanted")
    assert console.stop() == 0
    assert PASSPHRASE not in console.log()


def test_a_chain_that_is_away_is_said_and_nothing_is_made(browser, tmp_path):
    console = Console(browser, tmp_path / "home", f"http://127.0.0.1:{free_port()}").start()
    page = console.page()
    page.goto(console.url)
    page.get_by_label("Your organisation's name").fill("Clinic <North>")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_label("The same once more").fill(PASSPHRASE)
    page.locator("button.wide").click()
    assert "chain" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Your organisation's name").input_value() == "Clinic <North>"
    assert page.get_by_label("Passphrase").input_value() == ""
    assert not (tmp_path / "home" / "keys.jwe").exists()
    assert httpx.get(f"{console.origin}/healthz", trust_env=False).json()["status"] == "locked"
    assert console.stop() == 0
