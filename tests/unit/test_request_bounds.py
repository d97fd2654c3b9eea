"""What a request asks for and a signed document says later has the document's bounds: nothing is paid for in vain."""

from __future__ import annotations

from operator import getitem
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from freehold.core.documents import Action, Asset, Grant, Name, Terms, Units, Word
from freehold.core.ids import Account
from freehold.kernel import installed
from freehold.kernel.surface import Reference


def kind(info: FieldInfo) -> Any:
    """The type of a field with its bounds."""
    marks = (info.annotation, *info.metadata)
    return getitem(Annotated, marks) if info.metadata else info.annotation


DOCUMENT = {name: kind(info) for made in (Grant, Terms, Asset) for name, info in made.model_fields.items()}
SAME = {
    "action": Action, "purpose": Word, "judge": Account, "validator": Account, "owner": Account,
    "builder": Account, "name": Name, "price_units": Units,
}  # fmt: skip
"""Fields of requests that are one of a document's list, or another's account."""
TRIED: tuple[Any, ...] = (
    "", "x", "a" * 64, "a" * 65, "b" * 200, "b" * 201, "c" * 4_000, "c" * 4_001, "Up", "with space", "\ud800", "0x12",
    "0x" + "ab" * 20, -1, 0, 1, 10_000, 10**6, 2**53 - 1, 2**53, 2**60, 1_000, 1_001, 6, 7,
    (), ("a",), ("Not A Word",), ("0x" + "ab" * 20,), ("0x" + "AB" * 20,), ("a",) * 40, ("0xnone",), ("\ud800",),
)  # fmt: skip


def pairs() -> list[Any]:
    found = []
    for _, operations in installed.said("wire", "OPERATIONS"):
        for one in operations:
            for name, field in one.fields.items():
                wanted = SAME.get(name, DOCUMENT.get(name))
                # what is looked up is not said
                if wanted is not None and not isinstance(field.surface, Reference):
                    found.append(pytest.param(one, name, wanted, id=f"{one.name}-{name}"))
    return found


def fits(of: Any, value: Any) -> bool:
    try:
        TypeAdapter(of).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(("operation", "name", "wanted"), pairs())
def test_a_request_asks_for_nothing_that_its_document_could_not_say(
    operation: Any, name: str, wanted: Any
) -> None:
    info = operation.asks.model_fields[name]
    asked = kind(info)
    lists = any(get_origin(one) is list for one in (info.annotation, *get_args(info.annotation)))
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    for value in TRIED:
        given = list(value) if lists and isinstance(value, tuple) else value
        if given == default or (isinstance(value, tuple) and not lists):
            continue
        if fits(asked, given):
            # accounts are typed in any case
            kept = value.lower() if isinstance(value, str) and value.startswith("0x") else value
            kept = tuple(one.lower() if one.startswith("0x") else one for one in value) if lists else kept
            assert fits(wanted, kept), f"{operation.name} takes {name}={given!r:.80}"


def test_the_pairs_are_those_that_cost_money() -> None:
    names = {one.id for one in pairs()}
    assert {"train-name", "train-price_units", "train-purpose", "train-judge", "grants.ask-purpose"} <= names
    assert {"publish-name", "publish-purposes", "publish-holders", "grants.counter-max_uses"} <= names
