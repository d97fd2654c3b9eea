"""The record of deployments: what the chain says, kept, found again when lost, corrected when wrong."""

import json
import subprocess
import sys

import pytest
from eth_hash.auto import keccak

from freehold.chain import deployment_record, deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.rpc import Rpc
from freehold.core.errors import InvalidInput, NotFound

SINK = "0x" + "51" * 20


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture(scope="module")
def chain(node):
    with Rpc(node.url) as rpc:
        made = Chain(rpc)
        deployments.deploy_missing(made, DEV_KEY)
        for _ in range(3):
            made.send(DEV_KEY, "TestDollar", "mint", SINK, 1)
        yield made


def test_each_contract_is_found_where_it_was_made(chain, tmp_path):
    record = deployment_record.renew(tmp_path / "record.json", chain)
    assert [one.contract for one in record.contracts] == deployments.names()
    for one in record.contracts:
        receipt = chain.rpc.call("eth_getTransactionReceipt", one.tx_hash)
        block = chain.rpc.call("eth_getBlockByNumber", hex(one.block_number), False)
        assert (receipt["to"], receipt["status"]) == (deployments.PROXY, "0x1")
        assert int(receipt["blockNumber"], 16) == one.block_number
        assert int(block["timestamp"], 16) == one.deployed_at
        assert one.address == deployments.address(one.contract)
        assert one.bytecode_hash == "0x" + keccak(chain.code(one.address)).hex()
        # not there one block before
        assert chain.rpc.call("eth_getCode", one.address, hex(one.block_number - 1)) == "0x"
    assert deployment_record.read(tmp_path / "record.json") == record


def test_a_record_that_is_right_is_left_alone(chain, tmp_path):
    path = tmp_path / "record.json"
    record = deployment_record.renew(path, chain)
    before = path.stat()
    assert deployment_record.renew(path, chain) == record
    assert path.stat().st_ino == before.st_ino
    assert [one.name for one in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda path, _: path.unlink(),
        lambda path, _: path.write_text("{"),
        lambda path, _: path.write_text("[]"),
        lambda path, told: path.write_text(json.dumps({**told, "genesis": "0x" + "11" * 32})),
        lambda path, told: path.write_text(json.dumps({**told, "contracts": told["contracts"][:3]})),
        lambda path, told: path.write_text(
            json.dumps(
                {**told, "contracts": [{**one, "tx_hash": "0x" + "11" * 32} for one in told["contracts"]]}
            )
        ),
        lambda path, told: path.write_text(
            json.dumps({**told, "contracts": [{**one, "block_number": 1} for one in told["contracts"]]})
        ),
    ],
    ids=["gone", "torn", "nonsense", "other-network", "fewer", "other-transaction", "other-block"],
)
def test_what_is_lost_or_wrong_comes_from_the_chain(chain, tmp_path, harm):
    path = tmp_path / "record.json"
    right = deployment_record.renew(path, chain)
    harm(path, json.loads(path.read_text()))
    assert deployment_record.renew(path, chain) == right
    assert deployment_record.read(path) == right


def test_a_chain_that_forgot_its_past_leaves_only_that_unknown(chain, tmp_path, monkeypatch):
    call = chain.rpc.call

    def pruned(method, *params):
        if method == "eth_getCode" and params[1] != "latest":
            raise deployment_record.RpcError("missing trie node", rpc_code=-32000)
        return call(method, *params)

    monkeypatch.setattr(chain.rpc, "call", pruned)
    record = deployment_record.renew(tmp_path / "record.json", chain)
    assert {(one.tx_hash, one.block_number, one.deployed_at) for one in record.contracts} == {(None,) * 3}
    assert all(one.bytecode_hash for one in record.contracts)


def test_a_file_that_is_no_record_is_said_so(tmp_path):
    with pytest.raises(NotFound):
        deployment_record.read(tmp_path / "record.json")
    (tmp_path / "record.json").write_text('{"contracts": 7}')
    with pytest.raises(InvalidInput):
        deployment_record.read(tmp_path / "record.json")


def freehold(*arguments):
    command = [sys.executable, "-m", "freehold", "chain", *arguments, "--json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.usefixtures("chain")
def test_the_command_shows_and_makes_it(node, tmp_path):
    home = ["contracts", "--home", str(tmp_path)]
    absent = freehold(*home)
    assert (absent.returncode, json.loads(absent.stdout)["error"]["code"]) == (4, "not_found")
    made = json.loads(freehold(*home, "--rpc-url", node.url).stdout)
    assert [one["contract"] for one in made["contracts"]] == deployments.names()
    assert json.loads(freehold(*home).stdout) == made
