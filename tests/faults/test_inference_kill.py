"""A gateway killed with SIGKILL again and again while a buyer goes on: nothing is lost, nothing paid twice."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from inference_world import PRICE, Shop
from node_world import World, require_sound, until

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.errors import Unavailable
from freehold.core.signing import parse_envelope
from freehold.features.payments import settling
from freehold.kernel.node import Node
from freehold.kernel.settings import Settings

CALLS, KILLS = 40, 4
DAEMON = """
import sys
from pathlib import Path
from freehold.shell import daemon
from freehold.kernel.settings import Settings
home, port, rpc_url, url = sys.argv[1:]
daemon.run(Path(home), sys.stdin.readline().strip(), Settings("builder", port=int(port), rpc_url=rpc_url, endpoint=url))
"""


class Process:
    """The builder's node as a process of its own, on the port and in the home it had before."""

    def __init__(self, shop: Shop) -> None:
        builder = shop.builder
        self.args = [sys.executable, "-c", DAEMON, str(builder.home)]
        self.args += [str(builder.port), shop.world.rpc_url, builder.url]
        self.ready = builder.home / "node.json"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.ready.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.args, stdin=subprocess.PIPE, text=True)
        assert self.process.stdin
        self.process.stdin.write("passphrase\n")
        self.process.stdin.close()
        until(self.ready.exists, "the node answers", 30)

    def end(self, how: int) -> None:
        assert self.process
        os.kill(self.process.pid, how)
        self.process.wait(20)


@pytest.mark.slow
def test_every_question_is_answered_once_and_paid_once_however_often_the_gateway_dies(world: World) -> None:
    shop = Shop(world)
    buyer = shop.buyer()
    keys, home = shop.builder.node.keys, shop.builder.home
    keys.save(home / "keys.jwe", "passphrase")
    shop.builder.close()
    world._parties.remove(shop.builder)
    gateway = Process(shop)
    gateway.start()
    answers: list[dict] = []

    def ask() -> None:
        while len(answers) < CALLS:
            try:
                answers.append(buyer.buyer.predict(shop.model.id, shop.rows(1, len(answers))))
            except Unavailable:
                time.sleep(0.05)

    thread = threading.Thread(target=ask)
    thread.start()
    rng = random.Random(7)
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.2, 0.6))
        gateway.end(signal.SIGKILL)
        gateway.start()
    thread.join(120)
    assert len(answers) == CALLS
    buyer.services.countersigner.flush()
    gateway.end(signal.SIGTERM)

    with Rpc(world.rpc_url) as rpc:
        node = Node(home, keys, Settings(name="builder"), Chain(rpc))
        require_sound(node)
        receipts = [parse_envelope(answer["receipt"]).document.body for answer in answers]
        assert sorted(r["evidence"]["cumulative_units"] for r in receipts) == [
            PRICE * (i + 1) for i in range(CALLS)
        ]
        given = [e.document.body for e in node.store.find("receipt", "infer")]
        assert Counter(r["evidence"]["request"] for r in given) == Counter(
            r["evidence"]["request"] for r in receipts
        )
        assert node.store.uses(receipts[0]["grant"]) == (CALLS, CALLS * PRICE)
        assert not node.store.unsigned_receipts(buyer.account)
        settling.settle(node)
        assert shop.pool_units() == (CALLS * PRICE, 0)
        node.store.close()
