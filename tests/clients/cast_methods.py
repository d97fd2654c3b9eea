"""Documented methods by cast, one process for each question."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from anvil import MODULES
from web3_methods import plain


def binary() -> Path | None:
    """The executable itself."""
    return next(MODULES.glob("@foundry-rs/cast-*/bin/cast*"), None)


def number(value: Any) -> int:
    """cast shows numbers as hex, or as decimals."""
    return int(str(value), 0)


class Cast:
    """cast on one node."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given, self.past = given, given["receipt"]

    def run(self, *arguments: Any) -> str:
        command = [str(binary()), *map(str, arguments), "--rpc-url", self.given["url"]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-300:])
        return done.stdout.strip()

    def json(self, *arguments: Any) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def rpc(self, method: str, *params: Any) -> Any:
        return json.loads(
            self.run("rpc", method, *(one if isinstance(one, str) else json.dumps(one) for one in params))
        )

    def block(self, one: Any, hashes: list[str]) -> list[Any]:
        return [
            number(one["number"]), one["hash"], one["parentHash"], number(one["gasUsed"]),
            number(one["gasLimit"]), number(one["baseFeePerGas"]), hashes,
        ]  # fmt: skip

    def asked(self) -> dict[str, Any]:
        """What it decoded, by method."""
        steps = {name[4:]: getattr(self, name) for name in dir(self) if name.startswith("ask_")}
        seen = {}
        # those that write come last
        for name in sorted(steps, key=lambda one: (one.startswith(("eth_send", "anvil")), one)):
            try:
                seen[name] = plain(steps[name]())
            except RuntimeError as error:
                seen[name] = {"failed": str(error)}
        return seen

    def ask_web3_clientVersion(self):
        return self.run("client")

    def ask_eth_chainId(self):
        return number(self.run("chain-id"))

    def ask_eth_blockNumber(self):
        return number(self.run("block-number"))

    def ask_eth_gasPrice(self):
        return number(self.run("gas-price"))

    def ask_eth_getBalance(self):
        return number(self.run("balance", self.given["funded"]))

    def ask_eth_getCode(self):
        return len(self.run("code", self.given["dollar"]))

    def ask_eth_getStorageAt(self):
        return self.run("storage", self.given["dollar"], 2)

    def ask_eth_getTransactionCount(self):
        return number(self.run("nonce", self.given["account"]))

    def ask_eth_getProof(self):
        one = json.loads(self.run("proof", self.given["dollar"], 2))
        shown = [number(one["balance"]), number(one["nonce"]), one["codeHash"], one["storageHash"]]
        return [*shown, len(one["accountProof"]), number(one["storageProof"][0]["value"])]

    def ask_eth_call(self):
        return number(
            self.run("call", self.given["dollar"], "balanceOf(address)(uint256)", self.given["sink"]).split()[
                0
            ]
        )

    def ask_eth_estimateGas(self):
        where = ("--from", self.given["account"], self.given["dollar"])
        return number(self.run("estimate", *where, "mint(address,uint256)", self.given["sink"], 7))

    def ask_eth_createAccessList(self):
        where = ("--from", self.given["account"], self.given["dollar"])
        one = self.json("access-list", *where, "mint(address,uint256)", self.given["sink"], 7)
        return [[[e["address"], len(e["storageKeys"])] for e in one["accessList"]], number(one["gasUsed"])]

    def ask_eth_getBlockByNumber(self):
        one = self.json("block", self.past["blockNumber"])
        return self.block(one, one["transactions"])

    def ask_eth_getBlockByHash(self):
        one = self.json("block", self.past["blockHash"], "--full")
        return self.block(one, [sent["hash"] for sent in one["transactions"]])

    def ask_eth_getTransactionByHash(self):
        one = self.json("tx", self.past["hash"])
        return [
            one["hash"], one["from"], one["to"], number(one["nonce"]), number(one["value"]), number(one["gas"]),
            one["input"], number(one["type"]), number(one["blockNumber"]), number(one["transactionIndex"]),
            number(one["maxFeePerGas"]),
        ]  # fmt: skip

    def ask_eth_getTransactionReceipt(self):
        one = self.json("receipt", self.past["hash"])
        names = ("status", "gasUsed", "cumulativeGasUsed", "effectiveGasPrice")
        shown = [one["transactionHash"], *(number(one[name]) for name in names)]
        return [*shown, len(one["logs"]), number(one["type"]), number(one["blockNumber"])]

    def ask_eth_getLogs(self):
        found = self.json(
            "logs", "--address", self.given["dollar"], "--from-block", 0, "--to-block", "latest"
        )
        return [
            [one["address"], one["topics"], one["data"], number(one["blockNumber"]), number(one["logIndex"]),
             one["transactionHash"]]
            for one in found
        ]  # fmt: skip

    def ask_eth_feeHistory(self):
        one = self.rpc("eth_feeHistory", "0x2", hex(self.past["blockNumber"]), [50])
        return [
            number(one["oldestBlock"]),
            *([list(map(number, one["baseFeePerGas"]))]),
            [list(map(number, each)) for each in one["reward"]],
        ]

    def ask_net_version(self):
        return self.rpc("net_version")

    def ask_eth_syncing(self):
        return self.rpc("eth_syncing")

    def ask_eth_getBlockReceipts(self):
        found = self.rpc("eth_getBlockReceipts", hex(self.past["blockNumber"]))
        return [
            [one["transactionHash"], *(number(one[name]) for name in ("status", "gasUsed", "cumulativeGasUsed", "effectiveGasPrice")),
             len(one["logs"]), number(one["type"]), number(one["blockNumber"])]
            for one in found
        ]  # fmt: skip

    def ask_debug_traceTransaction(self):
        one = self.rpc("debug_traceTransaction", self.past["hash"], {"tracer": "callTracer"})
        return [one["type"], one["from"], one["to"], one["input"], number(one["gasUsed"])]

    def ask_eth_sendRawTransaction(self):
        sent = self.json("publish", self.given["raw"])
        return [sent["transactionHash"], True]

    def ask_eth_sendTransaction(self):
        one = self.json(
            "send", "--unlocked", "--from", self.given["account"], self.given["sink"], "--value", 3
        )
        return [one["from"], number(one["status"])]

    def ask_anvil_mine(self):
        before = number(self.run("block-number"))
        self.rpc("anvil_mine", "0x3", "0x1")
        return number(self.run("block-number")) - before
