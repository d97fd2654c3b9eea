"""Addresses from bytecode, and contracts put where they say."""

import json

import pytest

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.deployments import Deployments
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ContractNotDeployed
from freehold.chain.rpc import Rpc
from freehold.core.errors import NotFound

# runtime code `PUSH1 42 PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN`, behind a constructor that copies it
ANSWER = "600a600c600039600a6000f3" + "602a60005260206000f3"
ABI = [{"type": "function", "name": "answer", "inputs": [], "outputs": [{"name": "", "type": "uint256"}]}]


def write(folder, name, *, constructor=(), bytecode=ANSWER):
    body = {
        "name": name,
        "abi": ABI,
        "bytecode": "0x" + bytecode,
        "deployed": "0x",
        "constructor": constructor,
    }
    (folder / f"{name}.json").write_text(json.dumps(body))


@pytest.fixture
def chain(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node, Rpc(node.url) as rpc:
        yield Chain(rpc)


def test_contracts_land_at_the_computed_addresses_once(chain, tmp_path):
    write(tmp_path, "B")
    write(tmp_path, "A", constructor=["B"])
    found = Deployments(tmp_path)
    assert found.names() == ["B", "A"]
    with pytest.raises(ContractNotDeployed) as refused:
        found.check(chain)
    assert refused.value.fields["missing"] == ["B", "A"]
    receipts = found.deploy_missing(chain, DEV_KEY)
    assert [receipt.status for receipt in receipts.values()] == [1, 1]
    found.check(chain)
    for name in ("A", "B"):
        assert chain.read((found.address(name), ABI), "answer") == 42
    head = chain.block_number()
    assert found.deploy_missing(chain, DEV_KEY) == {"B": None, "A": None}
    assert chain.block_number() == head


def test_a_constructor_argument_changes_the_address(tmp_path):
    write(tmp_path, "B")
    write(tmp_path, "A")
    plain = Deployments(tmp_path).address("A")
    write(tmp_path, "A", constructor=["B"])
    assert Deployments(tmp_path).address("A") != plain


def test_contracts_that_need_each_other_are_refused(tmp_path):
    write(tmp_path, "A", constructor=["B"])
    write(tmp_path, "B", constructor=["A"])
    with pytest.raises(NotFound, match="A -> B -> A"):
        Deployments(tmp_path).names()


def test_an_interrupted_deployment_is_completed(chain, tmp_path):
    write(tmp_path, "A")
    Deployments(tmp_path).deploy_missing(chain, DEV_KEY)
    write(tmp_path, "B", bytecode=ANSWER.replace("602a", "602b"))
    receipts = Deployments(tmp_path).deploy_missing(chain, DEV_KEY)
    assert receipts["A"] is None
    assert receipts["B"].status == 1


def test_every_shipped_contract_deploys_with_the_committed_runtime_code(chain):
    receipts = deployments.deploy_missing(chain, DEV_KEY)
    assert set(receipts) == {path.stem for path in deployments.ARTIFACTS.glob("*.json")} != set()
    for name in deployments.names():
        shipped = json.loads((deployments.ARTIFACTS / f"{name}.json").read_text())["deployed"].removeprefix(
            "0x"
        )
        code = chain.code(deployments.address(name))
        # immutables are zero in the artifact and set on the chain
        assert len(code) == len(shipped) // 2
        differing = sum(a != b for a, b in zip(code, bytes.fromhex(shipped), strict=True))
        assert differing <= 32 * 12


def test_unknown_contracts_are_named():
    with pytest.raises(NotFound, match="Nothing"):
        deployments.address("Nothing")
