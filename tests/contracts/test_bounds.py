"""The largest values that each contract takes, and the first that it refuses; nothing wraps."""

from contract_world import SplitTree, World, id_of, refused

from freehold.core.signing import VOUCHER_TYPE

SALT = b"\x01" * 32
MOST, SHARES = 2**128 - 1, 2**96 - 1


def rich(world: World):
    """A token without a limit, and a holder of 2^129 units that lets Revenue and Channels fetch them."""
    token, holder = world.deploy("SilentToken"), world.account()
    world.mint(holder, 2**129, token)
    for contract in (world.Revenue, world.Channels):
        world.send(holder, token, "approve", contract.address, 2**256 - 1)
    return token, holder


def opened_pool(world: World, token, owners: dict[str, int]):
    tree, opener = SplitTree(owners), world.account()
    world.send(opener, world.Revenue, "open", SALT, token.address, tree.root, sum(owners.values()))
    return id_of(["address", "bytes32"], opener.address, SALT), tree


def test_a_pool_takes_2_to_the_128_less_1_and_pays_them_all(world):
    token, holder = rich(world)
    owners = {world.account().address: 1, world.account().address: SHARES - 1}
    pool, tree = opened_pool(world, token, owners)
    world.send(holder, world.Revenue, "deposit", pool, MOST - 1)
    with refused("InvalidAmount", 2):
        world.send(holder, world.Revenue, "deposit", pool, 2)
    world.send(holder, world.Revenue, "deposit", pool, 1)
    with refused("InvalidAmount", 1):
        world.send(holder, world.Revenue, "deposit", pool, 1)
    paid = {}
    for account, shares in owners.items():
        paid[account] = MOST * shares // SHARES
        assert world.read(world.Revenue, "claimable", pool, account, shares) == paid[account]
        world.send(holder, world.Revenue, "claim", pool, account, shares, tree.proof(account))
    assert world.read(world.Revenue, "poolOf", pool)[3:] == (MOST, sum(paid.values()))
    assert MOST - sum(paid.values()) < 2


def test_one_owner_of_everything_gets_everything(world):
    token, holder = rich(world)
    owner = world.account().address
    pool, _ = opened_pool(world, token, {owner: SHARES})
    world.send(holder, world.Revenue, "deposit", pool, MOST)
    world.send(holder, world.Revenue, "claim", pool, owner, SHARES, [])
    assert world.read(world.Revenue, "poolOf", pool)[3:] == (MOST, MOST)


def test_a_channel_holds_2_to_the_128_less_1_and_settles_them(world):
    token, holder = rich(world)
    pool, _ = opened_pool(world, token, {world.account().address: 1})
    with refused("InvalidAmount", MOST + 1):
        world.send(holder, world.Channels, "open", pool, MOST + 1, SALT)
    world.send(holder, world.Channels, "open", pool, MOST - 1, SALT)
    channel = id_of(["address", "bytes32", "bytes32"], holder.address, pool, SALT)
    with refused("InvalidAmount", 2):
        world.send(holder, world.Channels, "topUp", channel, 2)
    world.send(holder, world.Channels, "topUp", channel, 1)
    voucher = world.sign(holder, world.Channels, VOUCHER_TYPE, channel, MOST)
    world.send(world.deployer, world.Channels, "settle", channel, MOST, voucher)
    assert world.read(world.Channels, "channelOf", channel)[2:4] == (MOST, MOST)
    other = b"\x02" * 32
    world.send(holder, world.Channels, "open", pool, MOST, other)


def test_a_voucher_above_2_to_the_128_is_not_cut_to_size(world):
    token, holder = rich(world)
    pool, _ = opened_pool(world, token, {world.account().address: 1})
    world.send(holder, world.Channels, "open", pool, 10, SALT)
    channel = id_of(["address", "bytes32", "bytes32"], holder.address, pool, SALT)
    voucher = world.sign(holder, world.Channels, VOUCHER_TYPE, channel, 2**128 + 5)
    with refused("VoucherExceedsDeposit", 10, 2**128 + 5):
        world.send(world.deployer, world.Channels, "settle", channel, 2**128 + 5, voucher)


def test_a_log_of_the_largest_size_is_the_last(world):
    owner = world.account()
    world.send(owner, world.LogAnchors, "anchor", 2**64 - 1, SALT)
    with refused("SizeMustGrow", 2**64 - 1, 2**64 - 1):
        world.send(owner, world.LogAnchors, "anchor", 2**64 - 1, b"\x02" * 32)


def test_shares_sum_to_at_most_2_to_the_256_less_1(world):
    releaser, one, two = (world.account() for _ in range(3))
    args = (SALT, [one.address, two.address], [2**256 - 2, 1])
    world.send(releaser, world.ModelShares, "release", *args)
    id_ = world.read(world.ModelShares, "idOf", releaser.address, SALT)
    assert world.read(world.ModelShares, "totalSupply", id_) == 2**256 - 1
