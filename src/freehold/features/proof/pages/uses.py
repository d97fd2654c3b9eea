"""Who used what: every use this node took part in, newest first, by day; and one receipt, checked for real."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response, StreamingResponse

from freehold.core.documents import Receipt
from freehold.core.errors import FreeholdError, NotFound
from freehold.core.signing import Envelope
from freehold.core.texts import said
from freehold.core.times import DAY_SECONDS
from freehold.features.proof.verifications import TITLES, Verifications, zipped
from freehold.kernel import logbook, uses
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, readable, thing_name
from freehold.kernel.uses import Filter, Use
from freehold.kernel.web import formats
from freehold.kernel.web.paying import anchor_fee
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.web.words import money, named
from freehold.kernel.words import actions

PAGE = 40
LATEST = 6
PERIODS = {"1": "the last day", "7": "the last 7 days", "30": "the last 30 days", "365": "the last year"}


def overview(visit: Visit) -> Response:
    """One page of the timeline."""
    node = visit.node
    wanted, chosen = _filter(visit)
    found = uses.page(node, wanted, _before(visit.query.get("before", "")), PAGE + 1)
    shown, older = found[:PAGE], ""
    if len(found) > PAGE:
        older = urlencode({**chosen, "before": "{}-{}".format(*shown[-1].place)})
    return visit.show(
        "uses.html",
        days=_days(node, shown),
        older=older,
        newest=urlencode(chosen) if visit.query.get("before") else "",
        chosen=chosen,
        things=_named(uses.choices(node, "asset"), lambda value: thing_name(node, value)),
        people=_named(_parties(node), lambda value: name_of(node, value)),
        actions=[(one, done(one).replace("{}", "it", 1)) for one in uses.choices(node, "action")],
        periods=PERIODS,
    )


def _parties(node: Node) -> list[str]:
    both = {*uses.choices(node, "provider"), *uses.choices(node, "holder")}
    return sorted(both - {node.account})


def _named(values: list[str], name: Any) -> list[tuple[str, str]]:
    return sorted(((value, str(name(value))) for value in values), key=lambda pair: pair[1].lower())


def _filter(visit: Visit) -> tuple[Filter, dict[str, str]]:
    """What was asked for, and the same as it goes into links."""
    given = {key: visit.query.get(key, "")[:80] for key in ("thing", "who", "action", "period")}
    chosen = {key: value for key, value in given.items() if value}
    if chosen.get("period") not in PERIODS:
        chosen.pop("period", None)
    days = int(chosen.get("period", "0"))
    since = visit.node.now() - days * DAY_SECONDS if days else 0
    wanted = Filter(chosen.get("thing", ""), chosen.get("who", ""), chosen.get("action", ""), since)
    return wanted, chosen


def _before(text: str) -> tuple[int, int]:
    parts = text[:40].split("-")
    if len(parts) == 2 and all(part.isascii() and part.isdecimal() for part in parts):
        return min(int(parts[0]), 2**53), min(int(parts[1]), 2**53)
    return uses.NEWEST


def _days(node: Node, shown: list[Use]) -> list[tuple[int, list[dict[str, Any]]]]:
    """(a moment of that day, its rows), newest first."""
    anchored = logbook.anchored_if_known(node) if shown else 0
    grouped = groupby(shown, key=lambda use: formats.here(use.issued_at).date())
    return [
        (of_day[0].issued_at, [_row(node, use, anchored) for use in of_day])
        for _, group in grouped
        if (of_day := list(group))
    ]


def _row(node: Node, use: Use, anchored: int | None) -> dict[str, Any]:
    vouched = None if anchored is None else use.position < anchored
    return {"use": use, "said": sentence(node, use), "anchored": vouched}


def latest(host: Host) -> list[dict[str, Any]]:
    """The latest uses of what is ours, a training run's rounds as one."""
    node = host.node
    return [
        {
            **vars(row),
            "who": name_of(node, row.holder),
            "name": node.asset(row.asset).name if node.store.has(row.asset) else "",
        }
        for row in uses.rows(node, {"provider": node.account}, LATEST)
    ]


def sentence(node: Node, use: Use) -> Markup:
    """`Northside Research trained round 3 on Breast Cancer Part 1, paid $0.00`."""
    who = Markup("You") if use.holder == node.account else named(name_of(node, use.holder), 50)
    what = Markup("<b>{}</b>").format(named(thing_name(node, use.asset), 60))
    if use.provider != node.account and use.holder == node.account:
        what += Markup(" of {}").format(named(name_of(node, use.provider), 50))
    return Markup("{} {}, paid {}").format(who, _act(use, what), money(use.units))


def _act(use: Use, what: Markup) -> Markup:
    if use.action == "train" and use.round == 0:
        return Markup("compared the rows of {} with those of others, under noise").format(what)
    if use.action == "train" and use.round is not None:
        return Markup("trained round {} on {}").format(use.round, what)
    before, _, after = done(use.action).partition("{}")
    return Markup("{}{}{}").format(before, what, after)


def done(action: str) -> str:
    """What an action is, with `{}` for the thing; one that no feature says, by its own word."""
    known = actions().get(action)
    return known.done if known else f"used {{}} in a way unknown to this program ({action})"


def receipt(visit: Visit) -> Response:
    """Everything about one receipt."""
    node, receipt_id = visit.node, _found(visit)
    use, anchored = uses.one(node, receipt_id), logbook.anchored_if_known(node)
    if use is None:
        raise NotFound(said("that receipt is not in this log"), hint=said("Look at Who used it."))
    verification = visit.kept(Verifications).get(receipt_id)
    failure = verification.named_failure if verification else None
    envelope = _read(node, receipt_id)
    vouched = anchored is not None and use.position < anchored
    return visit.show(
        "receipt.html",
        use=use,
        said=sentence(node, use),
        anchored=vouched,
        anchored_size=anchored,
        detail=_detail(node, envelope) if envelope else None,
        inclusion=_inclusion(node, use.position),
        verification=verification,
        findings=[(one, readable(node, one.detail)) for one in verification.findings] if verification else [],
        failed_words=readable(node, failure.detail) if failure else "",
        titles=TITLES,
        fee=anchor_fee(node)
        if use.provider == node.account and anchored is not None and not vouched
        else None,
    )


def verify(visit: Visit) -> Response:
    """Begin checking; with `anchor`, the log is anchored first, which was agreed to by pressing that button."""
    receipt_id = _found(visit)
    if visit.form.text("anchor") == "yes":
        logbook.anchor(visit.node)
    visit.kept(Verifications).begin(visit.host, receipt_id)
    return visit.go(f"/uses/{receipt_id}#verified")


def evidence(visit: Visit) -> Response:
    """The evidence of a verified receipt as a zip."""
    receipt_id = _found(visit)
    known = visit.kept(Verifications).get(receipt_id)
    if known is None or known.bundle is None:
        raise NotFound(said("there is no evidence to download yet"), hint=said("Press Verify first."))
    folder = f"evidence-{receipt_id[2:12]}"
    headers = {"content-disposition": f'attachment; filename="{folder}.zip"'}
    return StreamingResponse(zipped(known.bundle, folder), media_type="application/zip", headers=headers)


def _found(visit: Visit) -> str:
    return visit.node.store.resolve(visit.params["receipt"], "receipt")


def _read(node: Node, receipt_id: str) -> Envelope | None:
    """The stored receipt; None where it is not what was logged, which verifying then says."""
    try:
        envelope = node.store.get(receipt_id)
    except FreeholdError:
        return None
    return envelope if envelope.document.id == receipt_id else None


def _detail(node: Node, envelope: Envelope) -> dict[str, Any]:
    document = envelope.document
    assert isinstance(document, Receipt)
    return {
        "body": document,
        "provider": name_of(node, document.provider),
        "holder": name_of(node, document.holder),
        "money": [{"who": _payee(node, line.account), "units": line.delta_units} for line in document.money],
        "signatures": [{**one.model_dump(), "who": name_of(node, one.signer)} for one in envelope.signatures],
        "complete": envelope.is_complete,
    }


def _payee(node: Node, account: str) -> str:
    return name_of(node, account) if len(account) == 42 else "everybody whose data made the model"


def _inclusion(node: Node, position: int) -> dict[str, Any]:
    with node.store.log() as log:
        size = log.size()
        path = log.inclusion_proof(position, size)
    return {"size": size, "path": ["0x" + item.hex() for item in path]}


PAGES = [
    shows("/uses", overview),
    shows("/uses/{receipt}", receipt),
    acts("/uses/{receipt}/verify", verify, needs=Power.LOOK, words=said("Verified a use")),
    shows("/uses/{receipt}/evidence", evidence),
]
