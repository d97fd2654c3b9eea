"""The way of a table from a file to the catalogue, in three steps; nothing is sent before the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.responses import Response

from freehold import plain_file
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput, NotFound
from freehold.core.look_alikes import folded
from freehold.core.texts import said
from freehold.features.data import chosen_file, drafts, licence, publishing, wire
from freehold.features.data.drafts import Draft, DraftChanged, DraftPublished, Drafts
from freehold.features.data.rules import written
from freehold.features.data.rules.ways import CHOICES, Ways
from freehold.features.privacy.rules import promises
from freehold.kernel.surface import Epsilon
from freehold.kernel.web.forms import MAX_TEXT, Form, Upload
from freehold.kernel.web.places import Place
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Handler, Visit, acts, shows
from freehold.kernel.web.words import PURPOSES, problem

NUMBERS = {"max_uses": said("The number of uses"), "days": said("The number of days")}
STEPS = (said("File"), said("Look and terms"), said("Publish"))
FIELDS = wire.PUBLISH.fields
TERMS = {
    name: one
    for name, one in FIELDS.items()
    if name not in wire.INSPECT.fields or isinstance(one.surface, Epsilon)
}
"""What the terms are; the file and how its rows count are chosen beside."""


def choose(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Step one: the file, or a draft of before."""
    replaced = _replaced(visit, visit.query.get("replaces", "") or visit.form.text("replaces"))
    return visit.show(
        "publish_file.html",
        error=error,
        steps=STEPS,
        replaced=replaced,
        drafts=visit.host.part(Drafts).all() if visit.may(Power.DECIDE) else [],
        most=(drafts.MAX_DRAFTS, drafts.MAX_BYTES, drafts.KEEP_DAYS),
        choices=CHOICES,
        kinds=chosen_file.KINDS,
        typed=visit.form.fields,
        most_bytes=visit.node.settings.max_table_bytes,
    )


def upload(visit: Visit) -> Response:
    """A file arrived."""
    sent = visit.form.upload
    try:
        if sent is not None and sent.chosen:
            return _begin(visit, sent.path, sent)
    finally:
        if sent:
            sent.close()
    return choose(visit, InvalidInput(said("no file was chosen"), hint=said("Choose a table.")))


def from_path(visit: Visit) -> Response:
    """A file that lies on this machine already."""
    text = visit.form.text("path", 4_000)
    path = plain_file.named(text)
    if not text or not path.is_absolute() or not path.is_file():
        hint = said("Give the whole path, such as /home/me/patients.csv.")
        return choose(visit, InvalidInput(said("there is no such file on this machine"), hint=hint))
    return _begin(visit, path, None)


def _begin(visit: Visit, path: Path, upload: Upload | None) -> Response:
    kept = visit.host.part(Drafts)
    try:
        replaced = _replaced(visit, visit.form.text("replaces"))
        draft = kept.take_in(
            path, upload, replaced.id if replaced else "", tuple(chosen_file.ways(visit.form).said)
        )
    except FreeholdError as error:
        return choose(visit, error)
    label = str(replaced.schema_.get("label")) if replaced else draft.profile.likely_label()
    if draft.profile.column(label) is None:
        label = draft.profile.likely_label()
    subject = draft.asked.subject
    if subject is None or subject == label or draft.profile.column(subject) is None:
        draft.change(subject=None, rows_each=1)
    positive = _positive(draft, label, "")
    needed = (label, draft.asked.subject)
    unusual = [one for one in draft.profile.unusual if one not in needed]
    draft.change(left_out=unusual, label=label, positive=positive)
    draft.look(visit.node, path)
    kept.keep(draft)
    return visit.go(f"/publish/{draft.id}")


def _replaced(visit: Visit, text: str) -> Asset | None:
    if not text:
        return None
    asset = visit.node.asset(visit.node.store.resolve(text, "asset"))
    publishing.require_own(visit.node, asset)
    return asset


def _of_draft(handler: Handler) -> Handler:
    """A page of one draft: of one that is gone, or published by now, it leads on and says so."""

    def page(visit: Visit) -> Response:
        try:
            return handler(visit)
        except DraftPublished as error:
            words = said("This draft is published: this is the dataset that it became.")
            return visit.go(f"/data/{error.fields['asset']}", words, done=False)
        except DraftChanged as error:
            return visit.go(f"/publish/{visit.params['draft']}", problem(error), "warn")
        except NotFound as error:
            return visit.go("/publish", problem(error), "warn")

    return page


@_of_draft
def look(visit: Visit) -> Response:
    """Step two: the first rows, the label, what is wrong with the file, and the terms."""
    return _look(visit)


def _look(visit: Visit, error: FreeholdError | None = None) -> Response:
    node = visit.node
    draft = visit.host.part(Drafts).get(visit.params["draft"])
    label = draft.profile.column(draft.asked.label)
    counts = sorted((label.values or {}).items(), key=lambda item: -item[1]) if label else []
    words = [value for value, _ in counts] if _words(draft, draft.asked.label) else []
    asks = {("dates" if one.is_date else "decimal") for one in draft.profile.understood if one.is_asked}
    return visit.show(
        "publish_look.html",
        error=error,
        # a step of its own: no tabs stand before what is asked
        place=Place.ASSETS,
        steps=STEPS,
        draft=draft,
        label=label,
        counts=counts,
        words=words if len(words) == 2 else [],
        shown=draft.shown,
        odd=_odd(draft),
        ways=Ways.of(draft.asked.read_as),
        unasked={name: ones for name, ones in CHOICES.items() if name not in asks},
        asks=asks,
        purposes={**PURPOSES, **{word: word for word in draft.asked.purposes if word not in PURPOSES}},
        counting=promises.unit(draft.asked.rows_each),
        exact=promises.EXACT,
        known=sorted(
            (one for one in node.store.parties() if one[0] != node.account), key=lambda one: folded(one[1])
        ),
    )


def _odd(draft: Draft) -> list[str]:
    """What its owner should look at, beside how the file is read, which is said apart."""
    if draft.report is None:
        return []
    taken = draft.report["columns"]
    read = written.told(one for one in draft.profile.understood if one.column in taken)
    return [one for one in draft.report["warnings"] if one not in (*draft.profile.notes, *read)]


@_of_draft
def take(visit: Visit) -> Response:
    """Columns and terms were chosen: look again, and go on where nothing is wrong."""
    kept, form, goes_on = visit.host.part(Drafts), visit.form, visit.form.text("do") == "go"
    failed: FreeholdError | None = None
    with kept.changing(visit.params["draft"], _revision(form)) as draft, kept.table(draft) as table:
        draft.agreed = False
        draft.typed = _typed(form)
        try:
            _take_columns(visit.node, draft, form, table)
            if goes_on:
                draft.change(**_chosen(form))
                # what a document refuses is refused here, not after the last click
                licence.terms(visit.node, draft.asked)
        except FreeholdError as error:
            failed = error
        draft.look(visit.node, table)
        if goes_on and failed is None and draft.report is not None:
            draft.typed, draft.agreed = {}, True
    if failed is not None:
        return _look(visit, failed)
    return visit.go(f"/publish/{draft.id}/review" if draft.agreed else f"/publish/{draft.id}")


def _revision(form: Form) -> int:
    return form.number("revision", said("the draft's revision"), 0, 2**31)


def _typed(form: Form) -> dict[str, Any]:
    typed: dict[str, Any] = {
        one.face: form.text(one.face, MAX_TEXT) for one in TERMS.values() if one.face in form.fields
    }
    return typed | {"purposes": form.chosen("purpose"), "holder": form.text("holder", 42)}


def _take_columns(node: Any, draft: Draft, form: Form, table: Path) -> None:
    """How the file is meant, its label, whose row it is, and what is left out. Raises InvalidInput, InvalidTable."""
    read_as = chosen_file.ways(form).said
    if read_as != draft.asked.read_as:
        before = draft.asked.read_as
        draft.change(read_as=read_as)
        try:
            draft.look_anew(node, table)
        except FreeholdError:
            draft.change(read_as=before)
            raise
        # another sheet has other columns
        draft.change(
            left_out=[one for one in draft.left_out if draft.profile.column(one)],
            label=draft.asked.label
            if draft.profile.column(draft.asked.label)
            else draft.profile.likely_label(),
        )
    label = form.text("label", 300)
    if draft.profile.column(label) is None:
        label = draft.asked.label
    subject = form.text("subject", 300)
    if subject and (subject == label or draft.profile.column(subject) is None):
        raise InvalidInput(
            said("that column cannot say whose row it is"),
            hint=said("Choose a column that is not the label."),
        )
    out = [*draft.left_out, *(form.chosen("leave") if form.text("do") == "leave" else ())]
    back = form.chosen("take") if form.text("do") == "take" else []
    known = [one for one in dict.fromkeys(out) if draft.profile.column(one) and one not in back]
    draft.change(
        label=label,
        positive=_positive(draft, label, form.text("positive", 300)),
        subject=subject or None,
        rows_each=form.whole(FIELDS["rows_each"], said("The number of rows of each")) if subject else 1,
        left_out=[one for one in known if one not in (label, subject)],
    )


def _words(draft: Draft, label: str) -> dict[str, int]:
    """How often each value of a label stands there; none where all mean 0 or 1 by themselves."""
    column = draft.profile.column(label)
    values = (column.values or {}) if column else {}
    return {} if {one.lower() for one in values} <= {"0", "1", "0.0", "1.0", "true", "false"} else values


def _positive(draft: Draft, label: str, wanted: str) -> str | None:
    """The value that means 1; a guess where words were not told apart yet."""
    words = _words(draft, label)
    # the rarer of two words is nearly always what a model is to find
    return wanted if wanted in words else min(words, key=lambda word: words[word], default=None)


def _chosen(form: Form) -> dict[str, Any]:
    if not form.text("name", MAX_TEXT):
        raise InvalidInput(said("a name is missing"), hint=said("Others find the data by it."))
    if not form.chosen("purpose"):
        raise InvalidInput(
            said("no purpose is ticked"), hint=said("Tick at least one; nothing else is allowed then.")
        )
    return {**form.taken(TERMS, NUMBERS), "purposes": form.chosen("purpose"), "holders": _holders(form)}


def _holders(form: Form) -> list[str]:
    if form.text("reveals") != "update":
        return []
    if not form.text("holder", 42):
        raise InvalidInput(
            said("nobody is named who gets exact updates"), hint=said("Name one account, 0x and 40 digits.")
        )
    if "yes" not in form.chosen("exact"):
        raise InvalidInput(
            said("exact updates were not confirmed"),
            hint=said("Tick that you know that rows can be rebuilt from them."),
        )
    return [form.text("holder", 42).lower()]


@_of_draft
def review(visit: Visit) -> Response:
    """Step three: everything in one sentence."""
    draft = visit.host.part(Drafts).get(visit.params["draft"])
    if draft.report is None or not draft.agreed:
        return visit.go(f"/publish/{draft.id}")
    return visit.show(
        "publish_review.html", steps=STEPS, draft=draft, terms=draft.shown, exact=promises.EXACT
    )


@_of_draft
def finish(visit: Visit) -> Response:
    """Seal, sign and offer it."""
    asset = visit.host.part(Drafts).publish(visit.params["draft"], _revision(visit.form))
    words = said(
        "Published. The table is sealed in your vault; others see its description and terms, never a row."
    )
    return visit.go(f"/assets/{asset}", words)


@_of_draft
def cancel(visit: Visit) -> Response:
    """Throw the draft away."""
    visit.host.part(Drafts).drop(visit.params["draft"])
    return visit.go("/publish", said("Nothing was published, and the uploaded file is deleted."))


def before(visit: Visit) -> Response:
    """An address of before."""
    return visit.go(f"/publish/{visit.params['draft']}")


PAGES = [
    shows("/publish", choose, promises=Power.DECIDE),
    acts("/publish", upload, needs=Power.DECIDE, takes_file=True, words=said("Sent a table to publish")),
    # whoever names a path has the node read it: the machine is the owner's
    acts("/publish/path", from_path, words=said("Named a table on this machine to publish")),
    shows("/publish/{draft}", look, needs=Power.DECIDE),
    acts("/publish/{draft}", take, needs=Power.DECIDE, words=said("Chose columns and terms of a draft")),
    shows("/publish/{draft}/terms", before, needs=Power.DECIDE),
    shows("/publish/{draft}/review", review, needs=Power.DECIDE),
    acts("/publish/{draft}/finish", finish, needs=Power.DECIDE, words=said("Published data")),
    acts("/publish/{draft}/cancel", cancel, needs=Power.DECIDE, words=said("Threw a draft away")),
]
