"""Signers whose answer can change: contract accounts, keys that take on code, accounts not yet deployed."""

import pytest
from contract_world import FAR, Contract, Signer, World, id_of, refused
from eth_abi import encode
from eth_account import Account
from eth_utils import to_checksum_address

from freehold.core.signing import VOUCHER_TYPE

SALT = b"\x01" * 32
REVOKE = "Revoke(address issuer,uint256 index,uint256 deadline)"
WRAPPED = bytes.fromhex("6492" * 16)
"""ERC-6492's mark at the end of a signature that carries its signer's deployment."""


def opened_channel(world: World, payer: Signer) -> bytes:
    opener = world.account()
    world.send(opener, world.Revenue, "open", SALT, world.TestDollar.address, SALT, 1)
    pool = id_of(["address", "bytes32"], opener.address, SALT)
    channel = id_of(["address", "bytes32", "bytes32"], payer.address, pool, SALT)
    world.mint(payer, 100)
    paid = world.authorize(payer, world.Channels, 100, channel)
    args = (payer.address, pool, 100, SALT, 0, FAR, paid)
    world.send(world.deployer, world.Channels, "openWithAuthorization", *args)
    return channel


def take_on_code(world: World, account: Signer, code: Contract) -> None:
    """EIP-7702: from now on `account` runs the code of another contract."""
    nonce = int(world.rpc("eth_getTransactionCount", account.address, "latest"), 16)
    terms = {"chainId": world.chain_id, "address": to_checksum_address(code.address), "nonce": nonce}
    sender = world.account()
    transaction = {
        "chainId": world.chain_id,
        "nonce": 0,
        "gas": 200_000,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 1,
        "value": 0,
        "data": b"",
        "to": to_checksum_address(sender.address),
        "authorizationList": [Account.sign_authorization(terms, account.key)],
    }
    signed = Account.sign_transaction(transaction, sender.key)
    world.rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex().removeprefix("0x"))
    expected = "0xef0100" + code.address[2:]
    assert world.rpc("eth_getCode", account.address, "latest") == expected


def test_a_payer_cannot_void_its_vouchers_by_taking_on_code(world):
    """Else it is served against vouchers, takes on code that accepts nothing, waits a day and leaves with all."""
    payer = world.account()
    channel = opened_channel(world, payer)
    voucher = world.sign(payer, world.Channels, VOUCHER_TYPE, channel, 60)
    take_on_code(world, payer, world.Market)
    world.send(world.deployer, world.Channels, "settle", channel, 60, voucher)
    assert world.read(world.Channels, "channelOf", channel)[3] == 60


def test_only_the_payers_own_key_counts_once_it_has_code(world):
    payer, thief = world.account(), world.account()
    channel = opened_channel(world, payer)
    take_on_code(world, payer, world.Market)
    voucher = world.sign(thief, world.Channels, VOUCHER_TYPE, channel, 60)
    for form in (voucher, b"", bytes(65)):
        with refused("InvalidSignature", payer.address):
            world.send(world.deployer, world.Channels, "settle", channel, 60, form)


def test_an_account_not_yet_deployed_cannot_sign(world):
    """ERC-6492 is refused: the contracts never deploy or call what a signature names, but ERC-1271 of the signer."""
    key, deadline = world.account(), world.now() + 1_000
    later = Signer("0x" + "5a" * 20, key.key)
    signature = world.sign(later, world.Revocations, REVOKE, later.address, 1, deadline)
    wrapped = encode(["address", "bytes", "bytes"], [world.Market.address, b"\x01", signature]) + WRAPPED
    with refused("InvalidSignature", later.address):
        world.send(world.deployer, world.Revocations, "revokeBySig", later.address, 1, deadline, wrapped)


def test_a_deployed_account_signs_plainly_and_not_wrapped(world):
    signer, deadline = world.contract_account(), world.now() + 1_000
    signature = world.sign(signer, world.Revocations, REVOKE, signer.address, 1, deadline)
    wrapped = encode(["address", "bytes", "bytes"], [world.Market.address, b"\x01", signature]) + WRAPPED
    with refused("InvalidSignature", signer.address):
        world.send(world.deployer, world.Revocations, "revokeBySig", signer.address, 1, deadline, wrapped)
    world.send(world.deployer, world.Revocations, "revokeBySig", signer.address, 1, deadline, signature)


@pytest.mark.parametrize("name", ["Revocations", "Channels"])
def test_what_one_account_signed_counts_for_no_other_of_the_same_key(world, name):
    key = world.account()
    one, two = (Signer(world.deploy("ContractAccount", key.address).address, key.key) for _ in range(2))
    if name == "Revocations":
        deadline = world.now() + 1_000
        signature = world.sign(one, world.Revocations, REVOKE, one.address, 1, deadline)
        call = ("revokeBySig", two.address, 1, deadline, signature)
    else:
        channels = [opened_channel(world, payer) for payer in (one, two)]
        voucher = world.sign(one, world.Channels, VOUCHER_TYPE, channels[0], 60)
        call = ("settle", channels[1], 60, voucher)
    with refused("InvalidSignature", two.address):
        world.send(world.deployer, world.contracts[name], *call)
