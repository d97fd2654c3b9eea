"""What a signed act does is the signer's act, to the event and the state; the submitter appears nowhere."""

import pytest
from contract_world import Signer, World, id_of, slot_of
from test_signed_acts import ACTS, act_as

DAY = 86_400


def record(world: World, act, signer: Signer, relay: Signer):
    """What was sent and the signed values: signed by one, sent by the other."""
    values = act.values(world, signer)
    signature = world.sign(signer, act.target(world), act.struct, *values)
    sent = world.send(relay, act.target(world), act.function, *values, signature)
    return sent, values


@pytest.fixture(params=["account", "contract_account"])
def signer(world, request):
    return getattr(world, request.param)()


@pytest.fixture
def relay(world):
    return world.account()


def act_named(function: str):
    return next(act for act in ACTS if act.function == function)


def test_an_anchor_is_the_signers(world, signer, relay):
    sent, (account, size, root, _) = record(world, act_named("anchorBySig"), signer, relay)
    assert sent.events == [("Anchored", (account, size, root))]
    assert world.read(world.LogAnchors, "headOf", account) == (root, size, sent.block_time)
    assert world.read(world.LogAnchors, "headOf", relay.address) == (bytes(32), 0, 0)


def test_a_revocation_is_the_signers(world, signer, relay):
    sent, (issuer, index, _) = record(world, act_named("revokeBySig"), signer, relay)
    assert sent.events == [("GrantRevoked", (issuer, index))]
    found = [world.read(world.Revocations, "isRevoked", one, index) for one in (issuer, relay.address)]
    assert found == [True, False]
    assert world.storage(world.Revocations, slot_of(["address", "uint256"], [relay.address, index >> 8])) == 0


def test_a_registration_is_the_signers(world, signer, relay):
    sent, (owner, asset, _) = record(world, act_named("registerBySig"), signer, relay)
    token = int.from_bytes(id_of(["address", "bytes32"], owner, asset), "big")
    assert sent.events[-1] == ("AssetRegistered", (token, owner, asset))
    assert world.read(world.Assets, "ownerOf", token) == owner
    assert world.read(world.Assets, "balanceOf", relay.address) == 0


def test_a_release_is_the_signers(world, signer, relay):
    sent, (releaser, model, owners, shares, _) = record(world, act_named("releaseBySig"), signer, relay)
    id_ = int.from_bytes(id_of(["address", "bytes32"], releaser, model), "big")
    assert sent.events[-1] == ("ModelReleased", (id_, releaser, model))
    assert [world.read(world.ModelShares, "balanceOf", owner, id_) for owner in owners] == shares


def test_a_pool_is_the_signers(world, signer, relay):
    sent, values = record(world, act_named("openBySig"), signer, relay)
    opener, model, token, root, total, _ = values
    pool = id_of(["address", "bytes32"], opener, model)
    assert sent.events == [("PoolOpened", (pool, opener, model, token, root, total))]
    assert world.read(world.Revenue, "poolOf", pool) == (token, root, total, 0, 0)


def test_a_close_is_the_signers_and_takes_a_day(world, signer, relay):
    sent, (channel, _) = record(world, act_named("requestCloseBySig"), signer, relay)
    closes_at = sent.block_time + DAY
    assert sent.events == [("CloseRequested", (channel, closes_at))]
    assert world.read(world.Channels, "channelOf", channel)[4] == closes_at


def test_a_voucher_moves_the_signers_money(world, signer, relay):
    sent, (channel, cumulative) = record(world, act_named("settle"), signer, relay)
    payer, pool, deposited, settled, _ = world.read(world.Channels, "channelOf", channel)
    assert (payer, deposited, settled) == (signer.address, 100, cumulative)
    assert ("Deposited", (pool, world.Channels.address, cumulative)) in sent.events
    assert world.balance(relay) == 0


def test_what_is_withdrawn_goes_to_a_contract_payer_too(world, relay):
    payer = world.contract_account()
    _, (channel, _) = record(world, act_named("settle"), payer, relay)
    act_as(world, payer, world.Channels, "requestClose", channel)
    world.wait(DAY + 1)
    world.send(relay, world.Channels, "withdraw", channel)
    assert (world.balance(payer), world.balance(relay)) == (40, 0)
