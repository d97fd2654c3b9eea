"""The way of a table from a file to the catalogue, in four steps; nothing is sent before the last."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import Any

from starlette.responses import Response

from freehold import plain_file
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.texts import said
from freehold.features.data import licence, publishing, wire
from freehold.features.data.drafts import Draft, Drafts
from freehold.features.privacy.rules import promises
from freehold.kernel.surface import Epsilon
from freehold.kernel.web.forms import MAX_TEXT, Form, Upload
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.web.words import PURPOSES

NUMBERS = {"max_uses": "The number of uses", "days": "The number of days"}
STEPS = ("File", "Columns", "Terms", "Review")
FIELDS = wire.PUBLISH.fields
TERMS = {
    name: one
    for name, one in FIELDS.items()
    if name not in wire.INSPECT.fields or isinstance(one.surface, Epsilon)
}
"""What the third step asks; the file and how its rows count were chosen before."""


def choose(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Step one: the file."""
    replaced = _replaced(visit, visit.query.get("replaces", "") or visit.form.text("replaces"))
    return visit.show(
        "publish_file.html",
        error=error,
        steps=STEPS,
        replaced=replaced,
        most_bytes=visit.node.settings.max_table_bytes,
    )


def upload(visit: Visit) -> Response:
    """A file arrived."""
    sent = visit.form.upload
    if sent is not None and sent.chosen:
        return _begin(visit, sent.path, sent)
    if sent:
        sent.close()
    return choose(visit, InvalidInput("no file was chosen", hint="Choose a CSV or Parquet file."))


def from_path(visit: Visit) -> Response:
    """A file that lies on this machine already."""
    text = visit.form.text("path", 4_000)
    path = plain_file.named(text)
    if not text or not path.is_absolute() or not path.is_file():
        hint = "Give the whole path, such as /home/me/patients.csv."
        return choose(visit, InvalidInput("there is no such file on this machine", hint=hint))
    return _begin(visit, path, None)


def _begin(visit: Visit, path: Path, upload: Upload | None) -> Response:
    try:
        replaced = _replaced(visit, visit.form.text("replaces"))
        draft = visit.kept(Drafts).begin(visit.node, path, upload, replaced.id if replaced else "")
    except FreeholdError as error:
        if upload:
            upload.close()
        return choose(visit, error)
    label = str(replaced.schema_.get("label")) if replaced else draft.profile.likely_label()
    if draft.profile.column(label) is None:
        label = draft.profile.likely_label()
    texts = tuple(column.name for column in draft.profile.columns if column.kind == "text")
    subject = draft.asked.subject
    if subject is None or subject == label or draft.profile.column(subject) is None:
        draft.change(subject=None, rows_each=1)
    positive = _positive(draft, label, "")
    unusual = (*texts, *(name for name in draft.profile.index if name not in texts))
    draft.choose(visit.node, unusual, label=label, positive=positive)
    return visit.go(f"/publish/{draft.id}")


def _replaced(visit: Visit, text: str) -> Asset | None:
    if not text:
        return None
    asset = visit.node.asset(visit.node.store.resolve(text, "asset"))
    publishing.require_own(visit.node, asset)
    return asset


def columns(visit: Visit) -> Response:
    """Step two: the first rows, the label, and what is wrong with the file."""
    draft = _draft(visit)
    label = draft.profile.column(draft.asked.label)
    counts = sorted((label.values or {}).items(), key=lambda item: -item[1]) if label else []
    words = [value for value, _ in counts] if _words(draft, draft.asked.label) else []
    return visit.show(
        "publish_columns.html",
        steps=STEPS,
        draft=draft,
        label=label,
        counts=counts,
        words=words if len(words) == 2 else [],
    )


def take_columns(visit: Visit) -> Response:
    """Label and columns were chosen: look again."""
    draft = _draft(visit)
    label = visit.form.text("label", 300)
    if draft.profile.column(label) is None:
        raise InvalidInput("that column is not in the file", hint="Choose one of its columns.")
    left_out = tuple(name for name in visit.form.chosen("leave_out") if draft.profile.column(name))
    subject = visit.form.text("subject", 300)
    if subject and (subject == label or draft.profile.column(subject) is None):
        raise InvalidInput(
            "that column cannot say whose row it is", hint="Choose a column that is not the label."
        )
    rows_each = visit.form.whole(FIELDS["rows_each"], "The number of rows of each")
    draft.choose(
        visit.node,
        left_out,
        label=label,
        positive=_positive(draft, label, visit.form.text("positive", 300)),
        subject=subject or None,
        rows_each=rows_each if subject else 1,
    )
    return visit.go(f"/publish/{draft.id}")


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


def terms(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Step three: who may use it, for what, at which price."""
    node, draft = visit.node, _draft(visit)
    if draft.report is None:
        return visit.go(f"/publish/{draft.id}", "Mend what is wrong with the columns first.", "warn")
    purposes = {**PURPOSES, **{word: word for word in draft.asked.purposes if word not in PURPOSES}}
    return visit.show(
        "publish_terms.html",
        error=error,
        steps=STEPS,
        draft=draft,
        shown=draft.shown,
        purposes=purposes,
        counting=promises.unit(draft.asked.rows_each),
        exact=promises.EXACT,
        known=sorted((one for one in node.store.parties() if one[0] != node.account), key=itemgetter(1)),
    )


def take_terms(visit: Visit) -> Response:
    """Terms were chosen."""
    draft, form = _draft(visit), visit.form
    try:
        draft.typed = {
            one.face: form.text(one.face, MAX_TEXT) for one in TERMS.values() if one.face in form.fields
        }
        draft.typed |= {"purposes": form.chosen("purpose"), "holder": form.text("holder", 42)}
        draft.change(**_chosen(form))
        # what a document refuses is refused here, not after the last click
        licence.terms(visit.node, draft.asked)
        draft.report = publishing.inspect(visit.node, draft.asked)
    except FreeholdError as error:
        draft.agreed = False
        return terms(visit, error)
    draft.typed, draft.agreed = {}, True
    return visit.go(f"/publish/{draft.id}/review")


def _chosen(form: Form) -> dict[str, Any]:
    if not form.text("name", MAX_TEXT):
        raise InvalidInput("a name is missing", hint="Others find the data by it.")
    if not form.chosen("purpose"):
        raise InvalidInput("no purpose is ticked", hint="Tick at least one; nothing else is allowed then.")
    return {**form.taken(TERMS, NUMBERS), "purposes": form.chosen("purpose"), "holders": _holders(form)}


def _holders(form: Form) -> list[str]:
    if form.text("reveals") != "update":
        return []
    if not form.text("holder", 42):
        raise InvalidInput(
            "nobody is named who gets exact updates", hint="Name one account, 0x and 40 digits."
        )
    if "yes" not in form.chosen("exact"):
        raise InvalidInput(
            "exact updates were not confirmed", hint="Tick that you know that rows can be rebuilt from them."
        )
    return [form.text("holder", 42).lower()]


def review(visit: Visit) -> Response:
    """Step four: everything in one sentence."""
    draft = _draft(visit)
    if draft.report is None or not draft.agreed:
        return visit.go(f"/publish/{draft.id}/terms")
    return visit.show(
        "publish_review.html", steps=STEPS, draft=draft, terms=draft.shown, exact=promises.EXACT
    )


def finish(visit: Visit) -> Response:
    """Seal, sign and offer it."""
    node, drafts = visit.node, visit.kept(Drafts)
    draft = drafts.take(visit.params["draft"])
    try:
        envelope = publishing.publish(node, draft.asked)
    except BaseException:
        drafts.put_back(draft)
        raise
    draft.close()
    said = "Published. The table is sealed in your vault; others see its description and terms, never a row."
    return visit.go(f"/data/{envelope.document.id}", said)


def cancel(visit: Visit) -> Response:
    """Throw the draft away."""
    visit.kept(Drafts).drop(visit.params["draft"])
    return visit.go("/data", "Nothing was published, and the uploaded file is deleted.")


def _draft(visit: Visit) -> Draft:
    return visit.kept(Drafts).get(visit.params["draft"])


def save_usual(visit: Visit) -> Response:
    """Keep with what terms a new table begins."""
    licence.set_usual(visit.node, wire.SetUsual.of(**visit.form.taken(wire.SET_USUAL.fields, NUMBERS)))
    return visit.go("/settings", "Saved. New tables begin with these terms; you can change them each time.")


PAGES = [
    acts("/settings/usual", save_usual, words=said("Changed the usual terms"), back="/settings"),
    shows("/publish", choose),
    acts("/publish", upload, needs=Power.DECIDE, takes_file=True, words=said("Sent a table to publish")),
    # whoever names a path has the node read it: the machine is the owner's
    acts("/publish/path", from_path, words=said("Named a table on this machine to publish")),
    shows("/publish/{draft}", columns),
    acts("/publish/{draft}", take_columns, needs=Power.DECIDE, words=said("Chose the columns of a draft")),
    shows("/publish/{draft}/terms", terms),
    acts("/publish/{draft}/terms", take_terms, needs=Power.DECIDE, words=said("Chose the terms of a draft")),
    shows("/publish/{draft}/review", review),
    acts("/publish/{draft}/finish", finish, needs=Power.DECIDE, words=said("Published data")),
    acts("/publish/{draft}/cancel", cancel, needs=Power.DECIDE, words=said("Threw a draft away")),
]
