"""Blocks: how they are made, read and rewound.

There is no miner thread. Whoever offers a transaction takes the lock and puts *everything* waiting
into the next block; those that queued behind the lock find their own transaction settled. So a lone
transaction gets a block at once, a burst shares one, and a sender is answered only after the commit.
"""

from __future__ import annotations

import functools
import itertools
import math
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from eth.vm.forks.london.headers import calculate_expected_base_fee_per_gas
from eth_hash.auto import keccak

from freehold.chain.embedded import genesis, transactions
from freehold.chain.embedded.blocks import Mined, closed
from freehold.chain.embedded.budget import BLOCK_SECONDS, TRANSACTION_SECONDS, OutOfTime, limited, worked
from freehold.chain.embedded.faults import INTERNAL, LIMIT, REFUSED, Fault, Outcome
from freehold.chain.embedded.home import damaged
from freehold.chain.embedded.machine import MOST_LOGS, Machine, require_no_contract
from freehold.chain.embedded.store import Store, log_row
from freehold.chain.embedded.transactions import Ahead, Pool, Ticket, decode_transaction
from freehold.chain.header import Header
from freehold.chain.transaction import Transaction, account_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_MOST_TRANSACTIONS = 250
"""Transactions in one block: keeps the lock's holder, and so every reader, from waiting long."""
_ANCESTORS = 256
_MOST_SNAPSHOTS = 1_000
_PUSH_ADDRESS, _SELF_DESTRUCT = b"\x73", b"\xff"
_SHORT_SECONDS = 0.25
"""Processor time of a transaction's first run; one that needs more waits until no other does."""


@dataclass
class _Draft:
    """A block being filled."""

    header: Header
    state: Any
    included: list[tuple[Ticket, Outcome]] = field(default_factory=list)
    gas_used: int = 0
    logs: int = 0


class Ledger:
    """The chain of one directory. What writes takes the lock itself; what reads needs none.

    `head` is set after its block is committed, and the state under a root never changes, so a reader
    that has taken a header has a snapshot.
    """

    def __init__(self, directory: Path) -> None:
        self.lock = threading.RLock()
        self.store = Store(directory)
        self.machine = Machine(self.store.nodes, self.ancestors)
        self.pool = Pool()
        self.offset_seconds = 0
        """Seconds the chain's clock runs ahead of the machine's (`evm_increaseTime`)."""
        self.changes = 0
        """Changes that have begun: of blocks or of the clock."""
        self.watchers: set[Callable[[int], None]] = set()
        """Called with the number of each change once it was made or given up, under the lock; must return at once."""
        self.rewind_watchers: set[Callable[[int], None]] = set()
        """Called with the height a rewind went back to, under the lock."""
        self._next_time: int | None = None
        self._snapshots: dict[int, tuple[int, int]] = {}
        # below 2^53; one from before a restart is not known again
        self._snapshot_ids = itertools.count(1 + secrets.randbits(52))
        try:
            self.head = self._load_head()
        except BaseException:
            self.store.close()
            raise
        for (raw,) in self.store.rows("SELECT raw FROM queued"):
            transaction = transactions.parse_transaction(bytes(raw))
            ticket = Ticket(transaction, bytes(raw), bytes(transaction.hash), settled=True)
            self.pool.queued[(transaction.sender, transaction.nonce)] = ticket

    def close(self) -> None:
        """Release the database; unanswered transactions were never acknowledged."""
        with self.lock:
            self.store.close()

    # -- reading

    def header_at(self, number: int) -> Header | None:
        """The header at a height, or None."""
        head = self.head
        if number == head.block_number:
            return head
        rows = self.store.rows("SELECT header FROM blocks WHERE number = ?", (number,))
        return _header(bytes(rows[0][0])) if rows else None

    def next_header(self) -> Header:
        """Header of the block that would follow now, still carrying the parent's state root.

        Its time is the wall clock's, never below the parent's. Equal times are allowed: a strict
        order would push a busy chain ahead of the clock, and deadlines signed by people would lie.
        """
        parent = self.head
        now = int(time.time()) + self.offset_seconds if self._next_time is None else self._next_time
        return Header(
            block_number=parent.block_number + 1,
            gas_limit=genesis.GAS_LIMIT,
            timestamp=max(now, parent.timestamp),
            parent_hash=parent.hash,
            state_root=parent.state_root,
            # PREVRANDAO; anyone can predict it here, as there is nobody to draw it
            mix_hash=keccak(parent.hash),
            base_fee_per_gas=calculate_expected_base_fee_per_gas(cast("Any", parent)),
        )

    def ancestors(self, number: int) -> Iterator[bytes]:
        """Hashes of the blocks below a height, newest first; zeros for those that are not there."""
        sql = "SELECT hash FROM blocks WHERE number = ?"
        for height in range(number - 1, max(-1, number - 1 - _ANCESTORS), -1):
            # SQLite knows no larger numbers
            rows = self.store.rows(sql, (height,)) if height < 2**63 else []
            yield bytes(rows[0][0]) if rows else bytes(32)

    # -- writing

    def offer(self, raw: bytes, *, is_following: bool = False) -> Ticket:
        """Check a signed transaction's form and put it in line. Raises `Fault`."""
        return self._offer(decode_transaction(raw), raw, is_following=is_following)

    def offer_unsigned(self, raw: bytes, *, is_following: bool = False) -> Ticket:
        """The same for a transaction that this node made for an account whose key it lacks."""
        transaction = transactions.parse_transaction(raw)
        transactions.check(transaction)
        return self._offer(transaction, raw, is_following=is_following)

    def settle(self, ticket: Ticket) -> bytes:
        """Have the ticket mined, queued or refused (`Fault`); returns the transaction hash."""
        while not ticket.settled:
            # one block a turn at the lock, so that between two long transactions others come first
            with self.lock:
                if not ticket.settled:
                    # whatever the budget of the request whose thread this is: others' transactions are in the line
                    with limited(math.inf):
                        self._mine(self.pool.take())
        if ticket.fault is not None:
            raise ticket.fault
        return ticket.tx_hash

    def set_next_time(self, seconds: int) -> None:
        """Give the next block this time (Unix seconds); the clock goes on from there."""
        with self._changing():
            self._next_time = seconds
            self.offset_seconds = seconds - int(time.time())

    def increase_time(self, seconds: int) -> int:
        """Set the clock forward; returns how far it runs ahead now."""
        with self._changing():
            self.offset_seconds += seconds
            return self.offset_seconds

    def following_nonce(self, sender: bytes) -> int:
        """The nonce after the account's last one, those in line for the next block included; under the lock."""
        nonce = int(self.machine.state(self.head).get_nonce(sender))
        waiting = self.pool.nonces_offered(sender)
        while nonce in waiting:
            nonce += 1
        return nonce

    def mine_empty(self) -> None:
        """Add a block although nothing waits."""
        # a block is made whole, whatever is left of the budget of who asks for it
        with self.lock, limited(math.inf):
            header = self.next_header()
            self._seal(_Draft(header, self.machine.open_block(header)))

    def top_up(self, address: bytes, wei: int) -> None:
        """Raise an account to at least `wei` by a transfer from the faucet; never lowers it.

        What has code is not asked whether it takes ether: a contract that is gone at once leaves its own to it.
        A time set for the next block is kept for the one after the faucet's, which happens at the head's time.
        """
        with self.lock:
            state = self.machine.state(self.head)
            missing = wei - int(state.get_balance(address))
            if missing <= 0:
                return
            faucet = _account(genesis.FAUCET_KEY)
            if missing > state.get_balance(faucet) // 2:
                raise Fault(REFUSED, "more ether than the local faucet gives")
            has_code = bool(state.get_code(address))
            transfer = Transaction(
                chain_id=genesis.CHAIN_ID,
                nonce=int(state.get_nonce(faucet)),
                to=b"" if has_code else address,
                data=_PUSH_ADDRESS + address + _SELF_DESTRUCT if has_code else b"",
                gas=100_000,
                max_fee_per_gas=self.next_header().base_fee_per_gas + 1,
                max_priority_fee_per_gas=1,
                value_wei=missing,
            )
            set_time = self._next_time
            if set_time is not None:
                self._next_time = self.head.timestamp
            try:
                self.settle(self.offer(transfer.sign(genesis.FAUCET_KEY)))
            finally:
                self._next_time = set_time

    def snapshot(self) -> int:
        """Remember the present head; returns a number for `revert`."""
        with self.lock:
            if len(self._snapshots) >= _MOST_SNAPSHOTS:
                raise Fault(LIMIT, f"more than {_MOST_SNAPSHOTS} snapshots")
            # a number is never given twice: one that was used up stays unknown
            number = next(self._snapshot_ids)
            self._snapshots[number] = (self.head.block_number, self.offset_seconds)
            return number

    def revert(self, snapshot: int) -> bool:
        """Go back to a snapshot, forgetting it and later ones; False when unknown."""
        with self.lock:
            if snapshot not in self._snapshots:
                return False
            number, offset_seconds = self._snapshots[snapshot]
            self._snapshots = {key: kept for key, kept in self._snapshots.items() if key < snapshot}
            with self._changing():
                self.offset_seconds = offset_seconds
                self.store.drop_after(number)
                self.pool.queued.clear()
                self.head, self._next_time = self._load_head(), None
                for told in tuple(self.rewind_watchers):
                    told(number)
            return True

    # -- inside

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change what readers see: counted before any of them can see it, and told once all of them do."""
        with self.lock:
            self.changes += 1
            try:
                yield
            finally:
                for told in tuple(self.watchers):
                    told(self.changes)

    def _offer(self, transaction: Any, raw: bytes, *, is_following: bool) -> Ticket:
        ticket = Ticket(transaction, raw, bytes(transaction.hash), is_following=is_following)
        self.pool.offer(ticket)
        return ticket

    def _load_head(self) -> Header:
        rows = self.store.rows("SELECT number, hash, header FROM blocks ORDER BY number DESC LIMIT 1")
        if rows:
            return self._checked(*rows[0])
        if self.store.rows("SELECT 1 FROM nodes LIMIT 1"):
            raise damaged("it has state and no blocks")
        header = genesis.genesis_header(self.machine.state, _account(genesis.FAUCET_KEY))
        self.store.add_block(0, header.hash, header.encoded)
        return header

    def _checked(self, number: int, block_hash: bytes, encoded: bytes) -> Header:
        """The newest header, if what stands below it is all there."""
        try:
            header = Header.decode(bytes(encoded))
        except Exception as error:
            raise damaged(f"the header of block {number} cannot be read") from error
        if header.hash != bytes(block_hash) or header.block_number != number:
            raise damaged(f"the header of block {number} is not the one it was")
        first = self.store.rows("SELECT hash FROM blocks WHERE number = 0")
        if not first or bytes(first[0][0]) != genesis.HASH:
            raise damaged("its block 0 is not that of the local chain")
        (count,) = self.store.rows("SELECT count(*) FROM blocks")[0]
        if count != number + 1:
            raise damaged(f"it has {count} of {number + 1} blocks")
        if header.state_root not in self.store.nodes:
            raise damaged(f"the state of block {number} is missing")
        return header

    def _mine(self, waiting: list[Ticket]) -> None:
        while waiting:
            header = self.next_header()
            draft = _Draft(header, self.machine.open_block(header))
            try:
                waiting = self._fill(draft, waiting)
                if draft.included:
                    self._seal(draft)
            except Exception as error:
                # A defect in the EVM or a full disk: nothing of this block exists. Everyone in it is told.
                self.store.nodes.waiting.clear()
                for ticket in [*waiting, *(ticket for ticket, _ in draft.included)]:
                    ticket.settled, ticket.fault = True, Fault(INTERNAL, f"block failed: {error}")
                raise

    def _fill(self, draft: _Draft, waiting: list[Ticket]) -> list[Ticket]:
        """Apply what fits; returns what is left for the next block."""
        # taken from its end; the long ones last, and each alone
        line = waiting[::-1]
        line.sort(key=lambda ticket: not ticket.is_long)
        started = worked()
        while line:
            ticket = line.pop()
            transaction = ticket.transaction
            full = (
                len(draft.included) >= _MOST_TRANSACTIONS
                or draft.logs >= MOST_LOGS
                or worked() - started > BLOCK_SECONDS
            )
            if full or draft.gas_used + transaction.gas > genesis.GAS_LIMIT:
                return [ticket, *reversed(line)]
            # for a settled one, queued before, nobody waits, so nobody would come back
            if ticket.is_long and draft.included and not ticket.settled:
                self.pool.postpone([ticket, *reversed(line)])
                return []
            try:
                if not self._due(draft, ticket):
                    continue
                seconds = TRANSACTION_SECONDS if ticket.is_long else _SHORT_SECONDS
                outcome = self.machine.apply(draft.state, transaction, seconds)
            except OutOfTime as fault:
                if not ticket.is_long:
                    ticket.is_long = True
                    line.insert(0, ticket)
                    continue
                self._refuse(ticket, fault)
                line = self._others_first(line)
                continue
            except Fault as fault:
                self._refuse(ticket, fault)
                continue
            draft.gas_used += outcome.gas_used
            draft.logs += len(outcome.logs)
            draft.included.append((ticket, outcome))
            if ticket.is_long:
                line = self._others_first(line)
            following = self.pool.due(transaction.sender, transaction.nonce + 1)
            if following is not None:
                line.append(following)
        return []

    def _others_first(self, line: list[Ticket]) -> list[Ticket]:
        """Let what came meanwhile go before the rest of the line; returns what nobody would come back for."""
        self.pool.postpone([ticket for ticket in reversed(line) if not ticket.settled])
        return [ticket for ticket in line if ticket.settled]

    def _refuse(self, ticket: Ticket, fault: Fault) -> None:
        ticket.settled, ticket.fault = True, fault
        self.store.unqueue(ticket.tx_hash)

    def _due(self, draft: _Draft, ticket: Ticket) -> bool:
        """Whether the transaction may run now; queues it when its nonce is ahead. Raises `Fault`."""
        transaction, state = ticket.transaction, draft.state
        nonce = state.get_nonce(transaction.sender)
        if transaction.nonce < nonce:
            known = any(earlier.tx_hash == ticket.tx_hash for earlier, _ in draft.included)
            if known or self.store.rows("SELECT 1 FROM transactions WHERE hash = ?", (ticket.tx_hash,)):
                raise Fault(REFUSED, "already known")
            raise Fault(REFUSED, f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        transactions.afford(transaction, draft.header.base_fee_per_gas, state.get_balance(transaction.sender))
        if not transactions.is_impersonated(transaction):
            require_no_contract(state, transaction.sender)
        if transaction.nonce == nonce:
            return True
        if ticket.is_following:
            raise Ahead(REFUSED, f"nonce too high: next nonce {nonce}, tx nonce {transaction.nonce}")
        replaced = self.pool.queue(ticket)
        if replaced is not None:
            self.store.unqueue(replaced.tx_hash)
        self.store.queue(ticket.tx_hash, ticket.raw)
        ticket.settled = True
        return False

    def _seal(self, draft: _Draft) -> None:
        """Compute the roots, commit, and settle everyone included."""
        included = draft.included
        mined = [Mined(one.transaction.type_id or 0, one.raw, outcome) for one, outcome in included]
        header = closed(draft.header, draft.state, mined)
        number = header.block_number
        with self._changing():
            self.store.add_block(
                number, header.hash, header.encoded, _rows(header, included), _log_rows(number, included)
            )
            self.head, self._next_time = header, None
            for ticket, _ in included:
                ticket.settled = True


@functools.lru_cache(maxsize=1_024)
def _header(encoded: bytes) -> Header:
    """A stored header; senders ask about the last twenty blocks each time."""
    return Header.decode(encoded)


def _rows(header: Header, included: list[tuple[Ticket, Outcome]]) -> Iterable[tuple[Any, ...]]:
    cumulative = 0
    for position, (ticket, outcome) in enumerate(included):
        cumulative += outcome.gas_used
        transaction = ticket.transaction
        tip = min(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas - header.base_fee_per_gas)
        price = header.base_fee_per_gas + tip
        yield (
            ticket.tx_hash,
            header.block_number,
            position,
            ticket.raw,
            bytes(transaction.sender),
            outcome.created,
            int(outcome.failed is None),
            outcome.gas_used,
            cumulative,
            price.to_bytes(32, "big"),
        )


def _log_rows(number: int, included: list[tuple[Ticket, Outcome]]) -> Iterable[tuple[Any, ...]]:
    index = 0
    for position, (ticket, outcome) in enumerate(included):
        for entry in outcome.logs:
            yield log_row(number, index, ticket.tx_hash, position, entry)
            index += 1


def _account(key: bytes) -> bytes:
    return bytes.fromhex(account_of(key)[2:])
