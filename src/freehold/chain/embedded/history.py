"""JSON-RPC methods over what happened: blocks, transactions, receipts, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.faults import INVALID_PARAMS, LIMIT, REFUSED, Fault
from freehold.chain.embedded.machine import decode_transaction
from freehold.chain.embedded.reader import MethodGroup, method
from freehold.chain.embedded.wire import bloom_of, read_data, show, show_header, show_log, show_transaction

if TYPE_CHECKING:
    from freehold.chain.header import Header

MOST_LOGS = 10_000
"""Logs one `eth_getLogs` returns; a wider question is refused with code -32005."""
_MOST_FILTER_VALUES = 1_000

_SELECT_TRANSACTION = (
    "SELECT t.hash, t.raw, t.block, b.hash, t.position, t.gas_price"
    " FROM transactions t JOIN blocks b ON b.number = t.block"
)


class HistoryMethods(MethodGroup):
    """Blocks, transactions, receipts and logs."""

    @method("eth_getBlockByNumber")
    def _get_block_by_number(self, block: Any, full: Any = False) -> dict[str, Any] | None:
        if block == "pending":
            return {
                **show_header(self._ledger.next_header()),
                "hash": None,
                "nonce": None,
                "transactions": [],
            }
        try:
            return self._block(self._header(block), full=bool(full))
        except Fault as fault:
            if fault.code == REFUSED:
                return None
            raise

    @method("eth_getBlockByHash")
    def _get_block_by_hash(self, block_hash: Any, full: Any = False) -> dict[str, Any] | None:
        header = self._hashed(read_data(block_hash, "hash", size=32))
        return None if header is None else self._block(header, full=bool(full))

    @method("eth_getBlockTransactionCountByNumber")
    def _get_block_transaction_count_by_number(self, block: Any) -> str:
        rows = self._ledger.store.rows(
            "SELECT count(*) FROM transactions WHERE block = ?", (self._header(block).block_number,)
        )
        return hex(rows[0][0])

    @method("eth_getTransactionByHash")
    def _get_transaction_by_hash(self, tx_hash: Any) -> dict[str, Any] | None:
        wanted = read_data(tx_hash, "hash", size=32)
        rows = self._ledger.store.rows(f"{_SELECT_TRANSACTION} WHERE t.hash = ?", (wanted,))
        if rows:
            return _placed(rows[0])
        for (raw,) in self._ledger.store.rows("SELECT raw FROM queued WHERE hash = ?", (wanted,)):
            return show_transaction(decode_transaction(bytes(raw)), wanted, None)
        return None

    @method("eth_getTransactionReceipt")
    def _get_transaction_receipt(self, tx_hash: Any) -> dict[str, Any] | None:
        wanted = read_data(tx_hash, "hash", size=32)
        rows = self._ledger.store.rows(
            "SELECT block, position, raw, sender, created, status, gas_used, cumulative_gas, gas_price"
            " FROM transactions WHERE hash = ?",
            (wanted,),
        )
        if not rows:
            return None
        number, position, raw, sender, created, status, gas_used, cumulative, price = rows[0]
        header = self._numbered(number)
        logs = [
            show_log(row, header.hash, header.timestamp)
            for row in self._ledger.store.rows(
                "SELECT * FROM logs WHERE tx_hash = ? ORDER BY position", (wanted,)
            )
        ]
        transaction = decode_transaction(bytes(raw))
        return {
            "transactionHash": show(wanted),
            "transactionIndex": hex(position),
            "blockHash": show(header.hash),
            "blockNumber": hex(number),
            "from": show(sender),
            "to": show(transaction.to) if transaction.to else None,
            "contractAddress": show(created) if status else None,
            "status": hex(status),
            "type": hex(transaction.type_id or 0),
            "gasUsed": hex(gas_used),
            "cumulativeGasUsed": hex(cumulative),
            "effectiveGasPrice": hex(int.from_bytes(price, "big")),
            "logs": logs,
            "logsBloom": bloom_of(logs),
        }

    @method("eth_getLogs")
    def _get_logs(self, wanted: Any) -> list[dict[str, Any]]:
        if not isinstance(wanted, dict):
            raise Fault(INVALID_PARAMS, "expected a filter object")
        if "blockHash" in wanted:
            header = self._hashed(read_data(wanted["blockHash"], "blockHash", size=32))
            if header is None:
                raise Fault(REFUSED, "unknown block")
            first = last = header.block_number
        else:
            first = self._header(wanted.get("fromBlock") or "latest", clamp=True).block_number
            last = self._header(wanted.get("toBlock") or "latest", clamp=True).block_number
        if first > last:
            return []
        clauses, parameters = _log_filter(wanted)
        rows = self._ledger.store.rows(
            f"SELECT l.*, b.hash FROM logs l JOIN blocks b ON b.number = l.block"  # noqa: S608 - placeholders only
            f" WHERE l.block BETWEEN ? AND ? {clauses} ORDER BY l.block, l.position LIMIT {MOST_LOGS + 1}",
            (first, last, *parameters),
        )
        if len(rows) > MOST_LOGS:
            raise Fault(LIMIT, f"query returned more than {MOST_LOGS} results", {"limit": MOST_LOGS})
        times: dict[int, int] = {}
        for row in rows:
            if row[0] not in times:
                times[row[0]] = self._numbered(row[0]).timestamp
        return [show_log(row[:10], row[10], times[row[0]]) for row in rows]

    def _block(self, header: Header, *, full: bool) -> dict[str, Any]:
        number = (header.block_number,)
        if full:
            rows = self._ledger.store.rows(
                f"{_SELECT_TRANSACTION} WHERE t.block = ? ORDER BY t.position", number
            )
            return {**show_header(header), "transactions": [_placed(row) for row in rows]}
        sql = "SELECT hash FROM transactions WHERE block = ? ORDER BY position"
        return {
            **show_header(header),
            "transactions": [show(row[0]) for row in self._ledger.store.rows(sql, number)],
        }


def _placed(row: tuple[Any, ...]) -> dict[str, Any]:
    tx_hash, raw, number, block_hash, position, price = row
    place = (number, block_hash, position)
    return show_transaction(decode_transaction(bytes(raw)), tx_hash, place, int.from_bytes(price, "big"))


def _log_filter(wanted: dict[str, Any]) -> tuple[str, list[bytes]]:
    """SQL conditions and parameters for the `address` and `topics` of a log filter."""
    clauses, parameters = [], []
    topics = wanted.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:
        raise Fault(INVALID_PARAMS, "topics: expected at most 4")
    named = [("address", wanted.get("address"), 20)]
    named += [(f"topic{index}", topic, 32) for index, topic in enumerate(topics)]
    for column, given, size in named:
        values = given if isinstance(given, list) else [] if given is None else [given]
        if len(values) > _MOST_FILTER_VALUES:
            raise Fault(INVALID_PARAMS, f"{column}: more than {_MOST_FILTER_VALUES} values")
        if values:
            clauses.append(f"AND l.{column} IN ({','.join('?' * len(values))})")
            parameters += [read_data(value, column, size=size) for value in values]
    return " ".join(clauses), parameters
