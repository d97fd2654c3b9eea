"""Words that all answers share; and how a notebook shows what the library returns: tables, every cell escaped.

Names and descriptions come from other parties, so nothing in them may become markup.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from freehold.core.described import Described
from freehold.core.money import dollars

STRICT = ConfigDict(extra="forbid", strict=True, defer_build=True, frozen=True)
"""No other fields than those named."""
SOMETIMES: Any = Field(default_factory=lambda: None)
"""A field that is left out where it has no meaning, which is not the same as null."""

Id = TypeAliasType(
    "Id", Annotated[str, Field(pattern="^0x[0-9a-f]{64}$", description="32 bytes, lower-case 0x hex.")]
)
Account = TypeAliasType(
    "Account",
    Annotated[str, Field(pattern="^0x[0-9a-f]{40}$", description="20 bytes, lower-case 0x hex.")],
)
Units = TypeAliasType(
    "Units", Annotated[int, Field(ge=0, description="Units of the dollar token: millionths of a dollar.")]
)
Time = TypeAliasType("Time", Annotated[int, Field(ge=0, description="Unix seconds.")])
Count = TypeAliasType("Count", Annotated[int, Field(ge=0, description="How many; a whole number.")])
Gas = TypeAliasType("Gas", Annotated[int, Field(ge=0, description="Gas spent; 0 where nothing was sent.")])
Bps = TypeAliasType(
    "Bps", Annotated[int, Field(ge=0, le=10_000, description="Basis points: 10,000 are the whole.")]
)
Epsilon = TypeAliasType(
    "Epsilon", Annotated[int, Field(ge=0, description="Millionths of epsilon, what privacy costs.")]
)
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


class Shape(Shown, Described):
    """One answer, or a part of one."""

    model_config = STRICT


def alike(shape: type[BaseModel], *sources: Any) -> dict[str, Any]:
    """What these say in the same words as a shape, arrays as lists; of two that say the same the later counts."""
    plain = [one if isinstance(one, dict) else vars(one) for one in sources]
    said = {name: one[name] for one in plain for name in shape.model_fields if name in one}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


class Problem(Shape):
    """What went wrong (RFC 9457)."""

    type: str
    """`urn:freehold:error:` and the code."""
    title: str
    """A sentence."""
    status: int
    """The HTTP status."""
    code: str
    """Stable name of the kind of error; see errors.md."""
    hint: str
    """What to do about it; may be empty."""
    exit_code: int
    """With which a command ends that meets it."""
    fields: dict[str, Any] = SOMETIMES
    """Details, by kind of error."""


class Failure(Shape):
    """What every command prints instead of its own object when it failed."""

    error: Problem
    """What went wrong."""


class Reason(Shape):
    """Why work or a job did not succeed."""

    title: str
    """A sentence."""
    hint: str
    """What to do about it; may be empty."""
    code: str
    """Kind of error; empty for an unexpected one."""
