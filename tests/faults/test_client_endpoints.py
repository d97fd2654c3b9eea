"""Several endpoints of one chain: fail-over, retries of reads, and endpoints that lag or lie."""

import socket
import time

import pytest
from chain_proxy import ChainProxy

from freehold.chain import comparison
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ChainUnreachable, EndpointsDisagree, RpcError
from freehold.chain.rpc import Rpc
from freehold.chain.transaction import account_of
from freehold.core.errors import InvalidInput

ME = account_of(DEV_KEY)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture
def first(node):
    with ChainProxy(node.url) as proxy:
        yield proxy


@pytest.fixture
def second(node):
    with ChainProxy(node.url) as proxy:
        yield proxy


@pytest.fixture
def third(node):
    with ChainProxy(node.url) as proxy:
        yield proxy


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def failing(times, answer="drop", method=None):
    """A rule that fails so many requests, then lets everything through."""
    left = [times]

    def rule(request):
        if left[0] > 0 and method in (None, request["method"]):
            left[0] -= 1
            return answer
        return None

    return rule


@pytest.mark.parametrize("fault", ["drop", ("http", 503, {}), ("http", 429, {"retry-after": "0.2"})])
def test_a_read_is_repeated_until_it_is_answered(first, fault):
    first.rule = failing(2, fault)
    with Rpc(first.url) as rpc:
        assert rpc.call("eth_chainId") == "0x7a69"
    assert first.methods() == ["eth_chainId"] * 3


def test_a_read_is_not_repeated_for_ever(first):
    first.rule = lambda _: "drop"
    with Rpc(first.url) as rpc, pytest.raises(ChainUnreachable):
        rpc.call("eth_chainId")
    assert len(first.seen) == 3


def test_retries_end_with_the_time_given(first):
    first.rule = lambda _: ("http", 429, {"retry-after": "9999999"})
    started = time.monotonic()
    with Rpc(first.url, timeout=0.5) as rpc, pytest.raises(ChainUnreachable):
        rpc.call("eth_chainId")
    assert time.monotonic() - started < 2
    for nonsense in ("-1", "nan", "inf", "tomorrow"):
        first.rule = failing(1, ("http", 429, {"retry-after": nonsense}))
        with Rpc(first.url) as rpc:
            assert rpc.call("eth_chainId") == "0x7a69"


@pytest.mark.parametrize(
    "method", ["eth_sendRawTransaction", "evm_mine", "anvil_setBalance", "eth_newBlockFilter"]
)
def test_what_changes_something_is_never_asked_twice(first, second, method):
    first.rule = lambda request: "swallow" if request["method"] == method else None
    with Rpc([first.url, second.url]) as rpc, pytest.raises(ChainUnreachable) as refused:
        rpc.call(method)
    assert refused.value.was_delivered
    assert (first.methods() + second.methods()).count(method) == 1


def test_what_certainly_never_arrived_goes_elsewhere(first, node):
    with Rpc(f"http://127.0.0.1:{closed_port()}, {first.url}") as rpc:
        before = int(rpc.call("eth_blockNumber"), 16)
        rpc.call("evm_mine")
        assert int(rpc.call("eth_blockNumber"), 16) == before + 1


def test_the_second_endpoint_takes_over_and_the_first_is_left_alone_for_a_while(first, second):
    with Rpc(f"{first.url},{second.url}") as rpc:
        rpc.call("eth_chainId")
        first.rule = lambda _: "drop"
        first.seen.clear()
        for _ in range(5):
            assert rpc.call("eth_chainId") == "0x7a69"
        assert len(first.seen) == 1
        assert [bool(why) for _, why in rpc.health()] == [True, False]


def test_an_endpoint_that_recovers_is_used_again(first, second, monkeypatch):
    monkeypatch.setattr(comparison, "EVERY_SECONDS", 0.2)
    with Rpc([first.url, second.url]) as rpc:
        first.rule = lambda _: "drop"
        rpc.call("eth_chainId")
        first.rule = lambda _: None
        time.sleep(0.3)
        first.seen.clear()
        rpc.call("net_version")
        assert "net_version" in first.methods()


def test_a_refusal_that_is_one_endpoints_own_is_asked_elsewhere(first, second):
    pruned = {"error": {"code": -32000, "message": "missing trie node 12ab"}}
    first.rule = lambda request: pruned if request["method"] == "eth_getBalance" else None
    with Rpc([first.url, second.url]) as rpc:
        assert int(rpc.call("eth_getBalance", ME, "latest"), 16) > 0
        assert rpc.batch([("eth_chainId",), ("eth_getBalance", ME, "latest")])[0] == "0x7a69"
        second.rule = first.rule
        with pytest.raises(RpcError, match="missing trie node"):
            rpc.call("eth_getBalance", ME, "latest")


def chain_of(number):
    return lambda request: {"result": hex(number)} if request["method"] == "eth_chainId" else None


def test_two_endpoints_of_different_chains_are_refused_by_name(first, second):
    second.rule = chain_of(1)
    with Rpc([first.url, second.url]) as rpc, pytest.raises(EndpointsDisagree) as refused:
        rpc.call("eth_blockNumber")
    told = refused.value.fields["endpoints"]
    assert {name.split(" ")[0]: chain for name, chain in told.items()} == {
        first.name: "31337",
        second.name: "1",
    }
    assert "rpc_url" in refused.value.hint


def test_of_three_the_one_on_another_chain_is_never_asked(first, second, third):
    first.rule = chain_of(1)
    with Rpc([first.url, second.url, third.url]) as rpc:
        assert Chain(rpc).chain_id == 31337
        first.seen.clear()
        second.rule = third.rule = lambda _: "drop"
        with pytest.raises(ChainUnreachable):
            rpc.call("eth_blockNumber")
        assert first.seen == []


def test_an_endpoint_that_was_away_is_checked_before_it_is_believed(first, second):
    second.rule = lambda _: "drop"
    with Rpc([first.url, second.url]) as rpc:
        rpc.call("eth_chainId")
        second.rule = chain_of(1)
        first.rule = lambda _: "drop"
        second.seen.clear()
        with pytest.raises((ChainUnreachable, EndpointsDisagree)):
            rpc.call("eth_blockNumber")
        assert "eth_blockNumber" not in second.methods()


def rewritten(change, least=0):
    """A rule that changes the blocks an endpoint shows from a height on."""

    def rule(request):
        if request["method"] != "eth_getBlockByNumber":
            return None
        return ("change", lambda block: {**block, **change} if int(block["number"], 16) >= least else block)

    return rule


def test_a_false_history_is_noticed(first, second, third):
    with Rpc([first.url, second.url], reorg_blocks=0) as rpc:
        second.rule = rewritten({"hash": "0x" + "66" * 32})
        with pytest.raises(EndpointsDisagree, match="block"):
            rpc.call("eth_blockNumber")
    with Rpc([second.url, first.url, third.url], reorg_blocks=0) as rpc:
        rpc.call("eth_blockNumber")
        assert "eth_blockNumber" not in second.methods()
        assert "contradicts" in dict(rpc.health())[second.name]


def test_an_endpoint_that_stands_still_is_set_aside(first, second):
    with Rpc(second.url) as direct:
        direct.call("anvil_mine", comparison.MOST_LAG_BLOCKS + 1)
        stopped = direct.call("eth_getBlockByNumber", "0x0", False)
    stuck = lambda request: {"result": stopped} if "latest" in request["params"] else None  # noqa: E731
    first.rule = stuck
    with Rpc([first.url, second.url]) as rpc:
        assert int(rpc.call("eth_blockNumber"), 16) > comparison.MOST_LAG_BLOCKS
        assert "behind" in dict(rpc.health())[first.name]
        assert "eth_blockNumber" not in first.methods()


def test_a_head_from_the_future_is_not_believed(first, second):
    first.rule = rewritten({"timestamp": hex(2**33), "number": hex(10**9)})
    with Rpc([first.url, second.url], reorg_blocks=0) as rpc:
        rpc.call("eth_blockNumber")
        assert "future" in dict(rpc.health())[first.name]
        assert "eth_blockNumber" not in first.methods()


def test_lists_of_urls_are_checked():
    for urls in ("", ",", [], "http://a,", ["http://127.0.0.1:1"] * 17, "http://a:99999"):
        with pytest.raises(InvalidInput):
            Rpc(urls)


def test_access_keys_stay_out_of_messages(first):
    with (
        pytest.raises(ChainUnreachable) as refused,
        Rpc(f"http://127.0.0.1:{closed_port()}/key-one,http://127.0.0.1:{closed_port()}/key-two") as rpc,
    ):
        rpc.call("eth_chainId")
    assert "key-" not in str(refused.value.problem()) + str(rpc.health()) + rpc.name
