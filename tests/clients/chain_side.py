"""One node as a test talks to it: raw JSON-RPC, and transactions of accounts whose nonces it counts itself."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
from eth_account import Account
from eth_utils import to_checksum_address

from freehold.chain import deployments

DEV = Account.from_key("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
SINK = "0x" + "11" * 20


def calldata(contract: str, function: str, *args: Any) -> str:
    return "0x" + deployments.artifact(contract).interface.function(function, args).encode(args).hex()


class Side:
    """A node by its URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(timeout=60, trust_env=False)
        self._ids = itertools.count(1)
        self.nonces: dict[str, int] = {}

    def close(self) -> None:
        self._http.close()

    def answer(self, method: str, *params: Any) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        return self._http.post(self.url, json=body).json()

    def ask(self, method: str, *params: Any) -> Any:
        answer = self.answer(method, *params)
        assert "result" in answer, f"{method}: {answer}"
        return answer["result"]

    def fault(self, method: str, *params: Any) -> dict[str, Any]:
        answer = self.answer(method, *params)
        assert "error" in answer, f"{method}: {answer}"
        return answer["error"]

    def sign(self, *, account=DEV, nonce: int | None = None, **fields: Any) -> str:
        """A raw transaction; type 2 unless `gasPrice` is given. `to=None` creates a contract."""
        used = self.nonces.get(account.address, 0) if nonce is None else nonce
        filled = {
            "chainId": 31337,
            "nonce": used,
            "to": SINK,
            "value": 0,
            "gas": 1_000_000,
            "data": "0x",
        } | fields
        if "gasPrice" not in filled:
            filled = {"maxFeePerGas": 1_000, "maxPriorityFeePerGas": 1} | filled
        if filled["to"] is None:
            del filled["to"]
        else:
            filled["to"] = to_checksum_address(filled["to"])
        return "0x" + bytes(account.sign_transaction(filled).raw_transaction).hex()

    def send(self, *, account=DEV, **fields: Any) -> dict[str, Any]:
        """Send a transaction; its receipt."""
        tx_hash = self.ask("eth_sendRawTransaction", self.sign(account=account, **fields))
        self.nonces[account.address] = self.nonces.get(account.address, 0) + 1
        for _ in range(1_000):
            receipt = self.ask("eth_getTransactionReceipt", tx_hash)
            if receipt is not None:
                return receipt
        raise AssertionError("the transaction was not mined")

    def deploy(self, contract: str) -> str:
        """Address of a fresh copy of a shipped contract without constructor arguments."""
        code = "0x" + deployments.artifact(contract).bytecode.hex()
        return self.send(to=None, data=code, gas=5_000_000)["contractAddress"]

    def balance(self, address: str, block: str = "latest") -> int:
        return int(self.ask("eth_getBalance", address, block), 16)
