"""Many reads in one block, the figures of networks, and fees."""

import pytest
from chain_proxy import ChainProxy

from freehold.chain import deployments
from freehold.chain.acts import Fees, FeeTooHigh, from_history
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ChainUnreachable, ContractNotDeployed, ContractReverted, RpcError
from freehold.chain.networks import NETWORKS, network
from freehold.chain.rpc import Rpc
from freehold.core.errors import Conflict, NotAllowed

A, B = "0x" + "a1" * 20, "0x" + "b2" * 20


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node, Rpc(node.url) as rpc:
        connected = Chain(rpc)
        connected.node_url = node.url
        deployments.deploy_missing(connected, DEV_KEY)
        for value in range(1, 4):
            connected.send(DEV_KEY, "TestDollar", "mint", A, value)
            connected.send(DEV_KEY, "TestDollar", "mint", B, value)
        yield connected


def balances(*accounts):
    return [("TestDollar", "balanceOf", (one,)) for one in accounts]


def test_many_reads_come_in_order_and_from_one_block(chain):
    calls = [*balances(A, B), ("LogAnchors", "headOf", (A,)), ("TestDollar", "symbol", ())]
    assert chain.read_many(calls) == [6, 6, (bytes(32), 0, 0), "TUSD"]
    head = chain.block_number()
    assert chain.read_many(balances(A, B), block=head - 1) == [6, 3]
    assert chain.read_many([]) == []
    assert chain.read_many(balances(A) * 250) == [6] * 250


def test_a_block_in_between_changes_nothing(chain):
    with ChainProxy(chain.node_url) as proxy, Rpc(proxy.url) as rpc:
        minted = []

        def rule(request):
            # more money arrives between the two requests that 150 reads take
            if request["method"] == "eth_call" and not minted:
                minted.append(chain.send(DEV_KEY, "TestDollar", "mint", B, 10))

        proxy.rule = rule
        before = chain.read("TestDollar", "balanceOf", B)
        assert set(Chain(rpc).read_many(balances(B) * 150)) == {before}
        assert Chain(rpc).read("TestDollar", "balanceOf", B) == before + 10


def test_a_reorg_in_between_is_noticed(chain):
    with ChainProxy(chain.node_url) as proxy, Rpc(proxy.url) as rpc:
        held = chain.rpc.call("evm_snapshot")
        chain.send(DEV_KEY, "TestDollar", "mint", B, 10)
        before, moved = chain.read("TestDollar", "balanceOf", B), []

        def rule(request):
            if request["method"] == "eth_call" and not moved:
                moved.append(chain.rpc.call("evm_revert", held))
                chain.send(DEV_KEY, "TestDollar", "mint", B, 20)

        proxy.rule = rule
        assert set(Chain(rpc).read_many(balances(B) * 150)) == {before + 10}
        other = {"result": chain.rpc.call("eth_getBlockByNumber", "0x0", False)}
        proxy.rule = lambda request: other if request["params"][0] != "latest" and request["method"] == "eth_getBlockByNumber" else None  # fmt: skip
        with pytest.raises(Conflict, match="reorganised"):
            Chain(rpc).read_many(balances(B))


def test_the_first_failure_of_many_is_told(chain):
    with pytest.raises(ContractReverted, match="ERC721NonexistentToken"):
        chain.read_many([*balances(A), ("Assets", "ownerOf", (1,))])
    with pytest.raises(ContractNotDeployed):
        chain.read_many([((A, deployments.artifact("TestDollar").abi), "balanceOf", (A,))])
    with pytest.raises((RpcError, ChainUnreachable)):
        chain.read_many(balances(A), block=10**6)


def test_networks():
    assert network(31337).confirmations == 1
    assert network(31337).max_fee_wei is None
    assert all(
        one.confirmations > 1 and one.max_fee_wei for chain_id, one in NETWORKS.items() if chain_id != 31337
    )
    assert network(987654).confirmations > 1
    for one in NETWORKS.values():
        assert one.wait_seconds > one.confirmations * one.block_seconds + 2 * one.stuck_seconds


def history(base=100, rewards=((5,), (1,), (9,))):
    return {
        "oldestBlock": "0x10",
        "baseFeePerGas": [hex(base)] * 4,
        "reward": [[hex(tip) for tip in row] for row in rewards],
    }


def test_fees_follow_from_the_history():
    fees, head = from_history(history(), "0x7")
    assert (fees.tip, fees.most, head) == (5, 205, 0x10 + 2)
    # blocks that nobody tipped say nothing of the price
    assert from_history(history(rewards=((0,), (0,), (3,))), "0x7")[0].tip == 3
    assert from_history(history(rewards=((0,),)), "0x7")[0].tip == 7
    assert from_history(history(rewards=()), None)[0].tip == 10**9


@pytest.mark.parametrize(
    "broken",
    [None, 7, {}, [], {**history(), "baseFeePerGas": []}, {**history(), "reward": 7}, {**history(), "reward": [[]]}, {**history(), "oldestBlock": "x"}],
)  # fmt: skip
def test_histories_that_make_no_sense_are_refused(broken):
    with pytest.raises(ChainUnreachable):
        from_history(broken, "0x1")


def test_the_limit_takes_room_first_and_then_refuses():
    fees = Fees.of(base=100, tip=10)
    assert fees.within(1_000, None) is fees
    assert fees.within(1_000, 210_000) is fees
    assert fees.within(1_000, 120_000).most == 120
    assert fees.within(1_000, 110_000).most == 110
    with pytest.raises(FeeTooHigh) as refused:
        fees.within(1_000, 109_999)
    assert isinstance(refused.value, NotAllowed)
    assert refused.value.fields == {"fee_wei": 110_000, "max_fee_wei": 109_999}


@pytest.mark.parametrize("tip", [1, 7, 8, 10**9])
def test_replacements_pay_an_eighth_more_of_everything(tip):
    old = Fees.of(base=tip, tip=tip)
    new = old.raised(Fees.of(base=0, tip=0))
    assert new.tip * 8 >= old.tip * 9
    assert new.most * 8 >= old.most * 9
    dear = Fees.of(base=10**12, tip=10**11)
    assert old.raised(dear) == dear
