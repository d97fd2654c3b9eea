"""The `Freehold-Payment` header: how one call is paid. Base64url of a JSON object, bounded.

Two kinds. A *voucher* raises what a payment channel has promised by the price of this call and names
the grant it is used under. A *transfer* is one EIP-3009 authorization to the Revenue contract, bound
by its nonce to the model's pool: enough for a client that knows nothing but a wallet.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal

from eth_hash.auto import keccak
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from freehold.core.canonical import canonical_bytes, parse
from freehold.core.documents import Time, Units, Value
from freehold.core.errors import InvalidInput
from freehold.core.ids import Account, Hash, hash_bytes
from freehold.core.signing import MAX_SIGNATURE_BYTES, Domain, receive_digest, voucher_digest
from freehold.features.payments.rules.errors import InvalidPayment

HEADER = "Freehold-Payment"
MAX_HEADER_CHARS = 12 * 1024
"""Room for the longest contract signature; an account's takes about 500."""
_TEXT = re.compile(r"^[A-Za-z0-9_-]+={0,2}$")


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


_ANY_CASE = BeforeValidator(_lower)
"""Wallets write addresses in both cases (EIP-55); one payment has one form from here on."""

Signed = Annotated[
    str, Field(pattern=r"^0x([0-9a-f]{2})+$", max_length=2 + 2 * MAX_SIGNATURE_BYTES), _ANY_CASE
]
"""A signature as 0x-hex."""


class Voucher(Value):
    """The payer of a channel promises `cumulative_units` in all, to pay for the next call."""

    kind: Literal["voucher"] = "voucher"
    """Always said."""
    channel: Hash
    """Id of an open channel into the model's pool."""
    cumulative_units: Annotated[Units, Field(ge=1)]
    """What the last answered call had, plus the price of this one."""
    signature: Signed
    """By the channel's payer (EIP-712, `Voucher`)."""
    grant: Hash
    """Under which the model is used; its holder is the channel's payer."""

    def digest(self, channels: Domain) -> bytes:
        """What the payer signed."""
        return voucher_digest(channels, hash_bytes(self.channel), self.cumulative_units)


class Transfer(Value):
    """One payment straight into the model's pool (EIP-3009 `receiveWithAuthorization`)."""

    kind: Literal["transfer"] = "transfer"
    """Always said."""
    payer: Annotated[Account, _ANY_CASE]
    """Whose dollars pay."""
    value_units: Annotated[Units, Field(ge=1)]
    """The price, exactly."""
    valid_after: Time
    """Unix seconds, exclusive, by the chain's clock."""
    valid_before: Time
    """Unix seconds, exclusive, by the chain's clock."""
    salt: Annotated[Hash, _ANY_CASE]
    """32 random bytes, fresh for every payment."""
    signature: Signed
    """By the payer (EIP-712, `ReceiveWithAuthorization` of the token)."""
    secret: Annotated[Hash | None, _ANY_CASE] = None
    """32 random bytes. All else here can be read on chain, and would open what was bought to whoever guesses it."""

    def nonce(self, pool: str) -> bytes:
        """The authorization's nonce, which names the pool: submitted by anyone, it pays no other."""
        return bound_nonce(hash_bytes(pool), hash_bytes(self.salt))

    def bound(self, request: str) -> str:
        """What the payment is for: the hash of a request, and with a secret, of both."""
        if self.secret is None:
            return request
        return "0x" + bytes(keccak(hash_bytes(request) + hash_bytes(self.secret))).hex()

    def digest(self, token: Domain, revenue: str, pool: str) -> bytes:
        """What the payer signed."""
        valid = (self.valid_after, self.valid_before)
        return receive_digest(token, self.payer, revenue, self.value_units, valid, self.nonce(pool))


Payment = Voucher | Transfer
_KINDS: dict[str, type[Value]] = {"voucher": Voucher, "transfer": Transfer}
_ADAPTER: TypeAdapter[Voucher | Transfer] = TypeAdapter(
    Annotated[Voucher | Transfer, Field(discriminator="kind")]
)


def bound_nonce(purpose: bytes, salt: bytes) -> bytes:
    """keccak256(abi.encode(purpose, salt)): an EIP-3009 nonce that says what is paid for."""
    return bytes(keccak(purpose + salt))


def signature_bytes(signature: str) -> bytes:
    """The bytes of a 0x-hex signature."""
    return bytes.fromhex(signature.removeprefix("0x"))


def to_header(payment: Payment) -> str:
    """The header's value."""
    value: dict[str, Any] = payment.model_dump(mode="json", exclude_none=True)
    return base64.urlsafe_b64encode(canonical_bytes(value)).decode().rstrip("=")


def read_header(text: str) -> Payment:
    """A payment out of an untrusted header, its signature not checked. Raises InvalidPayment, naming what is wrong."""
    if len(text) > MAX_HEADER_CHARS or not _TEXT.match(text):
        raise InvalidPayment(
            f"{HEADER} is not base64url of at most {MAX_HEADER_CHARS} characters",
            hint="Encode the JSON object with the URL-safe alphabet.",
        )
    bare = text.rstrip("=")
    try:
        data = base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except (binascii.Error, ValueError):
        raise InvalidPayment(f"{HEADER} is cut short: it is no whole base64url", hint=_WHOLE) from None
    try:
        value = parse(data, max_bytes=MAX_HEADER_CHARS)
        # from JSON, because strict mode then takes numbers and text only as what they are
        return _ADAPTER.validate_json(data)
    except ValidationError as error:
        raise _wrong(error, value) from None
    except InvalidInput as error:
        raise InvalidPayment(
            f"{HEADER} holds base64url of what is no JSON object as expected: {error.message}",
            hint="Its numbers are whole, without quotes, below 2**53; no name stands twice.",
        ) from None


_WHOLE = "Encode the whole JSON object with the URL-safe alphabet, with or without padding."
_NUMBER = "a whole number below 2**53, without quotes"
_ID = "0x and 64 hex digits"
_EXPECTED = {
    "kind": 'is "voucher" or "transfer"',
    "channel": f"is {_ID} in lower case",
    "grant": f"is {_ID} in lower case",
    "cumulative_units": f"is {_NUMBER}, from 1",
    "value_units": f"is {_NUMBER}, from 1",
    "valid_after": f"is {_NUMBER}: Unix seconds",
    "valid_before": f"is {_NUMBER}: Unix seconds",
    "payer": "is an account: 0x and 40 hex digits",
    "salt": f"is {_ID}",
    "secret": f"is {_ID}, or is left out",
    "signature": f"is 0x and hex digits in pairs, of at most {MAX_SIGNATURE_BYTES:,} bytes",
}
"""Of a payment's fields, in words."""


def _wrong(error: ValidationError, value: Any) -> InvalidPayment:
    """What is wrong with a payment's first wrong field; never echoes its value."""
    first = error.errors(include_url=False, include_input=False)[0]
    # what stands before it names the kind
    name = str(first["loc"][1]) if len(first["loc"]) > 1 else "kind"
    if not isinstance(value, dict):
        wrong = "is no JSON object"
    elif first["type"] == "extra_forbidden":
        wrong = "has a field that no such payment has"
    elif name not in value:
        wrong = f"lacks {name}, which {_EXPECTED[name]}"
    else:
        wrong = f"has a wrong {name}: it {_EXPECTED[name]}"
    fields = (f"{kind}: {', '.join(made.model_fields)}" for kind, made in _KINDS.items())
    return InvalidPayment(f"{HEADER} {wrong}", hint=f"Nothing was taken. A {'; a '.join(fields)}.")
