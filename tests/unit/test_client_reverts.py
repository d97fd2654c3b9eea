"""Every custom error of every shipped contract has a Python class, a hint and a line in the documentation."""

import json
from pathlib import Path

import pytest

from freehold.chain import deployments
from freehold.chain.abi import Interface
from freehold.chain.errors import ContractReverted, RpcError
from freehold.chain.reverts import TABLE, ActDone, refusal, reverted

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "contract-errors.md"


def shipped():
    """Name to the signatures and contracts that declare it."""
    found = {}
    for contract in deployments.names():
        for entry in deployments.artifact(contract).interface.errors.values():
            if entry.name not in ("Error", "Panic"):
                signatures, contracts = found.setdefault(entry.name, (set(), []))
                signatures.add(entry.signature)
                contracts.append(contract)
    return found


def test_the_table_has_every_error_and_no_other():
    declared = {
        item["name"]
        for path in deployments.ARTIFACTS.glob("*.json")
        for item in json.loads(path.read_text())["abi"]
        if item["type"] == "error"
    }
    assert len(declared) > 50
    assert declared == set(TABLE) == set(shipped())


def test_each_has_a_class_of_its_kind_and_a_hint():
    for name, (kind, hint) in TABLE.items():
        assert issubclass(kind, ContractReverted), name
        assert kind is not ContractReverted, name
        assert len(hint) > 15, name
        assert hint[-1] != ".", name


def test_one_name_means_one_error():
    for name, (signatures, _) in shipped().items():
        assert len(signatures) == 1, name


@pytest.mark.parametrize("name", sorted(TABLE))
def test_revert_data_becomes_the_class(name):
    contracts = shipped()[name][1]
    interface = deployments.artifact(contracts[0]).interface
    entry = next(one for one in interface.errors.values() if one.name == name)
    zero = {"address": "0x" + "00" * 20, "string": "x", "bytes32": bytes(32)}
    data = entry.encode(tuple(zero.get(kind, 0) for kind in entry.types))
    told = RpcError("execution reverted", rpc_code=3, data="0x" + data.hex())
    # a caller without any ABI learns as much
    raised = refusal(told, Interface([]), "Somewhere")
    assert type(raised) is TABLE[name][0]
    assert (raised.name, raised.hint) == (name, TABLE[name][1])
    assert len(raised.arguments) == len(entry.inputs)


def test_other_reverts_are_plain():
    assert type(reverted("Panic", (17,), "X")) is ContractReverted
    assert "overflow" in reverted("Panic", (17,), "X").hint
    plain = RpcError("execution reverted: no", rpc_code=3)
    assert refusal(plain, Interface([]), "X").name == "Reverted"
    other = RpcError("insufficient funds", rpc_code=-32000)
    assert refusal(other, Interface([]), "X") is other
    assert issubclass(ActDone, ContractReverted)


def test_the_page_has_every_line():
    page = PAGE.read_text()
    for name, (_, contracts) in shipped().items():
        kind, hint = TABLE[name]
        line = f"| `{name}` | {', '.join(sorted(contracts))} | `{kind.__name__}` | {hint} |"
        assert line in page, line
    assert page.count("\n| `") == len(TABLE)
