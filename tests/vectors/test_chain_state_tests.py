"""Published state tests of Prague through the local chain's rules: the same root, the same logs, or a refusal."""

import gzip
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import rlp
from eth_hash.auto import keccak

from freehold.chain.embedded import EmbeddedNode, genesis
from freehold.chain.embedded.faults import Fault
from freehold.chain.embedded.machine import Machine, require_no_contract
from freehold.chain.embedded.store import Nodes
from freehold.chain.embedded.transactions import afford, decode_transaction
from freehold.chain.header import Header

assert EmbeddedNode  # loads py-evm the way the node does

SAMPLE = Path(__file__).resolve().parents[3] / "shared/vectors/ethereum_state_tests/prague_sample.json.gz"
LONG = ("static_LoopCallsThenRevert[", "static_Call50000_identity[")
"""Seconds each, as they call tens of thousands of times."""


def published():
    if not SAMPLE.exists():
        absent = pytest.mark.skip(reason="shared/vectors/ethereum_state_tests is not beside the repository")
        return [pytest.param(None, id="absent", marks=absent)]
    return [
        pytest.param(
            case,
            id=case["name"].rpartition("::")[2],
            marks=[pytest.mark.slow] if any(name in case["name"] for name in LONG) else [],
        )
        for case in json.loads(gzip.decompress(SAMPLE.read_bytes()))
    ]


def number(text):
    return int(text, 16)


def data(text):
    return bytes.fromhex(text[2:])


def placed(env):
    """The header in whose environment a case runs, and a machine with the hashes that its blocks have."""
    header = Header(
        parent_hash=bytes(32),
        coinbase=data(env["currentCoinbase"]),
        gas_limit=number(env["currentGasLimit"]),
        block_number=number(env["currentNumber"]),
        timestamp=number(env["currentTimestamp"]),
        mix_hash=number(env["currentRandom"]).to_bytes(32, "big"),
        base_fee_per_gas=number(env["currentBaseFee"]),
    )

    def ancestors(height):
        return [keccak(str(one).encode()) for one in range(height - 1, max(-1, height - 257), -1)]

    return header, Machine(Nodes({}.get), ancestors)


def before(state, accounts):
    for name, account in accounts.items():
        address = data(name)
        state.set_balance(address, number(account["balance"]))
        state.set_nonce(address, number(account["nonce"]))
        if account["code"] != "0x":
            state.set_code(address, data(account["code"]))
        for slot, value in account["storage"].items():
            state.set_storage(address, number(slot), number(value))
    state.persist()
    return state.state_root


def mined(machine, header, raw):
    """State and outcome of a transaction, as a block would take it; raises `Fault`."""
    transaction = decode_transaction(raw)
    state = machine.state(header)
    sender = transaction.sender
    if transaction.nonce != state.get_nonce(sender):
        raise Fault(-32000, "nonce")
    afford(transaction, header.base_fee_per_gas, state.get_balance(sender))
    require_no_contract(state, sender)
    outcome = machine.apply(state, transaction, math.inf)
    state.persist()
    return state, outcome


@pytest.mark.parametrize("case", published())
def test_a_published_state_test(case, monkeypatch):
    header, machine = placed(case["env"])
    monkeypatch.setattr(genesis, "CHAIN_ID", 1)
    monkeypatch.setattr(genesis, "GAS_LIMIT", header.gas_limit)
    header = replace(header, state_root=before(machine.state(header), case["pre"]))
    raw = data(case["txbytes"])
    if "expectException" in case or raw[0] == 3:
        # no blob transaction is taken here, good or bad
        with pytest.raises(Fault) as refused:
            mined(machine, header, raw)
        assert refused.value.code == -32000
        return
    state, outcome = mined(machine, header, raw)
    assert "0x" + state.state_root.hex() == case["hash"]
    logs = [
        [address, [topic.to_bytes(32, "big") for topic in topics], said]
        for address, topics, said in outcome.logs
    ]
    assert "0x" + keccak(rlp.encode(logs)).hex() == case["logs"]
