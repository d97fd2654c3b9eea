"""How a notebook shows what the library returns: tables, every cell escaped.

Names and descriptions come from other parties, so nothing in them may become markup.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from freehold.core.money import dollars

T = TypeVar("T", bound="Shown")
_MOST_CELL = 200


class Shown:
    """A value (a dataclass or a pydantic model) that a notebook shows as a table of its fields."""

    def _repr_html_(self) -> str:
        return html_table(("", type(self).__name__), cells(self))


class Rows(tuple[T, ...]):
    """A tuple of values that a notebook shows as one table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        if not self:
            return "<p>none</p>"
        names = [name for name, _ in cells(self[0])]
        return html_table(names, ([text for _, text in cells(item)] for item in self))


def cells(value: Shown) -> list[tuple[str, str]]:
    """Field names and texts; units become dollars, long texts are cut."""
    found = []
    for name in _names(value):
        content = getattr(value, name)
        if name.endswith("_units") and isinstance(content, int):
            found.append((name.removesuffix("_units").replace("_", " "), dollars(content)))
        else:
            found.append((name.replace("_", " "), _text(content)))
    return found


def _names(value: Shown) -> list[str]:
    kind: Any = type(value)
    if is_dataclass(kind):
        return [field.name for field in fields(kind)]
    # of a model, also what it says of itself beside its fields
    return [*kind.model_fields, *(name for name, one in vars(kind).items() if isinstance(one, property))]


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table, everything in it escaped."""
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, (tuple, list)) and content and isinstance(content[0], Shown):
        return f"{len(content)} rows"
    text = ", ".join(map(str, content)) if isinstance(content, (tuple, list)) else str(content)
    return text if len(text) <= _MOST_CELL else text[: _MOST_CELL - 1] + "…"
