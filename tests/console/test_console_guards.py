"""Each guard of a form alone, at a real console and without a browser: the others are all content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from console_node import Console
from node_process import PASSPHRASE
from node_world import World
from slow_world import NAME, enter, open_node

from freehold.core.errors import FreeholdError
from freehold.vault.keystore import Keys

SETTINGS = {"name": "Hijacked", "endpoint": "", "console_idle_minutes": "30"}
URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory) -> Iterator[Console]:
    made = open_node(tmp_path_factory.mktemp("guards") / "node", world.rpc_url)
    yield made
    assert "Traceback" not in made.log(), made.log()[-5_000:]
    assert made.stop() == 0


def client(node: Console, cookie: str) -> httpx.Client:
    headers = {"host": NAME, "sec-fetch-site": "same-origin", "cookie": cookie}
    return httpx.Client(base_url=node.origin, headers=headers, trust_env=False, timeout=30)


def token(node: Console, cookie: str) -> str:
    with client(node, cookie) as owner:
        found = re.search(r'name="csrf" value="([^"]{43})"', owner.get("/console/settings").text)
    assert found
    return found[1]


def another_session(node: Console) -> str:
    return enter(node.origin).headers["set-cookie"].split(";")[0]


def name_kept(node: Console) -> str:
    return re.search(r'^name = "(.*)"$', (node.home / "config.toml").read_text(), re.MULTILINE)[1]


def test_the_token_must_be_there_right_and_of_this_session(node):
    own, other = token(node, node.state), token(node, another_session(node))
    assert own != other
    with client(node, node.state) as owner:
        for wrong in ({}, {"csrf": ""}, {"csrf": other}, {"csrf": own[:-1]}, {"csrf": own + "x"}, {"csrf": own.swapcase()}):  # fmt: skip
            answer = owner.post("/console/settings", data={**SETTINGS, **wrong})
            assert answer.status_code == 403, wrong
            assert name_kept(node) == "North"
        # of two the first counts, and it is not in the address
        twice = f"csrf={other}&csrf={own}&name=Hijacked&endpoint=&console_idle_minutes=30"
        for path, content in (("", twice), (f"?csrf={own}", "name=Hijacked")):
            answer = owner.post(
                "/console/settings" + path, content=content, headers={"content-type": URLENCODED}
            )
            assert answer.status_code == 403
        assert name_kept(node) == "North"
        assert (
            owner.post("/console/settings", data={**SETTINGS, "name": "North", "csrf": own}).status_code
            == 303
        )


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/json", "multipart/form-data; boundary=x", "application/x-www-form", URLENCODED + "x"]
)  # fmt: skip
def test_a_form_is_of_the_type_that_forms_have(node, kind):
    own = token(node, node.state)
    with client(node, node.state) as owner:
        content = f"csrf={own}&name=Hijacked&endpoint=&console_idle_minutes=30"
        answer = owner.post("/console/settings", content=content, headers={"content-type": kind})
    assert answer.status_code == 422
    assert name_kept(node) == "North"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_no_other_method_does_anything(node, method):
    with client(node, node.state) as owner:
        answer = owner.request(method, "/console/settings", params={"csrf": token(node, node.state)})
    assert answer.status_code in (404, 405)


def test_the_cookie_is_for_this_console_only_and_secret_over_tls(node):
    here = node.origin.removeprefix("http://")
    # a browser that hides the origin says null; Sec-Fetch-Site it sends over TLS and to its own machine alone
    for host, origin, secure in (
        (NAME, "null", True),
        (NAME, "", True),
        (NAME, f"https://{NAME}", True),
        (NAME, f"http://{NAME}", False),
        (here, "null", False),
        (here, "", False),
    ):
        headers = {"host": host, "sec-fetch-site": "same-origin", **({"origin": origin} if origin else {})}
        with httpx.Client(base_url=node.origin, headers=headers, trust_env=False) as browser:
            said = browser.post("/console/enter", data={"passphrase": PASSPHRASE}).headers["set-cookie"]
        value, *flags = said.split("; ")
        assert len(value.partition("=")[2]) >= 43
        wanted = {"httponly", "path=/console", "samesite=strict", *(["secure"] if secure else [])}
        assert {flag.lower() for flag in flags} == wanted


@pytest.mark.parametrize("cookie", ["", "x" * 43, "../" * 14, "A" * 90, "A" * 5_000])
def test_a_cookie_of_no_session_is_nobody(node, cookie):
    with client(node, f"freehold_console={cookie}") as stranger:
        answer = stranger.post("/console/settings", data={**SETTINGS, "csrf": token(node, node.state)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/enter")
    assert name_kept(node) == "North"


def test_of_many_who_set_up_a_new_node_at_once_one_does(world: World, tmp_path: Path):
    node = Console(None, tmp_path / "new", world.rpc_url, "--set", f"console_hosts={NAME}").start()

    def set_up(number: int) -> int:
        chosen = f"passphrase number {number}"
        headers = {"host": NAME, "sec-fetch-site": "same-origin"}
        form = {"passphrase": chosen, "again": chosen, "name": f"Party {number}"}
        with httpx.Client(base_url=node.origin, headers=headers, trust_env=False, timeout=60) as browser:
            return browser.post("/console/enter", data=form).status_code

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(set_up, range(8)))
    assert found.count(303) == 1, found
    assert set(found) <= {303, 403, 429}
    opens = [opens_keys(node.home, f"passphrase number {number}") for number in range(8)]
    assert opens == [status == 303 for status in found], "who was let in is whose passphrase opens the keys"
    assert name_kept(node) == f"Party {found.index(303)}"
    assert node.stop() == 0


def opens_keys(home: Path, passphrase: str) -> bool:
    try:
        Keys.load(home / "keys.jwe", passphrase)
    except FreeholdError:
        return False
    return True


def test_settings_of_features_are_kept_and_what_is_wrong_with_them_is_said(node, world):
    friend, own = world.party("Friend"), token(node, node.state)
    with client(node, node.state) as owner:

        def said(path: str, back: str = "/console/settings", **form: str) -> str:
            answer = owner.post(f"/console/{path}", data={**form, "csrf": own})
            assert (answer.status_code, answer.headers["location"]) == (303, back)
            return owner.get(back).text

        nodes = "/console/market/nodes"
        failed = owner.post(nodes, data={"url": "http://nobody.example:1", "csrf": own}).text
        assert "did not answer" in failed
        assert 'value="http://nobody.example:1"' in failed, "what was typed stays"
        assert "Connected to Friend" in said("market/nodes", nodes, url=friend.url)
        assert f'value="{friend.url}"' in owner.get(nodes).text
        assert "Removed." in said("market/nodes/forget", nodes, url=friend.url)
        assert f'value="{friend.url}"' not in owner.get(nodes).text
        first = owner.get("/console/settings").text
        assert 'value="automatic" selected' in first, "as publishing by command has it"
        terms = {"price": "2.50", "max_uses": "7", "days": "30", "approval": "ask"}
        kept = said("settings/usual", **terms)
        assert "New tables begin with these terms" in kept
        assert 'value="ask" selected' in kept
        assert 'value="2.50"' in kept
        assert "The number of uses" in said("settings/usual", **{**terms, "max_uses": "none"})
        assert 'value="7"' in owner.get("/console/settings").text
