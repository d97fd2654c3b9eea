"""A node with its console open, the people who use it, and how long they wait."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from console_node import Console
from node_process import PASSPHRASE
from proxies import NAME

_ATTACK = Path(__file__).with_name("slow_attack.py")
PUBLIC = ("/catalogue", "/.well-known/freehold.json", "/log/checkpoint", "/readyz", "/v1/models")
Waited = dict[str, list[float]]


def open_node(home: Path, rpc_url: str, *arguments: str) -> Console:
    """A node that its owner set up through its console, which answers as north.example too."""
    node = Console(None, home, rpc_url, "--set", f"console_hosts={NAME}", *arguments).start()
    answer = enter(node.origin, name="North", again=PASSPHRASE)
    assert answer.status_code == 303, answer.text
    node.state = re.match(r"(freehold_console=[^;]+)", answer.headers["set-cookie"])[1]  # type: ignore[index]
    return node


def enter(origin: str, **more: str) -> httpx.Response:
    """The form of the first page."""
    headers = {"host": NAME, "sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=origin, trust_env=False, timeout=30) as client:
        return client.post("/console/enter", data={"passphrase": PASSPHRASE, **more}, headers=headers)


@contextmanager
def attacked(
    at: tuple[str, int], *kinds: str, sources: int, count: int, seconds: float = 60
) -> Iterator[Any]:
    """Slow connections while it lasts; at the end a dictionary of what became of them."""
    words = [*at, seconds, sources, count, *kinds]
    command = [sys.executable, str(_ATTACK), *map(str, words)]
    attack = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said: dict[str, dict[str, int]] = {}
    try:
        yield said
        attack.send_signal(signal.SIGTERM)
        said |= json.loads(attack.communicate(timeout=20)[0])
    finally:
        attack.kill()
        attack.wait(10)


def people(node: Console, at: tuple[str, int], seconds: float) -> Waited:
    """How long each waited who asked meanwhile: the owner by command line, console and log-in, and the public."""
    token = (node.home / "api-token").read_text().strip()
    waited: Waited = {}
    ends, turn = time.monotonic() + seconds, 0

    def ask(who: str, origin: str, path: str, source: str = "127.0.0.1", **headers: str) -> None:
        began = time.monotonic()
        try:
            # a connection each, as a command has
            with httpx.Client(
                transport=httpx.HTTPTransport(local_address=source), trust_env=False, timeout=20
            ) as client:
                status = client.get(origin + path, headers={"host": NAME, **headers}).status_code
        except httpx.HTTPError:
            status = 0
        took = time.monotonic() - began
        # what fails is as bad as waiting for ever
        waited.setdefault(who, []).append(took if status == 200 else 1_000.0 + status)

    through = f"http://{at[0]}:{at[1]}"
    while time.monotonic() < ends or turn < 5:
        turn += 1
        ask("owner, command line", node.origin, "/api/status", authorization=f"Bearer {token}")
        ask("owner, console", through, "/console/settings", cookie=node.state)
        ask("owner, before log-in", through, "/console/enter")
        ask("public", through, PUBLIC[turn % len(PUBLIC)], f"127.0.9.{1 + turn % 200}")
        ask("monitoring", node.origin, ("/healthz", "/readyz", "/metrics")[turn % 3], host="127.0.0.1")
        time.sleep(0.02)
    return waited


def quantile(values: list[float], part: float) -> float:
    """The value below which that part of the others lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
