"""The page of notes, and the notes on the page of every asset."""

from __future__ import annotations

from typing import Any

from freehold.features.notes import keeping
from starlette.responses import Response

from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.texts import said
from freehold.kernel.web.places import Facet, Hit, Section
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Undo, Visit, acts, shows

MOST = 100


def notes(visit: Visit) -> Response:
    """The newest notes."""
    return visit.show("notes.html", notes=keeping.newest(visit.node, MOST))


def on_asset(visit: Visit, asset: Asset) -> dict[str, Any]:
    """The notes about one thing, and what was typed in vain."""
    return {"notes": keeping.about(visit.node, asset.id, MOST), "typed": visit.form.text("text", 4_000)}


def add(visit: Visit) -> Response:
    """Keep a note about it."""
    asset = visit.node.asset(visit.node.store.resolve(visit.params["asset"], "asset"))
    try:
        text = visit.form.text("text", 4_000)
        if not text:
            raise InvalidInput(said("the note says nothing"), hint=said("Write a word."))
        note = keeping.add(visit.node, asset.id, text)
    except FreeholdError as error:
        return visit.asset(asset, "notes", error=error)
    undo = Undo(f"/assets/{asset.id}/notes/drop", fields={"number": str(note["number"])})
    return visit.go(f"/assets/{asset.id}/notes", said("Kept."), undo=undo)


def drop(visit: Visit) -> Response:
    """Let go of a note."""
    keeping.drop(visit.node, visit.form.number("number", "The number", 1, 2**53))
    return visit.go(f"/assets/{visit.params['asset']}/notes", said("The note is gone."))


def search(visit: Visit, words: tuple[str, ...], most: int) -> list[Hit]:
    """Notes that mention every word."""
    found = keeping.mentioning(visit.node, words, most)
    return [Hit(one["text"], said("Note"), f"/assets/{one['about']}/notes") for one in found]


FACETS = (Facet("notes", said("Notes"), 70),)
SECTIONS = (Section((), "notes", "notes_on_asset.html", on_asset, 10),)
PAGES = (
    shows("/notes", notes),
    acts("/assets/{asset}/notes", add, needs=Power.DECIDE, words=said("Noted something")),
    acts("/assets/{asset}/notes/drop", drop, needs=Power.DECIDE, words=said("Let go of a note")),
)
