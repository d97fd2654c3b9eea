"""An owner's node that keeps the protocol, signs what it says, and lies in chosen rounds."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from node_world import App, Party

from freehold.core.documents import Receipt
from freehold.core.ids import NO_HASH
from freehold.training.record import RunPlan, update_hash

Answer = tuple[int, dict[str, str], bytes]
Lie = Callable[[Party, dict[str, Any]], Answer]
"""(the owner, the request's body) -> status, headers and body of the answer."""


class Hostile:
    """ASGI layer over an honest node: `lies[path]` are told one after the other, then the truth again."""

    def __init__(self) -> None:
        self.lies: dict[str, list[Lie]] = {}
        self.told = 0

    def wrap(self, party: Party, app: App) -> App:
        async def served(scope: Any, receive: Any, send: Any) -> None:
            lies = self.lies.get(scope.get("path", ""))
            if scope["type"] != "http" or not lies:
                await app(scope, receive, send)
                return
            body = b""
            while True:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
            self.told += 1
            status, headers, content = lies.pop(0)(party, json.loads(body))
            fields = {"content-type": "application/json", "content-length": str(len(content)), **headers}
            raw = [(name.encode(), value.encode()) for name, value in fields.items()]
            await send({"type": "http.response.start", "status": status, "headers": raw})
            await send({"type": "http.response.body", "body": content})

        return served


def says(content: bytes, status: int = 200, **headers: str) -> Lie:
    """The same answer whatever is asked."""
    return lambda *_: (status, {k.replace("_", "-"): v for k, v in headers.items()}, content)


def result(text: str) -> Lie:
    """A valid receipt beside a result that is not an update; `text` is raw JSON."""

    def lie(party: Party, body: dict[str, Any]) -> Answer:
        return 200, {}, f'{{"result": {text}, "receipt": {json.dumps(signed(party, body))}}}'.encode()

    return lie


def receipt(**changes: Any) -> Lie:
    """A good update beside a receipt with other fields, signed all the same."""

    def lie(party: Party, body: dict[str, Any]) -> Answer:
        answer = {"result": zeros(body).tolist(), "receipt": signed(party, body, **changes)}
        return 200, {}, json.dumps(answer).encode()

    return lie


def unsigned(party: Party, body: dict[str, Any]) -> Answer:
    """A good update beside a receipt that only the builder would have signed."""
    envelope = {**signed(party, body), "signatures": []}
    return 200, {}, json.dumps({"result": zeros(body).tolist(), "receipt": envelope}).encode()


def bomb(*_: Any) -> Answer:
    """200 MB of zeros in 200 kB of gzip."""
    pack = zlib.compressobj(wbits=31)
    packed = [pack.compress(bytes(1_000_000)) for _ in range(200)]
    return 200, {"content-encoding": "gzip"}, b"".join(packed) + pack.flush()


def zeros(body: dict[str, Any]) -> np.ndarray:
    return np.zeros((len(body["models"]), len(body["models"][0])), dtype=np.int64)


def signed(party: Party, body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The provider's half of a receipt for an update of zeros."""
    node, grant = party.node, party.node.grant(body["grant"])
    plan = RunPlan.from_json(body["plan"]["document"]["statement"]["plan"])
    fields: dict[str, Any] = {
        "grant": grant.id,
        "action": "train",
        "provider": node.account,
        "holder": grant.holder,
        "inputs": (grant.asset,),
        "output": update_hash(plan, body["round"], node.account, zeros(body)),
        "evidence": {"run": plan.run_id, "round": body["round"]},
        "sequence": body["round"] + 1,
        "issued_at": node.now(),
    }
    return node.seal(Receipt(**{**fields, **changes}), "provider").to_json()


LIES: dict[str, Lie] = {
    "not a number": result("[[NaN, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]"),
    "a float": result("[[0.5, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]"),
    "a truth value": result("[[true, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]"),
    "a huge weight": result("[[9007199254740991, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]"),
    "a hundred digits": result("[[1" + "0" * 100 + ", 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]"),
    "too few models": result("[[0, 0, 0, 0]]"),
    "too narrow models": result("[[0], [0], [0], [0]]"),
    "no update": result("null"),
    "another update than the receipt is for": result("[[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]"),
    "an empty object": says(b"{}"),
    "a list": says(b"[]"),
    "text": says(b'"done"'),
    "a page": says(b"<html>", content_type="text/html"),
    "a redirect": says(b"", 307, location="http://127.0.0.1:1/"),
    "an odd problem": says(b'{"title": ["x"], "hint": {"a": 1}, "fields": 5}', 418),
    "deep nesting": says(b"[" * 100_000),
    "a gzip bomb": bomb,
    "an unsigned receipt": unsigned,
    "a receipt for another round": receipt(evidence={"run": NO_HASH, "round": 99}),
    "a receipt for another action": receipt(action="derive"),
    "a receipt for another output": receipt(output=NO_HASH),
    "a receipt beyond the grant's uses": receipt(sequence=10_000),
    "a receipt for no data": receipt(inputs=()),
}  # fmt: skip
