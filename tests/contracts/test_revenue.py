"""Revenue pools: a fixed split, paid to the unit, whoever sends the claim."""

import pytest
from contract_world import FAR, Signer, SplitTree, World, id_of, refused, slot_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODEL = b"\x0b" * 32


def a_pool(world: World, owners: dict[str, int], total: int | None = None) -> tuple[bytes, SplitTree]:
    tree, opener = SplitTree(owners), world.account()
    shares = sum(owners.values()) if total is None else total
    world.send(opener, world.Revenue, "open", MODEL, world.TestDollar.address, tree.root, shares)
    return id_of(["address", "bytes32"], opener.address, MODEL), tree


def pay_in(world: World, pool: bytes, amount: int) -> Signer:
    payer = world.account()
    world.mint(payer, amount)
    world.send(payer, world.TestDollar, "approve", world.Revenue.address, amount)
    world.send(payer, world.Revenue, "deposit", pool, amount)
    return payer


def claim(world: World, pool: bytes, tree: SplitTree, account: str, shares: int):
    return world.send(world.deployer, world.Revenue, "claim", pool, account, shares, tree.proof(account))


@pytest.fixture
def owners(world):
    return {world.account().address: shares for shares in (5_000, 3_000, 2_000)}


def test_owners_are_paid_their_shares_by_whoever_asks(world, owners):
    pool, tree = a_pool(world, owners)
    payer = pay_in(world, pool, 1_000)
    assert world.balance(payer) == 0
    for account, shares in owners.items():
        due = 1_000 * shares // 10_000
        assert world.read(world.Revenue, "claimable", pool, account, shares) == due
        sent = claim(world, pool, tree, account, shares)
        assert ("Claimed", (pool, account, due)) in sent.events
        assert world.balance(Signer(account, b"")) == due
        assert world.read(world.Revenue, "claimed", pool, account) == due
        with refused("NothingToClaim", pool, account):
            claim(world, pool, tree, account, shares)
    assert world.read(world.Revenue, "poolOf", pool)[3:] == (1_000, 1_000)


def test_later_income_is_claimed_on_top(world, owners):
    pool, tree = a_pool(world, owners)
    first = next(iter(owners))
    for total in (1_000, 2_000, 3_000):
        pay_in(world, pool, 1_000)
        claim(world, pool, tree, first, 5_000)
        assert world.balance(Signer(first, b"")) == total // 2


def test_a_pool_is_where_proofs_look_for_it(world, owners):
    pool, tree = a_pool(world, owners)
    pay_in(world, pool, 1_000)
    first = next(iter(owners))
    claim(world, pool, tree, first, 5_000)
    slot = int.from_bytes(slot_of(["bytes32"], [pool]), "big")
    stored = [world.storage(world.Revenue, (slot + offset).to_bytes(32, "big")) for offset in range(3)]
    token = int(world.TestDollar.address, 16)
    assert stored == [token | 10_000 << 160, int.from_bytes(tree.root, "big"), 1_000 | 500 << 128]
    paid = slot_of(["bytes32", "address"], [pool, first], base=1)
    assert world.storage(world.Revenue, paid) == 500


def test_a_split_never_changes(world, owners):
    tree, opener = SplitTree(owners), world.account()
    token = world.TestDollar.address
    sent = world.send(opener, world.Revenue, "open", MODEL, token, tree.root, 10_000)
    pool = id_of(["address", "bytes32"], opener.address, MODEL)
    assert sent.events == [("PoolOpened", (pool, opener.address, MODEL, token, tree.root, 10_000))]
    assert world.read(world.Revenue, "poolOf", pool) == (token, tree.root, 10_000, 0, 0)
    with refused("PoolExists", pool):
        world.send(opener, world.Revenue, "open", MODEL, token, b"\x01" * 32, 1)


def test_a_pool_without_token_root_or_shares_is_refused(world):
    opener, token = world.account(), world.TestDollar.address
    cases = [
        ("0x" + "00" * 20, MODEL, 1),
        (opener.address, MODEL, 1),
        (token, bytes(32), 1),
        (token, MODEL, 0),
        (token, MODEL, 2**96),
    ]
    for case in cases:
        with refused("InvalidPool"):
            world.send(opener, world.Revenue, "open", MODEL, *case)


def test_deposits_that_would_be_nothing_or_nowhere_are_refused(world, owners):
    pool, _ = a_pool(world, owners)
    payer = world.account()
    with refused("InvalidAmount", 0):
        world.send(payer, world.Revenue, "deposit", pool, 0)
    with refused("InvalidAmount", 2**128):
        world.send(payer, world.Revenue, "deposit", pool, 2**128)
    with refused("UnknownPool", b"\x77" * 32):
        world.send(payer, world.Revenue, "deposit", b"\x77" * 32, 1)
    with refused("ERC20InsufficientAllowance"):
        world.send(payer, world.Revenue, "deposit", pool, 1)
    assert world.read(world.Revenue, "poolOf", pool)[3] == 0


@pytest.mark.parametrize("kind", ["account", "contract_account"])
def test_a_signed_deposit_goes_to_its_pool_and_no_other_once(world, owners, kind):
    pool, _ = a_pool(world, owners)
    other, _ = a_pool(world, owners)
    payer, salt = getattr(world, kind)(), b"\x05" * 32
    world.mint(payer, 400)
    paid = world.authorize(payer, world.Revenue, 400, id_of(["bytes32", "bytes32"], pool, salt))
    args = (payer.address, 400, 0, FAR, salt, paid)
    with refused("ERC3009InvalidSignature"):
        world.send(world.deployer, world.Revenue, "depositWithAuthorization", other, *args)
    sent = world.send(world.deployer, world.Revenue, "depositWithAuthorization", pool, *args)
    assert ("Deposited", (pool, payer.address, 400)) in sent.events
    assert world.balance(payer) == 0
    assert world.read(world.Revenue, "poolOf", pool)[3] == 400
    with refused("ERC3009UsedAuthorization"):
        world.send(world.deployer, world.Revenue, "depositWithAuthorization", pool, *args)


def test_only_the_leaf_of_the_split_is_a_proof(world, owners):
    pool, tree = a_pool(world, owners)
    pay_in(world, pool, 1_000)
    (one, shares), (two, _), _ = owners.items()
    thief = world.account().address
    for account, claimed_shares, proof in [
        (thief, shares, tree.proof(one)),
        (one, shares + 1, tree.proof(one)),
        (one, 10_001, tree.proof(one)),
        (one, 0, tree.proof(one)),
        (one, shares, tree.proof(two)),
        (one, shares, []),
        (one, shares, [*tree.proof(one), bytes(32)]),
    ]:
        with refused("InvalidProof", account, claimed_shares):
            world.send(world.deployer, world.Revenue, "claim", pool, account, claimed_shares, proof)
    with refused("InvalidProof"):
        world.send(world.deployer, world.Revenue, "claim", b"\x88" * 32, one, 0, [])


def test_an_inner_node_is_not_a_leaf(world):
    """Second preimage: 64 bytes that hash to a node must not pass for an (account, shares) leaf.

    A leaf is hashed twice. If once were enough, a node over 64 chosen bytes would be somebody's share: the
    root below is one over 64 bytes that read as the thief's.
    """
    opener, thief = world.account(), world.account()
    root = id_of(["address", "uint256"], thief.address, 1)
    world.send(opener, world.Revenue, "open", MODEL, world.TestDollar.address, root, 1)
    pool = id_of(["address", "bytes32"], opener.address, MODEL)
    pay_in(world, pool, 100)
    with refused("InvalidProof", thief.address, 1):
        world.send(thief, world.Revenue, "claim", pool, thief.address, 1, [])


def test_a_dishonest_split_cannot_reach_other_pools(world, owners):
    """Shares that sum to three times the stated total are paid from this pool until it is empty."""
    honest, _ = a_pool(world, owners)
    pay_in(world, honest, 10_000)
    cheat, tree = a_pool(world, {world.account().address: 10 for _ in range(3)}, total=10)
    pay_in(world, cheat, 100)
    held = world.balance(world.Revenue)
    accounts = [account for _, account in tree.leaves]
    claim(world, cheat, tree, accounts[0], 10)
    for account in accounts[1:]:
        with refused("NothingToClaim", cheat, account):
            claim(world, cheat, tree, account, 10)
    assert held - world.balance(world.Revenue) == 100
    assert world.read(world.Revenue, "poolOf", cheat)[3:] == (100, 100)
    assert world.read(world.Revenue, "poolOf", honest)[3:] == (10_000, 0)


def test_a_leaf_of_more_than_everything_is_not_paid(world):
    """Also keeps the entitlement's product below 2^256, where it would wrap."""
    for shares in (11, 2**255):
        greedy = world.account().address
        pool, tree = a_pool(world, {greedy: shares}, total=10)
        pay_in(world, pool, 100)
        with refused("InvalidProof", greedy, shares):
            claim(world, pool, tree, greedy, shares)
        assert world.read(world.Revenue, "claimable", pool, greedy, shares) == 0


def test_the_last_units_of_a_dishonest_split_are_paid_not_stuck(world):
    cheat, tree = a_pool(world, {world.account().address: 6, world.account().address: 7}, total=10)
    pay_in(world, cheat, 100)
    shares = {
        account: next(s for s in (6, 7) if SplitTree.leaf(account, s) == leaf)
        for leaf, account in tree.leaves
    }
    for account, count in shares.items():
        claim(world, cheat, tree, account, count)
    assert world.read(world.Revenue, "poolOf", cheat)[3:] == (100, 100)


def test_money_sent_without_deposit_is_nobodys_income(world, owners):
    pool, _ = a_pool(world, owners)
    world.mint(world.Revenue, 1_000)
    first = next(iter(owners))
    assert world.read(world.Revenue, "claimable", pool, first, 5_000) == 0


def test_claimable_of_what_is_not_there_is_zero(world, owners):
    pool, _ = a_pool(world, owners)
    pay_in(world, pool, 1_000)
    account = next(iter(owners))
    assert world.read(world.Revenue, "claimable", b"\x99" * 32, account, 5_000) == 0
    assert world.read(world.Revenue, "claimable", pool, account, 10_001) == 0
    assert world.read(world.Revenue, "claimable", pool, account, 0) == 0
    assert world.read(world.Revenue, "poolOf", b"\x99" * 32) == ("0x" + "00" * 20, bytes(32), 0, 0, 0)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shares=st.lists(st.integers(1, 2**40), min_size=1, max_size=6),
    steps=st.lists(st.integers(1, 10**12), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_claims_never_exceed_income_and_dust_is_below_one_unit_an_owner(world, shares, steps, order):
    owners = {world.account().address: count for count in shares}
    pool, tree = a_pool(world, owners)
    income = 0
    for amount in steps:
        pay_in(world, pool, amount)
        income += amount
        for account, count in order.sample(sorted(owners.items()), order.randint(0, len(owners))):
            if world.read(world.Revenue, "claimable", pool, account, count):
                claim(world, pool, tree, account, count)
    for account, count in owners.items():
        if world.read(world.Revenue, "claimable", pool, account, count):
            claim(world, pool, tree, account, count)
        assert world.balance(Signer(account, b"")) == income * count // sum(shares)
    *_, total_in, paid_out = world.read(world.Revenue, "poolOf", pool)
    assert total_in == income
    assert 0 <= income - paid_out < len(owners)
