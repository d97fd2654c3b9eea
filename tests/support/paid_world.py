"""A chain, a node that sells a model, and buyers with prepared calls: each of the first two a process that can be killed."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import node_tables
from inference_world import PRICE, Hand
from node_process import PASSPHRASE, Process
from node_world import World, free_port, until

from freehold.core.documents import Asset
from freehold.features.models.releasing import pool_of
from freehold.features.payments.rules.payment import HEADER
from freehold.vault.keystore import Keys

MANY = 1_000_000 * PRICE


class ChainProcess:
    """The local chain as people run it; started as often as it was killed, on the port it had."""

    def __init__(self, home: Path) -> None:
        self._home, self._port = home, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._running: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "freehold.chain.embedded", "--home", str(self._home), "--port"]
        self._running = subprocess.Popen([*command, str(self._port)], stdout=subprocess.PIPE, text=True)
        assert self._running.stdout
        assert self._running.stdout.readline().strip() == self.url

    def signal(self, number: int) -> None:
        assert self._running
        self._running.send_signal(number)

    def stop(self) -> None:
        """End it, at once and whatever it does."""
        if self._running is not None:
            self.signal(signal.SIGCONT)
            self._running.kill()
            self._running.wait(20)
            assert self._running.stdout
            self._running.stdout.close()
            self._running = None


class PaidShop:
    """As `inference_world.Shop`, with a builder that is a process."""

    def __init__(self, world: World, home: Path, **settings: Any) -> None:
        self.world, self._callings = world, list[Calling]()
        self.builder = Process(home, world.rpc_url, port=free_port(), **settings).start()
        with ExitStack() as trial:
            trial.callback(self.builder.kill)
            self._sell(world, home)
            trial.pop_all()

    def _sell(self, world: World, home: Path) -> None:
        self.url, self.account = self.builder.url, self.builder.account
        (owner,) = world.owners(1)
        self.builder.api("/peers", {"url": owner.url})
        (asset,) = [one["id"] for one in self.builder.api("/search")["assets"] if one["kind"] == "dataset"]
        test = node_tables.write(home.with_name("test.csv"), node_tables.make(40, seed=7))
        wanted = {"assets": [asset], "test": str(test), "name": "m", "rounds": 2, "price_units": PRICE}
        job = self.builder.api("/train", wanted)["job"]
        until(lambda: not self.builder.api(f"/jobs/{job}")["running"], "the job ends", 60)
        model = self.builder.api(f"/jobs/{job}")["model"]
        self.builder.api("/serve", {"model": model, "on": True})
        self.payer = world.party("payer")
        self.payer.knows(self.builder)  # type: ignore[arg-type]
        self.model: Asset = self.payer.node.asset(model)
        self.pool = pool_of(self.model)
        self.width = len(self.model.schema_["columns"])

    def hand(self, party: Any = None) -> Hand:
        """A grant and a channel of its own."""
        return Hand.open(self, party or self.payer, deposit=100_000 * PRICE, cap=MANY)  # type: ignore[arg-type]

    def body(self, number: int) -> bytes:
        row = [f"{number}.{column + 1}" for column in range(self.width)]
        return json.dumps({"model": self.model.id, "rows": [row]}).encode()

    def key(self) -> bytes:
        """Of the builder's account: by it, its acts on chain go past its node."""
        return Keys.load(self.builder.home / "keys.jwe", PASSPHRASE).account_key

    def calling(self) -> Calling:
        self._callings.append(Calling(int(self.url.rsplit(":", 1)[1])))
        return self._callings[-1]

    def end(self) -> None:
        """Stop the seller, so that what it kept can be looked at."""
        for one in self._callings:
            one.close()
        with suppress(subprocess.TimeoutExpired):
            self.builder.terminate(20)
        self.builder.kill()


class Calling:
    """One kept connection to the seller, made anew where it broke."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: http.client.HTTPConnection | None = None

    def post(self, body: bytes, header: str, path: str = "/v1/predict") -> tuple[int, bytes]:
        """Status and answer. Raises OSError, HTTPException: none came."""
        return self._ask("POST", path, body, {HEADER: header, "content-type": "application/json"})

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        return self._ask("GET", path, None, headers)

    def _ask(self, *asked: Any) -> tuple[int, bytes]:
        self._kept = self._kept or http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            self._kept.request(*asked)
            answer = self._kept.getresponse()
            return answer.status, answer.read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


class Payer:
    """One client that pays call after call, and remembers what it was answered."""

    def __init__(self, shop: PaidShop, number: int) -> None:
        self.shop, self.hand, self._first = shop, shop.hand(), number * 1_000_000
        self.answers: list[bytes] = []
        self.unanswered = 0
        """How often it had to ask again."""
        self.refused = b""
        """What it did not expect, after which it went."""

    def request(self, count: int) -> tuple[bytes, str]:
        """Body and payment of its call of that number, from 1 on."""
        return self.shop.body(self._first + count), self.hand.voucher(count * PRICE)

    def pay(self, ended: threading.Event) -> None:
        """Go on until it is ended and the last is answered; what has no answer is asked again."""
        calling = self.shop.calling()
        while not ended.is_set():
            request = self.request(len(self.answers) + 1)
            while True:
                try:
                    status, answer = calling.post(*request)
                except (OSError, http.client.HTTPException):
                    self.unanswered += 1
                    time.sleep(0.02)
                    continue
                if status == 200:
                    break
                if status != 503:
                    self.refused = answer
                    return
                self.unanswered += 1
                time.sleep(0.02)
            self.answers.append(answer)
        calling.close()


@contextmanager
def paying(payers: list[Payer]) -> Iterator[None]:
    """All of them pay at full speed meanwhile."""
    ended = threading.Event()
    threads = [threading.Thread(target=one.pay, args=(ended,)) for one in payers]
    for one in threads:
        one.start()
    try:
        yield
    finally:
        ended.set()
        for one in threads:
            one.join(120)
    assert not any(one.is_alive() for one in threads)
    assert not [one.refused for one in payers if one.refused]
