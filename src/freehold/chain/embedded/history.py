"""JSON-RPC methods over what happened: blocks, transactions, receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.chain.embedded.faults import REFUSED, Fault
from freehold.chain.embedded.reader import LONG, PENDING, MethodGroup, method
from freehold.chain.embedded.transactions import parse_transaction
from freehold.chain.embedded.wire import (
    block_size,
    read_data,
    read_quantity,
    show,
    show_header,
    show_log,
    show_receipt,
    show_transaction,
)

if TYPE_CHECKING:
    from freehold.chain.header import Header

_SELECT_TRANSACTION = (
    "SELECT t.hash, t.raw, t.sender, t.block, b.hash, t.position, t.gas_price"
    " FROM transactions t JOIN blocks b ON b.number = t.block"
)
_SELECT_RECEIPT = (
    "SELECT hash, block, position, raw, sender, created, status, gas_used, cumulative_gas, gas_price"
    " FROM transactions"
)


class HistoryMethods(MethodGroup):
    """Blocks, transactions and receipts."""

    # -- blocks

    @method("eth_getBlockByNumber")
    def _get_block_by_number(self, block: Any, full: Any = False) -> dict[str, Any] | None:
        if block in PENDING:
            header = self._ledger.next_header()
            shown = {**show_header(header), "size": hex(block_size(header, [])), "transactions": []}
            return {**shown, "hash": None, "nonce": None}
        header_found = self._found(block)
        return None if header_found is None else self._block(header_found, full=bool(full))

    @method("eth_getBlockByHash")
    def _get_block_by_hash(self, block_hash: Any, full: Any = False) -> dict[str, Any] | None:
        header = self._hashed(read_data(block_hash, "hash", size=32))
        return None if header is None else self._block(header, full=bool(full))

    @method("eth_getBlockTransactionCountByNumber")
    def _get_block_transaction_count_by_number(self, block: Any) -> str | None:
        return self._count(self._found(block))

    @method("eth_getBlockTransactionCountByHash")
    def _get_block_transaction_count_by_hash(self, block_hash: Any) -> str | None:
        return self._count(self._hashed(read_data(block_hash, "hash", size=32)))

    # -- transactions

    @method("eth_getTransactionByHash")
    def _get_transaction_by_hash(self, tx_hash: Any) -> dict[str, Any] | None:
        wanted = read_data(tx_hash, "hash", size=32)
        rows = self._ledger.store.rows(f"{_SELECT_TRANSACTION} WHERE t.hash = ?", (wanted,))
        if rows:
            return _placed(rows[0])
        for (raw,) in self._ledger.store.rows("SELECT raw FROM queued WHERE hash = ?", (wanted,)):
            transaction = parse_transaction(bytes(raw))
            return show_transaction(transaction, wanted, transaction.sender, None)
        return None

    @method("eth_getTransactionByBlockNumberAndIndex")
    def _get_transaction_by_number(self, block: Any, index: Any) -> dict[str, Any] | None:
        return self._indexed(self._found(block), index)

    @method("eth_getTransactionByBlockHashAndIndex")
    def _get_transaction_by_block_hash(self, block_hash: Any, index: Any) -> dict[str, Any] | None:
        return self._indexed(self._hashed(read_data(block_hash, "hash", size=32)), index)

    # -- receipts

    @method("eth_getTransactionReceipt")
    def _get_transaction_receipt(self, tx_hash: Any) -> dict[str, Any] | None:
        wanted = read_data(tx_hash, "hash", size=32)
        rows = self._ledger.store.rows(f"{_SELECT_RECEIPT} WHERE hash = ?", (wanted,))
        if not rows:
            return None
        header = self._numbered(rows[0][1])
        logs = self._ledger.store.rows("SELECT * FROM logs WHERE tx_hash = ? ORDER BY position", (wanted,))
        return _receipt(rows[0], header, logs)

    @method("eth_getBlockReceipts", LONG)
    def _get_block_receipts(self, block: Any) -> list[dict[str, Any]] | None:
        header = self._found(block)
        if header is None:
            return None
        number = (header.block_number,)
        logs = self._ledger.store.rows("SELECT * FROM logs WHERE block = ? ORDER BY position", number)
        rows = self._ledger.store.rows(f"{_SELECT_RECEIPT} WHERE block = ? ORDER BY position", number)
        return [_receipt(row, header, [log for log in logs if log[2] == row[0]]) for row in rows]

    # -- inside

    def _found(self, block: Any) -> Header | None:
        """The header of a tag, number or EIP-1898 object; None when there is no such block."""
        try:
            return self._header(block)
        except Fault as fault:
            if fault.code == REFUSED:
                return None
            raise

    def _count(self, header: Header | None) -> str | None:
        if header is None:
            return None
        sql = "SELECT count(*) FROM transactions WHERE block = ?"
        return hex(self._ledger.store.rows(sql, (header.block_number,))[0][0])

    def _indexed(self, header: Header | None, index: Any) -> dict[str, Any] | None:
        position = read_quantity(index, "index")
        if header is None or position >= 2**31:
            return None
        sql = f"{_SELECT_TRANSACTION} WHERE t.block = ? AND t.position = ?"
        rows = self._ledger.store.rows(sql, (header.block_number, position))
        return _placed(rows[0]) if rows else None

    def _block(self, header: Header, *, full: bool) -> dict[str, Any]:
        sql = f"{_SELECT_TRANSACTION} WHERE t.block = ? ORDER BY t.position"
        rows = self._ledger.store.rows(sql, (header.block_number,))
        return {
            **show_header(header),
            "size": hex(block_size(header, [bytes(row[1]) for row in rows])),
            "transactions": [_placed(row) if full else show(row[0]) for row in rows],
        }


def _placed(row: tuple[Any, ...]) -> dict[str, Any]:
    tx_hash, raw, sender, number, block_hash, position, price = row
    place = (number, block_hash, position)
    return show_transaction(
        parse_transaction(bytes(raw)), tx_hash, sender, place, int.from_bytes(price, "big")
    )


def _receipt(row: tuple[Any, ...], header: Header, logs: list[tuple[Any, ...]]) -> dict[str, Any]:
    shown = [show_log(log, header.hash, header.timestamp) for log in logs]
    return show_receipt(row, parse_transaction(bytes(row[3])), header.hash, shown)
