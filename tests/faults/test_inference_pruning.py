"""Old answers are let go only where the buyer holds them, and what paid for them never pays again."""

import time

import pytest
from inference_world import PRICE, Hand, Shop
from node_world import World
from peer_calls import call, introduce

from freehold.core.signing import parse_envelope
from freehold.inference.payment import to_header
from freehold.node.pruning import prune

LATER_SECONDS = 31 * 86_400


def kept_bytes(node) -> int:
    with node.store.reading() as connection:
        return connection.execute("SELECT COALESCE(SUM(LENGTH(answer)), 0) FROM answers").fetchone()[0]


def ledger(shop: Shop) -> tuple:
    node = shop.builder.node
    with node.store.reading() as connection:
        uses = connection.execute("SELECT SUM(uses), SUM(spent_units) FROM uses").fetchone()
    with node.store.log() as log:
        return uses, log.size(), node.store.states("voucher:"), shop.pool_units()


def sign(shop: Shop, payer, content: dict) -> str:
    receipt = parse_envelope(content["receipt"])
    both = {**receipt.to_json()}
    both["signatures"] = [
        *both["signatures"],
        *payer.node.seal(receipt.document, "holder").to_json()["signatures"],
    ]
    introduce(payer, shop.builder)
    assert call(payer, shop.builder, "/peer/countersign", {"receipts": [both]}).status_code == 200
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
    assert prune(node) == 1, "the one whose buyer holds it"
    assert kept_bytes(node) == size - len(first.content) + len(receipt)
    assert prune(node) == 0

    for _ in range(2):
        again = shop.post(shop.body(2), signed)
        assert (again.status_code, again.json()["code"]) == (410, "answer.pruned")
        assert again.json()["fields"]["receipt"] == receipt
    other = shop.post(shop.body(9), signed)
    assert (other.status_code, other.json()["code"]) == (409, "payment.reused")
    paid_by = hand.voucher(PRICE if kind == "transfer" else 2 * PRICE)
    assert shop.post(shop.body(3), paid_by).content == unsigned.content, "who has not signed may still come"
    assert ledger(shop) == before
    # the channel goes on where it was
    following = hand.voucher(2 * PRICE if kind == "transfer" else 3 * PRICE)
    assert shop.post(shop.body(4), following).status_code == 200
