"""An owner's node that keeps the protocol, signs what it says, and lies in chosen answers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from node_world import App, Party

from freehold.core.documents import MoneyLine, Receipt
from freehold.core.ids import NO_HASH
from freehold.features.training import runs
from freehold.features.training.admitting import plan_of
from freehold.features.training.rules.record import update_hash

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
            status, headers, content = lies.pop(0)(party, json.loads(body or b"{}"))
            fields = {"content-type": "application/json", "content-length": str(len(content)), **headers}
            raw = [(name.encode(), value.encode()) for name, value in fields.items()]
            await send({"type": "http.response.start", "status": status, "headers": raw})
            await send({"type": "http.response.body", "body": content})

        return served


def says(content: bytes, status: int = 200, **headers: str) -> Lie:
    """The same answer whatever is asked."""
    return lambda *_: (status, {k.replace("_", "-"): v for k, v in headers.items()}, content)


def update(text: str, *, salt: str = '"0x' + "00" * 16 + '"') -> Lie:
    """What is shown in place of the update that was committed to; both are raw JSON."""
    return says(f'{{"salt": {salt}, "update": {text}}}'.encode())


def other_update(party: Party, body: dict[str, Any]) -> Answer:
    """A good update under the right salt, but not the one that was committed to."""
    run = party.node.grant(body["grant"]).run
    given = runs.get_round(party.node, run, body["number"], "given")
    moved = [given["update"][0] + 1, *given["update"][1:]]
    return 200, {}, json.dumps({**given, "update": moved}).encode()


def receipt(**changes: Any) -> Lie:
    """A receipt with other fields, signed all the same."""

    def lie(party: Party, body: dict[str, Any]) -> Answer:
        return 200, {}, json.dumps({"receipt": signed(party, body, **changes)}).encode()

    return lie


def evidence(**changes: Any) -> Lie:
    """A receipt whose evidence says something else; None leaves a word out."""

    def lie(party: Party, body: dict[str, Any]) -> Answer:
        about = {**_about(party, body), **changes}
        kept = {name: value for name, value in about.items() if value is not None}
        return 200, {}, json.dumps({"receipt": signed(party, body, evidence=kept)}).encode()

    return lie


def charging(party: Party, body: dict[str, Any]) -> Answer:
    """A receipt that says the holder paid for a use that is free."""
    holder = party.node.grant(body["grant"]).holder
    lines = (
        MoneyLine(account=holder, delta_units=-5, reason="use"),
        MoneyLine(account=party.account, delta_units=5, reason="use"),
    )
    return 200, {}, json.dumps({"receipt": signed(party, body, money=lines)}).encode()


def unsigned(party: Party, body: dict[str, Any]) -> Answer:
    """A receipt that only the builder would have signed."""
    return 200, {}, json.dumps({"receipt": {**signed(party, body), "signatures": []}}).encode()


def bomb(*_: Any) -> Answer:
    """200 MB of zeros in 200 kB of gzip."""
    pack = zlib.compressobj(wbits=31)
    packed = [pack.compress(bytes(1_000_000)) for _ in range(200)]
    return 200, {"content-encoding": "gzip"}, b"".join(packed) + pack.flush()


def _about(party: Party, body: dict[str, Any]) -> dict[str, Any]:
    run = party.node.grant(body["grant"]).run
    return {"run": run, "round": body["number"], "seed": NO_HASH}


def signed(party: Party, body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The provider's half of a receipt for an update of zeros."""
    node, grant = party.node, party.node.grant(body["grant"])
    plan, number = plan_of(node, grant.run), body["number"]
    nothing = np.zeros(plan.size(number), dtype=np.int64)
    fields: dict[str, Any] = {
        "grant": grant.id,
        "action": "train",
        "provider": node.account,
        "holder": grant.holder,
        "inputs": (grant.asset,),
        "output": update_hash(plan, number, node.account, "0x" + "00" * 16, nothing, NO_HASH),
        "evidence": _about(party, body),
        "sequence": node.store.uses(grant.id)[0] + 1,
        "issued_at": node.now(),
    } | changes
    fields.setdefault("epsilon_micro", plan.epsilon_micro if fields["sequence"] == 1 else 0)
    return node.seal(Receipt(**fields), "provider").to_json()


NONSENSE: dict[str, Lie] = {
    "an empty object": says(b"{}"),
    "a list": says(b"[]"),
    "text": says(b'"done"'),
    "a page": says(b"<html>", content_type="text/html"),
    "a redirect": says(b"", 307, location="http://127.0.0.1:1/"),
    "an odd problem": says(b'{"title": ["x"], "hint": {"a": 1}, "fields": 5}', 418),
    "rounds missing from nowhere": says(
        b'{"title": "x", "code": "training.rounds_missing", "fields": {"number": -1}}', 409
    ),
    "a signature due for no round": says(
        b'{"title": "x", "code": "receipt.not_countersigned", "fields": {"round": [1]}}', 403
    ),
    "deep nesting": says(b"[" * 100_000),
    "a gzip bomb": bomb,
}
"""Answers to any request."""

COMMITS: dict[str, Lie] = {
    "no receipt": says(b'{"receipt": null}'),
    "an unsigned receipt": unsigned,
    "a receipt for another round": evidence(round=99),
    "a receipt for another run": evidence(run=NO_HASH),
    "a receipt that does not bind its noise": evidence(seed=None),
    "a receipt with more to it": evidence(bonus=1),
    "a receipt for another action": receipt(action="derive"),
    "a receipt beyond the grant's uses": receipt(sequence=10_000),
    "a receipt for no data": receipt(inputs=()),
    "a receipt under another grant": receipt(grant=NO_HASH),
    "a receipt that takes more budget than was granted": receipt(epsilon_micro=100_000_000),
    "a receipt from after the grant": receipt(issued_at=2**52),
    "a receipt that charges": charging,
}
"""Answers in place of a commitment."""

UPDATES: dict[str, Lie] = {
    "not a number": update("[NaN, 0, 0, 0]"),
    "a float": update("[0.5, 0, 0, 0]"),
    "a truth value": update("[true, 0, 0, 0]"),
    "a text": update('["0", 0, 0, 0]'),
    "a huge number": update("[4503599627370495, 0, 0, 0]"),
    "a hundred digits": update("[1" + "0" * 100 + ", 0, 0, 0]"),
    "too few numbers": update("[0, 0, 0]"),
    "too many numbers": update("[0, 0, 0, 0, 0]"),
    "no update": update("null"),
    "no salt": update("[0, 0, 0, 0]", salt="null"),
    "a short salt": update("[0, 0, 0, 0]", salt='"0x00"'),
    "another update than was committed to": other_update,
    "another salt than was committed to": update("[0, 0, 0, 0]"),
}
"""Answers in place of the update that was committed to, in a table of three columns."""
