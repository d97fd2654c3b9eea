"""Tokens with bonuses, exit fees, blocklists and shrinking balances: what is refused, and whom the rest can hurt."""

import pytest
from contract_world import FAR, SplitTree, id_of, refused
from test_hostile_tokens import INWARD, SALT, Place

from freehold.core.signing import VOUCHER_TYPE

DAY = 86_400


def settle(place, cumulative):
    world = place.world
    voucher = world.sign(place.payer, world.Channels, VOUCHER_TYPE, place.channel, cumulative)
    world.send(world.deployer, world.Channels, "settle", place.channel, cumulative, voucher)


def claim(place):
    world = place.world
    world.send(world.deployer, world.Revenue, "claim", place.pool, place.owner.address, 1, [])


@pytest.fixture(scope="module")
def bonus(world):
    return Place(world, "BonusToken")


@pytest.mark.parametrize("act", INWARD)
def test_a_token_that_delivers_more_is_refused(world, bonus, act):
    """The books would say less than is there, and a rising rate would be nobody's."""
    with refused("InexactTransfer", bonus.token.address, 100, 101):
        world.send(bonus.payer, *bonus.acts()[act])


def test_a_seller_gets_the_price_or_the_sale_fails(world):
    place = Place(world, "ExitFeeToken")
    with refused("InexactTransfer", place.token.address, 100, 99):
        world.send(place.payer, *place.acts()["buyWithAuthorization"])
    assert (place.balance(place.payer), place.balance(place.seller)) == (1_000, 0)


def test_an_exit_fee_is_borne_by_who_is_paid_and_by_no_other(world):
    place = Place(world, "ExitFeeToken")
    for act in ("deposit", "open"):
        world.send(place.payer, *place.acts()[act])
    claim(place)
    assert place.balance(place.owner) == 99
    assert world.read(world.Revenue, "poolOf", place.pool)[3:] == (100, 100)
    assert place.balance(world.Revenue) == 0


def test_a_blocked_owner_waits_and_holds_up_nobody(world):
    place, other, opener = Place(world, "BlockingToken"), world.account(), world.account()
    owners = {place.owner.address: 1, other.address: 3}
    tree = SplitTree(owners)
    world.send(opener, world.Revenue, "open", SALT, place.token.address, tree.root, 4)
    pool = id_of(["address", "bytes32"], opener.address, SALT)
    world.send(place.payer, world.Revenue, "deposit", pool, 100)
    world.send(opener, place.token, "setBlocked", place.owner.address, True)
    for account, shares in owners.items():
        args = (pool, account, shares, tree.proof(account))
        if account == other.address:
            world.send(opener, world.Revenue, "claim", *args)
        else:
            with refused("Blocked", account):
                world.send(opener, world.Revenue, "claim", *args)
    assert place.balance(other) == 75
    world.send(opener, place.token, "setBlocked", place.owner.address, False)
    world.send(opener, world.Revenue, "claim", pool, place.owner.address, 1, tree.proof(place.owner.address))
    assert place.balance(place.owner) == 25


def test_a_blocked_payer_keeps_its_channel_and_the_vouchers_still_count(world):
    place = Place(world, "BlockingToken")
    world.send(place.payer, *place.acts()["open"])
    world.send(place.payer, world.Channels, "requestClose", place.channel)
    world.wait(DAY + 1)
    world.send(world.deployer, place.token, "setBlocked", place.payer.address, True)
    with refused("Blocked", place.payer.address):
        world.send(place.payer, world.Channels, "withdraw", place.channel)
    settle(place, 60)
    world.send(world.deployer, place.token, "setBlocked", place.payer.address, False)
    world.send(place.payer, world.Channels, "withdraw", place.channel)
    assert place.balance(place.payer) == 900 + 40


def test_a_token_that_blocks_the_pool_lets_the_payer_leave_with_unsettled_money(world):
    """The known limit of every payment in a token with an issuer: whoever serves bears what is not settled."""
    place = Place(world, "BlockingToken")
    world.send(place.payer, *place.acts()["open"])
    world.send(world.deployer, place.token, "setBlocked", world.Revenue.address, True)
    world.send(place.payer, world.Channels, "requestClose", place.channel)
    with refused("Blocked", world.Revenue.address):
        settle(place, 60)
    world.wait(DAY + 1)
    world.send(place.payer, world.Channels, "withdraw", place.channel)
    assert place.balance(place.payer) == 1_000


def test_a_balance_that_shrinks_is_missing_to_the_last_who_claims_in_that_token_only(world):
    place = Place(world, "ShrinkingToken")
    world.send(place.payer, *place.acts()["deposit"])
    opener = world.account()
    world.send(
        opener, world.Revenue, "open", SALT, place.token.address, SplitTree({opener.address: 1}).root, 1
    )
    second = id_of(["address", "bytes32"], opener.address, SALT)
    world.send(place.payer, world.Revenue, "deposit", second, 100)
    other = Place(world, "SilentToken")
    world.send(other.payer, *other.acts()["deposit"])
    world.send(opener, place.token, "shrink", world.Revenue.address, 50)
    claim(place)
    assert place.balance(place.owner) == 100
    with refused("ERC20InsufficientBalance", world.Revenue.address, 50, 100):
        world.send(opener, world.Revenue, "claim", second, opener.address, 1, [])
    claim(other)
    assert other.balance(other.owner) == 100


@pytest.mark.parametrize("act", ["topUp", "topUpWithAuthorization", "withdraw"])
def test_a_token_cannot_enter_channels_again_while_it_tops_up_or_leaves(world, act):
    place = Place(world, "CallingToken")
    world.send(place.payer, *place.acts()["open"])
    if act == "withdraw":
        world.send(place.payer, world.Channels, "requestClose", place.channel)
        world.wait(DAY + 1)
    args = {
        "topUp": (place.channel, 100),
        "topUpWithAuthorization": (place.channel, place.payer.address, 100, 0, FAR, SALT, b""),
        "withdraw": (place.channel,),
    }[act]
    inner = world.Channels.calldata("withdraw", place.channel)
    world.send(world.deployer, place.token, "arm", world.Channels.address, inner)
    with refused("ReentrancyGuardReentrantCall"):
        world.send(place.payer, world.Channels, act, *args)
