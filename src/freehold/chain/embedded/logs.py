"""JSON-RPC methods over logs: questions about a range of blocks, and filters that are polled.

A filter remembers the block after the last one it told about; its changes are the question asked
again over the blocks since. Subscriptions are filters that the server polls for the client.
"""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from freehold.chain.embedded import genesis
from freehold.chain.embedded.budget import OutOfTime, checked, current
from freehold.chain.embedded.faults import INVALID_PARAMS, LIMIT, REFUSED, Fault
from freehold.chain.embedded.history import SELECT_TRANSACTION, placed
from freehold.chain.embedded.wire import (
    LONG,
    MethodGroup,
    Written,
    method,
    read_block,
    read_data,
    read_flag,
    read_members,
    read_quantity,
    show,
    show_header,
    write_log,
    write_place,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from freehold.chain.embedded.ledger import Ledger

MOST_LOGS = 10_000
"""Logs one answer holds, or those of a single block; a wider question is refused with code -32005."""
MOST_LOG_BYTES = 8 << 20
"""Bytes of data in them, likewise."""
MOST_FILTERS = 1_000
"""Filters kept; the one polled longest ago makes room for a new one. Subscriptions are counted apart."""
_MOST_FILTER_VALUES = 1_000
_NUMBER_BITS = 52
_MOST_NEWS = 1_000
"""Blocks that one poll tells about; the next goes on from there."""
_MOST_IN_BLOCK = genesis.GAS_LIMIT // 375
"""Logs that a block's gas pays for."""
_AT_ONCE = 64
"""Logs that are written between two looks at the clock."""


@dataclass
class Filter:
    """What a client wants to hear about."""

    kind: str
    """`logs`, `blocks` (hashes), `newHeads` (headers), `newPendingTransactions` (hashes), `wholeTransactions`."""
    wanted: dict[str, Any]
    """The log filter; empty for other kinds."""
    following: int
    """First block not told about yet."""
    is_subscription: bool = False
    """Whether a connection holds it, and ends it."""
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Two polls at once would be told the same."""
    rewinds: int = 0
    """How often the chain went back since it was made."""


class LeftOut(NamedTuple):
    """Blocks that one answer has no room for."""

    first: int
    fault: Fault
    """What to say where all were asked for."""


class LogMethods(MethodGroup):
    """Logs and filters."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._filters: dict[int, Filter] = {}
        self._lock = threading.Lock()
        """Of the filters; never held for long, nor while another lock is taken."""
        ledger.rewind_watchers.add(self._rewind)

    @method("eth_getLogs", LONG)
    def _get_logs(self, wanted: Any) -> Written:
        wanted = read_filter(wanted)
        if "blockHash" in wanted:
            if "fromBlock" in wanted or "toBlock" in wanted:
                raise Fault(INVALID_PARAMS, "blockHash excludes fromBlock and toBlock")
            header = self._hashed(read_data(wanted["blockHash"], "blockHash", size=32))
            if header is None:
                raise Fault(REFUSED, "unknown block")
            first = last = header.block_number
        else:
            first = self._bound(wanted.get("fromBlock"))
            last = min(self._bound(wanted.get("toBlock")), self._ledger.head.block_number)
        logs, left_out = self._logs(wanted, first, last)
        if left_out is not None:
            raise left_out.fault
        return Written(logs)

    @method("eth_newFilter")
    def _new_filter(self, wanted: Any) -> str:
        return self.install("logs", wanted)

    @method("eth_newBlockFilter")
    def _new_block_filter(self) -> str:
        return self.install("blocks")

    @method("eth_newPendingTransactionFilter")
    def _new_pending_transaction_filter(self, full: Any = False) -> str:
        return self.install("wholeTransactions" if read_flag(full, "full") else "newPendingTransactions")

    @method("eth_uninstallFilter")
    def uninstall(self, identifier: Any) -> bool:
        """Forget a filter; False when it is unknown."""
        number = read_quantity(identifier, "filter")
        with self._lock:
            return self._filters.pop(number, None) is not None

    @method("eth_getFilterLogs", LONG)
    def _get_filter_logs(self, identifier: Any) -> Written:
        found = self._filter(identifier)
        if found.kind != "logs":
            raise Fault(REFUSED, "filter not found")
        logs: Written = self._get_logs(found.wanted)
        return logs

    @method("eth_getFilterChanges", LONG)
    def changes(self, identifier: Any) -> list[Any]:
        """What happened since the last time this filter was asked."""
        found = self._filter(identifier)
        with _taken(found.turn):
            with self._lock:
                first, rewinds = found.following, found.rewinds
            head = self._ledger.head.block_number
            if found.kind != "logs":
                head = min(head, first + _MOST_NEWS - 1)
            try:
                news, left_out = self._news(found, first, head)
            except Fault:
                if found.rewinds == rewinds:
                    raise
                # blocks were forgotten while they were read; those in their place are told next
                return []
            with self._lock:
                # a rewind meanwhile has said where to go on
                if found.rewinds == rewinds:
                    found.following = head + 1 if left_out is None else left_out.first
            return news

    def install(self, kind: str, wanted: Any = None, *, is_subscription: bool = False) -> str:
        """Make a filter over blocks from now on; returns its identifier."""
        checked = read_filter(wanted) if kind == "logs" else {}
        with self._lock:
            made = Filter(kind, checked, self._ledger.head.block_number + 1, is_subscription)
            alike = [name for name, one in self._filters.items() if one.is_subscription == is_subscription]
            if len(alike) >= MOST_FILTERS:
                if is_subscription:
                    raise Fault(LIMIT, f"at most {MOST_FILTERS} subscriptions in all")
                del self._filters[alike[0]]
            identifier = _fresh(self._filters)
            self._filters[identifier] = made
        return hex(identifier)

    # -- inside

    def _rewind(self, height: int) -> None:
        """See that the blocks made next are news again."""
        with self._lock:
            for one in self._filters.values():
                one.following = min(one.following, height + 1)
                one.rewinds += 1

    def _news(self, found: Filter, first: int, last: int) -> tuple[list[Any], LeftOut | None]:
        """What to tell of blocks, and those of which there is no room to tell."""
        wanted = found.wanted
        if found.kind == "logs":
            low, high = (
                self._bound(wanted.get(name), end) for name, end in (("fromBlock", 0), ("toBlock", last))
            )
            if "blockHash" in wanted:
                return [], None
            logs, left_out = self._logs(wanted, max(first, low), min(last, high))
            return [json.loads(one) for one in checked(logs)], left_out
        if found.kind == "newHeads":
            return [show_header(self._numbered(number)) for number in checked(range(first, last + 1))], None
        if found.kind == "wholeTransactions":
            sql = f"{SELECT_TRANSACTION} WHERE t.block BETWEEN ? AND ? ORDER BY t.block, t.position"
            rows, left_out = _whole_blocks(
                self._ledger.store.select(sql, (first, last)), lambda row: row[3], lambda row: len(row[1])
            )
            return [placed(row) for row in checked(rows)], left_out
        sql = {
            "blocks": "SELECT hash, number FROM blocks WHERE number BETWEEN ? AND ? ORDER BY number",
            "newPendingTransactions": "SELECT hash, block FROM transactions WHERE block BETWEEN ? AND ? ORDER BY block, position",
        }[found.kind]
        rows, left_out = _whole_blocks(
            self._ledger.store.select(sql, (first, last)), lambda row: row[1], lambda _: 32
        )
        return [show(row[0]) for row in rows], left_out

    def _filter(self, identifier: Any) -> Filter:
        number = read_quantity(identifier, "filter")
        with self._lock:
            found = self._filters.pop(number, None)
            if found is None:
                raise Fault(REFUSED, "filter not found")
            self._filters[number] = found
        return found

    def _bound(self, block: Any, latest: int | None = None) -> int:
        """A block number, perhaps of the future; nothing and the head's tags mean `latest`, or the head."""
        named = "latest" if block is None else read_block(block)
        if isinstance(named, int):
            # SQLite knows no larger numbers
            return min(named, 2**62)
        return self._ledger.head.block_number if latest is None else latest

    def _logs(self, wanted: dict[str, Any], first: int, last: int) -> tuple[list[str], LeftOut | None]:
        """The JSON of logs of as many of the blocks as one answer holds, and those that it does not."""
        if first > last:
            return [], None
        clauses, parameters = _conditions(wanted)
        found = self._ledger.store.select(
            f"SELECT * FROM logs l WHERE l.block BETWEEN ? AND ? {clauses}"  # noqa: S608 - placeholders only
            f" ORDER BY l.block, l.position LIMIT {MOST_LOGS + _MOST_IN_BLOCK}",
            (first, last, *parameters),
        )
        rows, left_out = _whole_blocks(found, itemgetter(0), lambda row: len(row[9]))
        places = {number: self._place_of(number) for number in checked({row[0] for row in rows})}
        written: list[str] = []
        # to look at the clock for each would take as long as half of one
        for start in checked(range(0, len(rows), _AT_ONCE)):
            written += [write_log(row, places[row[0]]) for row in rows[start : start + _AT_ONCE]]
        return written, left_out

    def _place_of(self, number: int) -> str:
        header = self._numbered(number)
        return write_place(number, header.hash, header.timestamp)


@contextmanager
def _taken(lock: threading.Lock) -> Iterator[None]:
    if not lock.acquire(blocking=current().may_wait):
        raise OutOfTime
    try:
        yield
    finally:
        lock.release()


def _fresh(taken: Container[int]) -> int:
    """What a filter or subscription is named by: nobody else's guess, nor one from before a restart.

    Below 2^53, for clients that keep numbers as JavaScript does.
    """
    while True:
        number = 1 + secrets.randbits(_NUMBER_BITS)
        if number not in taken:
            return number


def _whole_blocks(
    rows: Iterable[tuple[Any, ...]],
    block_of: Callable[[tuple[Any, ...]], Any],
    size_of: Callable[[tuple[Any, ...]], int],
) -> tuple[list[tuple[Any, ...]], LeftOut | None]:
    """Rows of as many whole blocks as one answer holds, at least of one; and what is left out."""
    kept: list[tuple[Any, ...]] = []
    size, budget = 0, current()
    for number, group in groupby(rows, block_of):
        budget.check()
        # what a block may hold is bounded by its gas
        own = list(group)
        size += sum(map(size_of, own))
        if kept and len(kept) + len(own) > MOST_LOGS:
            fault = Fault(LIMIT, f"query returned more than {MOST_LOGS} results", {"limit": MOST_LOGS})
        elif kept and size > MOST_LOG_BYTES:
            fault = Fault(LIMIT, f"query returned more than {MOST_LOG_BYTES >> 20} MiB of data")
        else:
            kept += own
            continue
        return kept, LeftOut(number, fault)
    return kept, None


def read_filter(wanted: Any) -> dict[str, Any]:
    """A log filter: the members that are known and not null, each looked at, so that it may be kept."""
    kept = read_members(wanted, "filter", ("address", "topics", "fromBlock", "toBlock", "blockHash"))
    for name in ("fromBlock", "toBlock"):
        if isinstance(kept.get(name), dict) or isinstance(read_block(kept.get(name, 0), name), bytes):
            raise Fault(INVALID_PARAMS, f"{name}: expected a number or a tag")
    if "blockHash" in kept:
        read_data(kept["blockHash"], "blockHash", size=32)
    _conditions(kept)
    return kept


def _conditions(wanted: dict[str, Any]) -> tuple[str, list[bytes]]:
    """SQL conditions and parameters for the `address` and `topics` of a log filter."""
    clauses: list[str] = []
    parameters: list[bytes] = []
    topics = wanted.get("topics", [])
    if not isinstance(topics, list) or len(topics) > 4:
        raise Fault(INVALID_PARAMS, "topics: expected at most 4")
    named = [("address", wanted.get("address"), 20)]
    named += [(f"topic{index}", topic, 32) for index, topic in enumerate(topics)]
    count = 0
    for column, given, size in named:
        values = given if isinstance(given, list) else [] if given is None else [given]
        count += len(values)
        if count > _MOST_FILTER_VALUES:
            raise Fault(INVALID_PARAMS, f"{column}: more than {_MOST_FILTER_VALUES} values in a filter")
        read = [read_data(value, column, size=size) for value in values if value is not None]
        if read and len(read) == len(values):
            clauses.append(f"AND l.{column} IN ({','.join('?' * len(read))})")
            parameters += read
    return " ".join(clauses), parameters
