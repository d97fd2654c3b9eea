"""A stranger with ethers uses every function of every contract from its ABI and docs/reference/contracts.md."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from anvil import ABSENT, CLIENTS, Anvil, binary, why_no_client

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.rpc import Rpc

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "contracts.md"
DOLLARS = 1_000_000


def run(url, page=PAGE):
    with Rpc(url) as rpc:
        deployments.deploy_missing(Chain(rpc), DEV_KEY)
    addresses = json.dumps({name: deployments.address(name) for name in deployments.names()})
    given = [url, deployments.ARTIFACTS, page, "0x" + DEV_KEY.hex(), addresses]
    done = subprocess.run(
        ["node", CLIENTS / "stranger.mjs", *given],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


def functions():
    return sum(
        one["type"] == "function" for name in deployments.names() for one in deployments.artifact(name).abi
    )


@pytest.mark.skipif(why_no_client() is not None, reason=str(why_no_client()))
@pytest.mark.parametrize("kind", ["embedded", "anvil"])
def test_every_function_of_every_contract_is_used(kind, tmp_path):
    if kind == "anvil" and binary() is None:
        pytest.skip(ABSENT)
    with Anvil() if kind == "anvil" else EmbeddedNode(tmp_path) as node:
        seen = run(node.url)
    assert seen.pop("unused") == []
    assert seen.pop("used") == functions()
    assert seen == {
        "dollars": [str(98 * DOLLARS - 28), str(102 * DOLLARS + 28)],
        "head": "9",
        "shrunk": "SizeMustGrow",
        "revoked": [True, True, False],
        "stamped": True,
        "stamped_again": "AlreadyStamped",
        "owners": ["alice", "bob"],
        "about": ["Freehold Assets", "FREEHOLD", "", True],
        "bought": True,
        "again": "AlreadyBought",
        "shares": ["75", "100"],
        "allowed": ["5", True],
        "fixed": ["NotTransferable", "NotTransferable"],
        "most": "256",
        "claimed": str(6 * DOLLARS),
        "pool": ["100", True],
        "unproved": "InvalidProof",
        "early": "NotYetWithdrawable",
        "channel": [True, str(4 * DOLLARS), str(3 * DOLLARS), True],
        "forged": "InvalidSignature",
        "acts": ["Anchor", "Offer", "Open", "Register", "Release", "RequestClose", "Revoke", "Voucher"],
    }


@pytest.mark.skipif(why_no_client() is not None, reason=str(why_no_client()))
def test_a_page_that_is_wrong_does_not_do(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text().replace("Voucher(bytes32 channel,", "Voucher(uint256 channel,"))
    with (
        EmbeddedNode(tmp_path / "chain") as node,
        pytest.raises(AssertionError, match="execution reverted"),
    ):
        run(node.url, page)
