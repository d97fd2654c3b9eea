"""Every act in its signature form: who can sign, what the signature is good for, and that it is good for one thing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from contract_world import Contract, Signer, World, artifact, id_of, refused

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
STRANGER = "0x" + "77" * 20


@dataclass(frozen=True)
class Act:
    """A call whose arguments are the signed values, in order, then the signature."""

    contract: str
    function: str
    struct: str
    replay_error: str
    values: Callable[[World, Signer], tuple]
    domain: str

    def target(self, world: World) -> Contract:
        return world.contracts[self.contract]


def channel_of(world: World, payer: Signer) -> bytes:
    """A channel of 100 units, opened by whoever signs (a contract account acts through itself)."""
    model, salt = payer.address.encode().ljust(32, b"m")[-32:], bytes(32)
    opener = world.account()
    world.send(opener, world.Revenue, "open", model, world.TestDollar.address, b"\x01" * 32, 1)
    pool = id_of(["address", "bytes32"], opener.address, model)
    world.mint(payer, 100)
    act_as(world, payer, world.TestDollar, "approve", world.Channels.address, 100)
    act_as(world, payer, world.Channels, "open", pool, 100, salt)
    return id_of(["address", "bytes32", "bytes32"], payer.address, pool, salt)


def act_as(world: World, account: Signer, contract: Contract, function: str, *args: Any) -> None:
    if world.rpc("eth_getCode", account.address, "latest") == "0x":
        world.send(account, contract, function, *args)
    else:
        data = contract.calldata(function, *args)
        execute = Contract("ContractAccount", account.address)
        world.send(world.deployer, execute, "execute", contract.address, data)


ACTS = [
    Act(
        "LogAnchors",
        "anchorBySig",
        "Anchor(address account,uint64 size,bytes32 root,uint256 deadline)",
        "SizeMustGrow",
        lambda world, signer: (signer.address, 5, b"\x11" * 32, world.now() + 100),
        "Freehold Log Anchors",
    ),
    Act(
        "Revocations",
        "revokeBySig",
        "Revoke(address issuer,uint256 index,uint256 deadline)",
        "AlreadyRevoked",
        lambda world, signer: (signer.address, 300, world.now() + 100),
        "Freehold",
    ),
    Act(
        "Assets",
        "registerBySig",
        "Register(address owner,bytes32 asset,uint256 deadline)",
        "AlreadyRegistered",
        lambda world, signer: (signer.address, b"\x22" * 32, world.now() + 100),
        "Freehold Assets",
    ),
    Act(
        "ModelShares",
        "releaseBySig",
        "Release(address releaser,bytes32 model,address[] owners,uint256[] shares,uint256 deadline)",
        "AlreadyReleased",
        lambda world, signer: (
            signer.address,
            b"\x33" * 32,
            [signer.address, STRANGER],
            [7, 3],
            world.now() + 100,
        ),
        "Freehold Model Shares",
    ),
    Act(
        "Revenue",
        "openBySig",
        "Open(address opener,bytes32 model,address token,bytes32 splitRoot,uint256 totalShares,uint256 deadline)",
        "PoolExists",
        lambda world, signer: (
            signer.address,
            b"\x44" * 32,
            world.TestDollar.address,
            b"\x55" * 32,
            10,
            world.now() + 100,
        ),
        "Freehold Revenue",
    ),
    Act(
        "Channels",
        "requestCloseBySig",
        "RequestClose(bytes32 channel,uint256 deadline)",
        "ChannelClosing",
        lambda world, signer: (channel_of(world, signer), world.now() + 100),
        "Freehold Channels",
    ),
    Act(
        "Channels",
        "settle",
        "Voucher(bytes32 channel,uint256 cumulative)",
        "NothingToSettle",
        lambda world, signer: (channel_of(world, signer), 60),
        "Freehold Channels",
    ),
]
each_act = pytest.mark.parametrize("act", ACTS, ids=lambda act: act.function)


@each_act
@pytest.mark.parametrize("kind", ["account", "contract_account"])
def test_anyone_submits_what_a_key_or_a_contract_signed_and_only_once(world, act, kind):
    signer, relay = getattr(world, kind)(), world.account()
    values = act.values(world, signer)
    signature = world.sign(signer, act.target(world), act.struct, *values)
    sent = world.send(relay, act.target(world), act.function, *values, signature)
    assert sent.events
    with refused(act.replay_error):
        world.send(relay, act.target(world), act.function, *values, signature)


@each_act
@pytest.mark.parametrize("kind", ["account", "contract_account"])
def test_a_signature_for_another_place_or_by_another_key_is_refused(world, act, kind):
    signer, target = getattr(world, kind)(), act.target(world)
    values = act.values(world, signer)
    good = world.sign(signer, target, act.struct, *values)
    other_contract = world.contracts["Market" if act.contract == "LogAnchors" else "LogAnchors"].address
    bad = {
        "chain": world.sign(signer, target, act.struct, *values, chainId=world.chain_id + 1),
        "contract": world.sign(signer, target, act.struct, *values, verifyingContract=other_contract),
        "name": world.sign(signer, target, act.struct, *values, name="Freehold!"),
        "version": world.sign(signer, target, act.struct, *values, version="2"),
        "type": world.sign(signer, target, "Other" + act.struct, *values),
        "signer": world.sign(world.account(), target, act.struct, *values),
        "malleable": malleable(good),
        "short": compact(good),
        "raw v": good[:64] + bytes([good[64] - 27]),
        "long": good + b"\x00",
        "empty": b"",
        "zero": bytes(65),
    }
    for form in bad.values():
        with refused("InvalidSignature", signer.address):
            world.send(world.deployer, target, act.function, *values, form)
    world.send(world.deployer, target, act.function, *values, good)


@each_act
def test_no_signed_value_can_be_changed(world, act):
    signer, target = world.account(), act.target(world)
    values = act.values(world, signer)
    signature = world.sign(signer, target, act.struct, *values)
    for position, value in enumerate(values):
        if act.contract == "Channels" and position == 0:
            continue  # another channel has another payer; there is none with this id
        changed = (*values[:position], another(value), *values[position + 1 :])
        with refused("InvalidSignature"):
            world.send(world.deployer, target, act.function, *changed, signature)


@pytest.mark.parametrize(
    "act", [act for act in ACTS if "deadline" in act.struct], ids=lambda act: act.function
)
def test_after_the_deadline_a_signature_is_void(world, act):
    signer, target = world.account(), act.target(world)
    *values, deadline = act.values(world, signer)
    signature = world.sign(signer, target, act.struct, *values, deadline)
    world.wait(101)
    with refused("SignatureExpired", deadline):
        world.send(world.deployer, target, act.function, *values, deadline, signature)


@each_act
def test_the_declared_domain_is_the_documented_one(world, act):
    assert world.domain(act.target(world)) == (act.domain, "1")


def test_every_signature_form_is_listed_here():
    """An act that takes a signature over its own typed data must be in ACTS; the others pay by EIP-3009."""
    listed = {act.function for act in ACTS} | {"buy", "buyWithAuthorization"}
    listed |= {"depositWithAuthorization", "openWithAuthorization", "topUpWithAuthorization"}
    for name in ("LogAnchors", "Revocations", "Assets", "Market", "ModelShares", "Revenue", "Channels"):
        for entry in artifact(name)["abi"]:
            signed = any(item["type"] == "bytes" for item in entry.get("inputs", []))
            if entry["type"] == "function" and signed and entry["name"] != "safeTransferFrom":
                assert entry["name"] in listed


def malleable(signature: bytes) -> bytes:
    """The other signature that plain ecrecover accepts for the same signer and message."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def compact(signature: bytes) -> bytes:
    """ERC-2098."""
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + s.to_bytes(32, "big")


def another(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1 if value < 2**40 else value - 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, list):
        return [another(value[0]), *value[1:]]
    return value[:-1] + ("0" if value[-1] != "0" else "1")
