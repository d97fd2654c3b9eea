"""What a hostile web site, a hostile peer, a hostile file and somebody who guesses can do: nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from console_node import PASSPHRASE, Console
from node_world import World

from freehold.shell.web.live import MAX_STREAMS

HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=document.title='owned'>",
    "\"><svg onload=document.title='owned'>",
    "{{ 7*7 }}{% include '/etc/passwd' %}",
    "javascript:document.title='owned'",
    "safe\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\N{POP DIRECTIONAL FORMATTING}",
    "x" * 200,
)


@pytest.fixture
def client(console: Console) -> Any:
    """A plain HTTP client with the cookies of the owner's browser."""
    with httpx.Client(base_url=console.origin, trust_env=False, follow_redirects=False) as made:
        for cookie in console.state["cookies"]:
            made.cookies.set(cookie["name"], cookie["value"], domain="127.0.0.1", path=cookie["path"])
        yield made


def csrf(client: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]{43})"', client.get("/console/data").text)
    assert found
    return found[1]


def test_every_answer_carries_the_headers(console: Console, client: httpx.Client):
    style = re.search(r'href="(/console/static/[^"]+\.css)"', client.get("/console/").text)
    assert style
    answers = {
        path: client.get(path)
        for path in ("/console/", "/console/enter", "/console/no-such", style[1], "/console/static/x/y")
    }
    for path, answer in answers.items():
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == (
            "public, max-age=31536000, immutable" if path == style[1] else "no-store"
        )
    assert answers["/console/no-such"].status_code == 404


def test_cookie_is_out_of_reach(console: Console):
    # beside it lies what is no secret: the time zone that this browser says it is in
    (cookie,) = [one for one in console.state["cookies"] if re.fullmatch(r"freehold_\d+", one["name"])]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["path"] == "/console"
    assert len(cookie["value"]) >= 43


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", "", "localhost.evil.example"],
)
def test_other_host_names_are_refused(client: httpx.Client, host: str):
    assert client.get("/console/", headers={"host": host}).status_code in (400, 403)


def test_a_proxy_does_not_open_the_console(client: httpx.Client):
    assert client.get("/console/", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "none"},
        {},
    ],
)
def test_posts_from_elsewhere_change_nothing(client: httpx.Client, headers: dict[str, str]):
    form = {"csrf": csrf(client), "url": "http://127.0.0.1:9"}
    assert client.post("/console/market/nodes", data=form, headers=headers).status_code == 403


@pytest.mark.parametrize("token", ["", "x" * 43, None])
def test_posts_without_the_token_change_nothing(console: Console, client: httpx.Client, token: str | None):
    form = {"name": "Hijacked", "endpoint": "", "console_idle_minutes": "30"}
    if token is not None:
        form["csrf"] = token
    answer = client.post("/console/settings", data=form, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 403
    assert "Hijacked" not in (console.home / "config.toml").read_text()


def test_a_page_comes_back_with_its_filters_after_the_log_in_and_a_choice_of_colours(
    console: Console, client: httpx.Client
):
    own = {"sec-fetch-site": "same-origin"}
    asked = "/uses?q=%C3%84rzte+100%25&sort=units"
    with httpx.Client(base_url=console.origin, trust_env=False, headers=own) as stranger:
        answer = stranger.get(f"/console{asked}&format=csv")
        back = html.escape(asked)
        for text in (
            stranger.get(answer.headers["location"]).text,
            stranger.post("/console/enter", data={"passphrase": "", "next": asked}).text,
        ):
            assert f'name="next" value="{back}"' in text
        entered = stranger.post("/console/enter", data={"passphrase": PASSPHRASE, "next": asked})
        assert entered.headers["location"] == f"/console{asked}"
        # another tab that waited for the log-in
        assert stranger.get(answer.headers["location"]).headers["location"] == f"/console{asked}"
        said = stranger.get("/console/enter", params={"next": '/uses?q="><b>'})
        assert said.headers["location"] == "/console/uses"
    assert f'name="next" value="{back}"' in client.get(f"/console{asked}").text
    chosen = client.post("/console/theme", data={"theme": "dark", "next": asked}, headers=own)
    assert chosen.headers["location"] == f"/console{asked}"


def test_without_a_session_nothing_is_shown_or_done(console: Console):
    with httpx.Client(base_url=console.origin, trust_env=False) as stranger:
        for path in ("/console/", "/console/data", "/console/backup", "/console/no-such"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/console/enter")
        answer = stranger.post(
            "/console/backup", data={"passphrase": PASSPHRASE}, headers={"sec-fetch-site": "same-origin"}
        )
        assert answer.headers["location"] == "/console/enter"
        assert stranger.get("/console/events").status_code == 204
        for target in ("//evil.example", "/\\evil.example", "https://evil.example", "/../../etc"):
            text = stranger.get("/console/enter", params={"next": target}).text
            assert 'name="next" value="/"' in text


def test_guessing_is_slow_and_uploads_end_at_the_limit(browser, world: World, tmp_path):
    limit = ("--set", "max_table_bytes=1000000")
    console = Console(browser, tmp_path / "home", world.rpc_url, *limit).start()
    owner = console.enter(console.page(), name="Clinic")
    console.state = owner.context.storage_state()
    _send_too_much(console)
    with httpx.Client(
        base_url=console.origin, trust_env=False, headers={"sec-fetch-site": "same-origin"}
    ) as guesser:
        first = guesser.post("/console/enter", data={"passphrase": "guess one"})
        assert first.status_code == 403
        assert "guess one" not in first.text
        second = guesser.post("/console/enter", data={"passphrase": PASSPHRASE})
        assert second.status_code == 429, "even the right one has to wait"
        assert "Wait" in second.text
        assert not second.cookies
    page = console.page()
    page.wait_for_timeout(1_100)
    console.enter(page)
    page.locator(".account summary").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(console.url + "enter")
    page.goto(console.url + "data")
    assert "/enter" in page.url
    assert console.stop() == 0
    assert PASSPHRASE not in console.log() + (console.home / "config.toml").read_text()


def _send_too_much(console: Console) -> None:
    with httpx.Client(base_url=console.origin, trust_env=False) as client:
        for cookie in console.state["cookies"]:
            client.cookies.set(cookie["name"], cookie["value"], domain="127.0.0.1", path=cookie["path"])
        head = f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf(client)}\r\n'
        head += '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'

        def body() -> Iterator[bytes]:
            yield head.encode()
            for _ in range(30):
                yield b"1,2\n" * 25_000

        answer = client.post(
            "/console/publish",
            content=body(),
            headers={"sec-fetch-site": "same-origin", "content-type": "multipart/form-data; boundary=x"},
        )
        assert answer.status_code == 413
        assert "larger than 977\N{NO-BREAK SPACE}KiB" in answer.text
        assert list((console.home / "uploads").iterdir()) == []


def test_uploads_are_bounded_and_named_by_us(console: Console, client: httpx.Client):
    token = csrf(client)
    own = {"sec-fetch-site": "same-origin"}
    answer = client.post(
        "/console/publish",
        data={"csrf": token},
        files={"file": ("../../../keys.jwe", b"a,b\n1,2\n")},
        headers=own,
    )
    assert answer.status_code in (200, 303, 422)
    assert not (console.home.parent / "keys.jwe").exists()
    assert (console.home / "keys.jwe").stat().st_size > 100
    assert {path.suffix for path in (console.home / "uploads").iterdir()} <= {".part"}
    # the file before the token: refused, nothing kept
    before = set((console.home / "uploads").iterdir())
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\r\n1,2\r\n--x\r\n'
    )
    body += b'Content-Disposition: form-data; name="csrf"\r\n\r\n' + token.encode() + b"\r\n--x--\r\n"
    answer = client.post(
        "/console/publish", content=body, headers={**own, "content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 403
    assert set((console.home / "uploads").iterdir()) == before
    many = client.post(
        "/console/settings",
        content=b"a=1&" * 40_000,
        headers={**own, "content-type": "application/x-www-form-urlencoded"},
    )
    assert many.status_code == 413


def test_streams_are_few_and_end_with_the_session(console: Console):
    with httpx.Client(
        base_url=console.origin, trust_env=False, headers={"sec-fetch-site": "same-origin"}
    ) as client:
        client.post("/console/enter", data={"passphrase": PASSPHRASE})
        token = csrf(client)
        with ExitStack() as opened:
            lines = []
            for _ in range(MAX_STREAMS + 1):
                stream = opened.enter_context(client.stream("GET", "/console/events", timeout=10))
                assert stream.headers["content-type"].startswith("text/event-stream")
                lines.append(stream.iter_lines())
                assert next(lines[-1]) == "retry: 3000"
            assert "event: end" not in list(lines[0]), "the oldest is closed, the session goes on"
            assert client.post("/console/leave", data={"csrf": token}).status_code == 303
            assert "event: end" in list(lines[-1])


def test_hostile_names_are_inert_everywhere(console: Console, page, world: World, tmp_path):
    header = ["n1", *(name.replace(",", "").replace('"', "") for name in HOSTILE[:2]), "label"]
    table = tmp_path / "<img src=x onerror=alert(1)>.csv"
    rows = "\n".join(f"{i},{i % 7},{i % 5},{i % 2}" for i in range(20))
    table.write_text(",".join(header) + "\n" + rows + "\n")
    for name in HOSTILE:
        console.api(
            "/publish",
            {
                "path": str(table),
                "label": "label",
                "name": name,
                "description": name * 3,
                "purposes": ["model-training"],
            },
        )
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    names = {one["id"]: one["name"] for one in console.api("/assets")["assets"]}
    assets = list(names)
    assert set(HOSTILE) <= set(names.values())
    visited = [
        "",
        "data",
        "requests",
        "settings",
        *(
            f"assets/{one}{facet}"
            for one in assets
            for facet in ("", "/access", "/uses", "/money", "/lineage", "/proof", "/settings")
        ),
        *(f"assets/{one}/withdraw" for one in assets),
    ]
    for path in visited:
        page.goto(console.url + path)
        assert page.title().endswith("Freehold")
        assert (
            page.evaluate(
                "document.querySelectorAll('main script, main img, main [onload], main [onerror]').length"
            )
            == 0
        )
        shown = page.locator("body").inner_text()
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown
        listed = list(names.values()) if path == "data" else [names.get(path.split("/")[-1], "")]
        for name in listed:
            # as it was written, up to where long names are clipped and control characters dropped
            assert name.split("\N{RIGHT-TO-LEFT OVERRIDE}")[0][:12] in shown, path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto(console.url + "publish")
    page.get_by_label("Choose a CSV, Excel or Parquet file").set_input_files(table)
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_text("Columns and first rows").wait_for()
    assert "onerror" in page.locator("h1").inner_text()
    assert not dialogs


def test_withdrawing_needs_a_confirmation_and_can_be_undone(console: Console, page, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,label\n" + "\n".join(f"{i},{i % 2}" for i in range(20)) + "\n")
    asset = console.api("/publish", {"path": str(table), "label": "label", "name": "Plain"})["asset"]["id"]
    page.goto(f"{console.url}assets/{asset}/settings")
    page.get_by_role("link", name="Take off offer").click()

    def offered():
        return [
            one["document"]["name"]
            for one in httpx.get(console.origin + "/catalogue", trust_env=False).json()["assets"]
        ]

    assert "Plain" in offered()
    page.get_by_role("button", name="Take off offer").click()
    page.get_by_text("It is off offer").wait_for()
    assert "Plain" not in offered()
    page.get_by_role("button", name="Offer it again").click()
    page.get_by_text("It is on offer again").wait_for()
    assert "Plain" in offered()
