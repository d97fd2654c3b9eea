"""Which words of contract storage evidence reads: slots as `docs/architecture.md` lays them out.

Solidity puts `mapping[key]` of a mapping at slot p at keccak256(key word . p word).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eth_hash.auto import keccak

from freehold.core.documents import Document, Grant
from freehold.core.ids import hash_bytes, keyed_id
from freehold.kernel.rights.check import Offer, is_priced


def mapping_slot(key: str | int, slot: int) -> int:
    """Of `mapping[key]`, for a mapping declared at `slot`."""
    word = key if isinstance(key, int) else int(key, 16)
    return int.from_bytes(keccak(word.to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")


def anchor_slots(account: str) -> tuple[int, int]:
    """Of LogAnchors: the root, and size (low 64 bits) packed with the time of anchoring."""
    slot = mapping_slot(account, 0)
    return slot, slot + 1


def revocation_slot(issuer: str, index: int) -> int:
    """Of Revocations: the word that holds bit `index % 256`."""
    return mapping_slot(index >> 8, mapping_slot(issuer, 0))


def stamp_slot(hash: str) -> int:  # noqa: A002 - the contract's word
    """Of Timestamps: the time a hash was first seen."""
    return mapping_slot(hash, 0)


def purchase_slot(grant: Grant, chain_id: int, market: str) -> int:
    """Of Market: when the grant's offer was bought, keyed by the digest its seller signed."""
    return mapping_slot(Offer.of(grant).digest(chain_id, market).hex(), 0)


def pool_id(opener: str, model: str) -> str:
    """keccak256(abi.encode(opener, model)): the revenue pool of a released model."""
    return "0x" + keyed_id(opener, hash_bytes(model)).hex()


def pool_slots(pool: str) -> tuple[int, int]:
    """Of Revenue: token (low 160 bits) packed with the total of shares, and the root of the split."""
    slot = mapping_slot(pool, 0)
    return slot, slot + 1


def needed(
    documents: Iterable[Document],
    accounts: Iterable[str],
    pools: Iterable[str],
    chain_id: int,
    contracts: Mapping[str, str],
) -> list[tuple[str, list[int]]]:
    """What to capture for evidence over `documents`, logs of `accounts` and revenue `pools`."""
    slots: dict[str, set[int]] = {}

    def add(contract: str, *numbers: int) -> None:
        slots.setdefault(contracts[contract], set()).update(numbers)

    for account in accounts:
        add("LogAnchors", *anchor_slots(account))
    for pool in pools:
        add("Revenue", *pool_slots(pool))
    for document in documents:
        if isinstance(document, Grant):
            add("Revocations", revocation_slot(document.issuer, document.revocation_index))
            if document.run is not None:
                add("Timestamps", stamp_slot(document.run))
            if is_priced(document):
                add("Market", purchase_slot(document, chain_id, contracts["Market"]))
    return [(address, sorted(numbers)) for address, numbers in sorted(slots.items())]
