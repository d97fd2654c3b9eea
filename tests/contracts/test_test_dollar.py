"""The test dollar: ERC-20 with permits and authorizations, for keys and for contract accounts."""

import pytest
from contract_world import FAR, RECEIVE_FIELDS, World, refused, typed_signature

SIX = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
CANCEL = "CancelAuthorization(address authorizer,bytes32 nonce)"
NONCE = b"\x0c" * 32


def vrs(signature: bytes) -> tuple[int, bytes, bytes]:
    return signature[64], signature[:32], signature[32:64]


def transfer(world: World, payer, payee, amount, **changes):
    values = {"after": 0, "before": FAR, "nonce": NONCE, **changes}
    args = (payer.address, payee.address, amount, values["after"], values["before"], values["nonce"])
    return args, world.sign(payer, world.TestDollar, f"TransferWithAuthorization({SIX})", *args)


def receive(world: World, payer, payee, amount):
    args = (payer.address, payee.address, amount, 0, FAR, NONCE)
    return args, world.sign(payer, world.TestDollar, f"ReceiveWithAuthorization({RECEIVE_FIELDS})", *args)


def test_anyone_mints_up_to_the_limit_and_the_supply_cannot_be_exhausted(world):
    holder = world.account()
    before = world.read(world.TestDollar, "totalSupply")
    world.mint(holder, 2**64 - 1)
    with refused("MintTooLarge", 2**64):
        world.mint(holder, 2**64)
    assert world.balance(holder) == 2**64 - 1
    assert world.read(world.TestDollar, "totalSupply") == before + 2**64 - 1
    assert world.read(world.TestDollar, "decimals") == 6
    assert world.read(world.TestDollar, "symbol") == "TUSD"
    assert world.domain(world.TestDollar) == ("Freehold Test Dollar", world.read(world.TestDollar, "version"))


def test_a_permit_is_an_allowance_once(world):
    owner, spender = world.account(), world.account()
    world.mint(owner, 100)
    deadline = world.now() + 1_000
    fields = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    signature = world.sign(owner, world.TestDollar, fields, owner.address, spender.address, 60, 0, deadline)
    args = (owner.address, spender.address, 60, deadline, *vrs(signature))
    world.send(spender, world.TestDollar, "permit", *args)
    with refused("ERC2612InvalidSigner"):
        world.send(spender, world.TestDollar, "permit", *args)
    world.send(spender, world.TestDollar, "transferFrom", owner.address, spender.address, 60)
    with refused("ERC20InsufficientAllowance", spender.address, 0, 1):
        world.send(spender, world.TestDollar, "transferFrom", owner.address, spender.address, 1)


@pytest.mark.parametrize("form", ["vrs", "bytes"])
def test_a_signed_transfer_moves_once_whoever_submits_it(world, form):
    payer, payee, relay = world.account(), world.account(), world.account()
    world.mint(payer, 100)
    args, signature = transfer(world, payer, payee, 70)
    tail = vrs(signature) if form == "vrs" else (signature,)
    assert not world.read(world.TestDollar, "authorizationState", payer.address, NONCE)
    world.send(relay, world.TestDollar, "transferWithAuthorization", *args, *tail)
    assert (world.balance(payer), world.balance(payee)) == (30, 70)
    assert world.read(world.TestDollar, "authorizationState", payer.address, NONCE)
    with refused("ERC3009UsedAuthorization", payer.address, NONCE):
        world.send(relay, world.TestDollar, "transferWithAuthorization", *args, *tail)


@pytest.mark.parametrize("form", ["vrs", "bytes"])
def test_only_the_payee_uses_a_receive_authorization(world, form):
    payer, payee, relay = world.account(), world.account(), world.account()
    world.mint(payer, 100)
    args, signature = receive(world, payer, payee, 70)
    tail = vrs(signature) if form == "vrs" else (signature,)
    with refused("ERC20InvalidReceiver", payee.address):
        world.send(relay, world.TestDollar, "receiveWithAuthorization", *args, *tail)
    with refused("ERC3009InvalidSignature"):
        world.send(relay, world.TestDollar, "transferWithAuthorization", *args, *tail)
    world.send(payee, world.TestDollar, "receiveWithAuthorization", *args, *tail)
    assert world.balance(payee) == 70


@pytest.mark.parametrize("form", ["vrs", "bytes"])
def test_a_cancelled_authorization_is_void(world, form):
    payer, payee = world.account(), world.account()
    world.mint(payer, 100)
    signature = world.sign(payer, world.TestDollar, CANCEL, payer.address, NONCE)
    tail = vrs(signature) if form == "vrs" else (signature,)
    world.send(payee, world.TestDollar, "cancelAuthorization", payer.address, NONCE, *tail)
    args, signed = transfer(world, payer, payee, 70)
    with refused("ERC3009UsedAuthorization", payer.address, NONCE):
        world.send(payee, world.TestDollar, "transferWithAuthorization", *args, signed)


def test_nobody_cancels_for_another(world):
    payer, thief = world.account(), world.account()
    signature = world.sign(thief, world.TestDollar, CANCEL, payer.address, NONCE)
    with refused("ERC3009InvalidSignature"):
        world.send(thief, world.TestDollar, "cancelAuthorization", payer.address, NONCE, signature)


def test_authorizations_hold_between_their_times_only(world):
    payer, payee = world.account(), world.account()
    world.mint(payer, 100)
    early, late = world.now() + 1_000, world.now() - 1
    for after, before in ((early, FAR), (0, late)):
        args, signature = transfer(world, payer, payee, 70, after=after, before=before)
        with refused("ERC3009InvalidAuthorizationTime", after, before):
            world.send(payee, world.TestDollar, "transferWithAuthorization", *args, signature)


def test_contract_accounts_authorize_transfers_receipts_and_cancellations(world):
    payer, payee = world.contract_account(), world.account()
    world.mint(payer, 100)
    args, signature = transfer(world, payer, payee, 40)
    world.send(payee, world.TestDollar, "transferWithAuthorization", *args, signature)
    received = (payer.address, payee.address, 50, 0, FAR, b"\x0d" * 32)
    signature = world.sign(payer, world.TestDollar, f"ReceiveWithAuthorization({RECEIVE_FIELDS})", *received)
    world.send(payee, world.TestDollar, "receiveWithAuthorization", *received, signature)
    signature = world.sign(payer, world.TestDollar, CANCEL, payer.address, b"\x0e" * 32)
    world.send(payee, world.TestDollar, "cancelAuthorization", payer.address, b"\x0e" * 32, signature)
    assert world.balance(payee) == 90


def test_an_authorization_for_another_chain_or_token_is_refused(world):
    payer, payee = world.account(), world.account()
    world.mint(payer, 100)
    args, _ = transfer(world, payer, payee, 70)
    fields = f"TransferWithAuthorization({SIX})"
    for change in ({"chainId": world.chain_id + 1}, {"verifyingContract": world.Market.address}):
        signature = world.sign(payer, world.TestDollar, fields, *args, **change)
        with refused("ERC3009InvalidSignature"):
            world.send(payee, world.TestDollar, "transferWithAuthorization", *args, signature)


def test_the_domain_separator_is_that_of_eip_2612(world):
    domain = {
        "name": "Freehold Test Dollar",
        "version": "1",
        "chainId": world.chain_id,
        "verifyingContract": world.TestDollar.address,
    }
    payer, payee = world.account(), world.account()
    world.mint(payer, 1)
    args, _ = transfer(world, payer, payee, 1)
    signature = typed_signature(payer.key, domain, f"TransferWithAuthorization({SIX})", args)
    world.send(payee, world.TestDollar, "transferWithAuthorization", *args, signature)
    assert len(world.read(world.TestDollar, "DOMAIN_SEPARATOR")) == 32
