"""Signed requests between nodes, right or wrong in one chosen way."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from node_world import Party

from freehold.core.documents import Asset, Grant
from freehold.core.http_signature import Request, Stamp, sign_request
from freehold.core.ids import NO_HASH
from freehold.core.signing import parse_envelope
from freehold.node.publishing import open_table
from freehold.training.logistic import Recipe
from freehold.training.record import RunPlan
from freehold.training.statistics import measure


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


def granted(caller: Party, owner: Party, asset: Asset, **wish: Any) -> Grant:
    """A grant by request, not bought."""
    body = {"asset": asset.id, "nonce": "0x" + secrets.token_hex(32), "action": "train", **wish}
    answer = call(caller, owner, "/peer/grants", body)
    assert answer.status_code == 200, answer.text
    grant = parse_envelope(answer.json()["grant"]).document
    assert isinstance(grant, Grant)
    return grant


def round_body(caller: Party, owner: Party, grant: Grant, *, rounds: int = 2) -> dict[str, Any]:
    """The first round of a run with this owner alone, with a plan the caller signed."""
    asset = owner.node.asset(grant.asset)
    table, _ = open_table(owner.node, asset.id)
    plan = RunPlan(
        owners=(owner.account,),
        columns=table.columns,
        label=table.label,
        data=(asset.content.commitment,),
        statistics=(measure(table),),
        recipe=Recipe(rounds=rounds, local_steps=2),
        test_commitment=NO_HASH,
    )
    claim = caller.node.claim("training_plan", plan.run_id, {"plan": plan.to_json(), "owners": []})
    models = np.zeros((1, plan.width), dtype=np.int64).tolist()
    return {"grant": grant.id, "plan": claim.to_json(), "round": 1, "models": models}
