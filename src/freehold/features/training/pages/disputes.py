"""Disputes: runs whose builder stated other values than this node computed, or told two histories."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.documents import Claim
from freehold.core.errors import NotFound
from freehold.features.training import runs
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
    found = ((run, _shown(node, run)) for run in runs.disputed(node))
    return [Reminder(f"{one['builder']} {one['short']}.", f"/disputes/{run}", "Look") for run, one in found]


def dispute(visit: Visit) -> Response:
    """One of them, with the signed claims that prove it."""
    return visit.show("dispute.html", **_shown(visit.node, visit.params["run"]))


def put_aside(visit: Visit) -> Response:
    """The owner has seen it; the proof stays."""
    run = str(_shown(visit.node, visit.params["run"])["run"])
    with visit.node.store.transaction() as tx:
        runs.put_aside(tx, run)
    return visit.go("/", "Put aside. The signed proof stays in your node.")


def _shown(node: Node, run: str) -> dict[str, Any]:
    disputed, histories = runs.get(node, run, "disputed"), runs.get(node, run, "two_histories")
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


PAGES = [shows("/disputes/{run}", dispute), acts("/disputes/{run}", put_aside)]
