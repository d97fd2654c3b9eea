"""Signed EIP-1559 transactions: RLP, keccak and one recoverable secp256k1 signature.

eth-account does the same more generally and twenty times slower to import; the tests hold this
module against it byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi
from eth_hash.auto import keccak

from freehold.chain.trie import joined, number, string

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
            b"".join(map(number, numbers)) + string(self.to) + number(self.value_wei) + string(self.data)
        )
        payload += _NO_ACCESS_LIST
        digest = keccak(b"\x02" + joined(payload))
        extra = (ffi.NULL, ffi.NULL if entropy is None else ffi.from_buffer(entropy))
        signer = PrivateKey(key) if isinstance(key, bytes) else key
        signature = signer.sign_recoverable(digest, hasher=None, custom_nonce=extra)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return b"\x02" + joined(payload + number(signature[64]) + number(r) + number(s))


def account_of(key: bytes) -> str:
    """The account (lower-case hex) of a 32-byte private key."""
    return "0x" + keccak(PrivateKey(key).public_key.format(compressed=False)[1:])[12:].hex()
