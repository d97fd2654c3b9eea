"""EIP-2612 of the test dollar. Each docstring is the sentence that is checked, perhaps shortened."""

import pytest
from contract_world import refused, typed_signature
from eth_abi import encode
from eth_hash.auto import keccak

FIELDS = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


class Permits:
    """One owner and what it signs."""

    def __init__(self, world):
        self.world, self.token = world, world.TestDollar
        self.owner, self.spender, self.relay = world.account(), world.account(), world.account()
        self.deadline = world.now() + 1_000

    def signed(self, value=60, nonce=0, deadline=None, signer=None, **domain):
        deadline = self.deadline if deadline is None else deadline
        values = (self.owner.address, self.spender.address, value, nonce, deadline)
        raw = self.world.sign(signer or self.owner, self.token, FIELDS, *values, **domain)
        return (self.owner.address, self.spender.address, value, deadline, raw[64], raw[:32], raw[32:64])

    def submit(self, args, sender=None):
        return self.world.send(sender or self.relay, self.token, "permit", *args)

    def state(self):
        allowance = self.world.read(self.token, "allowance", self.owner.address, self.spender.address)
        return allowance, self.world.read(self.token, "nonces", self.owner.address)


@pytest.fixture
def permits(world):
    return Permits(world)


def test_a_permit_sets_the_allowance_and_the_nonce_and_emits(permits):
    """Will set allowance[owner][spender] to value, increment nonces[owner] by 1, and emit an Approval event."""
    sent = permits.submit(permits.signed())
    assert permits.state() == (60, 1)
    assert sent.events == [("Approval", (permits.owner.address, permits.spender.address, 60))]
    permits.submit(permits.signed(value=7, nonce=1))
    assert permits.state() == (7, 2)


def test_the_block_time_is_at_most_the_deadline(world, permits):
    """The current blocktime is less than or equal to `deadline`."""
    args = permits.signed()
    world.next_block_at(permits.deadline + 1)
    with refused("ERC2612ExpiredSignature", permits.deadline):
        permits.submit(args)
    assert permits.state() == (0, 0)
    later = permits.deadline + 500
    args = permits.signed(deadline=later)
    world.next_block_at(later)
    assert permits.submit(args).block_time == later


def test_the_owner_is_not_nobody(permits):
    """`owner` is not the zero address."""
    nobody = "0x" + "00" * 20
    with refused("ECDSAInvalidSignature"):
        permits.submit((nobody, permits.spender.address, 1, permits.deadline, 27, bytes(32), bytes(32)))


@pytest.mark.parametrize("nonce", [1, 2**256 - 1])
def test_the_nonce_is_the_next(permits, nonce):
    """`nonces[owner]` (before the state update) is equal to `nonce`."""
    with refused("ERC2612InvalidSigner"):
        permits.submit(permits.signed(nonce=nonce))
    assert permits.state() == (0, 0)


def test_a_used_permit_reverts(permits):
    """If any of these conditions are not met, the `permit` call must revert."""
    args = permits.signed()
    permits.submit(args)
    with refused("ERC2612InvalidSigner"):
        permits.submit(args)


def test_the_signature_is_the_owners_over_this_message_in_this_domain(world, permits):
    """`r`, `s` and `v` is a valid `secp256k1` signature from `owner` of the message."""
    for wrong in (
        permits.signed(signer=permits.spender),
        permits.signed(chainId=world.chain_id + 1),
        permits.signed(verifyingContract=world.Market.address),
        permits.signed(name="USD Coin"),
        permits.signed(version="2"),
        (*permits.signed()[:2], 61, *permits.signed()[3:]),
    ):
        with refused("ERC2612InvalidSigner"):
            permits.submit(wrong)
    assert permits.state() == (0, 0)


def test_anybody_submits_a_permit(permits):
    """The caller of the `permit` function can be any address; so whoever is overtaken still has its effect."""
    permits.submit(permits.signed(), sender=permits.relay)
    with refused("ERC2612InvalidSigner"):
        permits.submit(permits.signed(), sender=permits.spender)
    assert permits.state() == (60, 1)


def test_the_domain_separator_is_the_one_of_eip_712(world, permits):
    """DOMAIN_SEPARATOR = keccak256(abi.encode(keccak256('EIP712Domain(...)'), ...))."""
    values = (
        keccak(DOMAIN.encode()),
        keccak(b"Freehold Test Dollar"),
        keccak(b"1"),
        world.chain_id,
        permits.token.address,
    )
    expected = keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], values))
    assert world.read(permits.token, "DOMAIN_SEPARATOR") == expected


def test_the_message_is_signed_as_wallets_sign_it(world, permits):
    """The typed data with primaryType "Permit", from a wallet that reads the domain from nowhere."""
    domain = {
        "name": "Freehold Test Dollar",
        "version": "1",
        "chainId": world.chain_id,
        "verifyingContract": permits.token.address,
    }
    values = (permits.owner.address, permits.spender.address, 60, 0, permits.deadline)
    raw = typed_signature(permits.owner.key, domain, FIELDS, values)
    permits.submit((*values[:3], permits.deadline, raw[64], raw[:32], raw[32:64]))
    assert permits.state() == (60, 1)
