"""Signed requests between nodes, right or wrong in one chosen way."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import node_tables
from node_world import Party

from freehold.core.documents import Asset, Grant
from freehold.core.http_signature import Stamp, sign_request
from freehold.core.ids import hash_bytes
from freehold.core.signature_base import Request
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data.rules.table import Table, commitment
from freehold.features.training.planning import check, plan
from freehold.features.training.rules.record import RunPlan
from freehold.features.training.wire import Order

TEST_SALT = b"\x07" * 32


def introduce(caller: Party, target: Party) -> None:
    """As a node does before its first request."""
    assert call(caller, target, "/peer/hello", {"party": caller.node.party.to_json()}).status_code == 200


def signed(
    caller: Party, target: Party, path: str, body: Any, *, skew_seconds: int = 0, authority: str = ""
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request; `body` is JSON or bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = Stamp(caller.account, target.node.now() + skew_seconds, secrets.token_urlsafe(18))
    request = Request("POST", authority or urlsplit(target.url).netloc, path, "", data)
    headers = sign_request(request, stamp, caller.node.keys.log_seed)
    return data, {**headers, "content-type": "application/json"}


def send(target: Party, path: str, data: bytes, headers: dict[str, str]) -> httpx.Response:
    """Over HTTP, to where the node says it is."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.post(target.url + path, content=data, headers=headers)


def call(caller: Party, target: Party, path: str, body: Any, **wrong: Any) -> httpx.Response:
    """Sign and send."""
    return send(target, path, *signed(caller, target, path, body, **wrong))


def planned(builder: Party, assets: list[Asset], *, rounds: int = 2, **order: Any) -> tuple[RunPlan, Table]:
    """A plan over assets the builder knows, as its node would make it, and the test table behind it."""
    path = node_tables.write(builder.home / "planned.csv", node_tables.make(40, seed=7))
    wanted = Order(
        **{
            "assets": [asset.id for asset in assets],
            "test": str(path),
            "name": "m",
            "price_units": 1_000,
            "rounds": rounds,
            **order,
        }
    )
    found, test, table = check(builder.node, builder.services.peers, wanted)
    assert table is not None
    known = "0x" + commitment(table, TEST_SALT).hex()
    test = replace(test, planned=replace(test.planned, commitment=known))
    return plan(builder.node, wanted, found, test), table


def stamp(builder: Party, made: RunPlan) -> None:
    """Put a plan on chain, where it is not yet."""
    if not builder.node.chain.read("Timestamps", "stampedAt", hash_bytes(made.run_id)):
        builder.node.send("Timestamps", "stamp", hash_bytes(made.run_id))


def wish(of: Asset, made: RunPlan | None = None, **changes: Any) -> dict[str, Any]:
    """A request for a grant: to train by a plan, or else to infer."""
    body = {"asset": of.id, "nonce": "0x" + secrets.token_hex(32), "action": "train" if made else "infer"}
    return {**body, **({"plan": made.to_json()} if made else {}), **changes}


def handed_over(
    caller: Party, owner: Party, asset: Asset, made: RunPlan | None = None, **changes: Any
) -> Envelope:
    """A grant by request, not bought, as its owner signed it; with a plan, for that run."""
    answer = call(caller, owner, "/peer/grants", wish(asset, made, **changes))
    assert answer.status_code == 200, answer.text
    return parse_envelope(answer.json()["grant"])


def granted(caller: Party, owner: Party, asset: Asset, made: RunPlan | None = None, **changes: Any) -> Grant:
    """The grant alone."""
    grant = handed_over(caller, owner, asset, made, **changes).document
    assert isinstance(grant, Grant)
    return grant


def signed_for(holder: Party, receipt: dict[str, Any]) -> Envelope:
    """A receipt with its holder's signature beside the provider's."""
    envelope = parse_envelope(receipt)
    return envelope.with_signature(holder.node.seal(envelope.document, "holder").signatures[0])
