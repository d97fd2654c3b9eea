"""The last second that counts and the first that does not, for every time the contracts know."""

import pytest
from contract_world import FAR, Signer, World, id_of, refused

from freehold.core.signing import OFFER_TYPE, VOUCHER_TYPE

DAY = 86_400
SALT = b"\x01" * 32
REVOKE = "Revoke(address issuer,uint256 index,uint256 deadline)"


@pytest.fixture
def ahead(world):
    """A moment that the chain has not reached."""
    return world.now() + 1_000


def opened_channel(world: World) -> tuple[Signer, bytes]:
    payer, opener = world.account(), world.account()
    world.send(opener, world.Revenue, "open", SALT, world.TestDollar.address, SALT, 1)
    pool = id_of(["address", "bytes32"], opener.address, SALT)
    channel = id_of(["address", "bytes32", "bytes32"], payer.address, pool, SALT)
    world.mint(payer, 100)
    paid = world.authorize(payer, world.Channels, 100, channel)
    args = (payer.address, pool, 100, SALT, 0, FAR, paid)
    world.send(world.deployer, world.Channels, "openWithAuthorization", *args)
    return payer, channel


def test_a_signed_act_counts_at_its_deadline_and_not_a_second_later(world, ahead):
    issuer = world.account()
    for index, moment in ((1, ahead), (2, ahead + 1)):
        signature = world.sign(issuer, world.Revocations, REVOKE, issuer.address, index, ahead)
        act = (world.deployer, world.Revocations, "revokeBySig", issuer.address, index, ahead, signature)
        world.next_block_at(moment)
        if moment == ahead:
            assert world.send(*act).block_time == ahead
        else:
            with refused("SignatureExpired", ahead):
                world.send(*act)


def test_an_offer_stands_at_its_deadline_and_not_a_second_later(world, ahead):
    seller, buyer = world.account(), world.account()
    for number, moment in ((1, ahead), (2, ahead + 1)):
        grant = number.to_bytes(32, "big")
        offer = (grant, seller.address, buyer.address, world.TestDollar.address, 0, ahead)
        act = (buyer, world.Market, "buy", offer, world.sign(seller, world.Market, OFFER_TYPE, *offer))
        world.next_block_at(moment)
        if moment == ahead:
            assert world.send(*act).block_time == ahead
        else:
            with refused("OfferExpired", ahead):
                world.send(*act)


def test_a_payer_withdraws_from_the_second_the_day_is_over(world):
    payer, channel = opened_channel(world)
    closes_at = world.send(payer, world.Channels, "requestClose", channel).block_time + DAY
    world.next_block_at(closes_at - 1)
    with refused("NotYetWithdrawable", closes_at):
        world.send(payer, world.Channels, "withdraw", channel)
    world.next_block_at(closes_at)
    assert world.send(payer, world.Channels, "withdraw", channel).block_time == closes_at
    assert world.balance(payer) == 100


def test_in_that_second_the_voucher_and_the_withdrawal_both_count_in_either_order(world):
    payer, channel = opened_channel(world)
    voucher = world.sign(payer, world.Channels, VOUCHER_TYPE, channel, 60)
    closes_at = world.send(payer, world.Channels, "requestClose", channel).block_time + DAY
    world.next_block_at(closes_at)
    world.send(world.deployer, world.Channels, "settle", channel, 60, voucher)
    world.next_block_at(closes_at)
    world.send(payer, world.Channels, "withdraw", channel)
    assert world.balance(payer) == 40
