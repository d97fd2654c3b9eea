"""The server of `bare.py` behind the official x402 middleware: each call is verified and settled on chain.

    python bench/peers/x402_server.py MODEL.json OPTIONS.json

Runs in an environment of its own (`x402.lock`), with nothing of Freehold. OPTIONS.json holds `rpc_url`, `token`, `name` and
`version` of the token's EIP-712 domain, `pay_to`, `amount` (units), `network` and `key` (of the facilitator, which pays for gas).
The facilitator is in this process, so that no call waits for a second server, and in threads, so that no call waits
for another's block.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import bare
from x402 import x402FacilitatorSync, x402ResourceServer
from x402.http.middleware.fastapi import payment_middleware
from x402.http.types import PaymentOption, RouteConfig
from x402.mechanisms.evm.exact import register_exact_evm_facilitator, register_exact_evm_server
from x402.mechanisms.evm.signers import FacilitatorWeb3Signer

PATIENCE_SECONDS = 3_600
"""How long a payment stays good: they are signed before the clock starts."""


class Beside:
    """A facilitator as its seller asks it, which is asynchronously."""

    def __init__(self, facilitator: x402FacilitatorSync) -> None:
        self._facilitator = facilitator

    async def verify(self, *asked):
        """Whether a payment is good."""
        return await asyncio.to_thread(self._facilitator.verify, *asked)

    async def settle(self, *asked):
        """Take it."""
        return await asyncio.to_thread(self._facilitator.settle, *asked)

    def get_supported(self):
        """Kinds of payment."""
        return self._facilitator.get_supported()


def main() -> None:
    """Serve it on a free port of this machine."""
    model = bare.Model(json.loads(Path(sys.argv[1]).read_text()))
    given = json.loads(Path(sys.argv[2]).read_text())
    facilitator = x402FacilitatorSync()
    signer = FacilitatorWeb3Signer(given["key"], given["rpc_url"])
    register_exact_evm_facilitator(facilitator, signer, given["network"])
    server = x402ResourceServer(Beside(facilitator))
    register_exact_evm_server(server, given["network"])
    price = {
        "amount": given["amount"],
        "asset": given["token"],
        "extra": {"name": given["name"], "version": given["version"]},
    }
    option = PaymentOption("exact", given["pay_to"], price, given["network"], PATIENCE_SECONDS)
    app = bare.application(model)
    app.middleware("http")(payment_middleware({"POST /v1/predict": RouteConfig(option)}, server))
    bare.serve(app)


if __name__ == "__main__":
    main()
