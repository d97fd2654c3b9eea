"""Signed EIP-1559 transactions: RLP, keccak and one recoverable secp256k1 signature.

eth-account does the same more generally and twenty times slower to import; the tests hold this
module against it byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

import rlp
from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi
from eth_hash.auto import keccak


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

    def sign(self, key: bytes, entropy: bytes | None = None) -> bytes:
        """The raw signed transaction under a 32-byte private key.

        32 bytes of `entropy` go into the signature's nonce (RFC 6979, section 3.6), so that the same act
        signed twice has two hashes and each sender can tell its own transaction from another's.
        """
        fields = [
            self.chain_id,
            self.nonce,
            self.max_priority_fee_per_gas,
            self.max_fee_per_gas,
            self.gas,
            self.to,
            self.value_wei,
            self.data,
            [],
        ]
        digest = keccak(b"\x02" + rlp.encode(fields))
        extra = (ffi.NULL, ffi.NULL if entropy is None else ffi.from_buffer(entropy))
        signature = PrivateKey(key).sign_recoverable(digest, hasher=None, custom_nonce=extra)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return b"\x02" + bytes(rlp.encode([*fields, signature[64], r, s]))


def account_of(key: bytes) -> str:
    """The account (lower-case hex) of a 32-byte private key."""
    return "0x" + keccak(PrivateKey(key).public_key.format(compressed=False)[1:])[12:].hex()
