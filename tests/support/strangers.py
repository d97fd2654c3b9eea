"""Identities that cost nothing, and everything one of them can send to a node."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from node_world import Party as Running

from freehold.core.documents import Party
from freehold.core.http_signature import Stamp, sign_request
from freehold.core.ids import NO_HASH
from freehold.core.signature_base import Request
from freehold.core.signing import Domain, Envelope, seal
from freehold.log.note import Signer
from freehold.vault.keystore import Keys


@dataclass
class Target:
    """A node as a stranger sees it."""

    url: str
    chain_id: int
    domain: Domain
    clock: Callable[[], int]

    @classmethod
    def of(cls, party: Running) -> Target:
        return cls(party.url, party.node.chain_id, party.node.domain, party.node.now)


class Stranger:
    """A fresh key pair with a client of its own."""

    def __init__(self, target: Target, client: httpx.Client) -> None:
        self.target, self._client, self.keys = target, client, Keys.generate()
        self.account = self.keys.account
        self._signer = Signer.from_seed(f"freehold/{self.account}", self.keys.log_seed)

    def document(self, created_at: int = 1, name: str = "stranger") -> Envelope:
        """Its party document."""
        party = Party(
            name=name,
            party_kind="organisation",
            account=self.account,
            account_key="0x" + self.keys.account_public.hex(),
            chain_id=self.target.chain_id,
            log_key=str(self._signer.key),
            encryption_key="0x" + self.keys.encryption_public.hex(),
            endpoints=tuple(f"http://127.0.0.1:9/{'x' * 250}{number}" for number in range(8)),
            created_at=created_at,
        )
        return seal(party, self.keys.account_key, self.target.domain)

    def hello(self, created_at: int = 1) -> httpx.Response:
        return self.call("/peer/hello", {"party": self.document(created_at).to_json()})

    def signed(self, path: str, body: Any) -> tuple[bytes, dict[str, str]]:
        data = json.dumps(body).encode()
        stamp = Stamp(self.account, self.target.clock(), secrets.token_urlsafe(18))
        request = Request("POST", urlsplit(self.target.url).netloc, path, "", data)
        return data, sign_request(request, stamp, self.keys.log_seed)

    def send(self, path: str, data: bytes, headers: dict[str, str]) -> httpx.Response:
        return self._client.post(self.target.url + path, content=data, headers=headers)

    def call(self, path: str, body: Any) -> httpx.Response:
        return self.send(path, *self.signed(path, body))


def acts(asset: str, receipt: str = NO_HASH) -> dict[str, Callable[[Stranger, int], httpx.Response]]:
    """What a stranger can do to a node, by name; each is done again and again with another number."""

    def word() -> str:
        return "0x" + secrets.token_hex(32)

    def post(path: str, body: Callable[[int], Any]) -> Callable[[Stranger, int], httpx.Response]:
        return lambda who, number: who.call(path, body(number))

    def get(path: Callable[[], str]) -> Callable[[Stranger, int], httpx.Response]:
        return lambda who, _: who._client.get(who.target.url + path())

    ids = {"ids": [asset]}
    return {
        "hello, newer each time": lambda who, number: who.hello(number + 2),
        "hello, unsigned": lambda who, _: who._client.post(
            f"{who.target.url}/peer/hello", content=b"{}" * 500
        ),
        "grants": post("/peer/grants", lambda _: {"asset": asset, "nonce": word(), "action": "infer"}),
        "withdraw": post("/peer/withdraw", lambda _: {"request": word()}),
        "commit": post("/peer/rounds/commit", lambda n: {"grant": word(), "number": n, "rounds": [{}] * 50}),
        "reveal": post("/peer/rounds/reveal", lambda n: {"grant": word(), "number": n}),
        "agreements": post("/peer/agreements", lambda _: {"grant": word(), "contribution": {}}),
        "countersign": post("/peer/countersign", lambda _: {"receipts": [{}]}),
        "releases": lambda who, _: who.call(
            "/peer/releases", {"asset": who.document().to_json(), "claims": []}
        ),
        "proofs": post("/peer/proofs", lambda _: ids),
        "audits": post("/peer/audits", lambda _: {"run": word()}),
        "tests": post("/peer/tests", lambda _: {"test": word()}),
        "tests/open": post("/peer/tests/open", lambda _: {"plan": {}}),
        "model-evidence": post("/peer/model-evidence", lambda _: {"model": asset}),
        "evidence": post("/peer/evidence", lambda _: {"receipt": receipt}),
        "predict": lambda who, _: who._client.post(
            f"{who.target.url}/v1/predict", content=json.dumps({"model": asset, "rows": [["1"]]}).encode()
        ),
        "control, no token": lambda who, _: who._client.post(f"{who.target.url}/api/publish", content=b"{}"),
        "public": get(lambda: f"/documents/{word()}"),
        "no such path": get(lambda: f"/{secrets.token_hex(500)}"),
    }


def strangers(target: Target, client: httpx.Client) -> Iterator[Stranger]:
    """As many as are wanted, each introduced."""
    while True:
        made = Stranger(target, client)
        assert made.hello().status_code == 200
        yield made


def home_bytes(home: Path) -> int:
    """All files of a home."""
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
