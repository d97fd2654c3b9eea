"""An account's log head: its own, growing, where a state proof looks for it."""

from contract_world import refused, slot_of


def test_anchoring_records_root_size_and_time(world):
    owner = world.account()
    sent = world.send(owner, world.LogAnchors, "anchor", 7, b"\xaa" * 32)
    assert sent.events == [("Anchored", (owner.address, 7, b"\xaa" * 32))]
    assert world.read(world.LogAnchors, "headOf", owner.address) == (b"\xaa" * 32, 7, sent.block_time)
    world.send(owner, world.LogAnchors, "anchor", 8, b"\xbb" * 32)
    assert world.read(world.LogAnchors, "headOf", owner.address)[:2] == (b"\xbb" * 32, 8)


def test_a_log_cannot_shrink_or_be_rewritten(world):
    owner = world.account()
    with refused("SizeMustGrow", 0, 0):
        world.send(owner, world.LogAnchors, "anchor", 0, b"\xaa" * 32)
    world.send(owner, world.LogAnchors, "anchor", 7, b"\xaa" * 32)
    for size in (0, 6, 7):
        with refused("SizeMustGrow", 7, size):
            world.send(owner, world.LogAnchors, "anchor", size, b"\xbb" * 32)
    assert world.read(world.LogAnchors, "headOf", owner.address)[:2] == (b"\xaa" * 32, 7)


def test_each_account_has_its_own_head(world):
    one, two = world.account(), world.account()
    world.send(one, world.LogAnchors, "anchor", 2**64 - 1, b"\xaa" * 32)
    assert world.read(world.LogAnchors, "headOf", two.address) == (bytes(32), 0, 0)
    world.send(two, world.LogAnchors, "anchor", 1, b"\xbb" * 32)
    assert world.read(world.LogAnchors, "headOf", one.address)[:2] == (b"\xaa" * 32, 2**64 - 1)


def test_the_head_is_in_slot_0_root_first_then_size_and_time(world):
    owner = world.account()
    sent = world.send(owner, world.LogAnchors, "anchor", 9, b"\xcc" * 32)
    slot = slot_of(["address"], [owner.address])
    following = (int.from_bytes(slot, "big") + 1).to_bytes(32, "big")
    assert world.storage(world.LogAnchors, slot) == int.from_bytes(b"\xcc" * 32, "big")
    assert world.storage(world.LogAnchors, following) == 9 | sent.block_time << 64
