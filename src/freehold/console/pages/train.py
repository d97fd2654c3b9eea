"""Training: choosing data, a test set and a price, seeing what it costs, starting, and watching it happen."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from freehold.console.forms import Upload
from freehold.console.people import name_of
from freehold.console.visit import Visit, acts, shows
from freehold.core import money
from freehold.core.errors import FreeholdError, InvalidInput, NotFound
from freehold.node import ordering, publishing, viewing
from freehold.node.node import Node
from freehold.node.ordering import Order
from freehold.training.coalitions import MAX_OWNERS
from freehold.training.logistic import Recipe

STAGES = {
    "grants": "asking the owners",
    "commit": "fixing the test",
    "statistics": "column totals",
    "plan": "writing the plan",
    "rounds": "training",
    "open": "opening the test",
    "value": "measuring contributions",
    "release": "releasing the model",
    "done": "done",
}
"""Steps of a job as people say them."""
MAX_ROUNDS = 100


@dataclass
class Draft:
    """An order that was checked and not placed yet."""

    id: str
    order: Order
    upload: Upload
    rows: int
    """Of the test table."""

    def close(self) -> None:
        """Delete the uploaded test table."""
        self.upload.close()


def choose(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Datasets that fit together, a test table, a name and a price."""
    node, form = visit.node, visit.form
    chosen = form.chosen("asset") or [visit.query.get("with", "")]
    text = visit.query.get("q", "")[:100]
    return visit.show(
        "train.html",
        error.http_status if error else 200,
        error=error,
        groups=_groups(node, text),
        chosen=chosen,
        text=text,
        typed={key: form.text(key) for key in ("name", "price", "rounds", "positive")} if error else {},
        usual_rounds=Recipe().rounds,
        most_rounds=MAX_ROUNDS,
        most_owners=MAX_OWNERS,
        peers=viewing.peers(node),
    )


def _groups(node: Node, text: str) -> list[dict[str, Any]]:
    """Datasets with equal columns and label, which is what can be trained on together."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in publishing.search(node, text, "dataset"):
        columns = row["columns"]
        if int(row["expires_at"]) > node.now() and isinstance(columns, list):
            key = (tuple(map(str, columns)), str(row["label"]))
            groups.setdefault(key, []).append(row)
    made = [
        {
            "columns": key[0],
            "label": key[1],
            "rows": rows,
            "total": sum(int(row["rows"] or 0) for row in rows),
        }
        for key, rows in groups.items()
    ]
    return sorted(made, key=lambda group: -len(group["rows"]))


def check(visit: Visit) -> Response:
    """The form arrived: check all of it, then show what it costs."""
    sent = visit.form.upload
    try:
        draft = _draft(visit, sent)
    except FreeholdError as error:
        if sent:
            sent.close()
        return choose(visit, error)
    old = visit.session.kept.get("order")
    if old is not None:
        old.close()
    visit.session.kept["order"] = draft
    return visit.go(f"/train/{draft.id}")


def _draft(visit: Visit, sent: Upload | None) -> Draft:
    form = visit.form
    if sent is None or not sent.size_bytes:
        raise InvalidInput(
            "no test table was chosen", hint="Choose a CSV or Parquet file with the same columns."
        )
    name = form.text("name", 200)
    if not name:
        raise InvalidInput("the model needs a name", hint="Others see it.")
    price = money.units(form.text("price", 40) or "0")
    if price < 1:
        raise InvalidInput("an answer needs a price", hint="For example 0.001.")
    order = Order(
        assets=tuple(visit.node.store.resolve(one, "asset") for one in form.chosen("asset")),
        test=sent.path,
        name=name,
        recipe=Recipe(rounds=form.number("rounds", "the number of rounds", 1, MAX_ROUNDS)),
        price_units=price,
        positive=form.text("positive", 200) or None,
    )
    if not order.assets:
        raise InvalidInput("no dataset was chosen", hint="Tick at least one.")
    try:
        _, table = ordering.check(visit.node, order)
    except FreeholdError as error:
        error.message = error.message.replace(sent.path.name, sent.name)
        raise
    return Draft(secrets.token_urlsafe(9), order, sent, table.rows)


def review(visit: Visit) -> Response:
    """What it costs and what happens, before anything does."""
    draft, node = _kept(visit), visit.node
    rows = [publishing.describe(node, node.asset(one)) for one in draft.order.assets]
    uses = draft.order.recipe.rounds + 1
    short = [row for row in rows if node.asset(row["id"]).terms.max_uses < uses]
    return visit.show(
        "train_review.html",
        draft=draft,
        rows=rows,
        total_units=sum(int(row["price_units"]) for row in rows if row["price_per"] == "grant"),
        balance_units=node.balance_units(),
        short=short,
        uses=uses,
    )


def start(visit: Visit) -> Response:
    """Place the order."""
    draft = _kept(visit)
    job_id = visit.services.jobs.start(draft.order)
    visit.session.kept.pop("order", None)
    draft.close()
    return visit.go(f"/jobs/{job_id}", "Training has begun. You can leave this page; it goes on by itself.")


def _kept(visit: Visit) -> Draft:
    draft = visit.session.kept.get("order")
    if not isinstance(draft, Draft) or draft.id != visit.params["draft"]:
        raise NotFound("this order is no longer here", hint="Choose the data again.")
    return draft


def job(visit: Visit) -> Response:
    """One job as it stands now."""
    node = visit.node
    found = visit.services.jobs.get(visit.params["job"])
    stored = node.store.state(f"job:{found['id']}")
    times = _round_times(node, found)
    done = len(times)
    owners = [_owner(node, asset_id, found) for asset_id in stored["assets"]]
    return visit.show(
        "job.html",
        job=found,
        stages=[(key, label) for key, label in STAGES.items() if key != "done"],
        at=list(STAGES).index(found["step"]),
        done=found["rounds"] if list(STAGES).index(found["step"]) > list(STAGES).index("rounds") else done,
        owners=owners,
        left_seconds=_left(times, found["rounds"])
        if found["step"] == "rounds" and found["running"]
        else None,
        started_at=stored["started_at"],
        price_units=stored["price_units"],
    )


def _round_times(node: Node, found: dict[str, Any]) -> list[int]:
    if not found["run"]:
        return []
    claims = node.store.find("claim", "training_round", found["run"])
    return [int(claim.document.body["issued_at"]) for claim in claims]


def _left(times: list[int], rounds: int) -> int | None:
    """Seconds until the last round, by the pace so far."""
    if len(times) < 2:
        return None
    return max(1, round((times[-1] - times[0]) / (len(times) - 1) * (rounds - len(times))))


def _owner(node: Node, asset_id: str, found: dict[str, Any]) -> dict[str, Any]:
    asset = node.asset(asset_id)
    absent = found["absent"] if isinstance(found["absent"], dict) else dict.fromkeys(found["absent"], "")
    waits = next((row for row in found["waiting"] if row["asset"] == asset_id), None)
    state = "asked" if found["step"] == "grants" else "agreed"
    if asset.owner in found["grants"]:
        state = "agreed"
    if waits:
        state = "countered" if waits["state"] == "countered" else "waits"
    if asset.owner in absent:
        state = "absent"
    return {"name": name_of(node, asset.owner), "asset": asset.name, "state": state}


def stop(visit: Visit) -> Response:
    """Stop a job until it is resumed."""
    job_id = visit.services.jobs.hold(visit.params["job"])
    return visit.go(f"/jobs/{job_id}", "Stopped. What was trained stays; resume it at any time.")


def resume(visit: Visit) -> Response:
    """Go on with a job."""
    job_id = visit.services.jobs.resume(visit.params["job"])
    return visit.go(f"/jobs/{job_id}", "It goes on.")


PAGES = [
    shows("/train", choose),
    acts("/train", check, takes_file=True),
    shows("/train/{draft}", review),
    acts("/train/{draft}/start", start),
    shows("/jobs/{job}", job),
    acts("/jobs/{job}/stop", stop),
    acts("/jobs/{job}/resume", resume),
]
