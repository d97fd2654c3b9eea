"""Selling grants: the seller's price, the buyer's consent, the money in one hop, once."""

from itertools import count

import pytest
from contract_world import FAR, Signer, World, refused, slot_of

from freehold.core.signing import OFFER_TYPE, Domain, digest

GRANTS = count(1)


def an_offer(world: World, seller: Signer, buyer: Signer, price: int, **changes) -> tuple:
    fields = {
        "grant": next(GRANTS).to_bytes(32, "big"),
        "seller": seller.address,
        "buyer": buyer.address,
        "token": world.TestDollar.address,
        "price": price,
        "deadline": world.now() + 1_000,
    }
    return tuple({**fields, **changes}.values())


def seller_signature(world: World, seller: Signer, offer: tuple, **domain) -> bytes:
    return world.sign(seller, world.Market, OFFER_TYPE, *offer, **domain)


@pytest.fixture
def seller(world):
    return world.account()


@pytest.fixture
def buyer(world):
    made = world.account()
    world.mint(made, 1_000)
    world.send(made, world.TestDollar, "approve", world.Market.address, 1_000)
    return made


def test_the_buyer_pays_the_seller_and_the_purchase_is_on_record(world, seller, buyer):
    offer = an_offer(world, seller, buyer, 300)
    sent = world.send(buyer, world.Market, "buy", offer, seller_signature(world, seller, offer))
    assert ("GrantBought", (offer[0], seller.address, buyer.address, offer[3], 300)) in sent.events
    assert (world.balance(seller), world.balance(buyer)) == (300, 700)
    bought = world.read(world.Market, "hashOffer", offer)
    assert world.read(world.Market, "purchasedAt", bought) == sent.block_time
    assert world.storage(world.Market, slot_of(["bytes32"], [bought])) == sent.block_time


@pytest.mark.parametrize("kind", ["account", "contract_account"])
def test_anyone_submits_a_purchase_that_both_signed(world, kind):
    seller, buyer, relay = getattr(world, kind)(), getattr(world, kind)(), world.account()
    world.mint(buyer, 1_000)
    offer = an_offer(world, seller, buyer, 300)
    nonce = world.read(world.Market, "hashOffer", offer)
    signed = seller_signature(world, seller, offer)
    paid = world.authorize(buyer, world.Market, 300, nonce)
    world.send(relay, world.Market, "buyWithAuthorization", offer, signed, 0, FAR, paid)
    assert (world.balance(seller), world.balance(buyer)) == (300, 700)
    with refused("AlreadyBought", nonce):
        world.send(relay, world.Market, "buyWithAuthorization", offer, signed, 0, FAR, paid)


def test_an_offer_sells_once_either_way(world, seller, buyer):
    offer = an_offer(world, seller, buyer, 300)
    signed, nonce = seller_signature(world, seller, offer), world.read(world.Market, "hashOffer", offer)
    world.send(buyer, world.Market, "buy", offer, signed)
    paid = world.authorize(buyer, world.Market, 300, nonce)
    with refused("AlreadyBought", nonce):
        world.send(buyer, world.Market, "buy", offer, signed)
    with refused("AlreadyBought", nonce):
        world.send(buyer, world.Market, "buyWithAuthorization", offer, signed, 0, FAR, paid)
    assert world.balance(buyer) == 700


def test_the_offer_hash_is_what_core_computes_offline(world, seller, buyer):
    offer = an_offer(world, seller, buyer, 300)
    domain = Domain("Freehold Market", world.chain_id, world.Market.address)
    assert world.domain(world.Market) == ("Freehold Market", "1")
    assert world.read(world.Market, "hashOffer", offer) == digest(domain, OFFER_TYPE, *offer)


def test_a_payment_for_one_offer_buys_no_other(world, seller, buyer):
    offer, dear = an_offer(world, seller, buyer, 300), an_offer(world, seller, buyer, 300)
    paid = world.authorize(buyer, world.Market, 300, world.read(world.Market, "hashOffer", offer))
    with refused("ERC3009InvalidSignature"):
        world.send(
            seller,
            world.Market,
            "buyWithAuthorization",
            dear,
            seller_signature(world, seller, dear),
            0,
            FAR,
            paid,
        )


def test_nobody_uses_the_payment_outside_the_market(world, seller, buyer):
    offer = an_offer(world, seller, buyer, 300)
    nonce = world.read(world.Market, "hashOffer", offer)
    paid = world.authorize(buyer, world.Market, 300, nonce)
    args = (buyer.address, world.Market.address, 300, 0, FAR, nonce, paid)
    with refused("ERC20InvalidReceiver", world.Market.address):
        world.send(seller, world.TestDollar, "receiveWithAuthorization", *args)


def test_every_field_of_the_offer_is_signed(world, seller, buyer):
    offer = an_offer(world, seller, buyer, 300)
    signed = seller_signature(world, seller, offer)
    other = world.account()
    world.mint(other, 1_000)
    world.send(other, world.TestDollar, "approve", world.Market.address, 1_000)
    changes = [b"\xee" * 32, other.address, other.address, world.Assets.address, 1, world.now() + 9_999]
    for position, value in enumerate(changes):
        changed = (*offer[:position], value, *offer[position + 1 :])
        sender = other if position == 2 else buyer
        with refused("InvalidSignature", changed[1]):
            world.send(sender, world.Market, "buy", changed, signed)


def test_an_offer_signed_for_another_place_is_refused(world, seller, buyer):
    offer = an_offer(world, seller, buyer, 300)
    changes = (
        {"chainId": world.chain_id + 1},
        {"verifyingContract": world.Revocations.address},
        {"name": "Freehold"},
    )
    for change in changes:
        with refused("InvalidSignature", seller.address):
            world.send(buyer, world.Market, "buy", offer, seller_signature(world, seller, offer, **change))


def test_only_the_named_buyer_spends_its_allowance(world, seller, buyer):
    offer = an_offer(world, seller, buyer, 300)
    with refused("NotTheBuyer", buyer.address, seller.address):
        world.send(seller, world.Market, "buy", offer, seller_signature(world, seller, offer))


def test_an_expired_offer_and_a_sale_to_oneself_are_refused(world, seller, buyer):
    offer = an_offer(world, seller, buyer, 300, deadline=world.now() - 1)
    with refused("OfferExpired", offer[5]):
        world.send(buyer, world.Market, "buy", offer, seller_signature(world, seller, offer))
    own = an_offer(world, buyer, buyer, 300)
    with refused("SellerIsBuyer", buyer.address):
        world.send(buyer, world.Market, "buy", own, seller_signature(world, buyer, own))


def test_a_gift_moves_nothing_and_still_needs_both(world, seller):
    buyer = world.account()
    offer = an_offer(world, seller, buyer, 0)
    world.send(buyer, world.Market, "buy", offer, seller_signature(world, seller, offer))
    offer = an_offer(world, seller, buyer, 0)
    signed, nonce = seller_signature(world, seller, offer), world.read(world.Market, "hashOffer", offer)
    with refused("ERC3009InvalidSignature"):
        world.send(seller, world.Market, "buyWithAuthorization", offer, signed, 0, FAR, b"")
    consent = world.authorize(buyer, world.Market, 0, nonce)
    world.send(seller, world.Market, "buyWithAuthorization", offer, signed, 0, FAR, consent)
    assert world.read(world.Market, "purchasedAt", nonce) > 0


def test_a_purchase_that_cannot_be_paid_leaves_no_record(world, seller):
    poor = world.account()
    offer = an_offer(world, seller, poor, 300)
    signed, nonce = seller_signature(world, seller, offer), world.read(world.Market, "hashOffer", offer)
    with refused("ERC20InsufficientAllowance"):
        world.send(poor, world.Market, "buy", offer, signed)
    paid = world.authorize(poor, world.Market, 300, nonce)
    with refused("ERC20InsufficientBalance"):
        world.send(poor, world.Market, "buyWithAuthorization", offer, signed, 0, FAR, paid)
    assert world.read(world.Market, "purchasedAt", nonce) == 0
    assert not world.read(world.TestDollar, "authorizationState", poor.address, nonce)


def test_money_sent_to_the_market_by_mistake_pays_for_nothing(world, seller, buyer):
    world.mint(world.Market, 500)
    held = world.balance(world.Market)
    offer = an_offer(world, seller, buyer, 300)
    nonce = world.read(world.Market, "hashOffer", offer)
    paid = world.authorize(buyer, world.Market, 300, nonce)
    world.send(
        buyer,
        world.Market,
        "buyWithAuthorization",
        offer,
        seller_signature(world, seller, offer),
        0,
        FAR,
        paid,
    )
    assert (world.balance(world.Market), world.balance(seller)) == (held, 300)
