"""Sending through networks that swallow, forget, delay and reorganise: every act happens exactly once."""

import dataclasses
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from chain_proxy import ChainProxy

from freehold.chain import deployments, sending, waiting
from freehold.chain.acts import FeeTooHigh
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ChainUnreachable, ContractReverted, RpcError, TransactionPending
from freehold.chain.networks import network
from freehold.chain.rpc import Rpc
from freehold.chain.transaction import account_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from anvil import ABSENT, Anvil, binary

ROOT = Path(__file__).resolve().parents[2]
ME, SINK = account_of(DEV_KEY), "0x" + "51" * 20
SEND = "eth_sendRawTransaction"
HASTY = dataclasses.replace(network(31337), block_seconds=0.1, stuck_seconds=0.6)
needs_anvil = pytest.mark.skipif(binary() is None, reason=ABSENT)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node, Rpc(node.url) as rpc:
        deployments.deploy_missing(Chain(rpc), DEV_KEY)
        yield node


@pytest.fixture
def proxy(embedded):
    with ChainProxy(embedded.url) as running:
        yield running


@pytest.fixture
def direct(embedded):
    with Rpc(embedded.url) as rpc:
        yield Chain(rpc)


@pytest.fixture
def chain(proxy, monkeypatch):
    monkeypatch.setattr(sending, "_PAUSES_SECONDS", (0.02, 0.05, None))
    monkeypatch.setattr(waiting, "_MOST_OUTAGE_SECONDS", 1.0)
    with Rpc(proxy.url, timeout=5) as rpc:
        yield Chain(rpc, profile=HASTY)


class Ledger:
    """What one test changed: minted units and nonces used."""

    def __init__(self, chain):
        self.chain = chain
        self.held, self.nonce = self.minted(), self.count()

    def minted(self):
        return self.chain.read("TestDollar", "balanceOf", SINK)

    def count(self, block="latest"):
        return int(self.chain.rpc.call("eth_getTransactionCount", ME, block), 16)

    def check(self, units, nonces=None):
        assert self.minted() - self.held == units
        assert self.count() == self.count("pending")
        if nonces is not None:
            assert self.count() - self.nonce == nonces


@pytest.fixture
def ledger(direct):
    return Ledger(direct)


def sends(answer, times=1):
    """Answer so many sends in this way, then pass them on."""
    left = [times]

    def rule(request):
        if request["method"] == SEND and left[0]:
            left[0] -= 1
            return answer
        return None

    return rule


def hash_of(request):
    from eth_hash.auto import keccak

    return "0x" + keccak(bytes.fromhex(request["params"][0][2:])).hex()


@pytest.mark.parametrize("fault", ["drop", "swallow", ("http", 502, {})])
@pytest.mark.parametrize("times", [1, 2])
def test_a_send_that_got_no_answer_is_done_once(chain, proxy, ledger, fault, times):
    proxy.rule = sends(fault, times)
    receipt = chain.send(DEV_KEY, "TestDollar", "mint", SINK, 7)
    assert receipt.status == 1
    ledger.check(7, nonces=1)
    raws = [one["params"][0] for one in proxy.seen if one["method"] == SEND]
    assert len(raws) == times + 1
    assert len(set(raws)) == 1


def test_an_unknown_fate_is_pending_and_the_next_send_clears_it_up(chain, proxy, ledger):
    proxy.rule = lambda request: "drop" if request["method"] == SEND else None
    with pytest.raises(TransactionPending) as pending:
        chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    # still away: what may be under way is not overtaken
    with pytest.raises(ChainUnreachable) as refused:
        chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 10)
    assert "nothing was sent" in refused.value.hint
    proxy.rule = lambda _: None
    chain.send(DEV_KEY, "TestDollar", "mint", SINK, 100)
    assert chain.wait(pending.value.fields["tx_hash"]).status == 1
    ledger.check(101, nonces=2)


def test_send_waits_for_what_it_could_not_confirm(chain, proxy, ledger):
    proxy.rule = sends("drop", 3)
    assert chain.send(DEV_KEY, "TestDollar", "mint", SINK, 1).status == 1
    ledger.check(1, nonces=1)


def test_a_long_outage_while_waiting_names_the_transaction(chain, proxy, ledger):
    tx_hash = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    proxy.rule = lambda _: "drop"
    with pytest.raises(TransactionPending) as pending:
        chain.wait(tx_hash)
    assert pending.value.fields["tx_hash"] == tx_hash
    proxy.rule = lambda _: None
    assert chain.wait(tx_hash).status == 1
    ledger.check(1, nonces=1)


def test_a_transaction_that_the_network_forgets_is_sent_again(chain, proxy, ledger):
    proxy.rule = lambda request: {"result": hash_of(request)} if request["method"] == SEND else None
    tx_hash = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    proxy.rule = lambda _: None
    assert chain.wait(tx_hash, 20).tx_hash == tx_hash
    ledger.check(1, nonces=1)


def test_a_stuck_transaction_is_replaced_under_its_nonce(chain, proxy, ledger):
    held = set()

    def rule(request):
        if request["method"] == SEND and not held:
            held.add(hash_of(request))
            return {"result": hash_of(request)}
        if request["method"] == "eth_getTransactionByHash" and request["params"][0] in held:
            return {"result": {"hash": request["params"][0], "blockNumber": None}}
        return None

    proxy.rule = rule
    tx_hash = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    receipt = chain.wait(tx_hash, 20)
    assert receipt.tx_hash != tx_hash
    old, new = (
        decoded(one) for one in [one["params"][0] for one in proxy.seen if one["method"] == SEND][-2:]
    )
    assert old["nonce"] == new["nonce"]
    for fee in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert new[fee] * 8 >= old[fee] * 9
    ledger.check(1, nonces=1)


def decoded(raw):
    import rlp

    fields = rlp.decode(bytes.fromhex(raw[4:]))
    number = lambda place: int.from_bytes(fields[place], "big")  # noqa: E731
    return {"nonce": number(1), "maxPriorityFeePerGas": number(2), "maxFeePerGas": number(3)}


def test_a_nonce_spent_on_something_else_gets_the_act_another(chain, proxy, direct, ledger):
    proxy.rule = lambda request: {"result": hash_of(request)} if request["method"] == SEND else None
    tx_hash = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    direct.send(DEV_KEY, "TestDollar", "mint", SINK, 10)
    proxy.rule = lambda _: None
    receipt = chain.wait(tx_hash, 20)
    assert receipt.tx_hash != tx_hash
    # asking again for the first hash does not do the act again
    assert chain.wait(receipt.tx_hash, 5).tx_hash == receipt.tx_hash
    ledger.check(11, nonces=2)


def test_without_proof_that_the_nonce_was_spent_elsewhere_nothing_is_done_twice(chain, proxy, ledger):
    # the transaction is in the chain, but this node lags: it shows the count and hides the rest
    hidden = ("eth_getTransactionReceipt", "eth_getTransactionByHash")
    tx_hash = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    proxy.rule = lambda request: {"result": None} if request["method"] in hidden else None
    with pytest.raises(TransactionPending):
        chain.wait(tx_hash, 2)
    pruned = {"error": {"code": -32000, "message": "missing trie node"}}
    proxy.rule = lambda request: (
        {"result": None}
        if request["method"] in hidden
        else pruned
        if request["method"] == "eth_getTransactionCount" and request["params"][1].startswith("0x")
        else None
    )
    with pytest.raises(TransactionPending):
        chain.wait(tx_hash, 2)
    proxy.rule = lambda _: None
    assert chain.wait(tx_hash).tx_hash == tx_hash
    ledger.check(1, nonces=1)


def test_a_renewed_act_that_became_impossible_says_why(chain, proxy, direct):
    index = direct.block_number() + 1_000
    proxy.rule = lambda request: {"result": hash_of(request)} if request["method"] == SEND else None
    tx_hash = chain.submit(DEV_KEY, "Revocations", "revoke", index)
    direct.send(DEV_KEY, "Revocations", "revoke", index)
    proxy.rule = lambda _: None
    with pytest.raises(ContractReverted, match="AlreadyRevoked"):
        chain.wait(tx_hash, 20)


def test_depth_is_waited_for_and_a_reorg_sends_again(embedded, direct, ledger):
    deep = dataclasses.replace(HASTY, confirmations=4)
    with Rpc(embedded.url) as rpc:
        chain = Chain(rpc, profile=deep)
        before = direct.rpc.call("evm_snapshot")
        tx_hash = chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
        direct.rpc.call("anvil_mine", 2)
        with pytest.raises(TransactionPending):
            chain.wait(tx_hash, 0.5)
        direct.rpc.call("evm_revert", before)
        ledger.check(0, nonces=0)
        direct.rpc.call("anvil_mine", 1)
        found = []
        waiter = threading.Thread(target=lambda: found.append(chain.wait(tx_hash, 20)))
        waiter.start()
        deadline = time.monotonic() + 10
        while ledger.minted() == ledger.held and time.monotonic() < deadline:
            time.sleep(0.02)
        assert found == []
        direct.rpc.call("anvil_mine", 3)
        waiter.join(10)
        assert found[0].tx_hash == tx_hash
        assert chain.block_number() - found[0].block_number >= 3
    ledger.check(1, nonces=1)


def test_a_lying_gas_price_stops_at_the_limit(proxy, ledger):
    dear = {
        "result": {"oldestBlock": "0x1", "baseFeePerGas": [hex(10**15)] * 3, "reward": [[hex(10**15)]] * 2}
    }
    proxy.rule = lambda request: dear if request["method"] == "eth_feeHistory" else None
    with Rpc(proxy.url) as rpc, pytest.raises(FeeTooHigh) as refused:
        Chain(rpc, max_fee_wei=10**16).send(DEV_KEY, "TestDollar", "mint", SINK, 1)
    assert refused.value.fields["max_fee_wei"] == 10**16
    assert refused.value.fields["fee_wei"] > 10**16
    assert "max_fee_wei" in refused.value.hint
    assert SEND not in proxy.methods()
    ledger.check(0, nonces=0)


def test_a_node_without_fee_history_is_enough(chain, proxy, ledger):
    gone = {"error": {"code": -32601, "message": "no such method"}}
    proxy.rule = lambda request: (
        gone if request["method"] in ("eth_feeHistory", "eth_maxPriorityFeePerGas") else None
    )
    chain.fund(ME, 10**21)
    assert chain.send(DEV_KEY, "TestDollar", "mint", SINK, 1).status == 1
    ledger.check(1, nonces=1)


def test_keys_are_in_no_representation(chain, proxy):
    proxy.rule = lambda request: "drop" if request["method"] == SEND else None
    with pytest.raises(TransactionPending) as pending:
        chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
    sent = chain._sender.of(pending.value.fields["tx_hash"])
    assert sent.key.secret == DEV_KEY
    assert repr(DEV_KEY) not in repr(sent)
    assert DEV_KEY.hex() not in repr(sent)
    proxy.rule = lambda _: None
    chain.wait(sent.tx_hash)


# -- many at once


def minting(count, units=1):
    return [("TestDollar", "mint", (SINK, units))] * count


@pytest.mark.parametrize("gas", [None, 100_000])
def test_many_are_sent_in_order_without_gaps(chain, ledger, gas):
    hashes = chain.submit_many(DEV_KEY, minting(250), gas=gas)
    assert len(set(hashes)) == 250
    assert all(chain.wait(one).status for one in hashes[::50])
    ledger.check(250, nonces=250)
    assert chain.submit_many(DEV_KEY, []) == []


def test_a_batch_nobody_confirmed_is_delivered_once(chain, proxy, ledger):
    proxy.rule = sends("swallow", 20)
    hashes = chain.submit_many(DEV_KEY, minting(20), gas=100_000)
    assert all(chain.wait(one).status for one in hashes)
    ledger.check(20, nonces=20)


def test_a_batch_cut_short_says_what_was_sent(chain, proxy, ledger):
    passed = [0]

    def rule(request):
        if request["method"] == SEND:
            passed[0] += 1
            # the whole batch is refused once, then three single ones arrive, then nothing does
            return None if 10 < passed[0] <= 13 else "drop"
        return None

    proxy.rule = rule
    with pytest.raises(TransactionPending) as pending:
        chain.submit_many(DEV_KEY, minting(10), gas=100_000)
    sent = pending.value.fields["sent"]
    assert [one is not None for one in sent] == [True] * 3 + [False] * 7
    proxy.rule = lambda _: None
    chain.send(DEV_KEY, "TestDollar", "mint", SINK, 100)
    # the fourth may have been sent, was not, and is cleared up before the next
    ledger.check(104, nonces=5)


def test_a_refused_one_leaves_no_gap(chain, proxy, ledger):
    # refuses the third of a batch for good; the rest goes through
    counter = iter(range(100))
    no = {"error": {"code": -32000, "message": "we do not like this one"}}
    proxy.rule = lambda request: no if request["method"] == SEND and next(counter) == 2 else None
    with pytest.raises(RpcError, match="do not like") as refused:
        chain.submit_many(DEV_KEY, minting(6), gas=100_000)
    sent = refused.value.fields["sent"]
    assert [one is not None for one in sent] == [True, True, False, True, True, True]
    assert all(chain.wait(one).status for one in sent if one)
    ledger.check(5, nonces=6)


def test_many_race_with_another_sender(chain, direct, proxy, ledger):
    raced = []

    def rule(request):
        # while the batch is on its way, another process takes its second nonce
        if request["method"] == SEND and not raced:
            raced.append(1)
            direct.send(DEV_KEY, "TestDollar", "mint", SINK, 1_000)

    proxy.rule = rule
    hashes = chain.submit_many(DEV_KEY, minting(5), gas=100_000)
    assert all(chain.wait(one).status for one in hashes)
    ledger.check(1_005, nonces=6)


# -- several processes


def minter(url, count, units=1):
    command = [sys.executable, ROOT / "tests" / "support" / "mint_often.py", url, str(count), str(units)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told[-2_000:]


def test_processes_sharing_a_key_do_every_act_once(embedded, ledger):
    # identical acts, so that nothing but entropy tells the processes' transactions apart
    processes = [minter(embedded.url, 15) for _ in range(3)]
    for process in processes:
        finished(process)
    ledger.check(45, nonces=45)


def test_a_killed_sender_leaves_no_gap_to_its_successor(embedded, ledger):
    first = minter(embedded.url, 10_000)
    for _ in range(5):
        assert first.stdout.readline() == "sent\n"
    first.kill()
    first.communicate()
    held, nonce = ledger.minted(), ledger.count()
    assert ledger.count("pending") == nonce
    finished(minter(embedded.url, 5))
    assert ledger.minted() - held in (5, 6)  # one may have been in flight
    assert ledger.count() - nonce == ledger.minted() - held


@needs_anvil
def test_processes_sharing_a_key_on_the_reference_node():
    with Anvil() as node, Rpc(node.url) as rpc:
        chain = Chain(rpc)
        deployments.deploy_missing(chain, DEV_KEY)
        ledger = Ledger(chain)
        processes = [minter(node.url, 15) for _ in range(3)]
        for process in processes:
            finished(process)
        ledger.check(45, nonces=45)


@needs_anvil
def test_stuck_and_replaced_on_the_reference_node():
    with Anvil("--no-mining") as node, Rpc(node.url) as rpc:
        chain = Chain(rpc, profile=HASTY)
        rpc.call("evm_setAutomine", True)
        deployments.deploy_missing(chain, DEV_KEY)
        rpc.call("evm_setAutomine", False)
        ledger = Ledger(chain)
        hashes = [chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1) for _ in range(3)]
        with pytest.raises(TransactionPending):
            chain.wait(hashes[2], 2)
        # only the first is in the way of all others; it alone is replaced
        assert len(chain._sender.of(hashes[0]).versions) > 1
        assert len(chain._sender.of(hashes[2]).versions) == 1
        rpc.call("evm_mine")
        first = chain.wait(hashes[0], 10)
        assert first.status == 1
        assert first.tx_hash != hashes[0]
        assert [chain.wait(one, 10).tx_hash for one in hashes[1:]] == hashes[1:]
        ledger.check(3, nonces=3)


@needs_anvil
def test_what_is_mined_already_does_not_hide_what_is_stuck():
    with Anvil() as node, Rpc(node.url) as rpc:
        chain = Chain(rpc, profile=HASTY)
        deployments.deploy_missing(chain, DEV_KEY)
        ledger = Ledger(chain)
        # nobody waits for these, so the sender still remembers them
        mined = chain.submit_many(DEV_KEY, minting(20), gas=100_000)
        deadline = time.monotonic() + 10
        while ledger.minted() - ledger.held < 20 and time.monotonic() < deadline:
            time.sleep(0.05)
        rpc.call("evm_setAutomine", False)
        stuck = chain.submit_many(DEV_KEY, minting(2), gas=100_000)
        with pytest.raises(TransactionPending):
            chain.wait(stuck[1], 2)
        assert len(chain._sender.of(stuck[0]).versions) > 1
        assert all(len(chain._sender.of(one).versions) == 1 for one in mined)
        rpc.call("evm_mine")
        assert all(chain.wait(one, 10).status for one in stuck)
        ledger.check(22, nonces=22)


@needs_anvil
def test_a_reorg_of_the_reference_node_is_survived():
    deep = dataclasses.replace(HASTY, confirmations=3)
    with Anvil() as node, Rpc(node.url) as rpc:
        chain = Chain(rpc, profile=HASTY)
        deployments.deploy_missing(chain, DEV_KEY)
        ledger = Ledger(chain)
        patient = Chain(rpc, profile=deep)
        tx_hash = patient.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
        chain.wait(tx_hash)
        rpc.call("anvil_reorg", 1, [])
        found = []
        waiter = threading.Thread(target=lambda: found.append(patient.wait(tx_hash, 20)))
        waiter.start()
        deadline = time.monotonic() + 15
        while waiter.is_alive() and time.monotonic() < deadline:
            time.sleep(0.3)
            rpc.call("evm_mine")
        waiter.join(1)
        assert found
        assert found[0].status == 1
        ledger.check(1, nonces=1)
