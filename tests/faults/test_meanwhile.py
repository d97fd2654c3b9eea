"""Work that comes in between a transaction and what the database says of it afterwards: nothing of it is lost."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import node_tables
import pytest
from chain_proxy import ChainProxy
from inference_world import NEVER, PRICE, Hand, Shop
from node_world import Party, World

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.documents import Grant
from freehold.core.signing import sign_digest
from freehold.features.earnings import earning
from freehold.features.grants import granting
from freehold.features.grants.issuing import parse_terms
from freehold.features.models import releasing
from freehold.features.payments import kept
from freehold.features.payments.rules.payment import to_header
from freehold.features.payments.settling import settle
from freehold.kernel import logbook
from freehold.kernel.ceiling import Act
from freehold.kernel.node import Node
from freehold.kernel.rights.check import Offer
from freehold.kernel.rights.standing import is_purchased


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def payer(shop: Shop) -> Party:
    return shop.buyer()


@contextmanager
def held(world: World, node: Node, act: Callable[[Node], Any]) -> Iterator[list[Any]]:
    """`act` runs in a thread until its transaction is mined; it learns of that only after the block."""
    mined, go_on, got = threading.Event(), threading.Event(), []

    def rule(request: dict[str, Any]) -> Any:
        if request["method"] != "eth_getTransactionReceipt":
            return None

        def later(found: Any) -> Any:
            mined.set()
            go_on.wait(30)
            return found

        return ("change", later)

    with ChainProxy(world.rpc_url) as proxy, Rpc(proxy.url, timeout=60) as rpc:
        direct = node.chain
        proxy.rule = rule
        slow = object.__new__(Node)
        slow.__dict__.update({**node.__dict__, "chain": Chain(rpc)})
        thread = threading.Thread(target=lambda: got.append(act(slow)))
        thread.start()
        try:
            assert mined.wait(30)
            yield got
        finally:
            go_on.set()
            thread.join(60)
        assert node.chain is direct


def test_a_voucher_that_comes_while_its_channel_is_settled(shop: Shop, payer: Party) -> None:
    node, hand = shop.builder.node, Hand.open(shop, payer)
    assert shop.post(shop.body(), hand.voucher(PRICE)).status_code == 200
    with held(shop.world, node, lambda slow: settle(slow, by_itself=True)) as got:
        assert shop.post(shop.body(1, 1), hand.voucher(2 * PRICE)).status_code == 200
    assert got[0]["units"] == PRICE
    assert "0x" + hand.channel.hex() in {one["channel"] for one in kept.unsettled(node)}
    assert settle(node, by_itself=True)["units"] == PRICE
    assert not kept.unsettled(node)
    assert node.chain.read("Channels", "channelOf", hand.channel)[3] == 2 * PRICE


def test_a_document_that_is_logged_while_the_log_is_anchored(shop: Shop) -> None:
    node = shop.builder.node

    def grow() -> None:
        with node.store.transaction() as tx:
            tx.put(node.claim("audit", "0x" + secrets.token_hex(32), {"owner": node.account}))

    grow()
    with node.store.log() as log:
        size = log.size()
    with held(shop.world, node, lambda slow: logbook.anchor(slow, by_itself=True)) as got:
        grow()
    assert (got[0]["size"], node.store.state("anchored")) == (size, {"size": size})
    assert logbook.anchor(node, by_itself=True)["size"] == size + 1
    assert logbook.anchored_size(node) == size + 1


def test_money_that_comes_into_a_pool_while_it_is_claimed(shop: Shop, payer: Party) -> None:
    owner = shop.owners[0]
    releasing.tell_owners(shop.builder.node, shop.builder.services.peers)

    def pay() -> None:
        transfer = shop.deposit(payer, valid_before=NEVER)
        assert shop.post(shop.body(), to_header(transfer)).status_code == 200

    pay()
    before = owner.node.balance_units()
    with held(shop.world, owner.node, earning.claim) as got:
        pay()
    first = got[0]["units"]
    second = earning.claim(owner.node)["units"]
    assert first > 0
    assert second > 0
    assert owner.node.balance_units() == before + first + second
    assert earning.claim(owner.node)["units"] == 0


def test_a_purchase_that_is_asked_for_twice_is_paid_once(world: World) -> None:
    """The grant is bought while a second request for the same purchase comes in."""
    seller, buyer = world.party("seller"), world.party("buyer")
    asset = seller.publish(node_tables.make(24, seed=3), price_units=500)
    terms = {**asset.terms.body, "split": []}
    grant = Grant(
        issuer=seller.account, holder=buyer.account, asset=asset.id, terms=parse_terms(terms),
        spend_cap_units=500, revocation_index=0, nonce="0x" + secrets.token_hex(32),
        issued_at=seller.node.now(),
    )  # fmt: skip
    offer = Offer.of(grant).digest(seller.node.chain_id, seller.node.contract("Market"))
    signature = sign_digest(seller.node.keys.account_key, offer)
    before = buyer.node.balance_units()
    act = Act(grant.nonce, 10**6)
    answer = {"grant": seller.node.seal(grant).to_json(), "offer_signature": "0x" + signature.hex()}
    wish = {"state": "asked", "asset": asset.id, "nonce": grant.nonce, "asked_at": buyer.node.now()}
    with held(
        world, buyer.node, lambda slow: granting._buy(slow, grant, answer, act, "wish", dict(wish))
    ) as got:
        granting._buy(buyer.node, grant, answer, act, "wish", dict(wish))
    assert [one["paying"]["grant"] for one in got] == [answer["grant"]]
    assert buyer.node.balance_units() == before - 500
    assert is_purchased(seller.node, grant)
