"""EIP-3009 of the test dollar. Each docstring is the sentence that is checked, perhaps shortened.

One extension is OpenZeppelin's: when both times have bit 47 set they count blocks. Times that people use
(below the year 4,461,763) are seconds, as the EIP says.
"""

import pytest
from contract_world import FAR, RECEIVE_FIELDS, refused
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TRANSFER = f"TransferWithAuthorization({RECEIVE_FIELDS})"
RECEIVE = f"ReceiveWithAuthorization({RECEIVE_FIELDS})"
CANCEL = "CancelAuthorization(address authorizer,bytes32 nonce)"
NONCE = b"\x31" * 32
TYPE_HASHES = {
    TRANSFER: "7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267",
    RECEIVE: "d099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8",
    CANCEL: "158b0a9edf7a828aad02f63cd515c68ef2f50ba807396f6d12842833a1597429",
}
"""As the EIP prints them."""
both_forms = pytest.mark.parametrize("form", ["vrs", "bytes"])
both_calls = pytest.mark.parametrize("struct", [TRANSFER, RECEIVE])


class Payment:
    """A payer with 100, a payee, and authorizations between them."""

    def __init__(self, world):
        self.world, self.token = world, world.TestDollar
        self.payer, self.payee = world.account(), world.account()
        world.mint(self.payer, 100)

    def tail(self, signature, form):
        return (signature[64], signature[:32], signature[32:64]) if form == "vrs" else (signature,)

    def use(self, struct, form="bytes", value=40, after=0, before=FAR, nonce=NONCE, signer=None):
        args = (self.payer.address, self.payee.address, value, after, before, nonce)
        signature = self.world.sign(signer or self.payer, self.token, struct, *args)
        function = struct[0].lower() + struct[1:].partition("(")[0]
        return self.world.send(self.payee, self.token, function, *args, *self.tail(signature, form))

    def cancel(self, form="bytes", nonce=NONCE, signer=None):
        args = (self.payer.address, nonce)
        signature = self.world.sign(signer or self.payer, self.token, CANCEL, *args)
        tail = self.tail(signature, form)
        return self.world.send(self.payee, self.token, "cancelAuthorization", *args, *tail)

    def is_used(self, nonce=NONCE):
        return self.world.read(self.token, "authorizationState", self.payer.address, nonce)


@pytest.fixture
def payment(world):
    return Payment(world)


@pytest.mark.parametrize("struct", TYPE_HASHES, ids=["transfer", "receive", "cancel"])
def test_the_signed_types_are_those_of_the_eip(struct):
    """// keccak256("TransferWithAuthorization(address from,address to,...)") and the other two constants."""
    assert keccak(struct.encode()).hex() == TYPE_HASHES[struct]


@both_forms
@both_calls
def test_an_authorization_executes_a_transfer(payment, struct, form):
    """Execute a transfer with a signed authorization; Receive a transfer with a signed authorization."""
    sent = payment.use(struct, form)
    payer, payee = payment.payer.address, payment.payee.address
    assert sent.events == [("AuthorizationUsed", (payer, NONCE)), ("Transfer", (payer, payee, 40))]
    assert payment.world.balances([payment.payer, payment.payee], payment.token) == [60, 40]


@both_forms
@both_calls
def test_a_nonce_is_used_once(payment, struct, form):
    """Returns the state of an authorization: true if the nonce is used. Unique to the authorizer's address."""
    assert payment.is_used() is False
    payment.use(struct, form)
    assert payment.is_used() is True
    for again in (TRANSFER, RECEIVE):
        with refused("ERC3009UsedAuthorization", payment.payer.address, NONCE):
            payment.use(again, form, value=1)
    other = Payment(payment.world)
    other.use(struct, form)


@both_calls
def test_nonces_need_no_order(payment, struct):
    """Random 32-byte nonces instead of sequential ones: authorizations can be submitted in any order."""
    for nonce in (b"\xff" * 32, bytes(32), b"\x80" + bytes(31)):
        payment.use(struct, value=10, nonce=nonce)
    assert payment.world.balance(payment.payee) == 30


@both_forms
@both_calls
def test_it_is_valid_strictly_between_its_times(payment, struct, form):
    """validAfter: the time after which this is valid; validBefore: the time before which this is valid."""
    world, moment = payment.world, payment.world.now() + 100
    for after, before in ((moment, FAR), (0, moment), (moment, moment), (moment, moment - 1)):
        world.next_block_at(moment)
        with refused("ERC3009InvalidAuthorizationTime", after, before):
            payment.use(struct, form, after=after, before=before)
    moment = world.now() + 100
    world.next_block_at(moment)
    assert payment.use(struct, form, after=moment - 1, before=moment + 1).block_time == moment


@pytest.mark.parametrize(("after", "before"), [(0, 2**256 - 1), (0, 2**47), (0, 2**48 - 1)])
def test_a_far_end_counts_in_seconds(payment, after, before):
    """validBefore (unix time): also where a caller writes "never"."""
    payment.use(RECEIVE, after=after, before=before)
    assert payment.is_used()


@both_forms
def test_only_the_payee_receives(payment, form):
    """An additional check to ensure that the payee's address matches the caller, to prevent front-running."""
    args = (payment.payer.address, payment.payee.address, 40, 0, FAR, NONCE)
    signature = payment.world.sign(payment.payer, payment.token, RECEIVE, *args)
    with refused("ERC20InvalidReceiver", payment.payee.address):
        payment.world.send(
            payment.payer,
            payment.token,
            "receiveWithAuthorization",
            *args,
            *payment.tail(signature, form),
        )
    assert not payment.is_used()


@both_forms
def test_a_receive_authorization_is_no_transfer_authorization(payment, form):
    """Two types, so that a contract's payment cannot be submitted past it."""
    args = (payment.payer.address, payment.payee.address, 40, 0, FAR, NONCE)
    for signed, function in ((RECEIVE, "transferWithAuthorization"), (TRANSFER, "receiveWithAuthorization")):
        signature = payment.world.sign(payment.payer, payment.token, signed, *args)
        with refused("ERC3009InvalidSignature"):
            payment.world.send(payment.payee, payment.token, function, *args, *payment.tail(signature, form))


@both_forms
def test_cancelling_uses_the_nonce(payment, form):
    """Attempt to cancel an authorization: AuthorizationCanceled(authorizer, nonce)."""
    sent = payment.cancel(form)
    assert sent.events == [("AuthorizationCanceled", (payment.payer.address, NONCE))]
    assert payment.is_used() is True
    with refused("ERC3009UsedAuthorization", payment.payer.address, NONCE):
        payment.use(TRANSFER, form)
    with refused("ERC3009UsedAuthorization", payment.payer.address, NONCE):
        payment.cancel(form)


@both_forms
def test_nobody_else_authorizes_or_cancels(payment, form):
    """v, r, s of the signature of the authorizer."""
    for struct in (TRANSFER, RECEIVE):
        with refused("ERC3009InvalidSignature"):
            payment.use(struct, form, signer=payment.payee)
    with refused("ERC3009InvalidSignature"):
        payment.cancel(form, signer=payment.payee)


def test_an_authorization_that_cannot_be_paid_is_not_used_up(payment):
    """The transfer and the nonce are one: without the money there is neither."""
    with refused("ERC20InsufficientBalance", payment.payer.address, 100, 101):
        payment.use(TRANSFER, value=101)
    assert not payment.is_used()
    payment.use(TRANSFER, value=100)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(position=st.integers(0, 5), bit=st.integers(0, 159), form=st.sampled_from(["vrs", "bytes"]))
def test_every_bit_of_every_value_is_signed(world, position, bit, form):
    """A signature covers from, to, value, validAfter, validBefore and nonce."""
    payment = Payment(world)
    args = [payment.payer.address, payment.payee.address, 40, 0, FAR, NONCE]
    signature = world.sign(payment.payer, payment.token, TRANSFER, *args)
    args[position] = flipped(args[position], bit)
    with refused("ERC3009InvalidSignature"):
        tail = payment.tail(signature, form)
        world.send(payment.payee, payment.token, "transferWithAuthorization", *args, *tail)


def flipped(value, bit):
    if isinstance(value, int):
        return value ^ 1 << bit
    if isinstance(value, bytes):
        return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(32, "big")
    return f"0x{int(value, 16) ^ 1 << bit:040x}"
