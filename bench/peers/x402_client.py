"""Payments by the official x402 client: signed beforehand for a load generator, or made call by call as its users do.

    python bench/peers/x402_client.py sign URL OPTIONS.json
    python bench/peers/x402_client.py ask URL OPTIONS.json

OPTIONS.json holds `keys` (of the payers), `calls` (of each), `token`, `network` and `bodies`. `sign` prints a JSON list for each key
of the headers that pay for a call each. `ask` sends the bodies one after the other by the client's own httpx transport and
prints the seconds of each call.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path

import httpx
from eth_account import Account
from x402 import x402Client
from x402.http import x402HTTPClient
from x402.http.clients.httpx import x402AsyncTransport
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.signers import EthAccountSigner

PATH = "/v1/predict"


def client_of(key: str, given: dict) -> x402Client:
    """A client that pays with a key, and in this token: it knows no other than the common ones by itself."""
    client = x402Client()
    register_exact_evm_client(client, EthAccountSigner(Account.from_key(key)), given["network"])
    client.set_spend_controls({"allowed_assets": [{"network": given["network"], "asset": given["token"]}]})
    return client


async def sign(url: str, given: dict) -> list[list[dict[str, str]]]:
    """Headers, of each key one for each call."""
    async with httpx.AsyncClient(trust_env=False) as http:
        asked = await http.post(url + PATH, content=given["bodies"][0], headers=JSON)
    made = []
    for key in given["keys"]:
        client = x402HTTPClient(client_of(key, given))
        wanted = client.get_payment_required_response(asked.headers.get, asked.content)
        payloads = [await client.create_payment_payload(wanted) for _ in range(given["calls"])]
        made.append([client.encode_payment_signature_header(one) for one in payloads])
    return made


async def ask(url: str, given: dict) -> list[float]:
    """Seconds of each call, its 402 and its signature included."""
    taken = []
    transport = x402AsyncTransport(client_of(given["keys"][0], given))
    async with httpx.AsyncClient(transport=transport, timeout=60, trust_env=False) as http:
        for body in given["bodies"]:
            began = time.perf_counter()
            answer = await http.post(url + PATH, content=body, headers=JSON)
            taken.append(time.perf_counter() - began)
            if answer.status_code != 200:
                raise RuntimeError(f"{answer.status_code} {answer.text} {dict(answer.headers)}")
    return taken


JSON = {"content-type": "application/json"}


def main() -> None:
    """Print what was asked for."""
    logging.disable(logging.CRITICAL)
    what, url, path = sys.argv[1:]
    act = {"sign": sign, "ask": ask}[what]
    print(json.dumps(asyncio.run(act(url, json.loads(Path(path).read_text())))))


if __name__ == "__main__":
    main()
