"""Who used what: every use this node took part in, newest first, by day; and one receipt, checked for real."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from markupsafe import Markup, escape
from starlette.responses import Response, StreamingResponse

from freehold.core.documents import Receipt
from freehold.core.errors import FreeholdError, NotFound
from freehold.core.look_alikes import folded
from freehold.core.signing import Envelope
from freehold.core.texts import Text, Units, filled, said
from freehold.core.times import DAY_SECONDS
from freehold.features.proof.verifications import TITLES, Verifications, zipped
from freehold.kernel import logbook, uses
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, readable
from freehold.kernel.selecting import Found, Wanted
from freehold.kernel.uses import Use
from freehold.kernel.web.paying import anchor_fee
from freehold.kernel.web.powers import NoPower, Power
from freehold.kernel.web.reader import reader
from freehold.kernel.web.tables import Column, Empty, Filter, Table, Tag, decimal, moment
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.web.words import named
from freehold.kernel.words import actions

VERIFIED = said("Verified a use")
_LATEST = replace(uses.NEWEST_FIRST, limit=6, counted=False)
MOST_ROUNDS = 6
"""Of a run, shown with it."""
_ID = re.compile(r"0x(?:[0-9a-f]{40}|[0-9a-f]{64})")
PERIODS = (
    ("1", said("the last day")),
    ("7", said("the last 7 days")),
    ("30", said("the last 30 days")),
    ("365", said("the last year")),
)


@dataclass(frozen=True)
class Row:
    """A use, or a whole run, as the list shows it."""

    use: Use
    """The newest one of a run."""
    sentence: Markup
    owner: str
    at: int
    units: int
    """Paid in all; nothing where none was."""
    state: Tag | None
    times: int
    """Uses that it stands for."""
    rounds: Sequence[Use]
    """The newest of a run, where it stands for several."""


def overview(visit: Visit) -> Response:
    """Who used what."""
    node, run = visit.node, visit.query.get("run", "")[:80]
    table = Table(
        said("Uses"),
        _SHOWN,
        partial(_rows, node, run),
        search=said("Name of data, a model or a person"),
        filters=() if run else _filters(node, visit.query.get("thing", ""), visit.query.get("who", "")),
        empty=Empty(
            said("Nobody has used anything yet"),
            said(
                "As soon as somebody trains on your data or asks your model, each use stands here with its receipt."
                " Publish a table to begin."
            ),
            "/publish",
            said("Publish a table"),
        ),
        sort="-at",
    )
    if visit.query.get("format") == "csv":
        table = replace(table, columns=_FILED, load=partial(_one_by_one, node, run))
    return visit.show("uses.html", listed=table.shown(visit), run=run)


def _filters(node: Node, thing: str, who: str) -> tuple[Filter, ...]:
    names = Names(node)
    things = _named(_among(uses.choices(node, "asset"), thing), names.thing)
    people = _named(_among(_parties(node), who), names.party)
    kinds = [(one, noun(one)) for one in uses.choices(node, "action")]
    return (
        Filter("thing", said("What"), said("everything"), things),
        Filter("who", said("Who"), said("everybody"), people),
        Filter("action", said("Did what"), said("anything"), kinds),
        Filter("period", said("When"), said("ever"), PERIODS),
    )


def _among(choices: list[str], asked: str) -> list[str]:
    """Choices, and the one that a link asks for where there are too many to choose from."""
    return choices if not _ID.fullmatch(asked) or asked in choices else [*choices, asked]


def _parties(node: Node) -> list[str]:
    both = {*uses.choices(node, "provider"), *uses.choices(node, "holder")}
    return sorted(both - {node.account})


def _named(values: list[str], name: Callable[[str], str]) -> list[tuple[str, str]]:
    return sorted(((value, name(value)) for value in values), key=lambda pair: folded(pair[1]))


class Names:
    """What things and people are called, each looked up once."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.thing = cache(self._thing)
        self.party = cache(self._party)

    def _thing(self, asset: str) -> str:
        known = self.node.store.rows("SELECT name FROM assets WHERE id = ?", asset)
        return str(known[0][0]) if known else said("something not known here")

    def _party(self, account: str) -> str:
        known = self.node.store.party(account)
        return known[1] if known else said("somebody not known here")


def _since(node: Node, wanted: Wanted) -> Wanted:
    days = wanted.filter("period")
    if not days:
        return wanted
    since = str(node.now() - int(days) * DAY_SECONDS)
    return replace(wanted, filters={**wanted.filters, "since": since})


def _one_by_one(node: Node, run: str, wanted: Wanted) -> Found[Row]:
    """Each use by itself, as a file has them."""
    names = Names(node)
    return uses.listed(node, _since(node, wanted), run=run).map(lambda use: _row(names, use, None, None))


def _rows(node: Node, run: str, wanted: Wanted) -> Found[Row]:
    in_run = [name for name, one in actions().items() if one.in_run]
    found = uses.listed(node, _since(node, wanted), runs=in_run, run=run)
    anchored = logbook.anchored_if_known(node) if found.rows else 0
    whole = [] if run else [(use.grant, use.action) for use in found.rows if use.action in in_run]
    runs, names = uses.runs(node, whole, MOST_ROUNDS), Names(node)
    return found.map(lambda use: _row(names, use, anchored, runs.get((use.grant, use.action))))


def _row(names: Names, use: Use, anchored: int | None, run: uses.Run | None) -> Row:
    own = use.provider == names.node.account
    return Row(
        use=use,
        sentence=sentence(names, use),
        owner=said("you") if own else names.party(use.provider),
        at=use.issued_at,
        units=run.units if run else use.units,
        state=_state(use, anchored),
        times=run.times if run else 1,
        rounds=run.newest if run else (),
    )


def _state(use: Use, anchored: int | None) -> Tag | None:
    if not use.complete:
        return Tag(said("signed by one side"), "warn")
    if anchored is None:
        return None
    if use.position < anchored:
        return Tag(said("vouched for"), "good")
    return Tag(said("not vouched for yet"))


_SHOWN = (
    Column("said", said("What happened"), show=lambda row: row.sentence),
    Column("owner", said("Whose")),
    Column("at", said("When"), show="when", sort=True),
    Column("units", said("Paid"), show=lambda row: Units(row.units) if row.units else "", align="end"),
    Column("state", said("By the network")),
)
_FILED = (
    Column("at", said("Date"), csv=lambda row: moment(row.at), sort=True),
    Column("said", said("What happened"), csv=lambda row: row.sentence.striptags()),
    Column("owner", said("Whose")),
    Column("round", said("Round of training"), csv=lambda row: row.use.round),
    Column("units", said("Paid"), csv=lambda row: decimal(row.units)),
    Column("currency", said("Currency"), csv=lambda _: "USD"),
    Column("complete", said("Signed by both sides"), csv=lambda row: row.use.complete),
    Column("id", said("Receipt"), csv=lambda row: row.use.id),
)


def latest(visit: Visit) -> list[dict[str, Any]]:
    """The latest uses on either side, a training run's rounds as one."""
    names = Names(visit.node)
    newest = uses.listed(visit.node, _LATEST, together=True).rows
    runs = uses.runs(visit.node, ((use.grant, use.action) for use in newest))
    return [
        {
            "said": sentence(names, use),
            "at": use.issued_at,
            "run": runs[use.grant, use.action],
        }
        for use in newest
    ]


def sentence(names: Names, use: Use) -> Markup:
    """`Northside Research trained on Breast Cancer Part 1`."""
    what = Markup("<b>{}</b>").format(named(names.thing(use.asset), 60))
    if use.holder == names.node.account:
        return happened(use.action, what=what)
    return happened(use.action, who=named(names.party(use.holder), 50), what=what)


def happened(action: str, **parts: Markup) -> Markup:
    """What was done, of `who` or of this node's owner where nobody is named; an action that no feature says by its word."""
    known, who, what = actions().get(action), parts.get("who"), parts["what"]
    if known is not None:
        text = known.you(what) if who is None else known.they(who, what)
    else:
        parts["action"] = named(action, 40)
        text = _unknown(who, what, parts["action"])
    template = str(escape(reader().texts().gettext(text.template)))
    # every part is escaped already
    return Markup(filled(template, parts, str))  # noqa: S704


def _unknown(who: str | None, what: str, action: str) -> Text:
    if who is None:
        return said("You used {what} in a way unknown to this program ({action})", what=what, action=action)
    return said(
        "{who} used {what} in a way unknown to this program ({action})", who=who, what=what, action=action
    )


def noun(action: str) -> str:
    """What a use is called; one that no feature says, by its own word."""
    known = actions().get(action)
    return known.noun if known else action


def receipt(visit: Visit) -> Response:
    """Everything about one receipt."""
    node, receipt_id = visit.node, _found(visit)
    use, anchored = uses.one(node, receipt_id), logbook.anchored_if_known(node)
    if use is None:
        raise NotFound(said("that receipt is not in this log"), hint=said("Look at Uses."))
    verification = visit.kept(Verifications).get(receipt_id)
    failure = verification.named_failure if verification else None
    envelope = _read(node, receipt_id)
    vouched = anchored is not None and use.position < anchored
    return visit.show(
        "receipt.html",
        use=use,
        noun=noun(use.action),
        said=sentence(Names(node), use),
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
        if not visit.may(Power.PAY):
            raise NoPower.to(Power.PAY)
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
    return name_of(node, account) if len(account) == 42 else said("everybody whose data made the model")


def _inclusion(node: Node, position: int) -> dict[str, Any]:
    with node.store.log() as log:
        size = log.size()
        path = log.inclusion_proof(position, size)
    return {"size": size, "path": ["0x" + item.hex() for item in path]}


PAGES = [
    shows("/uses", overview),
    shows("/uses/{receipt}", receipt),
    acts("/uses/{receipt}/verify", verify, needs=Power.LOOK, words=VERIFIED),
    shows("/uses/{receipt}/evidence", evidence),
]
