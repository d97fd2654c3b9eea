"""Training: choosing data, a test set and a price, seeing what it comes to, and starting."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.responses import Response

from freehold import plain_file
from freehold.core import epsilons
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput, NotFound
from freehold.core.ids import is_id_shaped
from freehold.core.texts import Epsilon, Units, said, spelled
from freehold.features.data import chosen_file, finding
from freehold.features.data.rules.ways import CHOICES
from freehold.features.identity import peers
from freehold.features.privacy.rules import promises
from freehold.features.training import planning
from freehold.features.training.jobs import Jobs
from freehold.features.training.rules import findings
from freehold.features.training.wire import MAX_OWNERS, TRAIN, Order
from freehold.kernel import listed
from freehold.kernel.node import Node
from freehold.kernel.web import paying
from freehold.kernel.web.forms import Form, Upload
from freehold.kernel.web.powers import Power
from freehold.kernel.web.typed import as_typed, canonical
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.web.words import problem
from freehold.vault import sealing
from freehold.vault.sealing import EpochSecret

TICKED = ("compare", "exact", "review")
NUMBERS = {
    "rounds": ("rounds", "the number of rounds"),
    "patience": ("patience_seconds", "the wait"),
    "quorum": ("quorum_bps", "the quorum, in per cent,"),
    "weight_cap": ("weight_cap_bps", "the most one owner weighs, in per cent,"),
    "rows_per_call": ("rows_per_call", "the most rows of one call"),
    "round_to": ("round_to", "the number of decimals"),
    "least": ("least_correct_bps", "the least part of right answers, in per cent,"),
}
"""Field of the form -> field of the order, and what it is."""
TYPED = ("name", "price", "epsilon", "positive", "per", *NUMBERS, *CHOICES, "sheet")
"""Fields that stand as they were typed where the form is shown again."""
MOST = {
    name: (one.bounds[1] or 0) // one.flag.scale
    for name, one in ((name, TRAIN.fields[field]) for name, (field, _) in NUMBERS.items())
}
"""Field of the form -> the most that may be typed."""
USUAL = {
    "price": Units(TRAIN.fields["price_units"].info.default),
    "compare": TRAIN.fields["compare"].info.default,
    **{
        name: None if one.info.default is None else -(-one.info.default // one.flag.scale)
        for name, one in ((name, TRAIN.fields[field]) for name, (field, _) in NUMBERS.items())
    },
}
"""Field of the form -> what counts where it is left empty, as it is typed; None where the plan chooses."""


@dataclass
class Draft:
    """An order that was checked and not placed yet."""

    id: str
    order: Order
    sealed: Upload
    """Its test table: whoever has the disk reads nothing while the order waits."""
    secret: EpochSecret
    """Opens it; only in memory."""
    preview: dict[str, Any]
    """What it would come to."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """One request at a time places it."""

    @contextmanager
    def opened(self) -> Iterator[Order]:
        """The order with its test table as a file, for as long as the block lasts."""
        table = Upload(self.sealed.path.parent, self.sealed.name)
        try:
            with plain_file.regular(self.sealed.path) as sealed:
                sealing.unseal(sealed, table.file, self.secret)
            table.finish()
            yield self.order.model_copy(update={"test": str(table.path)})
        finally:
            table.close()

    def close(self) -> None:
        """Delete the test table."""
        self.sealed.close()


_PLACED = "placed_orders"
MOST_OFFERED = 150
"""Datasets that are put into groups, the newest that mention what was typed."""


def choose(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Datasets that fit together, a test table, a name, a price and a privacy budget."""
    node, form = visit.node, visit.form
    chosen = form.chosen("asset") or [visit.query.get("with", "")]
    text = visit.query.get("q", "")[:100]
    offered = listed.assets(
        node, text=text, kind="dataset", offered=True, valid_at=node.now(), limit=MOST_OFFERED
    )
    groups = _groups(node, [*_missing(node, chosen, offered), *offered[::-1]])
    allowed = [row["epsilon_run_micro"] for group in groups for row in group["rows"] if row["id"] in chosen]
    return visit.show(
        "train.html",
        error=error,
        groups=groups,
        chosen=chosen,
        text=text,
        more=MOST_OFFERED if offered.earlier else 0,
        typed={key: form.text(key) for key in TYPED} if error else {},
        ticked={key: bool(form.chosen(key)) if error else USUAL.get(key) is True for key in TICKED},
        usual=USUAL,
        most=MOST,
        allowed=as_typed(Epsilon(min(allowed))) if allowed else "",
        choices=CHOICES,
        kinds=chosen_file.KINDS,
        exact=any(row["exact"] for group in groups for row in group["rows"]),
        most_owners=MAX_OWNERS,
        peers=peers.known(node),
    )


def _missing(node: Node, chosen: list[str], offered: list[Asset]) -> list[Asset]:
    """What is ticked already and not among those that are listed."""
    known = {one.id for one in offered}
    left = [one for one in chosen[:MAX_OWNERS] if is_id_shaped(one) and one not in known]
    return [asset for asset in map(node.asset, filter(node.store.has, left)) if asset.asset_kind == "dataset"]


def _groups(node: Node, offered: list[Asset]) -> list[dict[str, Any]]:
    """Datasets with equal columns and label, which is what can be trained on together."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in [finding.describe(node, asset) for asset in offered]:
        columns = row["columns"]
        if columns and row["label"] is not None:
            key = (tuple(columns), row["label"])
            groups.setdefault(key, []).append({**row, **_revealed(node, row)})
    made = [
        {"columns": key[0], "label": key[1], "rows": rows, "total": _together(rows)}
        for key, rows in groups.items()
    ]
    return sorted(made, key=lambda group: -len(group["rows"]))


def _together(rows: list[dict[str, Any]]) -> int:
    """The most rows that can be trained on at once: one table of each owner."""
    largest: dict[str, int] = {}
    for row in rows:
        largest[row["owner"]] = max(largest.get(row["owner"], 0), row["rows"] or 0)
    return sum(largest.values())


def _revealed(node: Node, row: dict[str, Any]) -> dict[str, Any]:
    """What a run may cost a dataset's rows, and whether it gives this node exact updates."""
    exact = row["reveals"] == "update" and node.account in node.asset(row["id"]).terms.holders
    return {"allows": Epsilon(row["epsilon_run_micro"]), "exact": exact}


def check(visit: Visit) -> Response:
    """The form arrived: check all of it, then show what it comes to."""
    sent = visit.form.upload
    try:
        draft = _draft(visit, sent)
    except FreeholdError as error:
        return choose(visit, error)
    finally:
        if sent:
            sent.close()
    old = visit.session.kept.get("order")
    if old is not None:
        old.close()
    visit.session.kept["order"] = draft
    return visit.go(f"/train/{draft.id}")


def _draft(visit: Visit, sent: Upload | None) -> Draft:
    if sent is None or not sent.size_bytes:
        raise InvalidInput(
            said("no test table was chosen"), hint=said("Choose a file with the same columns.")
        )
    order = _order(visit, sent.path)
    if not order.assets:
        raise InvalidInput(said("no dataset was chosen"), hint=said("Tick at least one."))
    try:
        preview = planning.preview(visit.node, visit.host.peers, order)
    except FreeholdError as error:
        error.message = spelled(error.message, sent.path.name, sent.name)
        raise
    secret, sealed = EpochSecret.generate(), Upload(sent.path.parent, sent.name)
    try:
        with plain_file.regular(sent.path) as plain:
            sealing.seal(plain, sealed.file, secret.recipient)
        sealed.finish()
    except BaseException:
        sealed.close()
        raise
    return Draft(secrets.token_urlsafe(9), order, sealed, secret, preview)


def _order(visit: Visit, test: Path) -> Order:
    form = visit.form
    name = form.text("name", 200)
    if not name:
        raise InvalidInput(said("the model needs a name"), hint=said("Others see it."))
    price = form.money("price", "0")
    if price < 1:
        raise InvalidInput(said("an answer needs a price"), hint=said("For example 0.001."))
    exact, epsilon = bool(form.chosen("exact")), form.text("epsilon", 40)
    return Order(
        assets=[visit.node.store.resolve(one, "asset") for one in form.chosen("asset")],
        test=str(test),
        name=name,
        price_units=price,
        epsilon_micro=epsilons.parse(canonical(epsilon)) if epsilon and not exact else None,
        level="update" if exact else "noised",
        positive=form.text("positive", 200) or None,
        read_as=chosen_file.ways(form).said,
        compare=bool(form.chosen("compare")),
        review=bool(form.chosen("review")),
        per="row" if form.text("per") == "row" else "call",
        **_numbers(form),
    )


def _numbers(form: Form) -> dict[str, Any]:
    """Those that were typed; what is left out is as the order says, or chosen by the plan."""
    return {
        field: form.whole(TRAIN.fields[field], what, name)
        for name, (field, what) in NUMBERS.items()
        if form.text(name)
    }


def review(visit: Visit) -> Response:
    """What it costs, whom, and what happens, before anything does; where that was long ago, the job it became."""
    if job_id := _job(visit):
        return visit.go(f"/jobs/{job_id}")
    try:
        draft, node = _kept(visit), visit.node
    except NotFound as error:
        # the trail, or the browser of before, still leads here
        return visit.go("/train", problem(error), "warn")
    preview, order = draft.preview, draft.order
    rows = [finding.describe(node, node.asset(one)) for one in order.assets]
    return visit.show(
        "train_review.html",
        draft=draft,
        preview=preview,
        epsilon=Epsilon(preview["epsilon_micro"]),
        privacy=promises.of_use(preview),
        counting=promises.EPSILON,
        expected=findings.expected(preview),
        copies=findings.copies(preview, asked=order.compare) if len(rows) > 1 else "",
        rows=rows,
        total_units=preview["total_units"],
        balance_units=node.balance_units(),
        pay=paying.shown(node, preview["total_units"], preview["gas"]),
        short=[row for row in rows if node.asset(row["id"]).terms.max_uses < preview["uses"]],
    )


def start(visit: Visit) -> Response:
    """Place the order; a form that is sent twice is one order."""
    if job_id := _job(visit):
        return visit.go(f"/jobs/{job_id}", done=False)
    draft = _kept(visit)
    with draft.lock:
        return _start(visit, draft)


def _start(visit: Visit, draft: Draft) -> Response:
    if job_id := _job(visit):
        return visit.go(f"/jobs/{job_id}", done=False)
    at_most = paying.agreed(visit)
    with draft.opened() as order:
        job_id = visit.host.part(Jobs).start(order.model_copy(update={"at_most_units": at_most}))
    visit.session.kept.pop("order", None)
    # who goes back from the job comes to the job again
    visit.session.kept[_PLACED] = {**visit.session.kept.get(_PLACED, {}), draft.id: job_id}
    draft.close()
    return visit.go(
        f"/jobs/{job_id}", said("Training has begun. You can leave this page; it goes on by itself.")
    )


def _job(visit: Visit) -> str:
    """The job that the order became; empty where it was not placed."""
    return str(visit.session.kept.get(_PLACED, {}).get(visit.params["draft"], ""))


def _kept(visit: Visit) -> Draft:
    draft = visit.session.kept.get("order")
    if not isinstance(draft, Draft) or draft.id != visit.params["draft"]:
        raise NotFound(said("this order is no longer here"), hint=said("Choose the data again."))
    return draft


PAGES = [
    shows("/train", choose, promises=Power.PAY),
    acts("/train", check, needs=Power.PAY, takes_file=True, words=said("Prepared a training")),
    shows("/train/{draft}", review, needs=Power.PAY),
    acts("/train/{draft}/start", start, needs=Power.PAY, words=said("Ordered a training")),
]
