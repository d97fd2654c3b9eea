"""Words that all answers share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from freehold.kernel.notebook import Shown

STRICT = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True, defer_build=True, frozen=True)
"""No other fields than those named; the text under a field describes it."""
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


class Shape(Shown, BaseModel):
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
