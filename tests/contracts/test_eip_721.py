"""ERC-721, its metadata and ERC-165, of the asset tokens. Each docstring is the sentence that is checked, perhaps shortened.

ERC-2981 (royalties) does not apply: no contract here sells asset tokens, and revenue follows the split of a pool.
"""

from dataclasses import dataclass

import pytest
from contract_world import Contract, Signer, World, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOBODY = "0x" + "00" * 20
each_transfer = pytest.mark.parametrize(
    "form", ["transferFrom", "safeTransferFrom", "safeTransferFrom with data"]
)


def moves(form: str) -> tuple[str, tuple]:
    """Function and what follows from, to and token."""
    return form.split(maxsplit=1)[0], (b"note",) if "data" in form else ()


@dataclass(frozen=True)
class Held:
    world: World
    owner: Signer
    approved: Signer
    operator: Signer
    stranger: Signer
    token: int

    def send(self, sender: Signer, function: str, *args):
        return self.world.send(sender, self.world.Assets, function, *args)

    def read(self, function: str, *args):
        return self.world.read(self.world.Assets, function, *args)

    def move(self, sender: Signer, to: Signer | Contract, form: str = "transferFrom"):
        function, data = moves(form)
        return self.send(sender, function, self.owner.address, to.address, self.token, *data)


@pytest.fixture
def held(world):
    people = [world.account() for _ in range(4)]
    made = Held(world, *people, token=world.read(world.Assets, "tokenIdOf", people[0].address, b"\x07" * 32))
    made.send(made.owner, "register", b"\x07" * 32)
    made.send(made.owner, "approve", made.approved.address, made.token)
    made.send(made.owner, "setApprovalForAll", made.operator.address, True)
    return made


def test_the_interfaces_are_announced(held):
    """Every ERC-721 compliant contract must implement the `ERC721` and `ERC165` interfaces."""
    for interface, expected in {
        "01ffc9a7": True,
        "80ac58cd": True,
        "5b5e139f": True,
        "780e9d63": False,
        "2a55205a": False,
        "ffffffff": False,
    }.items():
        assert held.read("supportsInterface", bytes.fromhex(interface)) is expected


def test_balances_count_what_is_owned_and_nobody_throws(held):
    """NFTs assigned to the zero address are considered invalid, and this function throws for queries about it."""
    assert held.read("balanceOf", held.owner.address) == 1
    assert held.read("balanceOf", held.stranger.address) == 0
    with refused("ERC721InvalidOwner", NOBODY):
        held.read("balanceOf", NOBODY)


@pytest.mark.parametrize("function", ["ownerOf", "getApproved", "tokenURI"])
def test_what_is_no_token_throws(held, function):
    """ownerOf: "queries about them do throw"; getApproved, tokenURI: throws if `_tokenId` is not a valid NFT."""
    with refused("ERC721NonexistentToken", held.token + 1):
        held.read(function, held.token + 1)
    held.read(function, held.token)


@each_transfer
@pytest.mark.parametrize("who", ["owner", "approved", "operator"])
def test_owner_approved_and_operator_transfer(held, form, who):
    """Throws unless `msg.sender` is the current owner, an authorized operator, or the approved address."""
    sent = held.move(getattr(held, who), held.stranger, form)
    assert sent.events == [("Transfer", (held.owner.address, held.stranger.address, held.token))]
    assert held.read("ownerOf", held.token) == held.stranger.address
    assert [held.read("balanceOf", one.address) for one in (held.owner, held.stranger)] == [0, 1]


@each_transfer
def test_a_stranger_does_not(held, form):
    """Throws unless `msg.sender` is the current owner, an authorized operator, or the approved address."""
    with refused("ERC721InsufficientApproval", held.stranger.address, held.token):
        held.move(held.stranger, held.stranger, form)


@each_transfer
def test_transfers_throw_from_others_to_nobody_and_of_nothing(held, form):
    """Throws if `_from` is not the current owner, if `_to` is the zero address, if `_tokenId` is not valid."""
    function, data = moves(form)
    one, two = held.owner.address, held.stranger.address
    with refused("ERC721IncorrectOwner"):
        held.send(held.owner, function, two, one, held.token, *data)
    with refused("ERC721InvalidReceiver", NOBODY):
        held.send(held.owner, function, one, NOBODY, held.token, *data)
    with refused("ERC721NonexistentToken", held.token + 1):
        held.send(held.owner, function, one, two, held.token + 1, *data)


@pytest.mark.parametrize("form", ["safeTransferFrom", "safeTransferFrom with data"])
def test_a_safe_transfer_asks_a_contract_and_tells_it_all(held, form):
    """If `_to` is a smart contract, it calls `onERC721Received`; without data, the data is ""."""
    taker = held.world.deploy("WillingReceiver")
    held.move(held.operator, taker, form)
    told = [held.world.read(taker, name) for name in ("operator", "from", "tokenId", "data")]
    data = b"note" if "data" in form else b""
    assert told == [held.operator.address, held.owner.address, held.token, data]


@pytest.mark.parametrize("form", ["safeTransferFrom", "safeTransferFrom with data"])
@pytest.mark.parametrize("name", ["UnwillingReceiver", "FeeToken"])
def test_a_safe_transfer_throws_on_another_answer(held, form, name):
    """Throws if the return value is not `bytes4(keccak256("onERC721Received(...)"))`."""
    taker = held.world.deploy(name)
    with refused("ERC721InvalidReceiver", taker.address):
        held.move(held.owner, taker, form)
    assert held.read("ownerOf", held.token) == held.owner.address


def test_a_plain_transfer_does_not_ask(held):
    """The caller is responsible to confirm that `_to` is capable of receiving NFTs."""
    taker = held.world.deploy("UnwillingReceiver")
    held.move(held.owner, taker)
    assert held.read("ownerOf", held.token) == taker.address


def test_a_transfer_resets_the_approval(held):
    """When a transfer emits, the approved address for that NFT (if any) is reset to none."""
    held.move(held.owner, held.stranger)
    assert held.read("getApproved", held.token) == NOBODY
    with refused("ERC721InsufficientApproval", held.approved.address, held.token):
        held.send(held.approved, "transferFrom", held.stranger.address, held.approved.address, held.token)


@pytest.mark.parametrize("who", ["owner", "operator"])
def test_owner_and_operator_approve(held, who):
    """approve throws unless `msg.sender` is the current NFT owner, or an authorized operator of the owner."""
    sent = held.send(getattr(held, who), "approve", held.stranger.address, held.token)
    assert sent.events == [("Approval", (held.owner.address, held.stranger.address, held.token))]
    assert held.read("getApproved", held.token) == held.stranger.address
    for sender in (held.approved, held.stranger):
        with refused("ERC721InvalidApprover", sender.address):
            held.send(sender, "approve", sender.address, held.token)


def test_nobody_approved_means_none(held):
    """The zero address indicates there is no approved address."""
    held.send(held.owner, "approve", NOBODY, held.token)
    assert held.read("getApproved", held.token) == NOBODY
    with refused("ERC721InsufficientApproval"):
        held.move(held.approved, held.approved)


def test_several_operators_per_owner_each_revocable(held):
    """Emits the ApprovalForAll event. The contract MUST allow multiple operators per owner."""
    sent = held.send(held.owner, "setApprovalForAll", held.stranger.address, True)
    assert sent.events == [("ApprovalForAll", (held.owner.address, held.stranger.address, True))]
    pairs = [(held.owner.address, one.address) for one in (held.operator, held.stranger)]
    assert [held.read("isApprovedForAll", *pair) for pair in pairs] == [True, True]
    held.send(held.owner, "setApprovalForAll", held.operator.address, False)
    assert [held.read("isApprovedForAll", *pair) for pair in pairs] == [False, True]
    with refused("ERC721InsufficientApproval"):
        held.move(held.operator, held.operator)


def test_creation_emits_from_zero(held):
    """This emits when NFTs are created (`from` == 0)."""
    token = held.read("tokenIdOf", held.stranger.address, b"\x08" * 32)
    sent = held.send(held.stranger, "register", b"\x08" * 32)
    assert ("Transfer", (NOBODY, held.stranger.address, token)) in sent.events


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.tuples(*[st.integers(0, 2)] * 4), min_size=6, max_size=12))
def test_every_token_has_one_owner_whatever_is_moved(world, steps):
    """balanceOf: "the number of NFTs owned by `_owner`"; ownerOf: "the address of the owner of the NFT"."""
    people = [world.account() for _ in range(3)]
    for person in people:
        world.send(person, world.Assets, "register", b"\x09" * 32)
    tokens = [world.read(world.Assets, "tokenIdOf", person.address, b"\x09" * 32) for person in people]
    owners = [0, 1, 2]
    for sender, source, target, index in steps:
        act = ("transferFrom", people[source].address, people[target].address, tokens[index])
        if sender == owners[index] == source:
            world.send(people[sender], world.Assets, *act)
            owners[index] = target
        else:
            error = "ERC721InsufficientApproval" if sender != owners[index] else "ERC721IncorrectOwner"
            with refused(error):
                world.send(people[sender], world.Assets, *act)
    for token, owner in zip(tokens, owners, strict=True):
        assert world.read(world.Assets, "ownerOf", token) == people[owner].address
    counted = [world.read(world.Assets, "balanceOf", person.address) for person in people]
    assert counted == [owners.count(number) for number in range(3)]
