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
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from freehold.chain.embedded import genesis, tries
from freehold.chain.embedded.faults import REFUSED, Fault
from freehold.chain.trie import joined, number, string

if TYPE_CHECKING:
    from collections.abc import Iterable

    Log = tuple[bytes, tuple[int, ...], bytes]
    """Address, topics, data."""

_FLOOR_BASE, _FLOOR_PER_TOKEN, _TOKENS_NON_ZERO = 21_000, 10, 4
_MAX_INITCODE, _GAS_PER_INITCODE_WORD = 49_152, 2
_LEGACY, BLOB, SET_CODE = 0xC0, 3, 4
"""First byte of a legacy transaction, which is a list; types of others."""
_KINDS = (0, 1, 2, SET_CODE)
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
    require_kind(raw[0] if raw and raw[0] < _LEGACY else 0)
    try:
        transaction = parse_transaction(raw)
        check(transaction)
        transaction.validate()
        transaction.sender  # noqa: B018 - recovers the signer, which fails on a bad signature
    except Fault:
        raise
    except ValidationError as error:
        raise Fault(REFUSED, f"invalid transaction: {error}") from error
    except BadSignature as error:
        raise Fault(REFUSED, "invalid transaction: no key makes its signature") from error
    except Exception as error:
        # py-evm and rlp raise many unrelated types on hostile bytes; all mean the same here
        raise Fault(REFUSED, "invalid transaction: its bytes are not those of a transaction") from error
    if is_impersonated(transaction):
        raise Fault(REFUSED, "invalid transaction: its signature's s is 0")
    return transaction


def require_kind(kind: int) -> None:
    """Raise `Fault` for a type of transaction that is not taken here."""
    if kind not in _KINDS:
        what = "blob transactions are" if kind == BLOB else f"{kind:#x} is"
        raise Fault(REFUSED, f"transaction type not valid: {what} not supported")


def check(transaction: Any) -> None:
    """Raise `Fault` for what no block takes, whoever sends it; in the words that clients look for."""
    most_fee, tip = transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas
    chain, gas, least = transaction.chain_id, transaction.gas, least_gas(transaction)
    found = (
        # what is wrong with it, if anything, and in which numbers
        (
            chain not in (None, genesis.CHAIN_ID),
            "invalid chain id for signer",
            f"have {chain}, want {genesis.CHAIN_ID}",
        ),
        (
            transaction.nonce > _MAX_NONCE,
            "nonce has max value",
            f"have {transaction.nonce}, limit {_MAX_NONCE}",
        ),
        (gas > genesis.GAS_LIMIT, "exceeds block gas limit", f"have {gas}, limit {genesis.GAS_LIMIT}"),
        (most_fee >= 2**256, "max fee per gas higher than 2^256-1", f"{most_fee.bit_length()} bits"),
        (
            tip > most_fee,
            "max priority fee per gas higher than max fee per gas",
            f"have {tip}, limit {most_fee}",
        ),
        (
            not transaction.to and len(transaction.data) > _MAX_INITCODE,
            "max initcode size exceeded",
            f"code size {len(transaction.data)}, limit {_MAX_INITCODE}",
        ),
        (gas < least, "intrinsic gas too low", f"have {gas}, want {least}"),
    )
    for is_wrong, what, detail in found:
        if is_wrong:
            raise Fault(REFUSED, f"{what}: {detail}")
    if transaction.type_id == SET_CODE:
        if not transaction.to:
            raise Fault(REFUSED, "EIP-7702 transaction cannot be used to create contract")
        if not transaction.authorization_list:
            raise Fault(REFUSED, "EIP-7702 transaction with empty auth list")


def least_gas(message: Any) -> int:
    """The least that a transaction or call must bring: for its content (EIP-3860 too), or its calldata (EIP-7623)."""
    words = 0 if message.to else -(-len(message.data) // 32)
    return max(int(message.intrinsic_gas) + _GAS_PER_INITCODE_WORD * words, floor_gas(message.data))


def afford(message: Any, base_fee: int, balance: int) -> None:
    """Raise `Fault` for what pays too little for a block, or more than its sender has."""
    price = message.max_fee_per_gas
    if price < base_fee:
        raise Fault(
            REFUSED, f"max fee per gas less than block base fee: maxFeePerGas: {price}, baseFee: {base_fee}"
        )
    cost = message.gas * price + message.value
    if balance < cost:
        raise Fault(REFUSED, f"insufficient funds for gas * price + value: balance {balance}, tx cost {cost}")


def is_impersonated(transaction: Any) -> bool:
    """Whether the node was asked to send it for an account whose key it lacks: `s` is 0, and `r` that account.

    No signature has an `s` of 0, so nobody takes it for a signed one, and `decode_transaction` takes it from nobody.
    """
    return bool(transaction.s == 0)


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
    if is_impersonated(transaction):
        return bytes(transaction.r.to_bytes(20, "big"))
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
    is_following: bool = False
    """Whether its nonce is only what comes after those before it, so that it waits for no other one."""


class Ahead(Fault):
    """A transaction before this one was refused, so that its nonce is no longer the next."""


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

    def nonces_offered(self, sender: bytes) -> set[int]:
        """Nonces of an account's transactions in the line."""
        with self._lock:
            return {one.transaction.nonce for one in self._offered if one.transaction.sender == sender}

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
