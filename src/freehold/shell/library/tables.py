"""How a notebook shows what the library returns: tables, every cell escaped.

Names and descriptions come from other parties, so nothing in them may become markup.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, ClassVar, TypeVar

from freehold.core.money import dollars

T = TypeVar("T", bound="Shown")
_MOST_CELL = 200


class Shown:
    """A value a notebook shows as a table of its fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

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
    for field in fields(value):
        content = getattr(value, field.name)
        if field.name.endswith("_units") and isinstance(content, int):
            found.append((field.name.removesuffix("_units").replace("_", " "), dollars(content)))
        else:
            found.append((field.name.replace("_", " "), _text(content)))
    return found


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
    if isinstance(content, tuple) and content and isinstance(content[0], Shown):
        return f"{len(content)} rows"
    text = ", ".join(map(str, content)) if isinstance(content, tuple) else str(content)
    return text if len(text) <= _MOST_CELL else text[: _MOST_CELL - 1] + "…"
