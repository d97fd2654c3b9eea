"""JSON-RPC methods over what is (network, fees, accounts, proofs) and what happened: blocks, transactions, receipts."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from eth_hash.auto import keccak

from freehold.chain.embedded import genesis
from freehold.chain.embedded.budget import checked
from freehold.chain.embedded.faults import INVALID_PARAMS, REFUSED, Fault
from freehold.chain.embedded.messages import TIP_WEI
from freehold.chain.embedded.transactions import parse_transaction
from freehold.chain.embedded.wire import (
    LONG,
    PENDING,
    MethodGroup,
    block_size,
    method,
    read_address,
    read_block,
    read_data,
    read_flag,
    read_quantity,
    show,
    show_header,
    show_log,
    show_receipt,
    show_transaction,
)
from freehold.chain.trie import look_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.header import Header

_MOST_PROOF_SLOTS = 1_024
_MOST_FEE_BLOCKS = 1_024
_MOST_PERCENTILES = 100
_FIXED: dict[str, Any] = {
    "web3_clientVersion": "freehold-chain/1 (py-evm, prague)",
    "net_version": str(genesis.CHAIN_ID),
    "net_listening": True,
    "net_peerCount": "0x0",
    "eth_chainId": hex(genesis.CHAIN_ID),
    "eth_syncing": False,
    "eth_maxPriorityFeePerGas": hex(TIP_WEI),
    "eth_blobBaseFee": "0x1",
}
"""Methods that always answer the same."""
SELECT_TRANSACTION = (
    "SELECT t.hash, t.raw, t.sender, t.block, b.hash, t.position, t.gas_price"
    " FROM transactions t JOIN blocks b ON b.number = t.block"
)
_SELECT_RECEIPT = (
    "SELECT hash, block, position, raw, sender, created, status, gas_used, cumulative_gas, gas_price"
    " FROM transactions"
)


class ReadingMethods(MethodGroup):
    """Network, fees, accounts, blocks, transactions and receipts."""

    def table(self) -> dict[str, Callable[..., Any]]:
        """The published methods by name."""
        return super().table() | {name: partial(_given, answer) for name, answer in _FIXED.items()}

    @method("web3_sha3")
    def _sha3(self, data: Any) -> str | None:
        return show(keccak(read_data(data, "data")))

    @method("eth_blockNumber")
    def _block_number(self) -> str:
        return hex(self._ledger.head.block_number)

    # -- fees

    @method("eth_gasPrice")
    def _gas_price(self) -> str:
        return hex(self._ledger.next_header().base_fee_per_gas + TIP_WEI)

    @method("eth_feeHistory", LONG)
    def _fee_history(self, count: Any, newest: Any, percentiles: Any = None) -> dict[str, Any]:
        wanted = min(read_quantity(count, "blockCount"), _MOST_FEE_BLOCKS)
        last = self._header(newest)
        asked = _read_percentiles(percentiles)
        first = max(0, last.block_number - wanted + 1)
        headers = [self._numbered(number) for number in checked(range(first, last.block_number))]
        headers += [last] * bool(wanted)
        following = self._ledger.header_at(last.block_number + 1) or self._ledger.next_header()
        shown = {
            "oldestBlock": hex(first if wanted else 0),
            "baseFeePerGas": [hex(one.base_fee_per_gas) for one in [*headers, following]],
            "gasUsedRatio": [one.gas_used / one.gas_limit for one in headers],
            "baseFeePerBlobGas": ["0x1"] * (len(headers) + 1),
            "blobGasUsedRatio": [0.0] * len(headers),
        }
        return (
            {**shown, "reward": [self._rewards(one, asked) for one in checked(headers)]} if asked else shown
        )

    def _rewards(self, header: Header, percentiles: list[float]) -> list[str]:
        """The tip at each percentile of a block's gas."""
        if not header.gas_used:
            return ["0x0"] * len(percentiles)
        rows = self._ledger.store.rows(
            "SELECT gas_price, gas_used FROM transactions WHERE block = ?", (header.block_number,)
        )
        paid = sorted((int.from_bytes(price, "big") - header.base_fee_per_gas, used) for price, used in rows)
        rewards, passed, ahead = [], 0, iter(paid)
        tip = 0
        for percentile in checked(percentiles):
            while passed <= header.gas_used * percentile / 100:
                following = next(ahead, None)
                if following is None:
                    break
                tip, passed = following[0], passed + following[1]
            rewards.append(hex(tip))
        return rewards

    # -- state

    @method("eth_getBalance")
    def _get_balance(self, address: Any, block: Any = "latest") -> str:
        return hex(self._state(block).get_balance(read_address(address, "address")))

    @method("eth_getCode")
    def _get_code(self, address: Any, block: Any = "latest") -> str | None:
        return show(self._state(block).get_code(read_address(address, "address")))

    @method("eth_getStorageAt")
    def _get_storage_at(self, address: Any, slot: Any, block: Any = "latest") -> str:
        value = self._state(block).get_storage(read_address(address, "address"), read_quantity(slot, "slot"))
        return f"0x{value:064x}"

    @method("eth_getTransactionCount")
    def _get_transaction_count(self, address: Any, block: Any = "latest") -> str:
        return hex(self._state(block).get_nonce(read_address(address, "address")))

    @method("eth_getProof", LONG)
    def _get_proof(self, address: Any, slots: Any, block: Any = "latest") -> dict[str, Any]:
        if not isinstance(slots, list) or len(slots) > _MOST_PROOF_SLOTS:
            raise Fault(INVALID_PARAMS, f"expected a list of at most {_MOST_PROOF_SLOTS} slots")
        account, header = read_address(address, "address"), self._header(block)
        keys = [read_quantity(slot, "slot") for slot in slots]
        state, nodes = self._ledger.machine.state(header), self._ledger.store.nodes
        _, account_proof = look_up(header.state_root, keccak(account), nodes.__getitem__)
        root = state.storage_root(account)
        storage = []
        for key in checked(keys):
            _, proof = look_up(root, keccak(key.to_bytes(32, "big")), nodes.__getitem__)
            value = state.get_storage(account, key)
            storage.append(
                {"key": f"0x{key:064x}", "value": hex(value), "proof": [show(one) for one in proof]}
            )
        return {
            "address": show(account),
            "accountProof": [show(one) for one in account_proof],
            "balance": hex(state.get_balance(account)),
            "nonce": hex(state.get_nonce(account)),
            "codeHash": show(state.get_code_hash(account)),
            "storageHash": show(root),
            "storageProof": storage,
        }

    # -- blocks

    @method("eth_getBlockByNumber", LONG)
    def _get_block_by_number(self, block: Any, full: Any = False) -> dict[str, Any] | None:
        whole = read_flag(full, "full")
        if read_block(block) == PENDING:
            header = self._ledger.next_header()
            shown = {**show_header(header), "size": hex(block_size(header, [])), "transactions": []}
            return {**shown, "hash": None, "nonce": None}
        header_found = self._found(block)
        return None if header_found is None else self._block(header_found, full=whole)

    @method("eth_getBlockByHash", LONG)
    def _get_block_by_hash(self, block_hash: Any, full: Any = False) -> dict[str, Any] | None:
        header, whole = self._hashed(read_data(block_hash, "hash", size=32)), read_flag(full, "full")
        return None if header is None else self._block(header, full=whole)

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
        rows = self._ledger.store.rows(f"{SELECT_TRANSACTION} WHERE t.hash = ?", (wanted,))
        if rows:
            return placed(rows[0])
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

    @method("eth_getTransactionReceipt", LONG)
    def receipt(self, tx_hash: Any) -> dict[str, Any] | None:
        """The receipt of a transaction that is in a block."""
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
        found = self._ledger.store.select("SELECT * FROM logs WHERE block = ? ORDER BY position", number)
        logs = {tx_hash: list(own) for tx_hash, own in groupby(checked(found), key=lambda log: log[2])}
        rows = self._ledger.store.rows(f"{_SELECT_RECEIPT} WHERE block = ? ORDER BY position", number)
        return [_receipt(row, header, logs.get(row[0], [])) for row in checked(rows)]

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
        sql = f"{SELECT_TRANSACTION} WHERE t.block = ? AND t.position = ?"
        rows = self._ledger.store.rows(sql, (header.block_number, position))
        return placed(rows[0]) if rows else None

    def _block(self, header: Header, *, full: bool) -> dict[str, Any]:
        sql = f"{SELECT_TRANSACTION} WHERE t.block = ? ORDER BY t.position"
        rows = self._ledger.store.rows(sql, (header.block_number,))
        return {
            **show_header(header),
            "size": hex(block_size(header, [bytes(row[1]) for row in rows])),
            "transactions": [placed(row) if full else show(row[0]) for row in checked(rows)],
        }


def _given(answer: Any) -> Any:
    return answer


def _read_percentiles(given: Any) -> list[float]:
    asked = [] if given is None else given
    if not isinstance(asked, list) or len(asked) > _MOST_PERCENTILES:
        raise Fault(INVALID_PARAMS, f"percentiles: expected a list of at most {_MOST_PERCENTILES}")
    for one in asked:
        if isinstance(one, bool) or not isinstance(one, (int, float)) or not 0 <= one <= 100:
            raise Fault(INVALID_PARAMS, "percentiles: expected numbers from 0 to 100")
    if asked != sorted(asked):
        raise Fault(INVALID_PARAMS, "percentiles: expected rising numbers")
    return asked


def placed(row: tuple[Any, ...]) -> dict[str, Any]:
    """A transaction object from a row of `SELECT_TRANSACTION`."""
    tx_hash, raw, sender, number, block_hash, position, price = row
    place = (number, block_hash, position)
    return show_transaction(
        parse_transaction(bytes(raw)), tx_hash, sender, place, int.from_bytes(price, "big")
    )


def _receipt(row: tuple[Any, ...], header: Header, logs: list[tuple[Any, ...]]) -> dict[str, Any]:
    shown = [show_log(log, header.hash, header.timestamp) for log in checked(logs)]
    return show_receipt(row, parse_transaction(bytes(row[3])), header.hash, shown)
