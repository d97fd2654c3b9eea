"""The terms with which a new table begins, among the settings."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core.texts import said
from freehold.features.data import licence, wire
from freehold.features.data.pages.publish import NUMBERS
from freehold.kernel.node import Node
from freehold.kernel.web.typed import amount
from freehold.kernel.web.visit import Undo, Visit, acts

PATH = "/settings/usual"


def card(visit: Visit) -> dict[str, str]:
    """What the form says now, as its reader types it."""
    return _form(visit.node)


def _form(node: Node) -> dict[str, str]:
    usual: Any = licence.usual(node)
    return {
        "price": amount(usual.price_units),
        "max_uses": str(usual.max_uses),
        "days": str(usual.days),
        "approval": usual.approval,
    }


def save(visit: Visit) -> Response:
    """Keep with what terms a new table begins."""
    before = _form(visit.node)
    visit.require_last(before)
    licence.set_usual(visit.node, wire.SetUsual.of(**visit.form.taken(wire.SET_USUAL.fields, NUMBERS)))
    done = said("Saved. New tables begin with these terms; you can change them each time.")
    return visit.go("/settings", done, undo=Undo(PATH, fields=before, after=_form(visit.node)))


PAGES = [acts(PATH, save, words=said("Changed the usual terms"), back="/settings")]
