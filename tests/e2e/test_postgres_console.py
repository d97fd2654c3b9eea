"""The console of a node on Postgres: its people, trail, inbox, notifications and drafts, over a kill and a start."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from console_node import Console
from node_process import PASSPHRASE
from node_world import World
from receivers import Receiver
from web_browser import PASSWORD

pytestmark = pytest.mark.slow


class Person(httpx.Client):
    """Somebody's browser, without a screen."""

    def __init__(self, node: Console) -> None:
        headers = {"sec-fetch-site": "same-origin"}
        super().__init__(base_url=f"{node.origin}/console", headers=headers, trust_env=False, timeout=60)

    def act(self, path: str, **form: str) -> httpx.Response:
        token = re.search(r'name="csrf" value="([^"]{43})"', self.get("/settings").text)[1]
        return self.post(path, data={"csrf": token, **form})

    def enter(self, **more: str) -> Person:
        answer = self.post("/enter", data={"passphrase": PASSPHRASE, **more})
        assert answer.status_code == 303, answer.text
        return self


def test_what_people_do_in_the_console_is_kept_on_postgres(new_url: str, world: World, tmp_path: Path):
    node = Console(None, tmp_path / "home", world.rpc_url, "--set", f"database={new_url}")
    node.start()
    hook = Receiver()
    try:
        with Person(node) as owner, Person(node) as anna:
            owner.enter(name="North", again=PASSPHRASE)
            assert owner.act("/settings/people", person="Anna", role="decider").status_code == 303
            code = re.search(r'<code class="once">([^<]+)</code>', owner.get("/settings/people").text)[1]
            chosen = {"person": "Anna", "code": code, "password": PASSWORD, "again": PASSWORD}
            assert anna.post("/enter/code", data=chosen).status_code == 303
            assert anna.act("/collect").status_code == 403
            assert owner.act("/settings/notifications/webhook", url=hook.url).status_code == 303
            secret = re.search(r"whsec_[A-Za-z0-9+/=]+", owner.get("/settings/notifications").text)[0]
            assert owner.act("/settings/notifications/test", channel="webhook").status_code == 303
            assert hook.signed(hook.calls[0], secret)
            hook.status = 500
            assert owner.act("/settings/notifications/test", channel="webhook").status_code == 303
            hook.status = 200
            token = re.search(r'name="csrf" value="([^"]{43})"', anna.get("/settings").text)[1]
            content = b"age,ill\n" + b"".join(b"%d,%d\n" % (n, n % 2) for n in range(40))
            sent = anna.post("/publish", data={"csrf": token}, files={"file": ("a.csv", content)})
            draft = sent.headers["location"].removeprefix("/console")
            terms = {"name": "Ages", "purpose": "model-training", "max_uses": "5", "days": "9", "price": "1"}
            assert anna.act(draft, revision="1", do="go", label="ill", **terms).status_code == 303
        node.halt()
        node.start()
        with Person(node) as owner, Person(node) as anna:
            owner.enter()
            anna.enter(passphrase=PASSWORD, person="Anna")
            assert anna.act(f"{draft}/finish", revision="2").status_code == 303
            again = anna.act(f"{draft}/finish", revision="2").headers["location"]
            (asset,) = node.api("/assets")["assets"]
            assert again.endswith(asset["id"])
            inbox = owner.get("/inbox").text
            assert "There is no backup yet" in inbox
            key = re.search(r'name="key" value="(backup[^"]*)"', inbox)
            if key:
                owner.act("/inbox/aside", key=key[1])
            trail = owner.get("/trail?format=csv").text
            for line in (
                '"Anna","decider","Chose a password","done"',
                '"owner","Sent a test notification","done"',
                '"owner","Sent a test notification","unknown"',
                '"Anna","decider","Published data","done"',
                '"refused"',
            ):
                assert line in trail, line
            by_anna = re.search(r'<option value="([0-9a-f]{32})"', owner.get("/trail").text)[1]
            assert '"owner"' not in owner.get(f"/trail?format=csv&who={by_anna}").text
            assert hook.url.rpartition("/")[2] not in owner.get("/settings/notifications").text
            assert owner.act("/settings/people/remove", person="Anna").status_code == 303
            assert anna.get("/settings").status_code == 303
    finally:
        hook.close()
        assert node.stop() == 0
    assert "Traceback" not in node.log()
