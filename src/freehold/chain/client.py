"""Reading, calling and watching contracts on any EVM network.

    chain = Chain(Rpc("http://127.0.0.1:8545"))
    chain.read("TestDollar", "balanceOf", account)
    receipt = chain.send(key, "Revocations", "revoke", 7)

A contract is the name of a shipped one, or `(address, abi)`. Reverts surface as `ContractReverted`
with the contract's own error, before a transaction is sent wherever the estimate shows them. How
transactions are sent is told in `sending`, how they are waited for in `waiting`.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from eth_abi.exceptions import DecodingError

from freehold.chain import deployments
from freehold.chain.abi import Abi, Entry, Interface, encode_topic
from freehold.chain.acts import Act, is_out_of_gas, with_room
from freehold.chain.answers import Event, TxReceipt, read_data, read_event, read_hash, read_number
from freehold.chain.errors import (
    ChainUnreachable,
    ContractNotDeployed,
    ContractReverted,
    GasOverCap,
    RpcError,
    TransactionPending,
)
from freehold.chain.networks import LOCAL_CHAIN_ID, Network, network
from freehold.chain.reverts import refusal
from freehold.chain.sending import Sender
from freehold.chain.transaction import account_of
from freehold.chain.waiting import Waiter
from freehold.core.errors import Conflict, FreeholdError, InvalidInput, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from freehold.chain.rpc import Rpc

__all__ = ["Chain", "ContractRef", "Event", "TxReceipt"]

ContractRef = str | tuple[str, Abi]
"""Name of a shipped contract, or `(address, abi)`."""

Call = tuple[ContractRef, str, tuple[Any, ...]]
"""Contract, function, arguments."""

_FIRST_PAGE_BLOCKS, _LARGEST_PAGE_BLOCKS = 10_000, 1_000_000
_CHUNK = 100
"""Calls in one request."""
_PIN_ATTEMPTS = 4


class Chain:
    """A chain behind JSON-RPC endpoints. Usable from several threads.

    `max_fee_wei` is the most one transaction may cost, `profile` how the network is treated; both
    follow from the chain id unless given (docs/reference/networks.md).
    """

    def __init__(self, rpc: Rpc, *, max_fee_wei: int | None = None, profile: Network | None = None) -> None:
        self.rpc = rpc
        self._max_fee_wei = max_fee_wei
        self._profile = profile
        self._lock = threading.Lock()
        self._made: Sender | None = None

    # -- reading

    @cached_property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return read_number(self.rpc.call("eth_chainId"))

    @cached_property
    def network(self) -> Network:
        """How this network is treated: depth, patience, limits."""
        return self._profile or network(self.chain_id)

    def block_number(self) -> int:
        """Height of the head."""
        return read_number(self.rpc.call("eth_blockNumber"))

    def deep_number(self) -> int:
        """Height of the newest block that is as deep as the network asks (`network.confirmations`)."""
        return max(0, self.block_number() - self.network.confirmations + 1)

    def balance(self, account: str) -> int:
        """Wei an account holds."""
        return read_number(self.rpc.call("eth_getBalance", account, "latest"))

    def code(self, account: str) -> bytes:
        """Code of a contract; empty for other accounts."""
        return read_data(self.rpc.call("eth_getCode", account, "latest"))

    def read(
        self,
        contract: ContractRef,
        function: str,
        *args: Any,
        block: int | None = None,
        most_gas: int | None = None,
    ) -> Any:
        """What a view function returns, at a block or now; `most_gas` bounds how long others' code may run.

        Raises `ContractReverted`, or `ContractNotDeployed` when nothing stands at the address.
        """
        question = _Question(contract, function, args)
        bound = {} if most_gas is None else {"gas": hex(most_gas)}
        try:
            answer = self.rpc.call(
                "eth_call", {**question.message, **bound}, "latest" if block is None else hex(block)
            )
        except RpcError as error:
            raise question.refusal(error) from error
        return self._answer(question, answer)

    def read_many(self, calls: Sequence[Call], block: int | None = None) -> list[Any]:
        """What several view functions return in one and the same block, in order.

        Raises like `read` for the first that fails, and `Conflict` when the chain keeps reorganising.
        """
        questions = [_Question(*one) for one in calls]
        for _ in range(_PIN_ATTEMPTS):
            pinned = _place(
                self.rpc.call("eth_getBlockByNumber", "latest" if block is None else hex(block), False)
            )
            number = pinned[0]
            answers: list[Any] = []
            for start in range(0, len(questions), _CHUNK):
                asked = [("eth_call", one.message, number) for one in questions[start : start + _CHUNK]]
                *told, after = self.rpc.outcomes([*asked, ("eth_getBlockByNumber", number, False)])
                if _place(after) != pinned:
                    break
                answers += told
            else:
                return [self._answer(one, told) for one, told in zip(questions, answers, strict=True)]
        raise Conflict("the chain reorganised while it was read", hint="read an older block")

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
        address, interface, _ = resolve(contract)
        if event not in interface.events:
            raise InvalidInput(f"the contract has no event {event}", hint=", ".join(interface.events))
        entry = interface.events[event]
        last = self.block_number() if to_block is None else to_block
        wanted = {"address": address, "topics": _topics(entry, indexed)}
        return [read_event(entry, log) for log in self.logs(wanted, from_block, last)]

    def logs(self, wanted: dict[str, Any], first: int, last: int) -> Iterator[dict[str, Any]]:
        """Log objects of a block range as the node gives them; `wanted` is a filter without its range."""
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
            if not isinstance(found, list):
                raise ChainUnreachable("the chain answered something else where logs were expected")
            yield from found
            first, page = until + 1, min(page * 2, _LARGEST_PAGE_BLOCKS)

    # -- writing

    def send(
        self, key: bytes, contract: ContractRef, function: str, *args: Any, value_wei: int = 0
    ) -> TxReceipt:
        """Call a function in a transaction signed by `key` and wait for its block. Raises `ContractReverted`."""
        try:
            tx_hash = self.submit(key, contract, function, *args, value_wei=value_wei)
        except TransactionPending as pending:
            # the chain went quiet while it was sent: waiting finds out, and sends the same bytes again
            tx_hash = pending.fields["tx_hash"]
        return self.settled(tx_hash, contract=contract)

    def submit(self, key: bytes, contract: ContractRef, function: str, *args: Any, value_wei: int = 0) -> str:
        """Like `send`, without waiting; returns the transaction hash."""
        address, interface, _ = resolve(contract)
        data = interface.function(function, args).encode(args)
        return self.submit_data(key, address, data, value_wei=value_wei, contract=contract)

    def submit_data(
        self, key: bytes, to: str, data: bytes, *, value_wei: int = 0, contract: ContractRef | None = None
    ) -> str:
        """Send calldata; `contract` is whose errors a revert is read by. Returns the transaction hash."""
        message = {
            "from": account_of(key),
            "to": to,
            "input": "0x" + data.hex(),
            "value": hex(value_wei),
        }
        try:
            # `pending`: on a chain that makes blocks on demand, the head's clock may be hours old
            gas = read_number(self.rpc.call("eth_estimateGas", message, "pending"))
        except RpcError as error:
            raise refusal(error, _interface(contract), _label(contract, to)) from error
        return self._sender.send(key, Act(to, data, with_room(gas), value_wei))

    def prepare(
        self, account: str, contract: str, function: str, *args: Any, most_gas: int, most_wei: int | None
    ) -> Act:
        """An act that was tried out with no more gas than it may take; nothing is sent yet.

        The node runs it with that gas, so that nobody's code can make the trial long either.

        Raises `ContractReverted`; `GasOverCap` where it needs more.
        """
        question = _Question(contract, function, args)
        message = {**question.message, "from": account, "gas": hex(most_gas)}
        try:
            gas = read_number(self.rpc.call("eth_estimateGas", message, "pending"))
        except RpcError as error:
            told = question.refusal(error)
            unnamed = isinstance(told, RpcError) or told.name in ("Reverted", "Unknown")
            if unnamed and is_out_of_gas(error):
                raise _over(question.label, function, most_gas) from error
            raise told from error
        if gas > most_gas:
            raise _over(question.label, function, most_gas)
        limit = min(with_room(gas), most_gas)
        return Act(question.address, question.data, limit, most_gas=most_gas, most_wei=most_wei)

    def submit_act(self, key: bytes, act: Act) -> str:
        """Send what was prepared; returns the transaction hash. Raises as `submit`."""
        return self._sender.send(key, act)

    def fee_wei(self) -> int:
        """What one unit of gas costs in the next block."""
        market = self._sender.market()
        return market.base + market.tip

    def submit_many(self, key: bytes, calls: Sequence[Call], *, gas: int | None = None) -> list[str]:
        """Send several calls in order without waiting; returns their hashes, in order.

        `gas` for each spares the estimates, which are made beforehand and know nothing of one another.
        Raises like `submit`; once sending has begun, `fields["sent"]` holds a hash or None for each call.
        """
        questions = [_Question(*one) for one in calls]
        limits = [gas] * len(questions) if gas is not None else self._estimates(account_of(key), questions)
        acts = [Act(one.address, one.data, limit) for one, limit in zip(questions, limits, strict=True)]
        return self._sender.send_many(key, acts)

    def wait(self, tx_hash: str, timeout_seconds: float | None = None) -> TxReceipt:
        """The receipt, once the transaction is as deep as the network asks (`network.confirmations`).

        A transaction this process sent is looked after meanwhile: sent again when a reorg or the network
        loses it, replaced with higher fees when stuck; the receipt may then name another hash. Raises
        `TransactionPending` when time runs out (by default `network.wait_seconds`).
        """
        limit = self.network.wait_seconds if timeout_seconds is None else timeout_seconds
        return Waiter(self.rpc, self._sender, self.network).wait(tx_hash, limit)

    def settled(self, tx_hash: str, *, contract: ContractRef | None = None) -> TxReceipt:
        """Like `wait`, but a failed transaction raises `ContractReverted` with the reason a replay gives."""
        receipt = self.wait(tx_hash)
        if receipt.status:
            return receipt
        raise self.failure(receipt, contract)

    def failure(self, receipt: TxReceipt, contract: ContractRef | None = None) -> FreeholdError:
        """Why a transaction in the chain failed, as a replay in the state before its block tells it."""
        sent = self.rpc.call("eth_getTransactionByHash", receipt.tx_hash)
        if not isinstance(sent, dict):
            return ChainUnreachable("the chain does not show a transaction whose receipt it gave")
        message = {name: sent[name] for name in ("from", "to", "input", "value", "gas") if sent.get(name)}
        label = _label(contract, str(sent.get("to")))
        told: FreeholdError = ContractReverted(
            "Failed", (receipt.tx_hash,), label, hint="the state it needed changed before its block"
        )
        try:
            self.rpc.call("eth_call", message, hex(receipt.block_number - 1))
        except RpcError as error:
            told = refusal(error, _interface(contract), label)
        if isinstance(told, ContractReverted):
            told.gas_used = receipt.gas_used
        return told

    def arguments(self, tx_hash: str, contract: str, function: str, like: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a transaction in the chain called a function with; the function takes arguments `like` these."""
        sent = self.rpc.call("eth_getTransactionByHash", tx_hash)
        entry = _Question(contract, function, like).entry
        try:
            return entry.decode_call(read_data(sent["input"]))
        except (KeyError, TypeError, DecodingError) as error:
            raise ChainUnreachable("the chain does not show a transaction whose receipt it gave") from error

    def fund(self, account: str, wei: int) -> None:
        """See that an account holds at least `wei`, on a local chain. Raises `NotAllowed` elsewhere."""
        if self.chain_id != LOCAL_CHAIN_ID:
            raise NotAllowed(
                f"chain {self.chain_id} gives no ether away", hint="fund the account from elsewhere"
            )
        if self.balance(account) < wei:
            self.rpc.call("anvil_setBalance", account, hex(wei))

    # -- inside

    @property
    def _sender(self) -> Sender:
        # one for all threads: it decides the nonces
        with self._lock:
            if self._made is None:
                limit = self.network.max_fee_wei if self._max_fee_wei is None else self._max_fee_wei
                self._made = Sender(self.rpc, self.chain_id, limit)
            return self._made

    def _estimates(self, account: str, questions: list[_Question]) -> list[int]:
        found: list[int] = []
        for start in range(0, len(questions), _CHUNK):
            part = questions[start : start + _CHUNK]
            told = self.rpc.outcomes(
                [("eth_estimateGas", {**one.message, "from": account}, "pending") for one in part]
            )
            for question, answer in zip(part, told, strict=True):
                if isinstance(answer, RpcError):
                    raise question.refusal(answer) from answer
                found.append(with_room(read_number(answer)))
        return found

    def _answer(self, question: _Question, answer: Any) -> Any:
        """The decoded value of an `eth_call`."""
        if isinstance(answer, RpcError):
            raise question.refusal(answer) from answer
        output = read_data(answer)
        if not output and question.entry.outputs:
            raise ContractNotDeployed(
                f"there is no contract {question.label} on chain {self.chain_id}",
                hint="deploy the contracts, or check that the chain URL is the right network",
                missing=[question.label],
            )
        try:
            return question.entry.decode_output(output)
        except DecodingError as error:
            raise ChainUnreachable(
                f"{question.label}.{question.entry.name} returned what its ABI does not allow: {error}"
            ) from error


class _Question:
    """A call of one function, encoded."""

    def __init__(self, contract: ContractRef, function: str, arguments: tuple[Any, ...]) -> None:
        self.address, self._interface, self.label = resolve(contract)
        self.entry = self._interface.function(function, arguments)
        self.data = self.entry.encode(arguments)

    @property
    def message(self) -> dict[str, str]:
        """The `eth_call` object."""
        return {"to": self.address, "input": "0x" + self.data.hex()}

    def refusal(self, error: RpcError) -> RpcError | ContractReverted:
        """The contract's own error in a node's refusal."""
        return refusal(error, self._interface, self.label)


def resolve(contract: ContractRef) -> tuple[str, Interface, str]:
    """Address, interface and name of a contract."""
    if isinstance(contract, str):
        return deployments.address(contract), deployments.artifact(contract).interface, contract
    address, abi = contract
    return address, Interface(abi), address


def _interface(contract: ContractRef | None) -> Interface:
    return Interface([]) if contract is None else resolve(contract)[1]


def _label(contract: ContractRef | None, to: str) -> str:
    return contract if isinstance(contract, str) else to


def _over(label: str, function: str, most_gas: int) -> GasOverCap:
    return GasOverCap(
        f"{label}.{function} would take more than {most_gas} gas",
        hint="Somebody else's code runs in it: a contract that signs or a token. It is not sent.",
        most_gas=most_gas,
    )


def _place(block: Any) -> tuple[str, str]:
    """Number (hex) and hash of a block object."""
    if isinstance(block, RpcError):
        raise block
    if not isinstance(block, dict):
        raise ChainUnreachable("the chain does not have the block asked for")
    return hex(read_number(block.get("number"))), read_hash(block.get("hash"))


def _topics(entry: Entry, indexed: dict[str, Any]) -> list[Any]:
    topics: list[Any] = ["0x" + entry.digest.hex()]
    names = [one["name"] for one in entry.inputs if one.get("indexed")]
    for name, value in indexed.items():
        values = value if isinstance(value, list) else [value]
        encoded = ["0x" + encode_topic(entry, name, one).hex() for one in values]
        topics += [None] * (names.index(name) + 2 - len(topics))
        topics[names.index(name) + 1] = encoded
    return topics
