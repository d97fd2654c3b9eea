"""Receipts as a block commits to them: their RLP (EIP-2718, EIP-658) and the bloom over their logs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from eth_hash.auto import keccak

from freehold.chain.items import joined, number, string

if TYPE_CHECKING:
    from collections.abc import Iterable

    Log = tuple[bytes, tuple[int, ...], bytes]
    """Address, topics, data."""


@functools.lru_cache(maxsize=16_384)
def bits_of(item: bytes) -> int:
    """The three bits an address or topic sets among 2048 (Yellow Paper, section 4.3.1)."""
    digest = keccak(item)
    places = (int.from_bytes(digest[at : at + 2], "big") % 2048 for at in (0, 2, 4))
    return functools.reduce(lambda bits, place: bits | 1 << place, places, 0)


def bloom_of(items: Iterable[bytes]) -> int:
    """The bloom over addresses and topics."""
    bloom = 0
    for item in items:
        bloom |= bits_of(item)
    return bloom


def encode(kind: int, *, is_success: bool, cumulative_gas: int, logs: Iterable[Log]) -> tuple[bytes, int]:
    """The RLP of a transaction's receipt, typed unless `kind` is 0, and its bloom."""
    bloom, shown = 0, b""
    for address, topics, data in logs:
        words = [topic.to_bytes(32, "big") for topic in topics]
        bloom |= bloom_of([address, *words])
        shown += joined(string(address) + joined(b"".join(map(string, words))) + string(data))
    fields = number(int(is_success)) + number(cumulative_gas) + string(bloom.to_bytes(256, "big"))
    encoded = joined(fields + joined(shown))
    return (bytes((kind,)) + encoded if kind else encoded), bloom
