"""Signed EIP-1559 transactions: RLP, keccak and one recoverable secp256k1 signature.

eth-account does the same more generally and twenty times slower to import; the tests hold this
module against it byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi
from eth_hash.auto import keccak

_NO_ACCESS_LIST = b"\xc0"


@dataclass(frozen=True)
class Transaction:
    """An unsigned EIP-1559 transaction."""

    chain_id: int
    nonce: int
    to: bytes
    """20 bytes, or empty to create a contract."""
    data: bytes
    gas: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    value_wei: int = 0

    def sign(self, key: bytes | PrivateKey, entropy: bytes | None = None) -> bytes:
        """The raw signed transaction under a private key; bytes (32) are slower, as the public key is derived.

        32 bytes of `entropy` go into the signature's nonce (RFC 6979, section 3.6), so that the same act
        signed twice has two hashes and each sender can tell its own transaction from another's.
        """
        numbers = (
            self.chain_id,
            self.nonce,
            self.max_priority_fee_per_gas,
            self.max_fee_per_gas,
            self.gas,
        )
        payload = (
            b"".join(map(_number, numbers)) + _item(self.to) + _number(self.value_wei) + _item(self.data)
        )
        payload += _NO_ACCESS_LIST
        digest = keccak(b"\x02" + _list(payload))
        extra = (ffi.NULL, ffi.NULL if entropy is None else ffi.from_buffer(entropy))
        signer = PrivateKey(key) if isinstance(key, bytes) else key
        signature = signer.sign_recoverable(digest, hasher=None, custom_nonce=extra)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return b"\x02" + _list(payload + _number(signature[64]) + _number(r) + _number(s))


def account_of(key: bytes) -> str:
    """The account (lower-case hex) of a 32-byte private key."""
    return "0x" + keccak(PrivateKey(key).public_key.format(compressed=False)[1:])[12:].hex()


# RLP of byte strings, integers and one list (Yellow Paper, appendix B); the general library works out the
# type of every value anew, which takes longer than signing


def _number(value: int) -> bytes:
    return _item(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _item(data: bytes) -> bytes:
    if len(data) == 1 and data[0] < 0x80:
        return data
    return _length(len(data), 0x80) + data


def _list(payload: bytes) -> bytes:
    return _length(len(payload), 0xC0) + payload


def _length(size: int, kind: int) -> bytes:
    if size < 56:
        return bytes([kind + size])
    shown = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(shown)]) + shown
