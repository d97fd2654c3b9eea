"""ERC-6909 of the model shares. Each docstring is the sentence that is checked, perhaps shortened.

Shares do not transfer: every transfer reverts, which the standard leaves open. So its sentences about successful
transfers have nothing to hold of. ERC-2981 (royalties) does not apply either: there is no sale to take one from.
"""

from dataclasses import dataclass

import pytest
from contract_world import Signer, World, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOBODY = "0x" + "00" * 20
MODEL = b"\x0e" * 32


@dataclass(frozen=True)
class Released:
    world: World
    owner: Signer
    spender: Signer
    id: int

    def send(self, sender: Signer, function: str, *args):
        return self.world.send(sender, self.world.ModelShares, function, *args)

    def read(self, function: str, *args, sender: Signer | None = None):
        return self.world.read(self.world.ModelShares, function, *args, sender=sender)


@pytest.fixture
def released(world):
    owner, spender = world.account(), world.account()
    world.send(owner, world.ModelShares, "release", MODEL, [owner.address], [10])
    return Released(world, owner, spender, world.read(world.ModelShares, "idOf", owner.address, MODEL))


def test_the_interface_is_announced(released):
    """supportsInterface MUST return true if `0x0f632fb3` is passed through the `interfaceID` argument."""
    for interface, expected in {
        "0f632fb3": True,
        "01ffc9a7": True,
        "2a55205a": False,
        "ffffffff": False,
    }.items():
        assert released.read("supportsInterface", bytes.fromhex(interface)) is expected


def test_balances_are_per_id(released):
    """The total amount of a token `id` that an `owner` owns."""
    assert released.read("balanceOf", released.owner.address, released.id) == 10
    assert released.read("balanceOf", released.owner.address, released.id + 1) == 0
    assert released.read("balanceOf", released.spender.address, released.id) == 0


def test_creation_is_a_transfer_from_zero(released):
    """SHOULD be logged with the `sender` address as the zero address when an amount of a token `id` is minted."""
    one, two = released.world.account(), released.world.account()
    sent = released.send(one, "release", MODEL, [one.address, two.address], [7, 3])
    id_ = released.read("idOf", one.address, MODEL)
    assert [values for name, values in sent.events if name == "Transfer"] == [
        (one.address, NOBODY, one.address, id_, 7),
        (one.address, NOBODY, two.address, id_, 3),
    ]


def test_the_supply_is_what_was_minted(released):
    """ERC-6909 token supply extension, totalSupply: "the total supply of the token `id`"."""
    assert released.read("totalSupply", released.id) == 10
    assert released.read("totalSupply", released.id + 1) == 0


def test_approve_sets_logs_and_returns_true(released):
    """MUST set the allowance of the `spender` of the token `id` for the caller to the `amount`. MUST log the
    `Approval` event. MUST return True.
    """
    owner, spender = released.owner, released.spender
    for amount in (5, 3, 0, 2**256 - 1):
        assert released.read("approve", spender.address, released.id, amount, sender=owner) is True
        sent = released.send(owner, "approve", spender.address, released.id, amount)
        assert sent.events == [("Approval", (owner.address, spender.address, released.id, amount))]
        assert released.read("allowance", owner.address, spender.address, released.id) == amount
    assert released.read("allowance", owner.address, spender.address, released.id + 1) == 0


def test_set_operator_sets_logs_and_returns_true(released):
    """MUST set the operator status to the `approved` value. MUST log the `OperatorSet` event. MUST return True."""
    owner, spender = released.owner, released.spender
    for approved in (True, False):
        assert released.read("setOperator", spender.address, approved, sender=owner) is True
        sent = released.send(owner, "setOperator", spender.address, approved)
        assert sent.events == [("OperatorSet", (owner.address, spender.address, approved))]
        assert released.read("isOperator", owner.address, spender.address) is approved
        assert released.read("isOperator", spender.address, owner.address) is False


def test_transfer_reverts_on_too_small_a_balance_and_on_any(released):
    """MUST revert when the caller's balance for the token `id` is insufficient; here also when it is not."""
    for sender, amount in (
        (released.owner, 11),
        (released.owner, 10),
        (released.owner, 0),
        (released.spender, 1),
    ):
        with refused("NotTransferable"):
            released.send(sender, "transfer", released.spender.address, released.id, amount)


def test_transfer_from_reverts_without_permission(released):
    """MUST revert when the caller is neither the `sender` nor an operator for the `sender` and the caller's
    allowance for the token `id` for the `sender` is insufficient.
    """
    owner, spender = released.owner.address, released.spender
    with refused("ERC6909InsufficientAllowance", spender.address, 0, 1, released.id):
        released.send(spender, "transferFrom", owner, spender.address, released.id, 1)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    shares=st.lists(st.integers(1, 2**200), min_size=1, max_size=8),
    function=st.sampled_from(["transfer", "transferFrom"]),
    amount=st.integers(0, 2**256 - 1),
)
def test_no_permission_makes_a_share_move(world, shares, function, amount):
    """transferFrom SHOULD NOT decrease the caller's allowance if the caller is an operator, or if it is infinite."""
    releaser, thief = world.account(), world.account()
    owners = [world.account() for _ in shares]
    args = (MODEL, [owner.address for owner in owners], shares)
    world.send(releaser, world.ModelShares, "release", *args)
    id_ = world.read(world.ModelShares, "idOf", releaser.address, MODEL)
    first = owners[0]
    world.send(first, world.ModelShares, "approve", thief.address, id_, 2**256 - 1)
    world.send(first, world.ModelShares, "setOperator", thief.address, True)
    call = (
        (thief.address, id_, amount)
        if function == "transfer"
        else (first.address, thief.address, id_, amount)
    )
    with refused("NotTransferable"):
        world.send(first if function == "transfer" else thief, world.ModelShares, function, *call)
    kept = [world.read(world.ModelShares, "balanceOf", owner.address, id_) for owner in owners]
    assert kept == shares
    assert world.read(world.ModelShares, "allowance", first.address, thief.address, id_) == 2**256 - 1
