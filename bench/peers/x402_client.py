"""Payments by the official x402 client: signed beforehand for a load generator, or made call by call as its users do.

    python bench/peers/x402_client.py sign URL OPTIONS.json
    python bench/peers/x402_client.py ask URL OPTIONS.json

OPTIONS.json holds `scheme`, `keys` (of the payers), `calls` (of each), `token`, `network`, `amount`, `folder` and `bodies`. `sign`
prints a JSON list for each key of the headers that pay for a call each; a channel is put into `folder` as a server keeps it
once its deposit was made. `ask` sends the bodies one after the other by the client's own httpx transport and prints the
seconds of each call.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from eth_account import Account
from x402 import x402Client
from x402.http import x402HTTPClient
from x402.http.clients.httpx import x402AsyncTransport
from x402.mechanisms.evm.batch_settlement.client import (
    BatchSettlementEvmScheme,
    BatchSettlementEvmSchemeOptions,
    InMemoryClientChannelStorage,
)
from x402.mechanisms.evm.batch_settlement.client.storage import BatchSettlementClientContext
from x402.mechanisms.evm.batch_settlement.server.file_storage import FileChannelStorage
from x402.mechanisms.evm.batch_settlement.server.storage import Channel
from x402.mechanisms.evm.batch_settlement.utils import compute_channel_id
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.signers import EthAccountSigner

PATH = "/v1/predict"
JSON = {"content-type": "application/json"}


class Payer:
    """One account and how it pays."""

    def __init__(self, key: str, given: dict[str, Any], calls: int = 0) -> None:
        self._given, self._calls, signer = given, calls, EthAccountSigner(Account.from_key(key))
        self.client = x402Client()
        # it pays in no token by itself but the common ones
        allowed = {"network": given["network"], "asset": given["token"]}
        self.client.set_spend_controls({"allowed_assets": [allowed]})
        if given["scheme"] == "exact":
            register_exact_evm_client(self.client, signer, given["network"])
            return
        self._kept = InMemoryClientChannelStorage()
        options = BatchSettlementEvmSchemeOptions(storage=self._kept, payer_authorizer=signer.address)
        self._scheme = BatchSettlementEvmScheme(signer, options)
        self.client.register(given["network"], self._scheme)

    async def sign(self, asked: httpx.Response) -> list[dict[str, str]]:
        """Headers, one for each call."""
        client = x402HTTPClient(self.client)
        wanted = client.get_payment_required_response(asked.headers.get, asked.content)
        made = []
        for number in range(self._calls):
            if self._given["scheme"] != "exact":
                self._promised(wanted.accepts[0], number)
            payload = await client.create_payment_payload(wanted)
            made.append(client.encode_payment_signature_header(payload))
        return made

    def _promised(self, wanted: Any, number: int) -> None:
        """The channel as after so many calls; before the first, its server is told of it too."""
        config = self._scheme.build_channel_config(wanted)
        channel = compute_channel_id(config, self._given["network"])
        amount = int(self._given["amount"])
        balance, promised = str(amount * self._calls), str(amount * number)
        self._kept.set(
            channel.lower(),
            BatchSettlementClientContext(charged_cumulative_amount=promised, balance=balance),
        )
        if number == 0:
            now = int(time.time() * 1_000)
            opened = Channel(channel, config, balance=balance, onchain_synced_at=now)
            FileChannelStorage(self._given["folder"]).update_channel(channel, lambda _: opened)


async def sign(url: str, given: dict[str, Any]) -> list[list[dict[str, str]]]:
    """Headers, of each key one for each call."""
    async with httpx.AsyncClient(trust_env=False) as http:
        asked = await http.post(url + PATH, content=given["bodies"][0], headers=JSON)
    each = zip(given["keys"], given["calls"], strict=True)
    return [await Payer(key, given, calls).sign(asked) for key, calls in each]


async def ask(url: str, given: dict[str, Any]) -> list[float]:
    """Seconds of each call, its 402 and its signature included."""
    taken = []
    transport = x402AsyncTransport(Payer(given["keys"][0], given).client)
    async with httpx.AsyncClient(transport=transport, timeout=60, trust_env=False) as http:
        for body in given["bodies"]:
            began = time.perf_counter()
            answer = await http.post(url + PATH, content=body, headers=JSON)
            taken.append(time.perf_counter() - began)
            if answer.status_code != 200:
                raise RuntimeError(f"{answer.status_code} {answer.text} {dict(answer.headers)}")
    return taken


def main() -> None:
    """Print what was asked for."""
    logging.disable(logging.CRITICAL)
    what, url, path = sys.argv[1:]
    act = {"sign": sign, "ask": ask}[what]
    print(json.dumps(asyncio.run(act(url, json.loads(Path(path).read_text())))))


if __name__ == "__main__":
    main()
