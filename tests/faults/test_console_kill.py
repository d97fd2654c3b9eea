"""A node that is killed in the middle of an act of its console: what is there afterwards is whole, and done once."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import httpx
import pytest
from console_node import Console
from node_process import PASSPHRASE
from node_world import World, until
from receivers import Receiver

from freehold.shell.backup import restoring

pytestmark = pytest.mark.slow
OWN = {"sec-fetch-site": "same-origin"}


class Owner(httpx.Client):
    """The owner's browser, without a screen."""

    opened: ClassVar[list[Owner]] = []

    def __init__(self, node: Console) -> None:
        super().__init__(base_url=f"{node.origin}/console", headers=OWN, trust_env=False, timeout=60)
        typed = {"name": "North", "passphrase": PASSPHRASE, "again": PASSPHRASE}
        self.opened.append(self)
        assert self.post("/enter", data=typed).status_code == 303

    @property
    def token(self) -> str:
        return re.search(r'name="csrf" value="([^"]{43})"', self.get("/settings").text)[1]

    def act(self, path: str, **form: str) -> httpx.Response:
        return self.post(path, data={"csrf": self.token, **form})

    def trail(self) -> list[str]:
        return self.get("/trail?format=csv").text.splitlines()[1:]


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    yield
    while Owner.opened:
        Owner.opened.pop().close()


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def node(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    made = Console(None, tmp_path_factory.mktemp("killed") / "home", world.rpc_url).start()
    Owner(made)
    yield made
    made.stop()
    assert "Traceback" not in made.log()


def killed(node: Console) -> Owner:
    """Kill it, start it again, and log in."""
    node.halt()
    return Owner(node.start())


def table(rows: int, seed: int) -> bytes:
    chance = random.Random(seed)
    lines = (f"{chance.random():.6f},{chance.random():.6f},{chance.randint(0, 1)}" for _ in range(rows))
    return ("age,weight,ill\n" + "\n".join(lines) + "\n").encode()


def drafted(owner: Owner, name: str, content: bytes) -> str:
    """A table up to the button that publishes it; the address of its draft."""
    sent = owner.post("/publish", data={"csrf": owner.token}, files={"file": (f"{name}.csv", content)})
    assert sent.status_code == 303, sent.text
    draft = sent.headers["location"].removeprefix("/console")
    terms = {"name": name, "purpose": "model-training", "max_uses": "5", "days": "9", "price": "1"}
    taken = owner.act(draft, revision="1", do="go", label="ill", **terms)
    assert taken.headers.get("location") == f"/console{draft}/review", taken.text
    return draft


def called(node: Console, name: str) -> list[str]:
    return [one["id"] for one in node.api("/assets")["assets"] if one["name"] == name]


def sent_and_forgotten(owner: Owner, path: str, form: dict[str, str]) -> threading.Thread:
    """Post in the background; the node is killed meanwhile."""

    def post() -> None:
        with suppress(httpx.HTTPError):
            owner.post(path, data=form)

    made = threading.Thread(target=post)
    made.start()
    return made


def test_an_upload_that_a_kill_cuts_off_leaves_nothing(node: Console):
    owner = Owner(node)
    place, uploads, begun = urlsplit(node.url), node.home / "uploads", len(owner.trail())
    cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    head = (
        f'--b\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n{owner.token}\r\n--b\r\n'
        'content-disposition: form-data; name="file"; filename="half.csv"\r\n\r\n'
    ).encode()
    request = (
        f"POST /console/publish HTTP/1.1\r\nhost: {place.netloc}\r\ncookie: {cookie}\r\n"
        "sec-fetch-site: same-origin\r\ncontent-type: multipart/form-data; boundary=b\r\n"
        "content-length: 30000000\r\n\r\n"
    ).encode()
    with socket.create_connection((place.hostname, place.port)) as wire:
        wire.sendall(request + head + table(100_000, 1))
        until(lambda: sum(one.stat().st_size for one in uploads.glob("*")) > 500_000, "half is here", 60)
        owner = killed(node)
    assert list(uploads.iterdir()) == []
    assert "half.csv" not in owner.get("/publish").text
    # the log-in after it, and nothing of what did not arrive
    assert len(owner.trail()) == begun + 1


@pytest.mark.parametrize("instant", [0.0, 0.02, 0.05, 0.1, 0.3])
def test_what_is_published_while_the_node_is_killed_is_there_once(node: Console, instant: float):
    name = f"Ages {int(instant * 1000)}"
    owner = Owner(node)
    draft = drafted(owner, name, table(3_000, int(instant * 1000) + 7))
    form = {"csrf": owner.token, "revision": "2"}
    thread = sent_and_forgotten(owner, f"{draft}/finish", form)
    time.sleep(instant)
    owner = killed(node)
    thread.join(60)
    assert list((node.home / "uploads").iterdir()) == []
    there = called(node, name)
    again = owner.act(f"{draft}/finish", revision="2")
    assert again.status_code == 303
    (asset,) = called(node, name)
    assert there in ([], [asset])
    assert asset in owner.get(again.headers["location"].removeprefix("/console"), follow_redirects=True).text
    assert owner.act(f"{draft}/finish", revision="2").headers["location"].endswith(asset)
    assert called(node, name) == [asset]
    lines = [one for one in owner.trail() if '"Published data"' in one]
    assert lines[0].endswith('"done"') if not there else lines, (
        "what was done stands there, whoever noted its end"
    )


def test_an_act_that_a_kill_cuts_off_stands_in_the_trail_as_not_known(node: Console, hook: Receiver):
    owner = Owner(node)
    assert owner.act("/settings/notifications/webhook", url=hook.url).status_code == 303
    hook.answers.clear()
    thread = sent_and_forgotten(
        owner, "/settings/notifications/test", {"csrf": owner.token, "channel": "webhook"}
    )
    until(lambda: hook.calls, "the call came", 30)
    owner = killed(node)
    hook.answers.set()
    thread.join(60)
    assert next(one for one in owner.trail() if "test notification" in one).endswith('"unknown"')
    assert owner.act("/settings/notifications/forget", channel="webhook").status_code == 303


def test_a_notification_that_a_kill_cuts_off_comes_again_under_its_id_and_no_third_time(
    node: Console, hook: Receiver
):
    hook.calls.clear()
    hook.answers.clear()
    owner = Owner(node)
    # something waits: the first table of a home that has no backup
    if not node.api("/assets")["assets"]:
        owner.act(f"{drafted(owner, 'Waits', table(100, 3))}/finish", revision="2")
    assert owner.act("/settings/notifications/webhook", url=hook.url).status_code == 303
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", owner.get("/settings/notifications").text)[0]
    until(lambda: hook.calls, "it is being told", 60)
    owner = killed(node)
    hook.answers.set()
    until(lambda: len(hook.calls) > 1, "it is told again", 90)
    first, second = hook.calls[:2]
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert hook.signed(second, secret)
    time.sleep(35)
    assert len({headers["webhook-id"] for headers, _ in hook.calls}) == len(hook.calls) - 1
    owner.act("/settings/notifications/forget", channel="webhook")


def test_a_backup_that_a_kill_cuts_off_is_not_there_and_not_said_to_be_made(node: Console, tmp_path: Path):
    owner, uploads = Owner(node), node.home / "uploads"
    owner.act(f"{drafted(owner, 'Large', table(150_000, 5))}/finish", revision="2")
    thread = sent_and_forgotten(owner, "/backup", {"csrf": owner.token, "passphrase": PASSPHRASE})
    until(lambda: list(uploads.glob("*")), "it is being written", 60)
    owner = killed(node)
    thread.join(60)
    assert list(uploads.iterdir()) == []
    page = owner.get("/backup").text
    assert "None was made of this home yet." in page
    assert "Download" not in page
    assert owner.act("/backup", passphrase=PASSPHRASE).status_code == 303
    whole = tmp_path / "whole.backup"
    whole.write_bytes(owner.act("/backup/file").content)
    restoring.examine(whole, tmp_path, PASSPHRASE)
    assert "The last one was made" in owner.get("/backup").text
