"""JSON-RPC methods over the present: network, fees, state, execution, and local conveniences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eth_hash.auto import keccak

from freehold.chain.embedded import genesis
from freehold.chain.embedded.faults import INVALID_PARAMS, Fault, reverted
from freehold.chain.embedded.machine import Call
from freehold.chain.embedded.reader import LATEST, PENDING, MethodGroup, method
from freehold.chain.embedded.wire import read_address, read_data, read_quantity, show
from freehold.chain.trie import look_up

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_PROOF_SLOTS = 1_024
_MOST_FEE_BLOCKS = 1_024
_MOST_ACCESSED = 1_000
_TIP_WEI = 1


class StateMethods(MethodGroup):
    """Network, fees, accounts and execution."""

    @method("web3_clientVersion")
    def _client_version(self) -> str:
        return "freehold-chain/1 (py-evm, prague)"

    @method("web3_sha3")
    def _sha3(self, data: Any) -> str | None:
        return show(keccak(read_data(data, "data")))

    @method("net_version")
    def _version(self) -> str:
        return str(genesis.CHAIN_ID)

    @method("net_listening")
    def _listening(self) -> bool:
        return True

    @method("eth_chainId")
    def _chain_id(self) -> str:
        return hex(genesis.CHAIN_ID)

    @method("eth_syncing")
    def _syncing(self) -> bool:
        return False

    @method("eth_accounts")
    def _accounts(self) -> list[str]:
        return []

    @method("eth_blockNumber")
    def _block_number(self) -> str:
        return hex(self._ledger.head.block_number)

    # -- fees

    @method("eth_gasPrice")
    def _gas_price(self) -> str:
        return hex(self._ledger.next_header().base_fee_per_gas + _TIP_WEI)

    @method("eth_maxPriorityFeePerGas")
    def _max_priority_fee_per_gas(self) -> str:
        return hex(_TIP_WEI)

    @method("eth_feeHistory")
    def _fee_history(self, count: Any, newest: Any, percentiles: Any = None) -> dict[str, Any]:
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

    @method("eth_getProof")
    def _get_proof(self, address: Any, slots: Any, block: Any = "latest") -> dict[str, Any]:
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

    @method("eth_call")
    def _call(self, transaction: Any, block: Any = "latest") -> str | None:
        outcome = self._ledger.machine.run(self._environment(block)(), _read_call(transaction))
        if outcome.failed:
            raise reverted(outcome)
        return show(outcome.output)

    @method("eth_estimateGas")
    def _estimate_gas(self, transaction: Any, block: Any = "pending") -> str:
        # blocks come only with transactions, so the head's clock may be old: estimate in the next block
        place = "pending" if block in LATEST else block
        return hex(self._ledger.machine.estimate(self._environment(place), _read_call(transaction)))

    @method("eth_sendRawTransaction")
    def _send_raw_transaction(self, raw: Any) -> str | None:
        return show(self._ledger.settle(self._ledger.offer(read_data(raw, "transaction"))))

    def _environment(self, block: Any) -> Callable[[], Any]:
        """Fresh states in which a call at a block runs."""
        header = self._ledger.next_header() if block in PENDING else self._header(block)
        return lambda: self._ledger.machine.state(header)


class LocalMethods(MethodGroup):
    """What only a local chain offers, under the names anvil and hardhat gave them."""

    @method("anvil_setBalance")
    def _set_balance(self, address: Any, wei: Any) -> None:
        self._ledger.top_up(read_address(address, "address"), read_quantity(wei, "balance"))

    @method("evm_mine")
    def _mine(self, at: Any = None) -> str:
        self._ledger.mine_empty(at=None if at is None else _read_time(at))
        return "0x0"

    @method("evm_increaseTime")
    def _increase_time(self, seconds: Any) -> str:
        self._ledger.offset_seconds += read_quantity(seconds, "seconds") % 2**40
        return hex(self._ledger.offset_seconds)

    @method("evm_snapshot")
    def _snapshot(self) -> str:
        return hex(self._ledger.snapshot())

    @method("evm_revert")
    def _revert(self, snapshot: Any) -> bool:
        return self._ledger.revert(read_quantity(snapshot, "snapshot"))


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
    if not isinstance(listed, list) or len(listed) > _MOST_ACCESSED:
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
    slots = tuple(read_quantity(slot, "storageKeys") for slot in given["storageKeys"][:_MOST_ACCESSED])
    return read_address(given.get("address"), "accessList"), slots
