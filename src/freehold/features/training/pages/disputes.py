"""Disputes: runs whose builder stated other values than this node computed, or told two histories."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.documents import Claim
from freehold.core.errors import NotFound
from freehold.kernel.feature import Reminder
from freehold.kernel.node import Node
from freehold.kernel.people import name_of
from freehold.kernel.web.visit import Visit, acts, shows

_FIELDS = {
    "values": "other values",
    "errors": "other errors of the values",
    "shares_bps": "other shares",
    "scores": "another score of the model",
    "model": "another model",
    "accounts": "other owners",
    "missing": "other owners as missing in the last round",
}


def to_look_at(node: Node) -> list[Reminder]:
    """Disputes that their owner has not put aside, as Home lists things."""
    found = []
    for kind in ("disputed", "two_histories"):
        for name in node.store.states(f"{kind}:"):
            run = name.partition(":")[2]
            if not node.store.state(f"dispute_seen:{run}"):
                shown = _shown(node, run)
                text = f"{shown['builder']} {shown['short']}."
                found.append(Reminder(text, f"/disputes/{run}", "Look"))
    return found


def dispute(visit: Visit) -> Response:
    """One of them, with the signed claims that prove it."""
    return visit.show("dispute.html", **_shown(visit.node, visit.params["run"]))


def put_aside(visit: Visit) -> Response:
    """The owner has seen it; the proof stays."""
    run = str(_shown(visit.node, visit.params["run"])["run"])
    with visit.node.store.transaction() as tx:
        tx.set(f"dispute_seen:{run}", value=True)
    return visit.go("/", "Put aside. The signed proof stays in your node.")


def _shown(node: Node, run: str) -> dict[str, Any]:
    disputed, histories = node.store.state(f"disputed:{run}"), node.store.state(f"two_histories:{run}")
    if disputed is None and histories is None:
        raise NotFound("there is no dispute about that run", hint="Look at Home.")
    ids = histories or [disputed["contribution"]]
    claims = [node.typed(one, Claim) for one in ids]
    if histories:
        short = f"signed two accounts of round {claims[0].statement['number']} of one training run"
    else:
        what = _FIELDS.get(disputed["field"], f"another {disputed['field']}")
        short = f"stated {what} than your node computed"
    builder = name_of(node, claims[0].issuer)
    return {"run": run, "builder": builder, "short": short, "two": bool(histories), "claims": ids}


PAGES = [
    shows("/disputes/{run}", dispute),
    acts("/disputes/{run}", put_aside),
]
