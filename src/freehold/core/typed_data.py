"""EIP-712 digests of flat structs, and the domains in which Freehold signs.

Only atomic field types occur here (string, bytes32, address, uintN), so the encoding is a few lines;
`tests/differential` compares it with eth-account on the published vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_hash.auto import keccak

DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOCUMENT_TYPE = "Document(string kind,string role,bytes32 subject,bytes32 id)"
OFFER_TYPE = "Offer(bytes32 grant,address seller,address buyer,address token,uint256 price,uint256 deadline)"
VOUCHER_TYPE = "Voucher(bytes32 channel,uint256 cumulative)"
RECEIVE_TYPE = (
    "ReceiveWithAuthorization(address from,address to,uint256 value,"
    "uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)


MARKET_DOMAIN = "Freehold Market"
CHANNELS_DOMAIN = "Freehold Channels"
TEST_DOLLAR_DOMAIN = "Freehold Test Dollar"


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one contract on one chain."""

    name: str
    """As in the contract: "Freehold", "Freehold Market", "Freehold Channels" or the token's name."""
    chain_id: int
    contract: str
    """Address of the verifying contract."""
    version: str = "1"


@lru_cache(maxsize=64)
def _separator(domain: Domain) -> bytes:
    return struct_hash(DOMAIN_TYPE, domain.name, domain.version, domain.chain_id, domain.contract)


def struct_hash(type_string: str, *values: Any) -> bytes:
    """EIP-712 `hashStruct` for a struct of atomic fields, values in the order of the type."""
    fields = [field.split(" ")[0] for field in type_string[type_string.index("(") + 1 : -1].split(",")]
    if len(fields) != len(values):
        raise ValueError(f"{type_string} takes {len(fields)} values, not {len(values)}")
    encoded = [_encode(kind, value) for kind, value in zip(fields, values, strict=True)]
    return bytes(keccak(_type_hash(type_string) + b"".join(encoded)))


def digest(domain: Domain, type_string: str, *values: Any) -> bytes:
    """The 32 bytes a wallet signs."""
    return bytes(keccak(b"\x19\x01" + _separator(domain) + struct_hash(type_string, *values)))


def receive_digest(
    token: Domain, payer: str, payee: str, value_units: int, valid: tuple[int, int], nonce: bytes
) -> bytes:
    """What a payer signs to let `payee` (a contract) pull exactly one payment (EIP-3009)."""
    return digest(token, RECEIVE_TYPE, payer, payee, value_units, valid[0], valid[1], nonce)


def voucher_digest(channels: Domain, channel: bytes, cumulative_units: int) -> bytes:
    """What a payer signs to let a channel pay `cumulative_units` in all."""
    return digest(channels, VOUCHER_TYPE, channel, cumulative_units)


@lru_cache(maxsize=64)
def _type_hash(type_string: str) -> bytes:
    return bytes(keccak(type_string.encode()))


def _encode(kind: str, value: Any) -> bytes:
    if kind == "string":
        return bytes(keccak(value.encode()))
    if kind.startswith("uint"):
        return int(value).to_bytes(32, "big")
    raw = value if isinstance(value, bytes) else bytes.fromhex(value.removeprefix("0x"))
    if kind == "address" and len(raw) == 20:
        return raw.rjust(32, b"\x00")
    if kind == "bytes32" and len(raw) == 32:
        return raw
    raise ValueError(f"{kind} cannot hold {len(raw)} bytes")
