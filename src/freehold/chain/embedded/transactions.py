"""Signed transactions: from bytes that anyone may send to one that stands in line for a block, and its receipt.

An offered transaction waits at most until the next block. One with a nonce gap is queued, on disk
too, until the gap closes. Both lists are bounded.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coincurve import PublicKey
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth_hash.auto import keccak

from freehold.chain.embedded import genesis, tries
from freehold.chain.embedded.faults import REFUSED, Fault
from freehold.chain.trie import joined, number, string

if TYPE_CHECKING:
    from collections.abc import Iterable

    Log = tuple[bytes, tuple[int, ...], bytes]
    """Address, topics, data."""

_FLOOR_BASE, _FLOOR_PER_TOKEN, _TOKENS_NON_ZERO = 21_000, 10, 4
_MAX_INITCODE = 49_152
_MAX_NONCE = 2**64 - 2
_MOST_KEPT, _MOST_KEPT_BYTES = 512, 4_096
_MOST_RAW_BYTES = 128 * 1024
"""Geth's bound too; the largest contract creation takes 50 KB."""


def parse_transaction(raw: bytes) -> Any:
    """A transaction from its bytes, its form checked and nothing else; raises what py-evm and rlp raise."""
    return _parsed(raw) if len(raw) <= _MOST_KEPT_BYTES else _parse(raw)


def decode_transaction(raw: bytes) -> Any:
    """A signed transaction (types 0, 1, 2, 4) from its bytes, its sender recovered; raises `Fault`."""
    if len(raw) > _MOST_RAW_BYTES:
        raise Fault(REFUSED, f"oversized data: transaction size {len(raw)}, limit {_MOST_RAW_BYTES}")
    try:
        transaction = parse_transaction(raw)
        transaction.validate()
        transaction.sender  # noqa: B018 - recovers the signer, which fails on a bad signature
    except Exception as error:
        # py-evm and rlp raise many unrelated types on hostile bytes; all mean the same here
        raise Fault(REFUSED, f"invalid transaction: {error}") from error
    if transaction.type_id == 3:
        raise Fault(REFUSED, "blob transactions are not supported")
    if transaction.chain_id not in (None, genesis.CHAIN_ID):
        raise Fault(REFUSED, f"invalid chain id: have {transaction.chain_id}, want {genesis.CHAIN_ID}")
    if transaction.gas > genesis.GAS_LIMIT:
        raise Fault(REFUSED, f"exceeds block gas limit: have {transaction.gas}, limit {genesis.GAS_LIMIT}")
    if transaction.gas < floor_gas(transaction.data):
        raise Fault(
            REFUSED, f"intrinsic gas too low: have {transaction.gas}, want {floor_gas(transaction.data)}"
        )
    if transaction.to == b"" and len(transaction.data) > _MAX_INITCODE:
        raise Fault(REFUSED, f"max initcode size exceeded: {len(transaction.data)} > {_MAX_INITCODE}")
    if transaction.nonce > _MAX_NONCE or transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
        raise Fault(REFUSED, "max priority fee per gas higher than max fee per gas, or nonce too large")
    return transaction


def floor_gas(data: bytes) -> int:
    """The least a transaction with this calldata pays (EIP-7623)."""
    zeros = data.count(0)
    return _FLOOR_BASE + _FLOOR_PER_TOKEN * (zeros + _TOKENS_NON_ZERO * (len(data) - zeros))


def _parse(raw: bytes) -> Any:
    transaction = PragueTransactionBuilder.decode(raw)
    if transaction.type_id in (1, 2, 4):
        # from the bytes as they came, which is a tenth of the work of encoding the fields anew
        transaction.__dict__["hash"] = bytes(keccak(raw))
        transaction.__dict__["get_sender"] = functools.partial(_signer, raw, transaction)
    return transaction


# offered, mined and asked for within moments
_parsed = functools.lru_cache(maxsize=_MOST_KEPT)(_parse)


def _signer(raw: bytes, transaction: Any) -> bytes:
    """The account that signed a typed transaction (EIP-2718): all of its bytes but the signature."""
    signed = raw[:1] + joined(b"".join(tries.split(raw[1:])[:-3]))
    if transaction.y_parity > 1:
        raise ValueError("the signature's parity is neither 0 nor 1")
    signature = transaction.r.to_bytes(32, "big") + transaction.s.to_bytes(32, "big")
    key = PublicKey.from_signature_and_message(
        signature + bytes((transaction.y_parity,)), keccak(signed), hasher=None
    )
    return bytes(keccak(key.format(compressed=False)[1:])[12:])


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


_MOST_OFFERED = 10_000
_MOST_QUEUED = 4_096
_MOST_QUEUED_PER_SENDER = 64
_MOST_QUEUED_BYTES = 32 << 20


@dataclass(eq=False)
class Ticket:
    """One offered transaction and what became of it."""

    transaction: Any
    raw: bytes
    tx_hash: bytes
    settled: bool = False
    """True once it is in a block, queued or refused."""
    fault: Fault | None = None
    """Why it was refused."""
    is_long: bool = False
    """Whether it did not end in its first run."""


class Pool:
    """Offered and queued transactions. `offer` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offered: list[Ticket] = []
        self.queued: dict[tuple[bytes, int], Ticket] = {}
        """By sender and nonce; touched only under the ledger's lock."""

    def offer(self, ticket: Ticket) -> None:
        """Put a transaction in line for the next block."""
        with self._lock:
            if len(self._offered) >= _MOST_OFFERED:
                raise Fault(REFUSED, "txpool is full")
            self._offered.append(ticket)

    def take(self) -> list[Ticket]:
        """Every offered transaction, in order of arrival; the line is empty afterwards."""
        with self._lock:
            taken, self._offered = self._offered, []
        return taken

    def postpone(self, tickets: list[Ticket]) -> None:
        """Put back what was taken."""
        with self._lock:
            self._offered = tickets + self._offered

    def withdraw(self, ticket: Ticket) -> bool:
        """Take one back out of the line; False when a block has taken it."""
        with self._lock:
            if ticket not in self._offered:
                return False
            self._offered.remove(ticket)
            return True

    def queue(self, ticket: Ticket) -> Ticket | None:
        """Keep a transaction until its nonce is due; returns the one it replaces. Raises `Fault`."""
        transaction = ticket.transaction
        slot = (transaction.sender, transaction.nonce)
        held = self.queued.get(slot)
        if held is not None:
            # the usual rule of nodes: a replacement pays at least a tenth more
            if transaction.max_fee_per_gas * 10 < held.transaction.max_fee_per_gas * 11:
                raise Fault(REFUSED, "replacement transaction underpriced")
        elif len(self.queued) >= _MOST_QUEUED or self._queued_bytes() + len(ticket.raw) > _MOST_QUEUED_BYTES:
            raise Fault(REFUSED, "txpool is full")
        elif sum(sender == transaction.sender for sender, _ in self.queued) >= _MOST_QUEUED_PER_SENDER:
            raise Fault(REFUSED, f"more than {_MOST_QUEUED_PER_SENDER} queued transactions of one account")
        self.queued[slot] = ticket
        return held

    def _queued_bytes(self) -> int:
        return sum(len(held.raw) for held in self.queued.values())

    def due(self, sender: bytes, nonce: int) -> Ticket | None:
        """Take the queued transaction that follows, if it is here."""
        return self.queued.pop((sender, nonce), None)
