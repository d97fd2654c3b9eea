"""ethers and viem, unmodified, on the local chain: deploy, send, wait, call, logs, reverts, live events."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from anvil import CLIENTS, why_no_client

from freehold.chain import deployments
from freehold.chain.embedded import DEV_KEY, EmbeddedNode

pytestmark = pytest.mark.skipif(why_no_client() is not None, reason=str(why_no_client()))
NOWHERE, SINK = "0x" + "00" * 20, "0x" + "11" * 20
DOLLAR = deployments.ARTIFACTS / "TestDollar.json"


def run(script, node, *more):
    command = ["node", CLIENTS / script, node.url, DOLLAR, "0x" + DEV_KEY.hex(), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


def test_ethers(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        seen = run("ethers.mjs", node, "websocket")
    assert seen == {
        "network": "31337",
        "code": True,
        "status": 1,
        "fee": True,
        "balance": "5",
        "before": "0",
        "heard": [NOWHERE, SINK, "5"],
        "burst": True,
        "total": str(5 + sum(range(1, 21))),
        "events": ["5", *(str(n) for n in range(1, 21))],
        "reverted": ["ERC20InsufficientBalance"],
        "refused": "CALL_EXCEPTION",
        "failed": ["CALL_EXCEPTION", 0],
        "nonce": "NONCE_EXPIRED",
        "poor": "INSUFFICIENT_FUNDS",
        "block": True,
        "fees": True,
        "live": ["77", True],
    }


def test_viem(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        seen = run("viem.mjs", node, "websocket")
    assert seen == {
        "network": 31337,
        "code": True,
        "status": "success",
        "balance": "5",
        "before": "0",
        "parsed": ["5"],
        "heard": "5",
        "accessList": [[True, 2]],
        "events": ["5", "1", "1"],
        "reverted": ["ERC20InsufficientBalance"],
        "failed": "reverted",
        "nonce": "NonceTooLowError",
        "poor": "InsufficientFundsError",
        "override": "42",
        "proof": 1,
        "fees": 2,
        "time": 1_010,
        "back": True,
        "live": ["77", True],
    }
