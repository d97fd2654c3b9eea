"""Reading, calling and watching contracts on any EVM network.

    chain = Chain(Rpc("http://127.0.0.1:8545"))
    chain.read("TestDollar", "balanceOf", account)
    receipt = chain.send(key, "Revocations", "revoke", 7)

A contract is the name of a shipped one, or `(address, abi)`. Reverts surface as `ContractReverted`
with the contract's own error, before a transaction is sent wherever the estimate shows them.
"""

from __future__ import annotations

import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from eth_abi.exceptions import DecodingError

from freehold.chain import deployments
from freehold.chain.abi import Abi, Entry, Interface, encode_topic
from freehold.chain.answers import (
    Event,
    TxReceipt,
    read_data,
    read_event,
    read_hash,
    read_number,
    read_receipt,
)
from freehold.chain.errors import (
    ChainUnreachable,
    ContractNotDeployed,
    ContractReverted,
    RpcError,
    TransactionPending,
)
from freehold.chain.transaction import Transaction, account_of
from freehold.core.errors import InvalidInput, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freehold.chain.rpc import Rpc

__all__ = ["Chain", "ContractRef", "Event", "TxReceipt"]

LOCAL_CHAIN_ID = 31337
ContractRef = str | tuple[str, Abi]
"""Name of a shipped contract, or `(address, abi)`."""

_NONCE_ATTEMPTS = 5
_FIRST_PAGE_BLOCKS, _LARGEST_PAGE_BLOCKS = 10_000, 1_000_000


class Chain:
    """A chain behind a JSON-RPC endpoint. Usable from several threads."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._last_sent: dict[str, tuple[int, str]] = {}
        """Nonce and hash of each account's last transaction."""

    # -- reading

    @cached_property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return read_number(self.rpc.call("eth_chainId"))

    def block_number(self) -> int:
        """Height of the head."""
        return read_number(self.rpc.call("eth_blockNumber"))

    def balance(self, account: str) -> int:
        """Wei an account holds."""
        return read_number(self.rpc.call("eth_getBalance", account, "latest"))

    def code(self, account: str) -> bytes:
        """Code of a contract; empty for other accounts."""
        return read_data(self.rpc.call("eth_getCode", account, "latest"))

    def read(self, contract: ContractRef, function: str, *args: Any, block: int | None = None) -> Any:
        """What a view function returns, at a block or now.

        Raises `ContractReverted`, or `ContractNotDeployed` when nothing stands at the address.
        """
        address, interface, label = _resolve(contract)
        entry = interface.function(function, args)
        message = {"to": address, "input": "0x" + entry.encode(args).hex()}
        try:
            answer = self.rpc.call("eth_call", message, "latest" if block is None else hex(block))
        except RpcError as error:
            raise _refusal(error, interface, label) from error
        output = read_data(answer)
        if not output and entry.outputs:
            raise ContractNotDeployed(
                f"there is no contract {label} on chain {self.chain_id}",
                hint="deploy the contracts, or check that the chain URL is the right network",
                missing=[label],
            )
        try:
            return entry.decode_output(output)
        except DecodingError as error:
            raise ChainUnreachable(
                f"{label}.{function} returned what its ABI does not allow: {error}"
            ) from error

    def events(
        self,
        contract: ContractRef,
        event: str,
        from_block: int = 0,
        to_block: int | None = None,
        **indexed: Any,
    ) -> list[Event]:
        """Decoded events of a block range (both ends included), oldest first.

        `indexed` narrows by indexed arguments; a list means any of its values. Wide ranges are asked
        for in pages that shrink when the node refuses them.
        """
        address, interface, _ = _resolve(contract)
        if event not in interface.events:
            raise InvalidInput(f"the contract has no event {event}", hint=", ".join(interface.events))
        entry = interface.events[event]
        last = self.block_number() if to_block is None else to_block
        wanted = {"address": address, "topics": _topics(entry, indexed)}
        return [read_event(entry, log) for log in self._logs(wanted, from_block, last)]

    # -- writing

    def send(
        self, key: bytes, contract: ContractRef, function: str, *args: Any, value_wei: int = 0
    ) -> TxReceipt:
        """Call a function in a transaction signed by `key` and wait for its block. Raises `ContractReverted`."""
        return self.settled(
            self.submit(key, contract, function, *args, value_wei=value_wei), contract=contract
        )

    def submit(self, key: bytes, contract: ContractRef, function: str, *args: Any, value_wei: int = 0) -> str:
        """Like `send`, without waiting; returns the transaction hash."""
        address, interface, _ = _resolve(contract)
        data = interface.function(function, args).encode(args)
        return self.submit_data(key, address, data, value_wei=value_wei, contract=contract)

    def submit_data(
        self, key: bytes, to: str, data: bytes, *, value_wei: int = 0, contract: ContractRef | None = None
    ) -> str:
        """Send calldata; `contract` is whose errors a revert is read by. Returns the transaction hash."""
        account = account_of(key)
        message = {"from": account, "to": to, "input": "0x" + data.hex(), "value": hex(value_wei)}
        interface, label = _interface(contract), _label(contract, to)
        try:
            # `pending`: on a chain that makes blocks on demand, the head's clock may be hours old
            gas = read_number(self.rpc.call("eth_estimateGas", message, "pending"))
        except RpcError as error:
            raise _refusal(error, interface, label) from error
        # what others do before the block can cost a little more than the estimate saw
        return self._sign_and_send(key, account, to, data, gas=gas * 5 // 4, value_wei=value_wei)

    def wait(self, tx_hash: str, timeout_seconds: float = 120) -> TxReceipt:
        """The receipt, once there is one. Raises `TransactionPending` when time runs out."""
        deadline, pause = time.monotonic() + timeout_seconds, 0.02
        while True:
            found = self.rpc.call("eth_getTransactionReceipt", tx_hash)
            if found is not None and found.get("blockNumber") is not None:
                return read_receipt(found)
            if time.monotonic() >= deadline:
                raise TransactionPending(
                    f"transaction {tx_hash} is not in a block after {timeout_seconds} seconds",
                    hint="it may still be mined; wait for it again before sending another",
                    tx_hash=tx_hash,
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)

    def settled(self, tx_hash: str, *, contract: ContractRef | None = None) -> TxReceipt:
        """Like `wait`, but a failed transaction raises `ContractReverted` with the reason a replay gives."""
        receipt = self.wait(tx_hash)
        if receipt.status:
            return receipt
        sent = self.rpc.call("eth_getTransactionByHash", tx_hash)
        message = {name: sent[name] for name in ("from", "to", "input", "value", "gas") if sent.get(name)}
        interface, label = _interface(contract), _label(contract, str(sent.get("to")))
        try:
            self.rpc.call("eth_call", message, hex(receipt.block_number - 1))
        except RpcError as error:
            raise _refusal(error, interface, label) from error
        raise ContractReverted(
            "Failed", (tx_hash,), label, hint="the state it needed changed before its block"
        )

    def fund(self, account: str, wei: int) -> None:
        """See that an account holds at least `wei`, on a local chain. Raises `NotAllowed` elsewhere."""
        if self.chain_id != LOCAL_CHAIN_ID:
            raise NotAllowed(
                f"chain {self.chain_id} gives no ether away", hint="fund the account from elsewhere"
            )
        if self.balance(account) < wei:
            self.rpc.call("anvil_setBalance", account, hex(wei))

    # -- inside

    def _sign_and_send(
        self, key: bytes, account: str, to: str, data: bytes, *, gas: int, value_wei: int
    ) -> str:
        with self._account_lock(account):
            for attempt in range(_NONCE_ATTEMPTS):
                transaction = self._fill(account, to, data, gas, value_wei)
                raw = transaction.sign(key)
                try:
                    tx_hash = read_hash(self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex()))
                except RpcError as error:
                    if not _is_nonce_race(error):
                        raise
                    time.sleep(0.05 * attempt)
                    continue
                self._last_sent[account] = (transaction.nonce, tx_hash)
                return tx_hash
        raise RpcError(
            "another sender keeps taking this account's nonces",
            rpc_code=-32000,
            hint="use one process per account",
        )

    def _fill(self, account: str, to: str, data: bytes, gas: int, value_wei: int) -> Transaction:
        """Nonce and fees as of now."""
        count, head, tip = self.rpc.batch(
            [
                ("eth_getTransactionCount", account, "pending"),
                ("eth_getBlockByNumber", "latest", False),
                ("eth_maxPriorityFeePerGas",),
            ]
        )
        nonce, priority = read_number(count), read_number(tip)
        last_nonce, last_hash = self._last_sent.get(account, (-1, ""))
        # the nodes behind one address lag one another, so ours may be the newer count; but a transaction
        # that the network forgot must not leave a gap that nothing ever fills
        if last_nonce >= nonce and self.rpc.call("eth_getTransactionByHash", last_hash) is not None:
            nonce = last_nonce + 1
        base_fee = read_number(head.get("baseFeePerGas", "0x0"))
        return Transaction(
            chain_id=self.chain_id,
            nonce=nonce,
            to=bytes.fromhex(to.removeprefix("0x")),
            data=data,
            gas=gas,
            max_fee_per_gas=2 * base_fee + priority,
            max_priority_fee_per_gas=priority,
            value_wei=value_wei,
        )

    def _account_lock(self, account: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(account, threading.Lock())

    def _logs(self, wanted: dict[str, Any], first: int, last: int) -> Iterator[dict[str, Any]]:
        page = _FIRST_PAGE_BLOCKS
        while first <= last:
            until = min(last, first + page - 1)
            try:
                found = self.rpc.call(
                    "eth_getLogs", {**wanted, "fromBlock": hex(first), "toBlock": hex(until)}
                )
            except RpcError:
                # nodes word their limits differently; a refusal of one block is a real one
                if first == until:
                    raise
                page = max(1, (until - first + 1) // 2)
                continue
            yield from found
            first, page = until + 1, min(page * 2, _LARGEST_PAGE_BLOCKS)


def _resolve(contract: ContractRef) -> tuple[str, Interface, str]:
    """Address, interface and name of a contract."""
    if isinstance(contract, str):
        return deployments.address(contract), deployments.artifact(contract).interface, contract
    address, abi = contract
    return address, Interface(abi), address


def _interface(contract: ContractRef | None) -> Interface:
    return Interface([]) if contract is None else _resolve(contract)[1]


def _label(contract: ContractRef | None, to: str) -> str:
    return contract if isinstance(contract, str) else to


def _refusal(error: RpcError, interface: Interface, label: str) -> RpcError | ContractReverted:
    """The contract's own error, when the node's error carries one that any known ABI can name."""
    carried = error.data.get("data") if isinstance(error.data, dict) else error.data
    if not isinstance(carried, str) or not carried.startswith("0x"):
        is_revert = error.rpc_code == 3 or "revert" in error.message
        return ContractReverted("Reverted", (), label, hint=error.message) if is_revert else error
    data = read_data(carried)
    shipped = deployments.shipped()
    known = [interface, *(shipped.artifact(name).interface for name in shipped.names())]
    for one in known:
        named = one.error(data)
        if named is not None:
            return ContractReverted(*named, label)
    return ContractReverted("Unknown", (data,) if data else (), label)


def _is_nonce_race(error: RpcError) -> bool:
    said = error.message.lower()
    return any(part in said for part in ("nonce too low", "already known", "underpriced", "already imported"))


def _topics(entry: Entry, indexed: dict[str, Any]) -> list[Any]:
    topics: list[Any] = ["0x" + entry.digest.hex()]
    names = [one["name"] for one in entry.inputs if one.get("indexed")]
    for name, value in indexed.items():
        values = value if isinstance(value, list) else [value]
        encoded = ["0x" + encode_topic(entry, name, one).hex() for one in values]
        topics += [None] * (names.index(name) + 2 - len(topics))
        topics[names.index(name) + 1] = encoded
    return topics
