"""web3.py as it is used: middleware, a contract and its events, filters, errors, batches, a socket that comes back."""

import asyncio
import json
import warnings
from contextlib import suppress

import pytest
from eth_account import Account
from web3 import AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, TransactionNotFound, Web3RPCError
from web3.middleware import (
    BufferedGasEstimateMiddleware,
    ExtraDataToPOAMiddleware,
    LocalFilterMiddleware,
    SignAndSendRawMiddlewareBuilder,
    StalecheckMiddlewareBuilder,
)
from web3.utils.subscriptions import NewHeadsSubscription

from freehold.chain import deployments
from freehold.chain.embedded import DEV_KEY, EmbeddedNode

ARTIFACT = json.loads((deployments.ARTIFACTS / "TestDollar.json").read_text())
SINK = Web3.to_checksum_address("0x" + "11" * 20)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as made:
        yield made


@pytest.fixture
def w3(node):
    """With the middleware that people add, and an account that signs here."""
    made = Web3(HTTPProvider(node.url))
    owner = Account.from_key(DEV_KEY)
    made.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(owner), layer=0)
    made.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    made.middleware_onion.add(BufferedGasEstimateMiddleware)
    made.middleware_onion.add(StalecheckMiddlewareBuilder.build(10**9))
    made.eth.default_account = owner.address
    return made


@pytest.fixture
def dollar(w3):
    sent = w3.eth.contract(abi=ARTIFACT["abi"], bytecode=ARTIFACT["bytecode"]).constructor().transact()
    receipt = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.02)
    assert receipt["status"] == 1
    return w3.eth.contract(address=receipt["contractAddress"], abi=ARTIFACT["abi"])


def minted(w3, dollar, value):
    return w3.eth.wait_for_transaction_receipt(
        dollar.functions.mint(SINK, value).transact(), poll_latency=0.02
    )


def test_a_contract_is_deployed_used_and_heard(w3, dollar):
    polled = dollar.events.Transfer.create_filter(from_block="latest", argument_filters={"to": SINK})
    receipt = minted(w3, dollar, 5)
    assert dollar.functions.balanceOf(SINK).call() == 5
    assert dollar.functions.balanceOf(SINK).call(block_identifier=receipt["blockNumber"] - 1) == 0
    assert dollar.functions.balanceOf(SINK).call(block_identifier=receipt["blockHash"]) == 5
    (heard,) = polled.get_new_entries()
    (shown,) = dollar.events.Transfer().process_receipt(receipt)
    (found,) = dollar.events.Transfer.get_logs(from_block=receipt["blockNumber"])
    assert heard["args"] == shown["args"] == found["args"]
    assert (heard["args"]["to"], heard["args"]["value"]) == (SINK, 5)
    assert polled.get_all_entries() == [heard]
    assert w3.eth.uninstall_filter(polled.filter_id) is True


def test_filters_that_the_library_keeps_itself(node, w3, dollar):
    local = Web3(HTTPProvider(node.url))
    local.middleware_onion.add(LocalFilterMiddleware)
    blocks, logs = local.eth.filter("latest"), local.eth.filter({"address": dollar.address})
    receipt = minted(w3, dollar, 6)
    assert blocks.get_new_entries()[-1] == receipt["blockHash"]
    assert [one["transactionHash"] for one in logs.get_new_entries()] == [receipt["transactionHash"]]


def test_errors_are_those_that_the_library_names(w3, dollar):
    with pytest.raises(ContractCustomError):
        dollar.functions.transfer(SINK, 10**12).call()
    with pytest.raises(ContractCustomError):
        dollar.functions.transfer(SINK, 10**12).estimate_gas()
    with pytest.raises(TransactionNotFound):
        w3.eth.get_transaction("0x" + "ab" * 32)
    with pytest.raises(Web3RPCError, match="nonce too low"):
        w3.eth.send_transaction({"to": SINK, "nonce": 0, "gas": 21_000})


def test_batches(node, dollar):
    w3 = Web3(HTTPProvider(node.url))
    dollar = w3.eth.contract(address=dollar.address, abi=ARTIFACT["abi"])
    with w3.batch_requests() as batch:
        for _ in range(20):
            batch.add(dollar.functions.balanceOf(SINK))
        batch.add(w3.eth.get_block("latest"))
        *held, block = batch.execute()
    assert held == [0] * 20
    assert block["number"] == w3.eth.block_number


def test_a_socket_that_comes_back_goes_on(tmp_path):
    """The library connects anew when the node is started again, and subscribes again."""

    async def run():
        node = EmbeddedNode(tmp_path).start()
        port = int(node.url.rsplit(":", 1)[1])
        heard: list[int] = []

        async def keep(context):
            heard.append(context.result["number"])

        visits = 0
        with suppress(asyncio.CancelledError):
            async for w3 in AsyncWeb3(WebSocketProvider(f"ws://127.0.0.1:{port}", max_connection_retries=20)):
                visits += 1
                try:
                    await w3.subscription_manager.subscribe(NewHeadsSubscription(handler=keep))
                    await w3.provider.make_request("evm_mine", [])
                    for _ in range(400):
                        if len(heard) >= visits:
                            break
                        with suppress(asyncio.TimeoutError):
                            await asyncio.wait_for(w3.subscription_manager.handle_subscriptions(), 0.05)
                    if visits == 2:
                        break
                    await asyncio.to_thread(node.stop)
                    node = await asyncio.to_thread(EmbeddedNode(tmp_path, port).start)
                    await w3.eth.block_number
                except Exception:  # noqa: BLE001 - whatever it makes of the end of a connection
                    continue
        await asyncio.to_thread(node.stop)
        return heard

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert asyncio.run(asyncio.wait_for(run(), 120)) == [1, 2]
