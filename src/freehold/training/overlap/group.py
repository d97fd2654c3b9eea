"""The group: points of edwards25519 of prime order, 32 bytes each, through libsodium in constant time.

Hashing to it is built as in RFC 9380, section 3 (`hash_to_curve`): two field elements, each through
Elligator 2 and cleared of the cofactor, added. It is not one of the RFC's suites: the elements come from
SHAKE-256 and libsodium takes the sign of the x-coordinate from their highest bit.
"""

from __future__ import annotations

import hashlib

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_from_uniform,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)
from nacl.exceptions import RuntimeError as Refused

SIZE = 32

_DOMAIN = b"freehold/overlap/v1"
_WIDE = 64


class InvalidPoint(Exception):
    """Not the canonical encoding of a point of the prime-order subgroup, or the neutral one."""


def derive(label: bytes, *parts: bytes, size: int = SIZE) -> bytes:
    """`size` bytes of SHAKE-256 over the label and the parts, each preceded by its length."""
    state = hashlib.shake_256()
    for part in (_DOMAIN, label, *parts):
        state.update(len(part).to_bytes(8, "big") + part)
    return state.digest(size)


def split(stream: bytes, size: int = SIZE) -> list[bytes]:
    """Consecutive pieces of `size` bytes; `size` divides the length."""
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def scalars(label: bytes, *parts: bytes, count: int) -> list[bytes]:
    """`count` scalars modulo the order of the group, each from 64 bytes of `derive`."""
    stream = derive(label, *parts, size=count * _WIDE)
    return [crypto_core_ed25519_scalar_reduce(piece) for piece in split(stream, _WIDE)]


def hash_to_group(*parts: bytes) -> bytes:
    """The point of these parts, whose logarithm nobody knows."""
    wide = derive(b"point", *parts, size=_WIDE)
    return crypto_core_ed25519_add(
        crypto_core_ed25519_from_uniform(wide[:SIZE]), crypto_core_ed25519_from_uniform(wide[SIZE:])
    )


def power(point: bytes, scalar: bytes) -> bytes:
    """point^scalar (written as a product in libsodium). Raises `InvalidPoint`."""
    try:
        return crypto_scalarmult_ed25519_noclamp(scalar, point)
    except Refused as error:
        raise InvalidPoint from error


def base_power(scalar: bytes) -> bytes:
    """g^scalar for the standard generator g."""
    return crypto_scalarmult_ed25519_base_noclamp(scalar)
