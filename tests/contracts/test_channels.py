"""Prepaid channels: vouchers for growing sums, settled into the pool; the rest comes back."""

from dataclasses import dataclass

import pytest
from contract_world import FAR, Signer, World, id_of, refused, slot_of

from freehold.core.signing import VOUCHER_TYPE

DAY = 86_400
SALT = b"\x01" * 32


def a_pool(world: World) -> bytes:
    opener = world.account()
    world.send(opener, world.Revenue, "open", SALT, world.TestDollar.address, b"\x02" * 32, 1)
    return id_of(["address", "bytes32"], opener.address, SALT)


def channel_id(payer: Signer, pool: bytes, salt: bytes = SALT) -> bytes:
    return id_of(["address", "bytes32", "bytes32"], payer.address, pool, salt)


@dataclass(frozen=True)
class Opened:
    world: World
    payer: Signer
    pool: bytes
    channel: bytes

    def voucher(self, cumulative: int, **domain) -> bytes:
        return self.world.sign(
            self.payer, self.world.Channels, VOUCHER_TYPE, self.channel, cumulative, **domain
        )

    def settle(self, cumulative: int):
        args = (self.channel, cumulative, self.voucher(cumulative))
        return self.world.send(self.world.deployer, self.world.Channels, "settle", *args)

    def paid_in(self) -> int:
        return self.world.read(self.world.Revenue, "poolOf", self.pool)[3]

    def close(self) -> None:
        self.world.send(self.payer, self.world.Channels, "requestClose", self.channel)


@pytest.fixture
def opened(world):
    payer, pool = world.account(), a_pool(world)
    world.mint(payer, 1_000)
    world.send(payer, world.TestDollar, "approve", world.Channels.address, 1_000)
    sent = world.send(payer, world.Channels, "open", pool, 600, SALT)
    channel = channel_id(payer, pool)
    assert ("ChannelOpened", (channel, payer.address, pool, 600)) in sent.events
    return Opened(world, payer, pool, channel)


def test_opening_locks_the_deposit_where_proofs_look_for_it(world, opened):
    assert world.read(world.Channels, "channelOf", opened.channel) == (
        opened.payer.address,
        opened.pool,
        600,
        0,
        0,
    )
    assert world.balance(opened.payer) == 400
    opened.settle(100)
    slot = int.from_bytes(slot_of(["bytes32"], [opened.channel]), "big")
    stored = [world.storage(world.Channels, (slot + offset).to_bytes(32, "big")) for offset in range(3)]
    assert stored == [int(opened.payer.address, 16), int.from_bytes(opened.pool, "big"), 600 | 100 << 128]


def test_vouchers_move_the_difference_into_the_pool(world, opened):
    held = world.balance(world.Channels)
    for cumulative, difference in ((100, 100), (101, 1), (600, 499)):
        sent = opened.settle(cumulative)
        assert ("ChannelSettled", (opened.channel, cumulative, difference)) in sent.events
        assert ("Deposited", (opened.pool, world.Channels.address, difference)) in sent.events
        assert opened.paid_in() == cumulative
    assert held - world.balance(world.Channels) == 600
    allowance = (world.Channels.address, world.Revenue.address)
    assert world.read(world.TestDollar, "allowance", *allowance) == 0


def test_an_old_voucher_pays_nothing_and_a_large_one_nothing_at_all(opened):
    opened.settle(300)
    for cumulative in (0, 299, 300):
        with refused("NothingToSettle", 300, cumulative):
            opened.settle(cumulative)
    with refused("VoucherExceedsDeposit", 600, 601):
        opened.settle(601)
    assert opened.paid_in() == 300


def test_a_voucher_counts_for_its_channel_only(world, opened):
    world.send(opened.payer, world.Channels, "open", opened.pool, 400, b"\x02" * 32)
    other = channel_id(opened.payer, opened.pool, b"\x02" * 32)
    with refused("InvalidSignature", opened.payer.address):
        world.send(world.deployer, world.Channels, "settle", other, 100, opened.voucher(100))


def test_a_channel_opens_with_something_into_a_pool_that_is_there(world, opened):
    payer = opened.payer
    with refused("ChannelExists", opened.channel):
        world.send(payer, world.Channels, "open", opened.pool, 1, SALT)
    for amount in (0, 2**128):
        with refused("InvalidAmount", amount):
            world.send(payer, world.Channels, "open", opened.pool, amount, b"\x03" * 32)
    with refused("UnknownPool", b"\x04" * 32):
        world.send(payer, world.Channels, "open", b"\x04" * 32, 1, SALT)
    with refused("ERC20InsufficientAllowance"):
        world.send(payer, world.Channels, "open", opened.pool, 401, b"\x03" * 32)


def test_an_unknown_channel_is_refused_everywhere(world):
    nowhere = b"\x66" * 32
    for function, args in {
        "topUp": (1,),
        "settle": (1, b""),
        "requestClose": (),
        "requestCloseBySig": (FAR, b""),
        "withdraw": (),
        "topUpWithAuthorization": (world.deployer.address, 1, 0, FAR, SALT, b""),
    }.items():
        with refused("UnknownChannel", nowhere):
            world.send(world.deployer, world.Channels, function, nowhere, *args)
    assert world.read(world.Channels, "channelOf", nowhere) == ("0x" + "00" * 20, bytes(32), 0, 0, 0)


@pytest.mark.parametrize("kind", ["account", "contract_account"])
def test_a_signed_opening_and_top_up_do_only_that_once(world, kind):
    payer, pool = getattr(world, kind)(), a_pool(world)
    world.mint(payer, 1_000)
    channel = channel_id(payer, pool)
    signed = world.authorize(payer, world.Channels, 600, channel)
    for wrong in ((pool, 600, b"\x09" * 32), (pool, 599, SALT), (a_pool(world), 600, SALT)):
        with refused("ERC3009InvalidSignature"):
            world.send(
                world.deployer, world.Channels, "openWithAuthorization", payer.address, *wrong, 0, FAR, signed
            )
    args = (payer.address, pool, 600, SALT, 0, FAR, signed)
    world.send(world.deployer, world.Channels, "openWithAuthorization", *args)
    with refused("ChannelExists", channel):
        world.send(world.deployer, world.Channels, "openWithAuthorization", *args)
    more = world.authorize(payer, world.Channels, 400, id_of(["bytes32", "bytes32"], channel, SALT))
    args = (channel, payer.address, 400, 0, FAR, SALT, more)
    sent = world.send(world.deployer, world.Channels, "topUpWithAuthorization", *args)
    assert ("ChannelToppedUp", (channel, 400)) in sent.events
    with refused("ERC3009UsedAuthorization"):
        world.send(world.deployer, world.Channels, "topUpWithAuthorization", *args)
    assert world.read(world.Channels, "channelOf", channel)[2:] == (1_000, 0, 0)
    assert world.balance(payer) == 0


def test_anyone_tops_up_and_the_voucher_then_pays(world, opened):
    friend = world.account()
    world.mint(friend, 50)
    world.send(friend, world.TestDollar, "approve", world.Channels.address, 50)
    for amount in (0, 2**128 - 600):
        with refused("InvalidAmount", amount):
            world.send(friend, world.Channels, "topUp", opened.channel, amount)
    world.send(friend, world.Channels, "topUp", opened.channel, 50)
    opened.settle(650)
    assert opened.paid_in() == 650


def test_a_payer_gets_the_rest_back_a_day_after_asking_and_ends_the_channel(world, opened):
    opened.settle(100)
    with refused("NotYetWithdrawable", 0):
        world.send(opened.payer, world.Channels, "withdraw", opened.channel)
    sent = world.send(opened.payer, world.Channels, "requestClose", opened.channel)
    closes_at = sent.block_time + DAY
    assert sent.events == [("CloseRequested", (opened.channel, closes_at))]
    assert world.read(world.Channels, "channelOf", opened.channel)[4] == closes_at
    world.wait(DAY - 100)
    with refused("NotYetWithdrawable", closes_at):
        world.send(opened.payer, world.Channels, "withdraw", opened.channel)
    opened.settle(250)
    world.wait(200)
    sent = world.send(world.deployer, world.Channels, "withdraw", opened.channel)
    assert ("ChannelWithdrawn", (opened.channel, 350)) in sent.events
    assert (world.balance(opened.payer), opened.paid_in()) == (750, 250)


def test_after_withdrawal_nothing_counts_any_more(world, opened):
    opened.close()
    world.wait(DAY + 1)
    world.send(opened.payer, world.Channels, "withdraw", opened.channel)
    with refused("ChannelEnded", opened.channel):
        world.send(opened.payer, world.Channels, "withdraw", opened.channel)
    with refused("ChannelEnded", opened.channel):
        opened.settle(100)
    with refused("ChannelExists", opened.channel):
        world.send(opened.payer, world.Channels, "open", opened.pool, 1, SALT)
    with refused("ChannelClosing", opened.channel):
        world.send(opened.payer, world.Channels, "topUp", opened.channel, 1)
    with refused("ChannelClosing", opened.channel):
        opened.close()
    assert world.read(world.Channels, "channelOf", opened.channel)[4] == 2**64 - 1


def test_only_the_payer_asks_to_close_and_only_once(world, opened):
    with refused("NotThePayer", opened.payer.address, world.deployer.address):
        world.send(world.deployer, world.Channels, "requestClose", opened.channel)
    opened.close()
    with refused("ChannelClosing", opened.channel):
        opened.close()


def test_a_voucher_still_counts_after_the_day_until_the_payer_withdraws(world, opened):
    opened.close()
    world.wait(DAY + 1)
    opened.settle(600)
    sent = world.send(opened.payer, world.Channels, "withdraw", opened.channel)
    assert ("ChannelWithdrawn", (opened.channel, 0)) in sent.events
    assert (world.balance(opened.payer), opened.paid_in()) == (400, 600)


def test_revenue_is_fixed_and_the_delay_is_a_day(world):
    assert world.read(world.Channels, "REVENUE") == world.Revenue.address
    assert world.read(world.Channels, "CLOSE_DELAY") == DAY
    assert world.domain(world.Channels) == ("Freehold Channels", "1")


def test_money_sent_to_channels_by_mistake_pays_no_voucher(world, opened):
    world.mint(world.Channels, 1_000)
    with refused("VoucherExceedsDeposit", 600, 700):
        opened.settle(700)
