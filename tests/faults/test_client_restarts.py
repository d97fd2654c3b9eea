"""SIGKILL of a sender at any instant: its successor finds no gap, and no act happens twice."""

import dataclasses
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.networks import network
from freehold.chain.rpc import Rpc
from freehold.chain.transaction import account_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from anvil import ABSENT, Anvil, binary

ROOT = Path(__file__).resolve().parents[2]
ME, SINK = account_of(DEV_KEY), "0x" + "51" * 20
HASTY = dataclasses.replace(network(31337), block_seconds=0.1, stuck_seconds=0.6)
needs_anvil = pytest.mark.skipif(binary() is None, reason=ABSENT)


def sender(url, how):
    """A process that mints one unit for SINK again and again, and says the hash of each once it has it."""
    command = [sys.executable, ROOT / "tests" / "support" / "submit_often.py", url, how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed(process, after, seconds):
    """The hashes a sender told, killed so long after it told that many."""
    told = [process.stdout.readline().strip() for _ in range(after)]
    time.sleep(seconds)
    process.kill()
    rest, _ = process.communicate()
    # what the kill cut off is no hash
    return told + [one for one in rest.split("\n")[:-1] if len(one) == 66]


def count(chain, block):
    return int(chain.rpc.call("eth_getTransactionCount", ME, block), 16)


def minted(chain):
    return chain.read("TestDollar", "balanceOf", SINK)


def test_killed_again_and_again_nothing_told_is_lost_and_no_nonce_skipped(tmp_path):
    chance, told = random.Random(20261122), []
    with EmbeddedNode(tmp_path) as node, Rpc(node.url) as rpc:
        chain = Chain(rpc)
        deployments.deploy_missing(chain, DEV_KEY)
        start = count(chain, "latest")
        for round_ in range(6):
            how = ("one", "many")[round_ % 2]
            told += killed(sender(node.url, how), 1 if round_ else 3, chance.uniform(0, 0.15))
        chain.send(DEV_KEY, "TestDollar", "mint", SINK, 1)
        assert len(set(told)) == len(told)
        assert all(rpc.call("eth_getTransactionReceipt", one)["status"] == "0x1" for one in told)
        # each nonce is one act: as many units as nonces, and nothing waits for one that is missing
        assert minted(chain) == count(chain, "latest") - start >= len(told) + 1
        assert count(chain, "pending") == count(chain, "latest")


@needs_anvil
def test_what_was_sent_and_not_mined_is_continued_by_the_successor():
    with Anvil("--no-mining") as node, Rpc(node.url) as rpc:
        chain = ready(rpc)
        start = count(chain, "latest")
        told = killed(sender(node.url, "one"), 4, 0.05)
        told += killed(sender(node.url, "many"), 1, 0.05)
        mine = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
        rpc.call("evm_mine")
        rpc.call("evm_mine")
        assert chain.wait(mine, 10).status == 1
        assert all(rpc.call("eth_getTransactionReceipt", one)["status"] == "0x1" for one in told)
        assert minted(chain) - 1 == count(chain, "latest") - start >= len(told) + 1


@needs_anvil
def test_a_nonce_that_died_with_its_sender_does_not_block_the_successor():
    with Anvil("--no-mining") as node, Rpc(node.url) as rpc:
        chain = ready(rpc)
        start = count(chain, "latest")
        told = killed(sender(node.url, "one"), 2, 0)
        mine = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
        behind = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
        for one in told:
            rpc.call("anvil_dropTransaction", one)
        rpc.call("evm_setAutomine", True)
        assert chain.wait(behind, 20).status == 1
        assert chain.wait(mine, 5).status == 1
        # the dead sender's acts are its caller's to do again; here nobody does, and nobody does ours twice
        unsaid = count(chain, "latest") - start - len(told) - 2
        assert minted(chain) - 1 == 2 + unsaid
        assert unsaid in (0, 1)
        assert count(chain, "pending") == count(chain, "latest")


def ready(rpc):
    chain = Chain(rpc, profile=HASTY)
    rpc.call("evm_setAutomine", True)
    deployments.deploy_missing(chain, DEV_KEY)
    # estimates suppose what waits in the pool; the first mint costs more than those after it
    chain.send(DEV_KEY, "TestDollar", "mint", SINK, 1)
    rpc.call("evm_setAutomine", False)
    return chain
