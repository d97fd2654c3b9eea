"""Every documented method by web3.py: the same steps for its blocking, asynchronous and WebSocket forms."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from eth_account import Account
from web3 import AsyncHTTPProvider, AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3.utils.subscriptions import LogsSubscription, NewHeadsSubscription, PendingTxSubscription

CALL_TRACER = {"tracer": "callTracer"}


def plain(value: Any) -> Any:
    """Numbers as decimal text and all text in lower case, so that libraries can be compared."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, bytes):
        return "0x" + bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return str(value).lower()


class Asker:
    """The steps, on one form of the library."""

    def __init__(self, w3: Any, given: dict[str, Any]) -> None:
        self.w3, self.given, self.eth = w3, given, w3.eth
        self.past = given["receipt"]
        self.dollar = Web3.to_checksum_address(given["dollar"])
        self.sink, self.funded, self.account = (
            Web3.to_checksum_address(given[name]) for name in ("sink", "funded", "account")
        )
        self.contract = w3.eth.contract(address=self.dollar, abi=given["abi"])
        self.call = {"from": self.account, "to": self.dollar, "data": given["mint"]}
        self.number = self.past["blockNumber"]

    async def settle(self, value: Any) -> Any:
        """A value, or what a coroutine gives; which of them depends on the form."""
        return await value if inspect.isawaitable(value) else value

    async def raw(self, method: str, *params: Any) -> Any:
        answer = await self.settle(self.w3.provider.make_request(method, params))
        assert "result" in answer, answer
        return answer["result"]

    async def minted(self, value: int) -> str:
        """Send a mint; the hash of its transaction, once it is in a block."""
        fields = {
            "from": self.account,
            "nonce": await self.settle(self.eth.get_transaction_count(self.account)),
            "maxFeePerGas": 1_000,
            "maxPriorityFeePerGas": 1,
        }
        built = await self.settle(self.contract.functions.mint(self.sink, value).build_transaction(fields))
        signed = Account.sign_transaction(built, self.given["key"])
        sent = await self.settle(self.eth.send_raw_transaction(signed.raw_transaction))
        await self.settle(self.eth.wait_for_transaction_receipt(sent, poll_latency=0.02))
        return plain(bytes(sent))

    # -- what is

    async def web3_clientVersion(self):
        return await self.settle(self.w3.client_version)

    async def web3_sha3(self):
        return await self.raw("web3_sha3", "0x68656c6c6f")

    async def net_version(self):
        return await self.settle(self.w3.net.version)

    async def net_listening(self):
        return await self.settle(self.w3.net.listening)

    async def net_peerCount(self):
        return await self.settle(self.w3.net.peer_count)

    async def eth_chainId(self):
        return await self.settle(self.eth.chain_id)

    async def eth_syncing(self):
        return await self.settle(self.eth.syncing)

    async def eth_accounts(self):
        return await self.settle(self.eth.accounts)

    async def eth_blockNumber(self):
        return await self.settle(self.eth.block_number)

    async def eth_gasPrice(self):
        return await self.settle(self.eth.gas_price)

    async def eth_maxPriorityFeePerGas(self):
        return await self.settle(self.eth.max_priority_fee)

    async def eth_blobBaseFee(self):
        return await self.settle(self.eth.blob_base_fee)

    async def eth_feeHistory(self):
        one = await self.settle(self.eth.fee_history(2, self.number, [50]))
        return [one["oldestBlock"], one["baseFeePerGas"], one["reward"]]

    async def eth_getBalance(self):
        return await self.settle(self.eth.get_balance(self.funded))

    async def eth_getCode(self):
        return 2 + 2 * len(await self.settle(self.eth.get_code(self.dollar)))

    async def eth_getStorageAt(self):
        return await self.settle(self.eth.get_storage_at(self.dollar, 2))

    async def eth_getTransactionCount(self):
        return await self.settle(self.eth.get_transaction_count(self.account))

    async def eth_getProof(self):
        one = await self.settle(self.eth.get_proof(self.dollar, [2], "latest"))
        value = int.from_bytes(one["storageProof"][0]["value"], "big")
        return [
            one["balance"],
            one["nonce"],
            one["codeHash"],
            one["storageHash"],
            len(one["accountProof"]),
            value,
        ]

    # -- execution

    async def eth_call(self):
        return await self.settle(self.contract.functions.balanceOf(self.sink).call())

    async def eth_estimateGas(self):
        return await self.settle(self.eth.estimate_gas(self.call))

    async def eth_createAccessList(self):
        one = await self.settle(self.eth.create_access_list(self.call))
        return [[[e["address"], len(e["storageKeys"])] for e in one["accessList"]], one["gasUsed"]]

    async def eth_sendRawTransaction(self):
        sent = await self.settle(self.eth.send_raw_transaction(self.given["raw"]))
        await self.settle(self.eth.wait_for_transaction_receipt(sent, poll_latency=0.02))
        return [sent, True]

    async def eth_sendTransaction(self):
        sent = await self.settle(
            self.eth.send_transaction({"from": self.account, "to": self.sink, "value": 3})
        )
        one = await self.settle(self.eth.wait_for_transaction_receipt(sent, poll_latency=0.02))
        return [one["from"], one["status"]]

    async def eth_sendRawTransactionSync(self):
        nonce = await self.eth_getTransactionCount()
        fields = {"to": self.sink, "value": 3, "gas": 21_000, "nonce": nonce, "chainId": 31337}
        signed = Account.sign_transaction(fields | {"gasPrice": 1_000}, self.given["key"])
        one = await self.raw("eth_sendRawTransactionSync", "0x" + bytes(signed.raw_transaction).hex(), 5_000)
        return [int(one["status"], 16), int(one["gasUsed"], 16), one["from"]]

    async def eth_simulateV1(self):
        held = self.contract.encode_abi("balanceOf", [self.sink])
        calls = [self.call, {"to": self.dollar, "data": held}]
        (block,) = await self.settle(self.eth.simulate_v1({"blockStateCalls": [{"calls": calls}]}, "latest"))
        first, second = block["calls"]
        said = "success" if first["status"] == 1 else "failure"
        return [
            said,
            first["gasUsed"],
            len(first["logs"]),
            int.from_bytes(bytes(second["returnData"]), "big"),
        ]

    async def txpool_status(self):
        nonce = 40 + await self.eth_getTransactionCount()
        fields = {"to": self.sink, "value": 1, "gas": 21_000, "nonce": nonce, "chainId": 31337}
        signed = Account.sign_transaction(fields | {"gasPrice": 1_000}, self.given["key"])
        await self.settle(self.eth.send_raw_transaction(signed.raw_transaction))
        return int(str((await self.settle(self.w3.geth.txpool.status()))["queued"]), 0)

    async def txpool_content(self):
        found = (await self.settle(self.w3.geth.txpool.content()))["queued"]
        return [[one["to"], int(str(one["value"]), 0)] for sent in found.values() for one in sent.values()]

    async def txpool_contentFrom(self):
        return len((await self.raw("txpool_contentFrom", self.account))["queued"])

    async def txpool_inspect(self):
        found = (await self.settle(self.w3.geth.txpool.inspect()))["queued"]
        lines = [one for sent in found.values() for one in sent.values()]
        return [[line.split(":")[0], line.split(": ")[1].split(" ")[0]] for line in lines]

    # -- history

    def block(self, one: Any, hashes: list[Any]) -> list[Any]:
        names = ("number", "hash", "parentHash", "gasUsed", "gasLimit", "baseFeePerGas")
        return [*(one[name] for name in names), hashes]

    def transaction(self, one: Any) -> list[Any]:
        names = ("hash", "from", "to", "nonce", "value", "gas", "input", "type")
        return [
            *(one[name] for name in names),
            one["blockNumber"],
            one["transactionIndex"],
            one["maxFeePerGas"],
        ]

    def receipt(self, one: Any) -> list[Any]:
        names = ("transactionHash", "status", "gasUsed", "cumulativeGasUsed", "effectiveGasPrice")
        return [*(one[name] for name in names), len(one["logs"]), one["type"], one["blockNumber"]]

    def log(self, one: Any) -> list[Any]:
        names = ("address", "topics", "data", "blockNumber", "logIndex", "transactionHash")
        return [one[name] for name in names]

    def values(self, logs: list[Any]) -> list[int]:
        return [int.from_bytes(one["data"], "big") for one in logs]

    async def eth_getBlockByNumber(self):
        one = await self.settle(self.eth.get_block(self.number))
        return self.block(one, one["transactions"])

    async def eth_getBlockByHash(self):
        one = await self.settle(self.eth.get_block(self.past["blockHash"], full_transactions=True))
        return self.block(one, [sent["hash"] for sent in one["transactions"]])

    async def eth_getBlockTransactionCountByNumber(self):
        return await self.settle(self.eth.get_block_transaction_count(self.number))

    async def eth_getBlockTransactionCountByHash(self):
        return await self.settle(self.eth.get_block_transaction_count(self.past["blockHash"]))

    async def eth_getTransactionByHash(self):
        return self.transaction(await self.settle(self.eth.get_transaction(self.past["hash"])))

    async def eth_getTransactionByBlockNumberAndIndex(self):
        return self.transaction(await self.settle(self.eth.get_transaction_by_block(self.number, 0)))

    async def eth_getTransactionByBlockHashAndIndex(self):
        return self.transaction(
            await self.settle(self.eth.get_transaction_by_block(self.past["blockHash"], 0))
        )

    async def eth_getTransactionReceipt(self):
        return self.receipt(await self.settle(self.eth.get_transaction_receipt(self.past["hash"])))

    async def eth_getBlockReceipts(self):
        return [self.receipt(one) for one in await self.settle(self.eth.get_block_receipts(self.number))]

    async def eth_getLogs(self):
        found = await self.settle(self.eth.get_logs({"address": self.dollar, "fromBlock": 0}))
        return [self.log(one) for one in found]

    # -- filters

    async def eth_newFilter(self):
        self.logs = await self.settle(self.eth.filter({"address": self.dollar}))
        return bool(self.logs.filter_id)

    async def eth_getFilterChanges(self):
        await self.minted(21)
        return self.values(await self.settle(self.logs.get_new_entries()))

    async def eth_getFilterLogs(self):
        wanted = {"address": self.dollar, "fromBlock": self.number, "toBlock": self.number}
        made = await self.settle(self.eth.filter(wanted))
        return self.values(await self.settle(made.get_all_entries()))

    async def eth_uninstallFilter(self):
        name = self.logs.filter_id
        return [await self.settle(self.eth.uninstall_filter(name)) for _ in range(2)]

    async def eth_newBlockFilter(self):
        made = await self.settle(self.eth.filter("latest"))
        await self.minted(22)
        return len(await self.settle(made.get_new_entries()))

    async def eth_newPendingTransactionFilter(self):
        made = await self.settle(self.eth.filter("pending"))
        sent = await self.minted(23)
        seen = await self.settle(made.get_new_entries())
        return [len(seen), plain(seen[0]) == sent]

    # -- traces, and what only a local node has

    def trace(self, one: Any) -> list[Any]:
        return [one["type"], one["from"], one["to"], one["input"], int(str(one["gasUsed"]), 0)]

    async def debug_traceTransaction(self):
        return self.trace(
            await self.settle(self.w3.geth.debug.trace_transaction(self.past["hash"], CALL_TRACER))
        )

    async def debug_traceCall(self):
        return self.trace(await self.raw("debug_traceCall", self.call, "latest", CALL_TRACER))

    async def anvil_setBalance(self):
        await self.raw("anvil_setBalance", self.funded, hex(2_000))
        return await self.settle(self.eth.get_balance(self.funded))

    async def anvil_mine(self):
        before = await self.eth_blockNumber()
        await self.raw("anvil_mine", "0x3", "0x1")
        return await self.eth_blockNumber() - before

    async def evm_mine(self):
        before = await self.eth_blockNumber()
        await self.raw("evm_mine")
        return await self.eth_blockNumber() - before

    async def evm_setNextBlockTimestamp(self):
        head = (await self.settle(self.eth.get_block("latest")))["timestamp"]
        await self.raw("evm_setNextBlockTimestamp", head + 50)
        await self.raw("evm_mine")
        return (await self.settle(self.eth.get_block("latest")))["timestamp"] - head

    async def evm_increaseTime(self):
        return int(str(await self.raw("evm_increaseTime", 7)), 0) >= 7

    async def evm_snapshot(self):
        self.snapshot = await self.raw("evm_snapshot")
        return bool(self.snapshot)

    async def evm_revert(self):
        before = await self.eth_blockNumber()
        await self.raw("evm_mine")
        await self.raw("evm_revert", self.snapshot)
        return await self.eth_blockNumber() == before


class SocketAsker(Asker):
    """The persistent connection, which subscribes as well."""

    async def eth_subscribe(self):
        heard: dict[str, list[Any]] = {"heads": [], "logs": [], "sent": [], "whole": []}

        def keep(name: str) -> Any:
            async def handler(context: Any) -> None:
                heard[name].append(context.result)

            return handler

        kinds = [
            NewHeadsSubscription(handler=keep("heads")),
            LogsSubscription(address=self.dollar, handler=keep("logs")),
            PendingTxSubscription(handler=keep("sent")),
            PendingTxSubscription(full_transactions=True, handler=keep("whole"), label="whole"),
        ]
        self.names = await self.w3.subscription_manager.subscribe(kinds)
        handling = asyncio.create_task(self.w3.subscription_manager.handle_subscriptions(run_forever=True))
        sent = await self.minted(31)
        for _ in range(1_000):
            if all(heard.values()):
                break
            await asyncio.sleep(0.025)
        handling.cancel()
        whole = heard["whole"][0]
        assert (plain(whole["hash"]), whole["from"], whole["value"]) == (sent, self.account, 0)
        is_head = heard["heads"][-1]["number"] == await self.eth_blockNumber()
        return [is_head, self.values(heard["logs"]), plain(heard["sent"][0]) == sent]

    async def eth_unsubscribe(self):
        await self.w3.subscription_manager.unsubscribe_all()
        return len(self.names) == 4 and not self.w3.subscription_manager.subscriptions


def methods(kind: type[Asker]) -> list[str]:
    """In the order in which they are asked."""
    names = [name for one in reversed(kind.__mro__) for name in vars(one)]
    return [
        name
        for name in dict.fromkeys(names)
        if name.split("_")[0] in ("web3", "net", "eth", "debug", "txpool", "anvil", "evm")
    ]


async def _asked(asker: Asker) -> dict[str, Any]:
    seen = {}
    for name in methods(type(asker)):
        if name == "eth_getProof" and not hasattr(asker.eth, "get_proof"):
            continue  # the asynchronous forms lack it
        try:
            seen[name] = plain(await getattr(asker, name)())
        except Exception as error:  # noqa: BLE001 - the test tells all that failed
            seen[name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
    return seen


def blocking(given: dict[str, Any]) -> dict[str, Any]:
    """By HTTP, without an event loop of the library's."""
    return asyncio.run(_asked(Asker(Web3(HTTPProvider(given["url"])), given)))


def asynchronous(given: dict[str, Any]) -> dict[str, Any]:
    """By HTTP, asynchronously."""

    async def run() -> dict[str, Any]:
        provider = AsyncHTTPProvider(given["url"])
        try:
            return await _asked(Asker(AsyncWeb3(provider), given))
        finally:
            await provider.disconnect()

    return asyncio.run(run())


def by_socket(given: dict[str, Any]) -> dict[str, Any]:
    """By a persistent WebSocket."""

    async def run() -> dict[str, Any]:
        async with AsyncWeb3(WebSocketProvider(given["url"].replace("http", "ws"))) as w3:
            return await _asked(SocketAsker(w3, given))

    return asyncio.run(run())
