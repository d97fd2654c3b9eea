"""What the chain says counts at the very next call: by a chain that is a process of its own, under load of others."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from inference_world import PRICE, Hand, open_channel
from node_world import Party, World, free_port, until
from paid_world import ChainProcess, PaidShop, Payer, paying
from wire import Wire

from freehold.chain import deployments
from freehold.chain.rpc import Rpc
from freehold.features.grants.granting import obtain

TIMES = 200
OTHERS = 4


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> ChainProcess:
    return ChainProcess(tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def far_world(tmp_path_factory: pytest.TempPathFactory, chain: ChainProcess) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), chain)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shop(far_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaidShop]:
    made = PaidShop(far_world, tmp_path_factory.mktemp("shop") / "seller", anchor_least_seconds=86_400)
    yield made
    made.end()


@pytest.fixture(scope="module")
def others(shop: PaidShop) -> list[Payer]:
    """Who keep the seller busy meanwhile."""
    return [Payer(shop, number) for number in range(OTHERS)]


class Buyer:
    """One who pays from one channel after the other, and looks at what comes."""

    def __init__(self, shop: PaidShop, hand: Hand) -> None:
        self.shop, self.hand, self.paid, self._calling = shop, hand, 0, shop.calling()

    def ask(self) -> str:
        """The code of a refusal, or nothing: the call was answered."""
        number = self.paid + 1
        status, answer = self._calling.post(self.shop.body(number), self.hand.voucher(number * PRICE))
        if status == 200:
            self.paid = number
            return ""
        return str(json.loads(answer)["code"])

    def renewed(self) -> None:
        """Another grant, and the same channel."""
        party = self.shop.payer
        grant = obtained(self.shop, party)
        self.hand = Hand(self.shop, party, grant, self.hand.channel)  # type: ignore[arg-type]


def obtained(shop: PaidShop, party: Party) -> str:
    once = f"{time.monotonic_ns()}"
    cap = 100_000 * PRICE
    return obtain(
        party.node, party.services.peers, shop.model, "infer", spend_cap_units=cap, once_for=once
    ).id


def revoke(shop: PaidShop, hand: Hand) -> None:
    """On chain alone: its node is told nothing."""
    index = hand.party.node.grant(hand.grant).revocation_index
    shop.world.chain.send(shop.key(), "Revocations", "revoke", index)


def revoked_often(
    shop: PaidShop, buyer: Buyer, times: int, between: Callable[[int], None] = lambda _: None
) -> None:
    for number in range(times):
        between(number)
        assert buyer.ask() == "", number
        revoke(shop, buyer.hand)
        assert buyer.ask() == "grant.revoked", number
        buyer.renewed()


def test_a_revocation_counts_at_the_next_call(shop: PaidShop, others: list[Payer]) -> None:
    buyer = Buyer(shop, shop.hand())
    with paying(others):
        revoked_often(shop, buyer, 30)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_revocation_counts_at_the_next_call_hundreds_of_times(shop: PaidShop, others: list[Payer]) -> None:
    buyer = Buyer(shop, shop.hand())
    with paying(others):
        revoked_often(shop, buyer, TIMES)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_rewind_counts_at_the_next_call(shop: PaidShop, others: list[Payer]) -> None:
    """What was revoked is not, and is again: each at once."""
    buyer, rpc = Buyer(shop, shop.hand()), shop.world.chain.rpc
    with paying(others):
        for number in range(TIMES):
            assert buyer.ask() == "", number
            snapshot = rpc.call("evm_snapshot")
            revoke(shop, buyer.hand)
            assert buyer.ask() == "grant.revoked", number
            assert rpc.call("evm_revert", snapshot) is True
    assert buyer.ask() == ""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_closing_channel_counts_at_the_next_call(shop: PaidShop, others: list[Payer]) -> None:
    node = shop.payer.node
    with paying(others):
        for number in range(TIMES // 2):
            made = Hand(
                shop, shop.payer, obtained(shop, shop.payer), open_channel(shop.payer, shop.pool, 9 * PRICE)
            )  # type: ignore[arg-type]
            buyer = Buyer(shop, made)
            assert buyer.ask() == "", number
            node.send("Channels", "requestClose", made.channel)
            assert buyer.ask() == "payment.closing", number


@pytest.mark.slow
def test_code_at_a_payers_account_counts_at_the_next_call(shop: PaidShop, others: list[Payer]) -> None:
    party = shop.world.party("coded")
    party.knows(shop.builder)  # type: ignore[arg-type]
    buyer, key = Buyer(shop, shop.hand(party)), party.node.keys.account_key
    chain = shop.world.chain
    with paying(others):
        for number in range(TIMES // 4):
            assert buyer.ask() == "", number
            for address, code in (
                (deployments.address("TestDollar"), "payment.contract_payer"),
                ("0x" + "00" * 20, ""),
            ):
                delegate(chain, party.account, key, address)
                assert bool(chain.code(party.account)) is bool(code)
                assert buyer.ask() == code, number


def delegate(chain: Any, account: str, key: bytes, address: str) -> None:
    """By a transaction of its own (EIP-7702), so its authorization has the nonce after."""
    nonce = int(chain.rpc.call("eth_getTransactionCount", account, "latest"), 16)
    signer = Account.from_key(key)
    said = {"chainId": chain.chain_id, "address": bytes.fromhex(address[2:]), "nonce": nonce + 1}
    raw = signer.sign_transaction(
        {
            "type": 4, "chainId": chain.chain_id, "nonce": nonce, "to": "0x" + "00" * 19 + "99", "value": 0, "gas": 200_000,
            "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "data": b"",
            "authorizationList": [signer.sign_authorization(said)],
        }
    ).raw_transaction  # fmt: skip
    tx_hash = chain.rpc.call("eth_sendRawTransaction", "0x" + bytes(raw).hex())
    assert int(chain.rpc.call("eth_getTransactionReceipt", tx_hash)["status"], 16) == 1


@contextmanager
def stopped(chain: ChainProcess) -> Iterator[None]:
    chain.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        chain.signal(signal.SIGCONT)


@pytest.mark.slow
def test_a_chain_that_dies_or_stands_still_meanwhile_is_believed_no_longer_than_it_may_be(
    shop: PaidShop, others: list[Payer], chain: ChainProcess
) -> None:
    buyer = Buyer(shop, shop.hand())

    def trouble(number: int) -> None:
        if number % 3 == 0:
            chain.stop()
            chain.start()
        elif number % 3 == 1:
            with stopped(chain):
                time.sleep(0.3)
        until(lambda: buyer.ask() == "", "the chain is asked again", 30)

    revoked_often(shop, buyer, 12, trouble)
    with paying(others):
        time.sleep(0.5)
        with stopped(chain):
            time.sleep(2)
            # nobody can know better, and nobody holds the database
            began = time.monotonic()
            assert shop.calling().get("/catalogue")[0] == 200
            assert time.monotonic() - began < 2
    revoked_often(shop, buyer, 3)


def test_a_proxy_that_is_late_keeps_no_news_back(far_world: World) -> None:
    port = int(far_world.rpc_url.rsplit(":", 1)[1])
    with closing(Wire(port)) as between, Rpc(between.url) as rpc, Rpc(far_world.rpc_url) as direct:
        rpc.listen()
        between.on_answer = lambda _: time.sleep(0.5)
        for _ in range(20):
            before = rpc.mark()
            assert before is not None
            direct.call("evm_mine")
            assert rpc.mark() not in (before, None)


def test_a_chain_that_moved_is_not_listened_to_where_it_was(
    far_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's chain may have taken its port: by its silence nothing would ever change."""
    other = ChainProcess(tmp_path / "other")
    other.start()
    try:
        with Rpc(other.url) as rpc:
            connect = rpc._heads.connect

            def moving(address: object) -> None:
                connect(address)
                # what another thread does, just after this one saw where to listen
                rpc._endpoints[0].move(far_world.rpc_url)

            monkeypatch.setattr(rpc._heads, "connect", moving)
            rpc.listen()
            assert rpc.mark() is None
            monkeypatch.undo()
            rpc._heads._next = float("-inf")
            rpc.listen()
            assert rpc.mark() is not None
            rpc.move(f"http://127.0.0.1:{free_port()}")
            assert rpc.mark() is None
    finally:
        other.stop()


def test_a_connection_that_is_cut_is_not_believed(far_world: World) -> None:
    with Rpc(far_world.rpc_url) as rpc:
        rpc.listen()
        first = rpc.mark()
        assert first == rpc.mark() is not None
        rpc.call("evm_mine")
        second = rpc.mark()
        assert second not in (first, None)
        assert rpc._heads._listener is not None
        rpc._heads._listener._socket.shutdown(2)
        assert rpc.mark() is None
        rpc._heads._next = float("-inf")
        rpc.listen()
        assert rpc.mark() not in (first, second, None)
