"""Tokens that take fees, lie, stay silent or call back: refused, or served exactly."""

import pytest
from contract_world import FAR, Contract, Signer, SplitTree, World, id_of, refused

from freehold.core.signing import OFFER_TYPE, VOUCHER_TYPE

SALT = b"\x01" * 32


class Place:
    """A token with a funded payer, a pool of one owner, and allowances for all three contracts."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.token = world, world.deploy(name)
        self.payer, self.owner, self.seller = world.account(), world.account(), world.account()
        world.mint(self.payer, 1_000, self.token)
        for contract in (world.Market, world.Revenue, world.Channels):
            world.send(self.payer, self.token, "approve", contract.address, 1_000)
        root = SplitTree({self.owner.address: 1}).root
        world.send(self.owner, world.Revenue, "open", SALT, self.token.address, root, 1)
        self.pool = id_of(["address", "bytes32"], self.owner.address, SALT)
        self.channel = id_of(["address", "bytes32", "bytes32"], self.payer.address, self.pool, SALT)

    def balance(self, holder: Signer | Contract) -> int:
        return self.world.balance(holder, self.token)

    def acts(self) -> dict:
        """Each way in which money enters or passes: contract, function, arguments."""
        world, payer = self.world, self.payer
        grants = [bytes([number]) * 32 for number in (1, 2)]
        offers = [
            (grant, self.seller.address, payer.address, self.token.address, 100, FAR) for grant in grants
        ]
        signed = [world.sign(self.seller, world.Market, OFFER_TYPE, *offer) for offer in offers]
        return {
            "buy": (world.Market, "buy", offers[0], signed[0]),
            "buyWithAuthorization": (
                world.Market,
                "buyWithAuthorization",
                offers[1],
                signed[1],
                0,
                FAR,
                b"",
            ),
            "deposit": (world.Revenue, "deposit", self.pool, 100),
            "depositWithAuthorization": (
                world.Revenue,
                "depositWithAuthorization",
                self.pool,
                payer.address,
                100,
                0,
                FAR,
                SALT,
                b"",
            ),
            "open": (world.Channels, "open", self.pool, 100, SALT),
            "openWithAuthorization": (
                world.Channels,
                "openWithAuthorization",
                payer.address,
                self.pool,
                100,
                b"\x02" * 32,
                0,
                FAR,
                b"",
            ),
        }


INWARD = (
    "buy",
    "buyWithAuthorization",
    "deposit",
    "depositWithAuthorization",
    "open",
    "openWithAuthorization",
)


@pytest.fixture(scope="module", params=["FeeToken", "LyingToken"])
def inexact(world, request):
    return Place(world, request.param)


@pytest.mark.parametrize("act", INWARD)
def test_a_token_that_delivers_less_is_refused(world, inexact, act):
    received = 99 if inexact.token.name == "FeeToken" else 0
    with refused("InexactTransfer", inexact.token.address, 100, received):
        world.send(inexact.payer, *inexact.acts()[act])
    assert inexact.balance(inexact.payer) == 1_000


@pytest.mark.parametrize("act", ["buy", "deposit", "open"])
def test_a_token_that_answers_false_is_refused(world, act):
    place = Place(world, "RefusingToken")
    with refused("SafeERC20FailedOperation", place.token.address):
        world.send(place.payer, *place.acts()[act])


def test_a_token_that_answers_nothing_works_throughout(world):
    place = Place(world, "SilentToken")
    for act in place.acts().values():
        world.send(place.payer, *act)
    assert place.balance(place.seller) == 200
    for cumulative in (30, 60):
        voucher = world.sign(place.payer, world.Channels, VOUCHER_TYPE, place.channel, cumulative)
        world.send(world.deployer, world.Channels, "settle", place.channel, cumulative, voucher)
    world.send(world.deployer, world.Revenue, "claim", place.pool, place.owner.address, 1, [])
    assert place.balance(place.owner) == 260
    world.send(place.payer, world.Channels, "requestClose", place.channel)
    world.wait(86_401)
    world.send(world.deployer, world.Channels, "withdraw", place.channel)
    assert place.balance(place.payer) == 1_000 - 200 - 260 - 100
    assert (place.balance(world.Channels), place.balance(world.Revenue)) == (100, 0)


@pytest.mark.parametrize("act", INWARD)
def test_a_token_cannot_enter_a_contract_again_while_it_pays(world, act):
    place = Place(world, "CallingToken")
    contract, *call = place.acts()[act]
    inner = {
        world.Market: world.Market.calldata(*place.acts()["buy"][1:]),
        world.Revenue: world.Revenue.calldata("claim", place.pool, place.owner.address, 1, []),
        world.Channels: world.Channels.calldata("withdraw", place.channel),
    }
    world.send(world.deployer, place.token, "arm", contract.address, inner[contract])
    with refused("ReentrancyGuardReentrantCall"):
        world.send(place.payer, contract, *call)


def test_a_token_cannot_claim_twice_or_settle_within_its_payment(world):
    place = Place(world, "CallingToken")
    world.send(place.payer, world.Revenue, "deposit", place.pool, 100)
    world.send(place.payer, world.Channels, "open", place.pool, 100, SALT)
    claim = world.Revenue.calldata("claim", place.pool, place.owner.address, 1, [])
    world.send(world.deployer, place.token, "arm", world.Revenue.address, claim)
    with refused("ReentrancyGuardReentrantCall"):
        world.send(world.deployer, world.Revenue, "claim", place.pool, place.owner.address, 1, [])
    voucher = world.sign(place.payer, world.Channels, VOUCHER_TYPE, place.channel, 60)
    settle = world.Channels.calldata("settle", place.channel, 60, voucher)
    world.send(world.deployer, place.token, "arm", world.Channels.address, settle)
    with refused("ReentrancyGuardReentrantCall"):
        world.send(world.deployer, world.Channels, "settle", place.channel, 60, voucher)


def test_a_hostile_token_spoils_only_its_own_pool(world):
    place, payer, owner = Place(world, "LyingToken"), world.account(), world.account()
    root = SplitTree({owner.address: 1}).root
    world.send(owner, world.Revenue, "open", SALT, world.TestDollar.address, root, 1)
    pool = id_of(["address", "bytes32"], owner.address, SALT)
    world.mint(payer, 10)
    world.send(payer, world.TestDollar, "approve", world.Revenue.address, 10)
    world.send(payer, world.Revenue, "deposit", pool, 10)
    with refused("InexactTransfer"):
        world.send(place.payer, *place.acts()["deposit"])
    world.send(world.deployer, world.Revenue, "claim", pool, owner.address, 1, [])
    assert world.balance(owner) == 10
