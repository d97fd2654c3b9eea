"""The JSON-RPC methods of the local chain, by name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from eth_hash.auto import keccak

from freehold.chain.embedded import genesis
from freehold.chain.embedded.faults import INVALID_PARAMS, LIMIT, NO_METHOD, REFUSED, Fault, reverted
from freehold.chain.embedded.machine import Call, decode_transaction
from freehold.chain.embedded.wire import (
    bloom_of,
    read_address,
    read_data,
    read_quantity,
    show,
    show_header,
    show_log,
    show_transaction,
)
from freehold.chain.trie import look_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from eth.vm.forks.prague.blocks import PragueBlockHeader

    from freehold.chain.embedded.ledger import Ledger

MOST_LOGS = 10_000
"""Logs one `eth_getLogs` returns; a wider question is refused with code -32005."""
_MOST_FILTER_VALUES = 1_000
_MOST_PROOF_SLOTS = 1_024
_MOST_FEE_BLOCKS = 1_024
_TIP_WEI = 1
_PENDING = ("pending",)
_LATEST = ("latest", "safe", "finalized")


class Methods:
    """Public methods named `web3_...`, `eth_...`, ... are the RPC methods; positional parameters."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._table: dict[str, Callable[..., Any]] = {
            name: method
            for name, method in inspect.getmembers(self, inspect.ismethod)
            if name.split("_")[0] in ("web3", "net", "eth", "evm", "anvil")
        }
        self._arity = {name: inspect.signature(method) for name, method in self._table.items()}

    def call(self, name: str, parameters: list[Any]) -> Any:
        """Run a method under the ledger's lock. Raises `Fault`."""
        method = self._table.get(name)
        if method is None:
            raise Fault(NO_METHOD, f"the method {name[:64]} does not exist")
        try:
            self._arity[name].bind(*parameters)
        except TypeError as error:
            raise Fault(INVALID_PARAMS, f"{name}: {error}") from error
        if name == "eth_sendRawTransaction":
            # takes the lock itself: recovering the signer must not wait behind a running block
            return method(*parameters)
        with self._ledger.lock:
            return method(*parameters)

    # -- network

    def web3_clientVersion(self) -> str:
        return "freehold-chain/1 (py-evm, prague)"

    def web3_sha3(self, data: Any) -> str | None:
        return show(keccak(read_data(data, "data")))

    def net_version(self) -> str:
        return str(genesis.CHAIN_ID)

    def net_listening(self) -> bool:
        return True

    def eth_chainId(self) -> str:
        return hex(genesis.CHAIN_ID)

    def eth_syncing(self) -> bool:
        return False

    def eth_accounts(self) -> list[str]:
        return []

    def eth_blockNumber(self) -> str:
        return hex(self._ledger.head.block_number)

    # -- fees

    def eth_gasPrice(self) -> str:
        return hex(self._ledger.next_header().base_fee_per_gas + _TIP_WEI)

    def eth_maxPriorityFeePerGas(self) -> str:
        return hex(_TIP_WEI)

    def eth_feeHistory(self, count: Any, newest: Any, percentiles: Any = None) -> dict[str, Any]:
        wanted = read_quantity(count, "blockCount")
        last = self._header(newest)
        asked = percentiles or []
        if not 0 < wanted <= _MOST_FEE_BLOCKS or not isinstance(asked, list) or len(asked) > 100:
            raise Fault(
                INVALID_PARAMS, f"blockCount must be 1 to {_MOST_FEE_BLOCKS}, percentiles at most 100"
            )
        first = max(0, last.block_number - wanted + 1)
        headers = [self._numbered(number) for number in range(first, last.block_number)] + [last]
        following = self._ledger.header_at(last.block_number + 1) or self._ledger.next_header()
        shown = {
            "oldestBlock": hex(first),
            "baseFeePerGas": [hex(one.base_fee_per_gas) for one in [*headers, following]],
            "gasUsedRatio": [one.gas_used / one.gas_limit for one in headers],
        }
        return {**shown, "reward": [[hex(_TIP_WEI)] * len(asked) for _ in headers]} if asked else shown

    # -- state

    def eth_getBalance(self, address: Any, block: Any = "latest") -> str:
        return hex(self._state(block).get_balance(read_address(address, "address")))

    def eth_getCode(self, address: Any, block: Any = "latest") -> str | None:
        return show(self._state(block).get_code(read_address(address, "address")))

    def eth_getStorageAt(self, address: Any, slot: Any, block: Any = "latest") -> str:
        value = self._state(block).get_storage(read_address(address, "address"), read_quantity(slot, "slot"))
        return f"0x{value:064x}"

    def eth_getTransactionCount(self, address: Any, block: Any = "latest") -> str:
        return hex(self._state(block).get_nonce(read_address(address, "address")))

    def eth_getProof(self, address: Any, slots: Any, block: Any = "latest") -> dict[str, Any]:
        if not isinstance(slots, list) or len(slots) > _MOST_PROOF_SLOTS:
            raise Fault(INVALID_PARAMS, f"expected a list of at most {_MOST_PROOF_SLOTS} slots")
        account, header = read_address(address, "address"), self._header(block)
        keys = [read_quantity(slot, "slot") for slot in slots]
        state, nodes = self._ledger.machine.state(header), self._ledger.store.nodes
        _, account_proof = look_up(header.state_root, keccak(account), nodes.__getitem__)
        root = state._account_db._get_storage_root(account)  # noqa: SLF001 - py-evm offers no other way
        storage = []
        for key in keys:
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

    # -- execution

    def eth_call(self, transaction: Any, block: Any = "latest") -> str | None:
        outcome = self._ledger.machine.run(self._environment(block)(), _read_call(transaction))
        if outcome.failed:
            raise reverted(outcome)
        return show(outcome.output)

    def eth_estimateGas(self, transaction: Any, block: Any = "pending") -> str:
        # blocks come only with transactions, so the head's clock may be old: estimate in the next block
        place = "pending" if block in _LATEST else block
        return hex(self._ledger.machine.estimate(self._environment(place), _read_call(transaction)))

    def eth_sendRawTransaction(self, raw: Any) -> str | None:
        return show(self._ledger.settle(self._ledger.offer(read_data(raw, "transaction"))))

    # -- blocks and transactions

    def eth_getBlockByNumber(self, block: Any, full: Any = False) -> dict[str, Any] | None:
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

    def eth_getBlockByHash(self, block_hash: Any, full: Any = False) -> dict[str, Any] | None:
        header = self._hashed(read_data(block_hash, "hash", size=32))
        return None if header is None else self._block(header, full=bool(full))

    def eth_getBlockTransactionCountByNumber(self, block: Any) -> str:
        rows = self._ledger.store.rows(
            "SELECT count(*) FROM transactions WHERE block = ?", (self._header(block).block_number,)
        )
        return hex(rows[0][0])

    def eth_getTransactionByHash(self, tx_hash: Any) -> dict[str, Any] | None:
        wanted = read_data(tx_hash, "hash", size=32)
        rows = self._ledger.store.rows(f"{_SELECT_TRANSACTION} WHERE t.hash = ?", (wanted,))
        if rows:
            return _placed(rows[0])
        for (raw,) in self._ledger.store.rows("SELECT raw FROM queued WHERE hash = ?", (wanted,)):
            return show_transaction(decode_transaction(bytes(raw)), wanted, None)
        return None

    def eth_getTransactionReceipt(self, tx_hash: Any) -> dict[str, Any] | None:
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

    def eth_getLogs(self, wanted: Any) -> list[dict[str, Any]]:
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
            f"SELECT l.*, b.hash, b.header FROM logs l JOIN blocks b ON b.number = l.block"  # noqa: S608 - placeholders only
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

    # -- local conveniences

    def anvil_setBalance(self, address: Any, wei: Any) -> None:
        self._ledger.top_up(read_address(address, "address"), read_quantity(wei, "balance"))

    def evm_mine(self, at: Any = None) -> str:
        self._ledger.mine_empty(at=None if at is None else _read_time(at))
        return "0x0"

    def evm_increaseTime(self, seconds: Any) -> str:
        self._ledger.offset_seconds += read_quantity(seconds, "seconds") % 2**40
        return hex(self._ledger.offset_seconds)

    def evm_snapshot(self) -> str:
        return hex(self._ledger.snapshot())

    def evm_revert(self, snapshot: Any) -> bool:
        return self._ledger.revert(read_quantity(snapshot, "snapshot"))

    # -- inside

    def _numbered(self, number: int) -> PragueBlockHeader:
        header = self._ledger.header_at(number)
        if header is None:
            raise Fault(REFUSED, "block not found")
        return header

    def _hashed(self, block_hash: bytes) -> PragueBlockHeader | None:
        rows = self._ledger.store.rows("SELECT number FROM blocks WHERE hash = ?", (block_hash,))
        return self._numbered(rows[0][0]) if rows else None

    def _header(self, block: Any, *, clamp: bool = False) -> PragueBlockHeader:
        """The header a block tag, number or EIP-1898 object names; `clamp` takes the head for the future."""
        if isinstance(block, dict):
            if "blockHash" in block:
                header = self._hashed(read_data(block["blockHash"], "blockHash", size=32))
                if header is None:
                    raise Fault(REFUSED, "block not found")
                return header
            block = block.get("blockNumber")
        if block in _LATEST or block in _PENDING:
            return self._ledger.head
        number = 0 if block == "earliest" else read_quantity(block, "block")
        return (
            self._ledger.head if clamp and number > self._ledger.head.block_number else self._numbered(number)
        )

    def _state(self, block: Any) -> Any:
        return self._ledger.machine.state(self._header(block))

    def _environment(self, block: Any) -> Callable[[], Any]:
        """Fresh states in which a call at a block runs."""
        header = self._ledger.next_header() if block in _PENDING else self._header(block)
        return lambda: self._ledger.machine.state(header)

    def _block(self, header: PragueBlockHeader, *, full: bool) -> dict[str, Any]:
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


_SELECT_TRANSACTION = (
    "SELECT t.hash, t.raw, t.block, b.hash, t.position, t.gas_price"
    " FROM transactions t JOIN blocks b ON b.number = t.block"
)


def _placed(row: tuple[Any, ...]) -> dict[str, Any]:
    tx_hash, raw, number, block_hash, position, price = row
    place = (number, block_hash, position)
    return show_transaction(decode_transaction(bytes(raw)), tx_hash, place, int.from_bytes(price, "big"))


def _read_time(value: Any) -> int:
    seconds = read_quantity(value.get("timestamp") if isinstance(value, dict) else value, "timestamp")
    if seconds >= 2**40:
        raise Fault(INVALID_PARAMS, "timestamp: beyond the calendar")
    return seconds


def _read_call(given: Any) -> Call:
    """The message of `eth_call` and `eth_estimateGas`. Fee fields are ignored: calls are free here."""
    if not isinstance(given, dict):
        raise Fault(INVALID_PARAMS, "expected a call object")
    data = given.get("input", given.get("data"))
    gas = given.get("gas")
    listed = given.get("accessList") or []
    if not isinstance(listed, list) or len(listed) > _MOST_FILTER_VALUES:
        raise Fault(INVALID_PARAMS, "accessList: expected a list")
    return Call(
        sender=bytes(20) if given.get("from") is None else read_address(given["from"], "from"),
        to=b"" if given.get("to") is None else read_address(given["to"], "to"),
        data=b"" if data is None else read_data(data, "input"),
        value=0 if given.get("value") is None else read_quantity(given["value"], "value"),
        gas=genesis.GAS_LIMIT if gas is None else min(read_quantity(gas, "gas"), genesis.GAS_LIMIT),
        access_list=tuple(_read_access(one) for one in listed),
    )


def _read_access(given: Any) -> tuple[bytes, tuple[int, ...]]:
    if not isinstance(given, dict) or not isinstance(given.get("storageKeys"), list):
        raise Fault(INVALID_PARAMS, "accessList: expected {address, storageKeys}")
    slots = tuple(read_quantity(slot, "storageKeys") for slot in given["storageKeys"][:_MOST_FILTER_VALUES])
    return read_address(given.get("address"), "accessList"), slots


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
