"""The server of `bare.py` behind the official x402 middleware, paid call by call.

    python bench/peers/x402_server.py MODEL.json OPTIONS.json

Runs in an environment of its own (`x402.lock`), with nothing of Freehold. OPTIONS.json holds `scheme` (`exact`, where each call is
verified and settled on chain, or `batch-settlement`, where each raises what a channel has promised), `store` of the
channels (`memory`, `files`) and `folder`, in which they lie or are found; `rpc_url`, `token`, `name` and `version` of the token's
EIP-712 domain, `pay_to`, `amount` (units), `network` and `key` (of the facilitator, which pays for gas).
The facilitator is in this process, so that no call waits for a second server, and in threads, so that no call waits
for another's block.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import bare
from x402 import x402FacilitatorSync, x402ResourceServer
from x402.http.middleware.fastapi import payment_middleware
from x402.http.types import PaymentOption, RouteConfig
from x402.mechanisms.evm.batch_settlement.authorizer_signer import LocalAuthorizerSigner
from x402.mechanisms.evm.batch_settlement.facilitator.scheme import BatchSettlementEvmFacilitator
from x402.mechanisms.evm.batch_settlement.server.file_storage import FileChannelStorage
from x402.mechanisms.evm.batch_settlement.server.scheme import (
    BatchSettlementEvmScheme,
    BatchSettlementEvmSchemeServerConfig,
)
from x402.mechanisms.evm.batch_settlement.server.storage import InMemoryChannelStorage
from x402.mechanisms.evm.exact import register_exact_evm_facilitator, register_exact_evm_server
from x402.mechanisms.evm.signers import FacilitatorWeb3Signer

PATIENCE_SECONDS = 3_600
"""How long a payment stays good, as they are signed before the clock starts; and what is known of a channel."""


class Beside:
    """A facilitator as its seller asks it, which is asynchronously."""

    def __init__(self, facilitator: x402FacilitatorSync) -> None:
        self._facilitator = facilitator

    async def verify(self, *asked: Any) -> Any:
        """Whether a payment is good."""
        return await asyncio.to_thread(self._facilitator.verify, *asked)

    async def settle(self, *asked: Any) -> Any:
        """Take it."""
        return await asyncio.to_thread(self._facilitator.settle, *asked)

    def get_supported(self) -> Any:
        """Kinds of payment."""
        return self._facilitator.get_supported()


class Remembered(InMemoryChannelStorage):
    """Channels in memory, which begin as they lie in files."""

    def __init__(self, files: FileChannelStorage) -> None:
        super().__init__()
        self._files = files

    def get(self, channel_id: str) -> Any:
        """A channel."""
        if (known := super().get(channel_id)) is None and (found := self._files.get(channel_id)):
            self.update_channel(channel_id, lambda _: found)
            return found
        return known


def paid(given: dict[str, Any]) -> x402ResourceServer:
    """A seller and its facilitator, who take one scheme."""
    facilitator, network = x402FacilitatorSync(), given["network"]
    signer = FacilitatorWeb3Signer(given["key"], given["rpc_url"])
    if given["scheme"] == "exact":
        register_exact_evm_facilitator(facilitator, signer, network)
        server = x402ResourceServer(Beside(facilitator))
        register_exact_evm_server(server, network)
        return server
    authorizer = LocalAuthorizerSigner(given["key"])
    facilitator.register([network], BatchSettlementEvmFacilitator(signer, authorizer))
    files = FileChannelStorage(given["folder"])
    config = BatchSettlementEvmSchemeServerConfig(
        storage=files if given["store"] == "files" else Remembered(files),
        receiver_authorizer_signer=authorizer,
        onchain_state_ttl_ms=PATIENCE_SECONDS * 1_000,
    )
    server = x402ResourceServer(Beside(facilitator))
    server.register(network, BatchSettlementEvmScheme(given["pay_to"], config))
    return server


def main() -> None:
    """Serve it on a free port of this machine."""
    model = bare.Model(json.loads(Path(sys.argv[1]).read_text()))
    given = json.loads(Path(sys.argv[2]).read_text())
    price = {
        "amount": given["amount"],
        "asset": given["token"],
        "extra": {"name": given["name"], "version": given["version"]},
    }
    option = PaymentOption(given["scheme"], given["pay_to"], price, given["network"], PATIENCE_SECONDS)
    app = bare.application(model)
    app.middleware("http")(payment_middleware({"POST /v1/predict": RouteConfig(option)}, paid(given)))
    bare.serve(app)


if __name__ == "__main__":
    main()
