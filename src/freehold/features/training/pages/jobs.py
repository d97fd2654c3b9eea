"""A training job: how far it is, who takes part, who was away and why, what is held back; and disputes about runs.

A dispute is of a run whose builder stated other values than this node computed, or told two histories.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core.documents import Claim
from freehold.core.errors import NotFound
from freehold.core.texts import said
from freehold.features.grants import asking
from freehold.features.grants.consent import GrantRefused
from freehold.features.models.rules import worth
from freehold.features.privacy.rules import promises
from freehold.features.training import kept, runs
from freehold.features.training.jobs import Jobs
from freehold.features.training.rules import findings
from freehold.features.training.tables import ENDED
from freehold.kernel.feature import Reminder
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, readable
from freehold.kernel.web.places import Hit
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import Column, Empty, Filter, Found, Link, Table, Tag, Wanted
from freehold.kernel.web.visit import Visit, acts, shows

STAGES = findings.DOING | {"grants": said("asking the owners"), "open": said("opening the test")}
"""Steps of a job as the console says them."""
_FIELDS = {
    "values": said("other values"),
    "errors": said("other errors of the values"),
    "shares_bps": said("other shares"),
    "scores": said("another score of the model"),
    "model": said("another model"),
    "accounts": said("other owners"),
    "missing": said("other owners as missing in the last round"),
}


def overview(visit: Visit) -> Response:
    """Jobs, the newest first."""
    table = Table(
        said("Under way"),
        (
            Column("name", said("Name"), lambda row: Link(f"/jobs/{row['id']}", row["name"])),
            Column("doing", said("Step"), _doing, csv=_doing),
            Column("state", said("State"), _tag, csv=lambda row: _tag(row).word),
            Column("owners", said("Owners"), align="end"),
            Column("model", said("Model"), _model, csv=lambda row: row["model"]),
        ),
        partial(_rows, visit),
        search=said("Name"),
        filters=(
            Filter(
                "state",
                said("State"),
                said("any"),
                (("going", said("being made")), ("ended", said("ended"))),
            ),
        ),
        empty=Empty(
            said("Nothing is under way"),
            said(
                "Choose data of several owners, say what the model should tell, and see what it comes to before"
                " anything is asked or paid."
            ),
            "/train" if visit.may(Power.PAY) else "",
            said("Train a model"),
        ),
    )
    return visit.show("jobs.html", listed=table.shown(visit))


def _rows(visit: Visit, wanted: Wanted) -> Found[dict[str, Any]]:
    """A page of them; only those of the page are looked into."""
    return kept.listed(visit.node, wanted).map(visit.host.part(Jobs).get)


def _tag(row: dict[str, Any]) -> Tag:
    if row["step"] == "done":
        return Tag(said("done"), "good")
    return Tag(*_stands(row))


def _model(row: dict[str, Any]) -> Link | None:
    return (
        Link(f"/assets/{row['model']}", said("The model")) if row["step"] == "done" and row["model"] else None
    )


def _doing(job: dict[str, Any]) -> str:
    if job["step"] == "rounds":
        return said("training, round {round} of {rounds}", round=job["round"], rounds=job["rounds"])
    return STAGES[job["step"]]


def _stands(job: dict[str, Any]) -> tuple[str, str]:
    if job["step"] == "withheld":
        return said("held back"), "warn"
    if job["running"]:
        return said("running"), "good"
    if job["waiting"]:
        return said("waits for owners"), "warn"
    return said("stands still"), "bad" if job["error"] else "warn"


def search(visit: Visit, words: tuple[str, ...], most: int) -> list[Hit]:
    """Jobs by name, the newest first."""
    found = kept.listed(visit.node, Wanted(words=words, limit=most))
    jobs = map(visit.host.part(Jobs).get, found.rows)
    return [Hit(job["name"], said("Training"), f"/jobs/{job['id']}", _doing(job)) for job in jobs]


def job(visit: Visit) -> Response:
    """One job as it stands now."""
    node = visit.node
    found = visit.host.part(Jobs).get(visit.params["job"])
    stored = kept.require(node, found["id"])
    stages = [(key, label) for key, label in STAGES.items() if key not in ENDED]
    past = list(STAGES).index(found["step"]) > list(STAGES).index("rounds")
    times = _round_times(node, found)
    training = found["step"] == "rounds" and found["running"]
    return visit.show(
        "job.html",
        job=found,
        stages=stages,
        at=len(stages) if found["step"] in ENDED else list(STAGES).index(found["step"]),
        done=found["rounds"] if past else len(times),
        owners=[_owner(node, asset_id, found) for asset_id in stored["assets"]],
        left_seconds=_left(times, found["rounds"]) if training else None,
        started_at=stored["started_at"],
        privacy=promises.of_use(found) if "plan" in stored else "",
        scores=worth.shares(found["scores"]) if found["scores"] else None,
        problem=readable(node, found["error"]["title"]) if found["error"] else "",
    )


def _round_times(node: Node, found: dict[str, Any]) -> list[int]:
    """When each round of training that is over was signed; the comparison of rows is none."""
    if not found["run"]:
        return []
    claims = kept.claims_of(node, found["run"])
    return [claim.issued_at for claim in claims if claim.statement["number"]]


def _left(times: list[int], rounds: int) -> int | None:
    """Seconds until the last round, by the pace so far."""
    if len(times) < 2:
        return None
    return max(1, round((times[-1] - times[0]) / (len(times) - 1) * (rounds - len(times))))


def _owner(node: Node, asset_id: str, found: dict[str, Any]) -> dict[str, Any]:
    """One owner's state, and what there is to say of it: away when and why, not agreed and why."""
    asset = node.asset(asset_id)
    away, silent = found["absent"].get(asset.owner), found["silent"].get(asset.owner)
    notes = []
    if away:
        notes.append(findings.away({**away, "why": readable(node, away["why"])}))
    if silent:
        notes.append(said("has not agreed to the shares: {why}", why=silent))
    return {
        "name": name_of(node, asset.owner),
        "asset": asset.name,
        "state": "refused" if _refused(node, asset_id, found) else _state(asset_id, asset.owner, found),
        "request": next((row["id"] for row in found["waiting"] if row["asset"] == asset_id), ""),
        "notes": notes,
    }


def _refused(node: Node, asset_id: str, found: dict[str, Any]) -> bool:
    """Whether its owner's refusal is what the job stands still for."""
    if not found["error"] or found["error"]["code"] != GrantRefused.code:
        return False
    return any(row["state"] == "refused" for row in asking.about(node, asset_id, 1))


def _state(asset_id: str, owner: str, found: dict[str, Any]) -> str:
    waits = next((row for row in found["waiting"] if row["asset"] == asset_id), None)
    if waits:
        return waits["state"] if waits["state"] in ("countered", "refused") else "waits"
    away = found["absent"].get(owner)
    if away and (not away["rounds"] or (found["step"] == "rounds" and max(away["rounds"]) > found["round"])):
        return "absent"
    if owner in found["silent"]:
        return "silent"
    return "agreed" if owner in found["grants"] or found["step"] not in ("plan", "grants") else "asked"


def stop(visit: Visit) -> Response:
    """Stop a job until it is resumed."""
    job_id = visit.host.part(Jobs).hold(visit.params["job"])
    return visit.go(f"/jobs/{job_id}", said("Stopped. What was trained stays; resume it at any time."))


def resume(visit: Visit) -> Response:
    """Go on with a job."""
    job_id = visit.host.part(Jobs).resume(visit.params["job"])
    return visit.go(f"/jobs/{job_id}", said("It goes on."))


def ask_release(visit: Visit) -> Response:
    """What releasing a model that was held back means."""
    found = visit.host.part(Jobs).get(visit.params["job"])
    if found["step"] != "withheld":
        raise NotFound(said("this model is not held back"), hint=said("Look at Models."))
    return visit.show("release.html", job=found, scores=worth.shares(found["scores"]))


def release(visit: Visit) -> Response:
    """Release it all the same."""
    job_id = visit.host.part(Jobs).release(visit.params["job"])
    return visit.go(f"/jobs/{job_id}", said("It is being released."))


def to_look_at(node: Node, most: int) -> list[Reminder]:
    """Disputes that their owner has not put aside, as Home lists things."""
    found = ((run, _dispute(node, run)) for run in runs.disputed(node, most))
    return [
        Reminder(
            f"{one['builder']} {one['short']}.", f"/disputes/{run}", said("Look"), f"dispute:{run}", "trouble"
        )
        for run, one in found
    ]


def dispute(visit: Visit) -> Response:
    """One of them, with the signed claims that prove it."""
    return visit.show("dispute.html", **_dispute(visit.node, visit.params["run"]))


def put_aside(visit: Visit) -> Response:
    """The owner has seen it; the proof stays."""
    run = str(_dispute(visit.node, visit.params["run"])["run"])
    with visit.node.store.transaction() as tx:
        runs.put_aside(tx, run)
    return visit.go("/", said("Put aside. The signed proof stays in your node."))


def _dispute(node: Node, run: str) -> dict[str, Any]:
    disputed, histories = runs.get(node, run, "disputed"), runs.get(node, run, "two_histories")
    if disputed is None and histories is None:
        raise NotFound(said("there is no dispute about that run"), hint=said("Look at Home."))
    ids = histories or [disputed["contribution"]]
    claims = [node.typed(one, Claim) for one in ids]
    if histories:
        short = said("signed two accounts of round {n} of one training run", n=claims[0].statement["number"])
    else:
        what = _FIELDS.get(disputed["field"]) or said("another {field}", field=disputed["field"])
        short = said("stated {what} than your node computed", what=what)
    builder = name_of(node, claims[0].issuer)
    return {"run": run, "builder": builder, "short": short, "two": bool(histories), "claims": ids}


PAGES = [
    shows("/jobs", overview),
    shows("/jobs/{job}", job),
    acts("/jobs/{job}/stop", stop, needs=Power.PAY, words=said("Stopped a training")),
    acts("/jobs/{job}/resume", resume, needs=Power.PAY, words=said("Let a training go on")),
    shows("/jobs/{job}/release", ask_release, needs=Power.DECIDE),
    acts("/jobs/{job}/release", release, needs=Power.DECIDE, words=said("Released a training")),
    shows("/disputes/{run}", dispute),
    acts("/disputes/{run}", put_aside, needs=Power.DECIDE, words=said("Put a dispute aside")),
]
