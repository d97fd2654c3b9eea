"""Shares of a released model: fixed once, by the releaser, for good."""

from contract_world import id_of, refused

MODEL = b"\x0a" * 32


def test_a_release_mints_each_owners_share(world):
    releaser, one, two = world.account(), world.account(), world.account()
    made = int.from_bytes(id_of(["address", "bytes32"], releaser.address, MODEL), "big")
    owners = [one.address, two.address]
    assert world.read(world.ModelShares, "release", MODEL, owners, [7_500, 2_500], sender=releaser) == made
    sent = world.send(releaser, world.ModelShares, "release", MODEL, owners, [7_500, 2_500])
    assert sent.events[-1] == ("ModelReleased", (made, releaser.address, MODEL))
    assert world.read(world.ModelShares, "idOf", releaser.address, MODEL) == made
    assert [world.read(world.ModelShares, "balanceOf", owner, made) for owner in owners] == [7_500, 2_500]
    assert world.read(world.ModelShares, "totalSupply", made) == 10_000


def test_a_release_happens_once_and_in_ones_own_name(world):
    releaser, other = world.account(), world.account()
    world.send(releaser, world.ModelShares, "release", MODEL, [releaser.address], [1])
    made = world.read(world.ModelShares, "idOf", releaser.address, MODEL)
    with refused("AlreadyReleased", made):
        world.send(releaser, world.ModelShares, "release", MODEL, [other.address], [1])
    world.send(other, world.ModelShares, "release", MODEL, [other.address], [1])
    assert world.read(world.ModelShares, "balanceOf", other.address, made) == 0


def test_a_list_that_is_not_a_split_is_refused(world):
    releaser, one = world.account(), world.account().address
    for owners, shares in ([], []), ([one], []), ([], [1]), ([one], [1, 2]):
        with refused("InvalidOwnerCount", len(owners), len(shares)):
            world.send(releaser, world.ModelShares, "release", MODEL, owners, shares)
    with refused("ZeroShare", one):
        world.send(releaser, world.ModelShares, "release", MODEL, [one], [0])
    with refused("DuplicateOwner", one):
        world.send(releaser, world.ModelShares, "release", MODEL, [one, one], [1, 2])
    with refused("ERC6909InvalidReceiver"):
        world.send(releaser, world.ModelShares, "release", MODEL, ["0x" + "00" * 20], [1])
    with refused("Panic"):
        world.send(releaser, world.ModelShares, "release", MODEL, [one, releaser.address], [1, 2**256 - 1])


def test_256_owners_are_released_in_one_block_and_257_refused(world):
    releaser = world.account()
    owners = [f"0x{number:040x}" for number in range(1, 258)]
    with refused("InvalidOwnerCount", 257, 257):
        world.send(releaser, world.ModelShares, "release", MODEL, owners, [1] * 257)
    sent = world.send(releaser, world.ModelShares, "release", MODEL, owners[:256], [1] * 256)
    assert sent.gas_used < 15_000_000
    made = world.read(world.ModelShares, "idOf", releaser.address, MODEL)
    assert world.read(world.ModelShares, "totalSupply", made) == 256


def test_shares_do_not_move_even_with_approval(world):
    owner, other = world.account(), world.account()
    world.send(owner, world.ModelShares, "release", MODEL, [owner.address], [5])
    made = world.read(world.ModelShares, "idOf", owner.address, MODEL)
    world.send(owner, world.ModelShares, "approve", other.address, made, 5)
    world.send(owner, world.ModelShares, "setOperator", other.address, True)
    with refused("NotTransferable"):
        world.send(owner, world.ModelShares, "transfer", other.address, made, 1)
    with refused("NotTransferable"):
        world.send(other, world.ModelShares, "transferFrom", owner.address, other.address, made, 1)
    assert world.read(world.ModelShares, "balanceOf", owner.address, made) == 5
