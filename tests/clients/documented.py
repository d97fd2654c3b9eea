"""The methods that the reference page names, and for each of them parameters that a node answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain_side import DEV, SINK, Side, calldata

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "chain.md"
_NAME = re.compile(r"`((?:web3|net|eth|evm|anvil|hardhat|txpool|debug)_\w+)`")
CODES = {-32700, -32600, -32601, -32602, -32000, -32005, -32015, 3, 5, *range(-38026, -38009)}
"""The documented codes but the internal error, which nobody may cause."""


def documented() -> set[str]:
    """Names of all methods on the page."""
    return set(_NAME.findall(PAGE.read_text().split("## Methods")[1].split("\n## ")[0]))


@dataclass(frozen=True)
class Past:
    """What has happened on a node before it is asked."""

    dollar: str
    """Address of a TestDollar."""
    receipt: dict[str, Any]
    """Of a mint in it."""


def past(side: Side) -> Past:
    """Deploy and mint, so that there is something to ask about."""
    dollar = side.deploy("TestDollar")
    return Past(dollar, side.send(to=dollar, data=calldata("TestDollar", "mint", SINK, 5)))


def sound(side: Side, was: Past) -> dict[str, list[Any]]:
    """Parameters by method, all of them given."""
    block, number, tx = was.receipt["blockHash"], was.receipt["blockNumber"], was.receipt["transactionHash"]
    call = {
        "from": DEV.address, "to": was.dollar, "gas": "0x186a0", "value": "0x0", "accessList": [],
        "data": calldata("TestDollar", "balanceOf", SINK), "input": calldata("TestDollar", "balanceOf", SINK),
        "maxFeePerGas": "0x3e8", "maxPriorityFeePerGas": "0x1", "nonce": "0x9", "chainId": "0x7a69", "type": "0x2",
    }  # fmt: skip
    state = {
        SINK: {
            "balance": "0x1",
            "nonce": "0x1",
            "code": "0x00",
            "stateDiff": {"0x" + "00" * 32: "0x" + "00" * 32},
        }
    }
    later = {"number": "0x64", "time": "0x7fffffff", "feeRecipient": SINK}
    trace = {"tracer": "callTracer", "tracerConfig": {"withLog": True}, "stateOverrides": state}
    logs = {"address": [was.dollar], "topics": [None, [], None], "fromBlock": "0x0", "toBlock": "latest"}
    return {
        "web3_clientVersion": [], "web3_sha3": ["0x68656c6c6f"],
        "net_version": [], "net_listening": [], "net_peerCount": [],
        "eth_chainId": [], "eth_syncing": [], "eth_accounts": [], "eth_blockNumber": [],
        "eth_gasPrice": [], "eth_maxPriorityFeePerGas": [], "eth_blobBaseFee": [],
        "eth_feeHistory": ["0x2", "latest", [10, 50.5]],
        "eth_getBalance": [SINK, {"blockHash": block, "requireCanonical": True}],
        "eth_getCode": [was.dollar, "latest"],
        "eth_getStorageAt": [was.dollar, "0x0", number],
        "eth_getTransactionCount": [DEV.address, "pending"],
        "eth_getProof": [was.dollar, ["0x" + "00" * 32], "latest"],
        "eth_call": [call, "latest", state, later], "eth_estimateGas": [call, "latest", state],
        "eth_createAccessList": [call, "latest"],
        "eth_sendRawTransaction": [side.sign(value=1)],
        "eth_sendRawTransactionSync": [side.sign(value=2), 2_000],
        "eth_sendTransaction": [{**call, "gas": None, "nonce": None, "accessList": None, "type": None}],
        "eth_simulateV1": [
            {
                "blockStateCalls": [{"blockOverrides": later, "stateOverrides": state, "calls": [call]}],
                "traceTransfers": True, "returnFullTransactions": True, "validation": False,
            },
            "latest",
        ],
        "txpool_status": [], "txpool_content": [], "txpool_contentFrom": [SINK], "txpool_inspect": [],
        "anvil_impersonateAccount": [SINK], "anvil_stopImpersonatingAccount": [SINK],
        "anvil_autoImpersonateAccount": [False],
        "hardhat_impersonateAccount": [SINK], "hardhat_stopImpersonatingAccount": [SINK],
        "hardhat_setBalance": [SINK, "0x64"], "hardhat_mine": ["0x2", "0x1"],
        "eth_getBlockByNumber": [number, True], "eth_getBlockByHash": [block, False],
        "eth_getBlockTransactionCountByNumber": [number], "eth_getBlockTransactionCountByHash": [block],
        "eth_getTransactionByHash": [tx], "eth_getTransactionReceipt": [tx], "eth_getBlockReceipts": [number],
        "eth_getTransactionByBlockNumberAndIndex": [number, "0x0"],
        "eth_getTransactionByBlockHashAndIndex": [block, "0x0"],
        "eth_getLogs": [logs], "eth_newFilter": [logs], "eth_newBlockFilter": [],
        "eth_newPendingTransactionFilter": [],
        "eth_getFilterChanges": ["0x1"], "eth_getFilterLogs": ["0x1"], "eth_uninstallFilter": ["0x2"],
        "debug_traceCall": [call, "latest", trace], "debug_traceTransaction": [tx, {"tracer": "prestateTracer"}],
        "eth_subscribe": ["logs", logs], "eth_unsubscribe": ["0x1"],
        "anvil_setBalance": [SINK, "0x64"], "anvil_mine": ["0x2", "0x1"], "evm_mine": [{"timestamp": None, "blocks": 2}],
        "evm_increaseTime": ["0x1"], "evm_setNextBlockTimestamp": ["0x7fffffff"],
        "evm_snapshot": [], "evm_revert": ["0x1"],
    }  # fmt: skip
