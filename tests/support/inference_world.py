"""A served model with its owners and a buyer, and the hands of a payer who signs what it likes."""

from __future__ import annotations

import json
import secrets
import time
import weakref
from dataclasses import dataclass
from typing import Any

import httpx
from node_world import Party, World, run_job

from freehold.core.documents import Asset
from freehold.core.ids import hash_bytes
from freehold.core.signing import Domain, receive_digest, sign_digest, voucher_digest
from freehold.features.gateway import serving
from freehold.features.grants.granting import obtain
from freehold.features.models.releasing import pool_of
from freehold.features.payments.rules.payment import HEADER, Transfer, Voucher, bound_nonce, to_header
from freehold.features.payments.spending import channel_id

ROW = ["1.5", "-0.25", "3"]
PRICE = 1_000
NEVER = int(time.time()) + 300 * 86_400
"""An authorization of these tests may be mined at any time; a seller takes none that is good for more than a year."""


class Shop:
    """Owners, a builder that serves the model trained on their tables, and a buyer that knows it."""

    def __init__(
        self, world: World, *, owners: int = 2, sold: dict[str, Any] | None = None, **builder: Any
    ) -> None:
        """`sold` is what the order says about selling besides the price."""
        self.world = world
        self._http = httpx.Client(
            timeout=30, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        weakref.finalize(self, self._http.close)
        self.owners = world.owners(owners)
        self.builder = world.party("builder", **builder)
        job, _ = run_job(self.builder, self.owners, rounds=2, **(sold or {}))
        self.model: Asset = self.builder.node.asset(job["model"])
        serving.switch(self.builder.node, self.model.id, on=True)
        self.pool = pool_of(self.model)
        self.width = len(self.model.schema_["columns"])

    def buyer(self, name: str = "buyer") -> Party:
        made = self.world.party(name)
        made.knows(self.builder)
        return made

    def rows(self, count: int = 1, start: int = 0) -> list[list[str]]:
        return [[f"{start + i}.{column + 1}" for column in range(self.width)] for i in range(count)]

    def body(self, count: int = 1, start: int = 0) -> bytes:
        return json.dumps({"model": self.model.id, "rows": self.rows(count, start)}).encode()

    def post(self, body: bytes, header: str | None = None) -> httpx.Response:
        headers = {"content-type": "application/json", **({HEADER: header} if header else {})}
        return self._http.post(f"{self.builder.url}/v1/predict", content=body, headers=headers)

    def pool_units(self) -> tuple[int, int]:
        """(paid in, paid out) of the model's pool."""
        _, _, _, total_in, paid_out = self.world.chain.read("Revenue", "poolOf", self.pool)
        return int(total_in), int(paid_out)

    def deposit(self, party: Party, *, salt: bytes | None = None, **other: Any) -> Transfer:
        """A transfer signed by a party, with any field replaced before signing."""
        node = party.node
        fields = {
            "payer": node.account,
            "value_units": PRICE,
            "valid_after": 0,
            "valid_before": NEVER,
            **other,
        }
        made = Transfer(
            salt="0x" + (salt or secrets.token_bytes(32)).hex(),
            signature="0x00",
            **fields,
        )
        digest = made.digest(node.token_domain, node.contract("Revenue"), "0x" + self.pool.hex())
        return made.model_copy(update={"signature": "0x" + sign_digest(node.keys.account_key, digest).hex()})


@dataclass
class Hand:
    """A payer with one open channel that signs vouchers by hand."""

    shop: Shop
    party: Party
    grant: str
    channel: bytes

    @classmethod
    def open(
        cls, shop: Shop, party: Party, *, deposit: int = 10 * PRICE, cap: int = 100 * PRICE, **more: Any
    ) -> Hand:
        grant = obtain(party.node, party.services.peers, shop.model, "infer", spend_cap_units=cap, **more)
        return cls(shop, party, grant.id, open_channel(party, shop.pool, deposit))

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """What the seller answers to a signed request of the payer, about its channel where it says no other."""
        asked = {"channel": "0x" + self.channel.hex(), **body}
        self.party.knows(self.shop.builder)
        return self.party.services.peers.ask(self.shop.builder.account, path, asked)

    def voucher(
        self,
        cumulative: int,
        *,
        key: bytes | None = None,
        domain: Domain | None = None,
        signed: int | None = None,
        **other: Any,
    ) -> str:
        """A voucher's header; every part can be falsified."""
        node = self.party.node
        domain = domain or Domain("Freehold Channels", node.chain_id, node.contract("Channels"))
        digest = voucher_digest(domain, self.channel, cumulative if signed is None else signed)
        made = Voucher(
            channel="0x" + self.channel.hex(),
            cumulative_units=cumulative,
            signature="0x" + sign_digest(key or node.keys.account_key, digest).hex(),
            grant=self.grant,
        )
        return to_header(made.model_copy(update=other))


def open_channel(party: Party, pool: bytes, amount: int) -> bytes:
    node, salt = party.node, secrets.token_bytes(32)
    channel = channel_id(node.account, pool, salt)
    digest = receive_digest(
        node.token_domain, node.account, node.contract("Channels"), amount, (0, NEVER), channel
    )
    signature = sign_digest(node.keys.account_key, digest)
    node.send("Channels", "openWithAuthorization", node.account, pool, amount, salt, 0, NEVER, signature)
    return channel


def nonce_of(transfer: Transfer, pool: bytes) -> bytes:
    return bound_nonce(pool, hash_bytes(transfer.salt))
