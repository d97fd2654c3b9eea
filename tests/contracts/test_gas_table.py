"""What each act costs: no more than the committed table and the bars, and the same for the n-th as for the second."""

import importlib.util
import json
import subprocess
import sys

import pytest
from contract_world import FAR, ROOT, SplitTree, id_of

from freehold.core.signing import OFFER_TYPE, VOUCHER_TYPE

SALT = b"\x01" * 32
CALLDATA_NOISE = 64
"""Gas by which two calls differ when some bytes of a hash are zero: 12 a byte."""


@pytest.fixture(scope="module")
def gas():
    spec = importlib.util.spec_from_file_location("gas_bench", ROOT / "bench" / "gas.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["gas_bench"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measured(gas):
    return gas.measure()


def test_no_act_costs_over_2_percent_more_than_the_committed_table(gas, measured):
    committed = json.loads(gas.TABLE.read_text())
    assert set(measured) == set(committed), "run `python bench/gas.py --write` and commit bench/gas.json"
    risen = {
        name: (committed[name]["gas"], row["gas"])
        for name, row in measured.items()
        if row["gas"] * 100 > committed[name]["gas"] * 102
    }
    assert not risen


def test_every_bar_is_met_and_no_act_beats_its_floor(measured):
    assert [name for name, row in measured.items() if row["gas"] > row.get("bar", row["gas"])] == []
    assert [name for name, row in measured.items() if row["gas"] < row["floor"]] == []
    assert sum("bar" in row for row in measured.values()) == 7


def test_the_table_is_printed_when_asked_for():
    command = [sys.executable, str(ROOT / "bench" / "gas.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert "Market.buyWithAuthorization" in printed


def test_the_20th_act_costs_what_the_second_did(world):
    """Anchors, revocations in new words, registrations, stamps, purchases, deposits, claims, channels, vouchers."""
    owner, payer = world.account(), world.account()
    dollars, tree = world.TestDollar, SplitTree({owner.address: 1})
    world.mint(payer, 10**9)
    for contract in (world.Market, world.Revenue, world.Channels):
        world.send(payer, dollars, "approve", contract.address, 2**256 - 1)
    world.send(owner, world.Revenue, "open", SALT, dollars.address, tree.root, 1)
    pool = id_of(["address", "bytes32"], owner.address, SALT)
    channel = id_of(["address", "bytes32", "bytes32"], payer.address, pool, SALT)
    world.send(payer, world.Channels, "open", pool, 10**6, SALT)
    costs: dict[str, list[int]] = {}
    for turn in range(1, 21):
        unique = id_of(["uint256"], turn)
        offer = (unique, owner.address, payer.address, dollars.address, 0x0101, FAR)
        signed = world.sign(owner, world.Market, OFFER_TYPE, *offer)
        voucher = world.sign(payer, world.Channels, VOUCHER_TYPE, channel, 1_000 * turn)
        for sender, contract, *call in [
            (owner, world.LogAnchors, "anchor", turn, unique),
            (owner, world.Revocations, "revoke", 256 * turn),
            (owner, world.Assets, "register", unique),
            (owner, world.Timestamps, "stamp", unique),
            (payer, world.Market, "buy", offer, signed),
            (payer, world.Revenue, "deposit", pool, 0x0101),
            (world.deployer, world.Revenue, "claim", pool, owner.address, 1, []),
            (payer, world.Channels, "open", pool, 0x0101, unique),
            (world.deployer, world.Channels, "settle", channel, 1_000 * turn, voucher),
        ]:
            name = f"{contract.name}.{call[0]}"
            costs.setdefault(name, []).append(world.send(sender, contract, *call).gas_used)
    assert len(costs) == 9
    for name, taken in costs.items():
        assert abs(taken[-1] - taken[1]) <= CALLDATA_NOISE, (name, taken)
