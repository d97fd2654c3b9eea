"""ERC-20, sentence by sentence, of the test dollar. Each docstring is the sentence that is checked, perhaps shortened.

That callers MUST handle `false` is a duty of the contracts that pay: see test_hostile_tokens.py.
"""

import pytest
from contract_world import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOBODY = "0x" + "00" * 20


@pytest.fixture
def token(world):
    return world.deploy("TestDollar")


@pytest.fixture
def people(world, token):
    """Three accounts; the first holds 100."""
    made = [world.account() for _ in range(3)]
    world.mint(made[0], 100, token)
    return made


def transfers(sent):
    return [values for name, values in sent.events if name == "Transfer"]


def test_the_optional_names_are_there(world, token):
    """name, symbol, decimals: "Returns the name of the token", "the symbol", "the number of decimals"."""
    told = [world.read(token, function) for function in ("name", "symbol", "decimals")]
    assert told == ["Freehold Test Dollar", "TUSD", 6]


def test_transfer_moves_the_amount_and_fires_the_event(world, token, people):
    """Transfers `_value` amount of tokens to address `_to`, and MUST fire the `Transfer` event."""
    one, two, _ = people
    assert world.read(token, "transfer", two.address, 60, sender=one) is True
    sent = world.send(one, token, "transfer", two.address, 60)
    assert transfers(sent) == [(one.address, two.address, 60)]
    assert world.balances([one, two], token) == [40, 60]


def test_transfer_throws_when_the_balance_is_not_enough(world, token, people):
    """The function SHOULD `throw` if the message caller's account balance does not have enough tokens to spend."""
    one, two, _ = people
    with refused("ERC20InsufficientBalance", one.address, 100, 101):
        world.send(one, token, "transfer", two.address, 101)
    assert world.balances([one, two], token) == [100, 0]


@pytest.mark.parametrize("function", ["transfer", "transferFrom"])
def test_a_transfer_of_nothing_is_a_transfer(world, token, people, function):
    """Transfers of 0 values MUST be treated as normal transfers and fire the `Transfer` event."""
    _, two, three = people
    args = (three.address, 0) if function == "transfer" else (two.address, three.address, 0)
    sent = world.send(two, token, function, *args)
    assert transfers(sent) == [(two.address, three.address, 0)]


def test_transfer_from_moves_what_was_authorized(world, token, people):
    """Transfers `_value` amount of tokens from address `_from` to address `_to`, and MUST fire `Transfer`."""
    one, two, three = people
    world.send(one, token, "approve", two.address, 70)
    assert world.read(token, "transferFrom", one.address, three.address, 60, sender=two) is True
    sent = world.send(two, token, "transferFrom", one.address, three.address, 60)
    assert transfers(sent) == [(one.address, three.address, 60)]
    assert world.balances(people, token) == [40, 0, 60]


def test_transfer_from_throws_unless_authorized(world, token, people):
    """SHOULD `throw` unless the `_from` account has deliberately authorized the sender of the message."""
    one, two, three = people
    with refused("ERC20InsufficientAllowance", two.address, 0, 1):
        world.send(two, token, "transferFrom", one.address, two.address, 1)
    world.send(one, token, "approve", two.address, 10)
    with refused("ERC20InsufficientAllowance", three.address, 0, 1):
        world.send(three, token, "transferFrom", one.address, three.address, 1)


def test_an_allowance_is_for_several_withdrawals_up_to_its_amount(world, token, people):
    """Allows `_spender` to withdraw from your account multiple times, up to the `_value` amount."""
    one, two, _ = people
    world.send(one, token, "approve", two.address, 70)
    for left in (40, 10):
        world.send(two, token, "transferFrom", one.address, two.address, 30)
        assert world.read(token, "allowance", one.address, two.address) == left
    with refused("ERC20InsufficientAllowance", two.address, 10, 11):
        world.send(two, token, "transferFrom", one.address, two.address, 11)


def test_approving_again_overwrites(world, token, people):
    """If this function is called again it overwrites the current allowance with `_value`."""
    one, two, _ = people
    for value in (5, 7, 0, 2**256 - 1):
        world.send(one, token, "approve", two.address, value)
        assert world.read(token, "allowance", one.address, two.address) == value


def test_every_approval_triggers_its_event(world, token, people):
    """Approval MUST trigger on any successful call to `approve(address _spender, uint256 _value)`."""
    one, two, _ = people
    for value in (5, 5, 0):
        assert world.read(token, "approve", two.address, value, sender=one) is True
        sent = world.send(one, token, "approve", two.address, value)
        assert sent.events == [("Approval", (one.address, two.address, value))]


def test_new_tokens_come_from_zero(world, token):
    """A token contract which creates new tokens SHOULD trigger a Transfer event with `_from` set to `0x0`."""
    holder = world.account()
    sent = world.send(holder, token, "mint", holder.address, 9)
    assert sent.events == [("Transfer", (NOBODY, holder.address, 9))]
    assert world.read(token, "totalSupply") == 9


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["transfer", "approve", "transferFrom"]),
        *[st.integers(0, 2)] * 3,
        st.integers(0, 120),
    ),
    min_size=8,
    max_size=16,
)


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations=OPERATIONS)
def test_balances_and_allowances_are_those_of_a_ledger(world, operations):
    """balanceOf, allowance, totalSupply: "Returns the account balance", "the amount which `_spender` is still
    allowed to withdraw", "the total token supply", after any sequence of calls.
    """
    token, people = world.deploy("TestDollar"), [world.account() for _ in range(3)]
    world.mint(people[0], 200, token)
    balance, allowed = [200, 0, 0], {(a, b): 0 for a in range(3) for b in range(3)}
    for function, caller, other, third, value in operations:
        if function == "approve":
            world.send(people[caller], token, function, people[other].address, value)
            allowed[caller, other] = value
            continue
        source = caller if function == "transfer" else other
        error = None
        if function == "transferFrom" and allowed[source, caller] < value:
            error = "ERC20InsufficientAllowance"
        elif balance[source] < value:
            error = "ERC20InsufficientBalance"
        target = people[third].address
        args = (target, value) if function == "transfer" else (people[source].address, target, value)
        if error is not None:
            with refused(error):
                world.send(people[caller], token, function, *args)
            continue
        world.send(people[caller], token, function, *args)
        balance[source] -= value
        balance[third] += value
        if function == "transferFrom":
            allowed[source, caller] -= value
    assert world.balances(people, token) == balance
    assert world.read(token, "totalSupply") == sum(balance)
    for (owner, spender), value in allowed.items():
        assert world.read(token, "allowance", people[owner].address, people[spender].address) == value
