"""Every documented method of the local chain, by each client that has a way to ask it: all of them decode the same."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import cast_methods
import web3_methods
from anvil import ABSENT, CLIENTS, MODULES, Anvil, why_no_client
from chain_side import DEV, SINK, Side, calldata
from documented import documented, past

from freehold.chain import deployments
from freehold.chain.embedded import DEV_KEY, EmbeddedNode

WHY_NOT = why_no_client() or (None if (MODULES / "hardhat").is_dir() and cast_methods.binary() else ABSENT)
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
FUNDED = "0x" + "22" * 20


def script(name):
    def run(given):
        command = ["node", CLIENTS / "methods" / name, json.dumps(given)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-3_000:]
        return {method: said for method, (_, said) in json.loads(done.stdout).items()}

    return run


CLIENT = {
    "web3.py": web3_methods.blocking,
    "web3.py-async": web3_methods.asynchronous,
    "web3.py-websocket": web3_methods.by_socket,
    "ethers": script("ethers.mjs"),
    "viem": script("viem.mjs"),
    "hardhat-ethers": script("hardhat.mjs"),
    "cast": lambda given: cast_methods.Cast(given).asked(),
}


def asked(side, clients=CLIENT):
    """What each client decoded, by its name and by method; each begins at the same state."""
    was = past(side)
    side.ask("anvil_setBalance", FUNDED, hex(1_000))
    if int(side.ask("eth_blockNumber"), 16) == 2:
        side.ask("evm_mine")  # the other node makes no block of it
    artifact = json.loads((deployments.ARTIFACTS / "TestDollar.json").read_text())
    given = {
        "url": side.url, "dollar": was.dollar, "sink": SINK, "funded": FUNDED, "account": DEV.address,
        "key": "0x" + DEV_KEY.hex(), "abi": artifact["abi"], "bytecode": artifact["bytecode"],
        "mint": calldata("TestDollar", "mint", SINK, 7),
        "raw": side.sign(value=1),
        "receipt": {
            "hash": was.receipt["transactionHash"], "blockHash": was.receipt["blockHash"],
            "blockNumber": int(was.receipt["blockNumber"], 16), "number": was.receipt["blockNumber"],
        },
    }  # fmt: skip
    seen = {}
    for name, run in clients.items():
        snapshot = side.ask("evm_snapshot")
        seen[name] = run(given)
        assert side.ask("evm_revert", snapshot) is True
    return seen


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node, closing(Side(node.url)) as side:
        yield asked(side)


def test_every_documented_method_is_asked_by_a_client(here):
    ran = {method for seen in here.values() for method in seen}
    assert documented() - ran == set()


def test_no_client_fails(here):
    failed = {
        (name, method): said["failed"]
        for name, seen in here.items()
        for method, said in seen.items()
        if isinstance(said, dict)
    }
    assert failed == {}


def test_clients_agree(here):
    for method in documented():
        said = {name: seen[method] for name, seen in here.items() if method in seen}
        assert len({json.dumps(one) for one in said.values()}) == 1, (method, said)


def test_what_people_do_with_each_client(here):
    done = {
        name: {step[3:]: said for step, said in seen.items() if step.startswith("to ")}
        for name, seen in here.items()
    }
    assert {name: steps for name, steps in done.items() if steps} == {
        "ethers": {
            "factory": ["9", "9", "1"],
            "batched": True,
            "polled": True,
            "fallback": ["1", "1000", True],
            "names": "unsupported_operation",
        },
        "viem": {
            "batched": "150",
            "ganache": "4",
            "multicall": "chaindoesnotsupportcontract",
            "names": "chaindoesnotsupportcontract",
            "polled": True,
        },
        "hardhat-ethers": {
            "deployContract": ["9", ["9"]],
            "reverts": ["3", None],
            "impersonated": [FUNDED, "1"],
        },
    }


AT_ODDS = {
    "web3_clientVersion", "eth_accounts", "hardhat_impersonateAccount", "hardhat_stopImpersonatingAccount",
    "eth_gasPrice", "eth_maxPriorityFeePerGas", "evm_increaseTime", "eth_newBlockFilter",
    "txpool_status", "txpool_content", "txpool_inspect",
}  # fmt: skip
"""What is another by its nature: names, accounts, tips, a clock's distance, when a block's hash is told, whether a
queue outlives a rewind."""


def test_the_reference_node_is_decoded_alike(here):
    with Anvil() as node, closing(Side(node.url)) as side:
        there = asked(
            side, {name: run for name, run in CLIENT.items() if name in ("web3.py", "viem", "cast")}
        )
    compared = set()
    for name, seen in there.items():
        for method, said in seen.items():
            # it lacks some, and does not read some that clients send
            if method in AT_ODDS or method.startswith("to ") or isinstance(said, dict):
                continue
            mine = here[name][method]
            if method.startswith("eth_getBlockBy"):
                # hashes are over states that differ by the accounts of the first block
                said, mine = said[:1] + said[3:], mine[:1] + mine[3:]  # noqa: PLW2901
            assert mine == said, (name, method)
            compared.add(method)
    assert len(compared) > 45
