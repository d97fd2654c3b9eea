"""When a hash was first seen: by anybody, once, at the block's time, where a state proof looks for it."""

import time

import pytest
from contract_world import id_of, refused, slot_of

from freehold.kernel.evidence.state import stamp_slot


def hash_of(text: str) -> bytes:
    return id_of(["string"], text)


def test_stamping_records_the_time_of_the_block(world):
    plan, now = hash_of("plan"), world.now()
    assert world.read(world.Timestamps, "stampedAt", plan) == 0
    world.next_block_at(now + 1_000)
    sent = world.send(world.account(), world.Timestamps, "stamp", plan)
    assert sent.events == [("Stamped", (plan,))]
    assert world.read(world.Timestamps, "stampedAt", plan) == sent.block_time == now + 1_000


def test_giving_an_account_ether_does_not_use_up_the_time_of_the_next_block(world):
    moment = world.now() + 1_000
    world.next_block_at(moment)
    others = [world.account() for _ in range(3)]
    time.sleep(1.1)
    assert world.send(others[0], world.Timestamps, "stamp", hash_of("after gifts")).block_time == moment
    assert world.send(others[1], world.Timestamps, "stamp", hash_of("and on from there")).block_time >= moment


def test_the_first_time_stands_whoever_tries_again(world):
    plan, first, other = hash_of("stamped twice"), world.account(), world.account()
    sent = world.send(first, world.Timestamps, "stamp", plan)
    world.wait(86_400)
    for sender in (first, other):
        with refused("AlreadyStamped", plan):
            world.send(sender, world.Timestamps, "stamp", plan)
    assert world.read(world.Timestamps, "stampedAt", plan) == sent.block_time


@pytest.mark.parametrize("stamped", [bytes(32), b"\xff" * 32])
def test_every_hash_can_be_stamped_and_no_other_is_with_it(world, stamped):
    neighbour = stamped[:-1] + bytes([stamped[-1] ^ 1])
    sent = world.send(world.account(), world.Timestamps, "stamp", stamped)
    assert world.read(world.Timestamps, "stampedAt", stamped) == sent.block_time
    assert world.read(world.Timestamps, "stampedAt", neighbour) == 0


def test_the_time_is_alone_in_its_word_in_slot_0(world):
    plan = hash_of("proved")
    sent = world.send(world.account(), world.Timestamps, "stamp", plan)
    slot = slot_of(["bytes32"], [plan])
    assert world.storage(world.Timestamps, slot) == sent.block_time
    assert stamp_slot("0x" + plan.hex()) == int.from_bytes(slot, "big")
