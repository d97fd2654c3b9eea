"""What nodes say when they refuse a transaction, and how often each is tried again."""

from __future__ import annotations

import pytest
from chain_proxy import ChainProxy

from freehold.chain import deployments, sending
from freehold.chain.acts import MOST_FEES, MOST_RACES, Refused, meaning
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ChainUnreachable, ContractReverted, RpcError, TransactionPending
from freehold.chain.rpc import Rpc

SINK = "0x" + "52" * 20
SAID = [
    # words of geth, erigon, nethermind, besu, reth, anvil, hardhat and of those who sell access to them
    ("already known", -32000, Refused.KNOWN),
    ("AlreadyKnown", -32010, Refused.KNOWN),
    ("Known transaction", -32000, Refused.KNOWN),
    ("transaction already imported", -32000, Refused.KNOWN),
    ("nonce too low: next nonce 5, tx nonce 4", -32000, Refused.NONCE),
    ("nonce is too low", -32000, Refused.NONCE),
    ("OldNonce", -32010, Refused.NONCE),
    ("Nonce too high. Expected nonce to be 4 but got 9.", -32000, Refused.NONCE),
    ("nonce has already been used", -32000, Refused.NONCE),
    ("replacement transaction underpriced", -32000, Refused.NONCE),
    ("could not replace existing tx", -32000, Refused.NONCE),
    ("ReplacementNotAllowed", -32010, Refused.NONCE),
    ("transaction underpriced: gas tip cap 0", -32000, Refused.FEE),
    ("max fee per gas less than block base fee: address 0x..", -32000, Refused.FEE),
    ("FeeTooLow, MaxFeePerGas too low", -32010, Refused.FEE),
    ("insufficient funds for gas * price + value: balance 0, tx cost 7", -32000, Refused.FUNDS),
    ("InsufficientFunds, Account balance: 0", -32010, Refused.FUNDS),
    ("Upfront cost exceeds account balance", -32004, Refused.FUNDS),
    ("txpool is full", -32000, Refused.LATER),
    ("Too Many Requests", 429, Refused.LATER),
    ("daily request count exceeded", -32005, Refused.LATER),
    ("exceeded the rate limit", -32000, Refused.LATER),
    ("execution reverted", 3, Refused.FINAL),
    ("intrinsic gas too low", -32000, Refused.FINAL),
    ("exceeds block gas limit", -32000, Refused.FINAL),
    ("invalid chain id for signer", -32000, Refused.FINAL),
    ("tx fee (1.5 ether) exceeds the configured cap (1.00 ether)", -32000, Refused.FINAL),
    ("something nobody has seen", -32000, Refused.FINAL),
]
SENDS = {
    Refused.NONCE: MOST_RACES,
    Refused.FEE: MOST_FEES,
    Refused.LATER: 3,
    Refused.FUNDS: 1,
    Refused.FINAL: 1,
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node, ChainProxy(node.url) as running:
        with Rpc(node.url) as rpc:
            deployments.deploy_missing(Chain(rpc), DEV_KEY)
        yield running


@pytest.fixture
def chain(proxy, monkeypatch):
    monkeypatch.setattr(sending, "_PAUSES_SECONDS", (0.01, 0.01, None))
    monkeypatch.setattr(sending.random, "uniform", lambda *_: 0.0)
    with Rpc(proxy.url, timeout=5) as rpc:
        yield Chain(rpc)
    proxy.rule = lambda _: None


def attempts(proxy):
    return [one for one in proxy.seen if one["method"] == sending.SEND]


@pytest.mark.parametrize(("said", "code", "kind"), SAID, ids=[said[:30] for said, *_ in SAID])
def test_each_refusal_means_one_thing_and_is_tried_as_often_as_that_is_worth(proxy, chain, said, code, kind):
    assert meaning(RpcError(said, rpc_code=code)) is kind
    if kind is Refused.KNOWN:
        return
    proxy.seen.clear()
    refusal = {"error": {"code": code, "message": said}}
    proxy.rule = lambda request: refusal if request["method"] == sending.SEND else None
    with pytest.raises(RpcError) as raised:
        chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    sent = attempts(proxy)
    assert len(sent) == SENDS[kind]
    # the same bytes where nothing about them was wrong, new ones where something was
    assert len({one["params"][0] for one in sent}) == (1 if kind is Refused.LATER else len(sent))
    assert ("send ether" in raised.value.hint) == (kind is Refused.FUNDS)


@pytest.mark.parametrize("kind", [Refused.NONCE, Refused.FEE, Refused.LATER], ids=lambda kind: kind.value)
def test_what_passes_by_is_sent_in_the_end(proxy, chain, kind):
    said, code, _ = next(row for row in SAID if row[2] is kind)
    left = [SENDS[kind] - 1]

    def rule(request):
        if request["method"] != sending.SEND or not left[0]:
            return None
        left[0] -= 1
        return {"error": {"code": code, "message": said}}

    proxy.rule = rule
    before = chain.read("TestDollar", "balanceOf", SINK)
    assert chain.send(DEV_KEY, "TestDollar", "mint", SINK, 1).status == 1
    assert chain.read("TestDollar", "balanceOf", SINK) == before + 1


def test_a_refusal_in_the_trial_is_never_sent(proxy, chain):
    proxy.seen.clear()
    with pytest.raises(ContractReverted):
        chain.send(DEV_KEY, "Channels", "withdraw", b"\x01" * 32)
    assert attempts(proxy) == []


@pytest.mark.parametrize(
    ("fault", "kind", "sends"),
    [("drop", TransactionPending, 3), (("http", 429, {}), TransactionPending, 3)],
    ids=["no answer", "too busy"],
)
def test_without_an_answer_the_same_bytes_are_sent_a_few_times(proxy, chain, fault, kind, sends):
    proxy.seen.clear()
    proxy.rule = lambda request: fault if request["method"] == sending.SEND else None
    with pytest.raises(kind):
        chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    proxy.rule = lambda _: None
    assert len(attempts(proxy)) >= sends
    assert len({one["params"][0] for one in attempts(proxy)}) == 1


def test_nobody_there_is_final_at_once_and_nothing_is_unsure():
    with Rpc("http://127.0.0.1:9", timeout=1) as rpc, pytest.raises(ChainUnreachable):
        Chain(rpc, profile=None).submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
