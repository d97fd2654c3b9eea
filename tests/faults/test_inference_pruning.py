"""Sold answers are kept for a time and within a room, signed for or not; what paid for them never pays again."""

import time

import pytest
from inference_world import PRICE, Hand, Shop
from node_world import World
from peer_calls import call, introduce, signed_for

from freehold.core.canonical import canonical_bytes
from freehold.features.gateway import untold
from freehold.features.gateway.pruning import BUYERS_PART, prune
from freehold.features.gateway.served import AnswerPruned
from freehold.features.payments.rules.payment import to_header

LATER_SECONDS = 31 * 86_400


def kept_bytes(node) -> int:
    with node.store.reading() as connection:
        return connection.execute("SELECT COALESCE(SUM(LENGTH(answer)), 0) FROM answers").fetchone()[0]


def ledger(shop: Shop) -> tuple:
    node = shop.builder.node
    with node.store.reading() as connection:
        uses = connection.execute("SELECT SUM(uses), SUM(spent_units) FROM uses").fetchone()
    with node.store.log() as log:
        return uses, log.size(), node.store.rows("SELECT * FROM vouchers ORDER BY channel"), shop.pool_units()


def sign(shop: Shop, payer, content: dict) -> str:
    receipt = signed_for(payer, content["receipt"])
    introduce(payer, shop.builder)
    assert (
        call(payer, shop.builder, "/peer/countersign", {"receipts": [receipt.to_json()]}).status_code == 200
    )
    return receipt.document.id


@pytest.mark.parametrize("kind", ["voucher", "transfer"])
def test_a_pruned_answer_is_neither_charged_nor_given_again(world: World, kind: str) -> None:
    ahead = [0]
    shop = Shop(world, owners=1, clock=lambda: time.time() + ahead[0])
    payer, node = shop.buyer(), shop.builder.node
    hand = Hand.open(shop, payer)
    transfer = to_header(shop.deposit(payer))
    signed = hand.voucher(PRICE) if kind == "voucher" else transfer
    first = shop.post(shop.body(2), signed)
    assert first.status_code == 200
    unsigned = shop.post(shop.body(3), hand.voucher(PRICE if kind == "transfer" else 2 * PRICE))
    assert unsigned.status_code == 200
    receipt = sign(shop, payer, first.json())

    assert prune(node) == 0, "not old enough"
    assert shop.post(shop.body(2), signed).content == first.content
    ahead[0] = LATER_SECONDS
    before, size = ledger(shop), kept_bytes(node)
    assert prune(node) == 2, "a buyer that never signs keeps nothing here for ever"
    left = size - len(first.content) - len(unsigned.content) + 2 * len(receipt)
    assert kept_bytes(node) == left
    assert prune(node) == 0

    for _ in range(2):
        again = shop.post(shop.body(2), signed)
        assert (again.status_code, again.json()["code"]) == (410, "answer.pruned")
        assert again.json()["fields"]["receipt"] == receipt
    other = shop.post(shop.body(9), signed)
    assert (other.status_code, other.json()["code"]) == (409, "payment.reused")
    paid_by = hand.voucher(PRICE if kind == "transfer" else 2 * PRICE)
    assert shop.post(shop.body(3), paid_by).json()["code"] == "answer.pruned"
    assert ledger(shop) == before
    # the channel goes on where it was
    following = hand.voucher(2 * PRICE if kind == "transfer" else 3 * PRICE)
    assert shop.post(shop.body(4), following).status_code == 200


def test_an_answer_bought_under_a_key_ages_in_its_buyer_s_node_and_its_key_buys_nothing_again(
    world: World,
) -> None:
    ahead = [0]
    shop = Shop(world, owners=1)
    buyer = world.party("keyed", clock=lambda: time.time() + ahead[0])
    buyer.knows(shop.builder)
    bought = buyer.buyer.predict(shop.model.id, shop.rows(), key="mine")
    with buyer.node.store.transaction() as tx:
        untold.keep(buyer.node, tx, b"another question", bought)
    assert prune(buyer.node) == 0
    assert buyer.buyer.predict(shop.model.id, shop.rows(), key="mine")["receipt"] == bought["receipt"]

    ahead[0] = LATER_SECONDS
    assert prune(buyer.node) == 1
    untold.let_go(buyer.node)
    outputs = canonical_bytes(bought["outputs"])
    assert outputs not in b"".join(
        bytes(row[0]) for row in buyer.node.store.rows("SELECT answer FROM answers")
    )
    assert buyer.node.store.states("untold:") == {}
    paid = ledger(shop)
    with pytest.raises(AnswerPruned):
        buyer.buyer.predict(shop.model.id, shop.rows(), key="mine")
    assert ledger(shop) == paid


def test_a_buyer_that_never_signs_fills_its_share_of_the_room_and_no_more(world: World) -> None:
    room = 1024 * 1024
    shop = Shop(world, owners=1, keep_answers_bytes=room)
    payer, node = shop.buyer(), shop.builder.node
    hand = Hand.open(shop, payer, deposit=100 * PRICE)
    answers = []
    for number in range(1, 8):
        answers.append(shop.post(shop.body(1_000, number), hand.voucher(number * PRICE)))
        assert answers[-1].status_code == 200
        assert (
            shop.post(shop.body(1_000, number), hand.voucher(number * PRICE)).content == answers[-1].content
        )
    assert sum(len(one.content) for one in answers) > room // BUYERS_PART
    assert kept_bytes(node) <= room // BUYERS_PART + 7 * 66
    again = shop.post(shop.body(1_000, 1), hand.voucher(PRICE))
    assert (again.status_code, again.json()["code"]) == (410, "answer.pruned"), "the oldest went"
    other = Hand.open(shop, shop.buyer("other"))
    assert shop.post(shop.body(1), other.voucher(PRICE)).status_code == 200
    newest = shop.post(shop.body(1_000, 7), hand.voucher(7 * PRICE))
    assert newest.content == answers[-1].content, "another buyer's answers take none of its room"
