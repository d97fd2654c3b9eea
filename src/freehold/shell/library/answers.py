"""The control API's answers as the library's values, and rows of numbers as the node takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from freehold.kernel.notebook import Shown

Row = Sequence[Any] | Mapping[str, Any]
V = TypeVar("V", bound=Shown)


def picked(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Some fields of an answer, lists as tuples; None where the node sent none."""
    return {name: _frozen(found.get(name)) for name in names}


def made(kind: type[V], found: Mapping[str, Any]) -> V:
    """A dataclass out of the fields it knows; a newer node may send more."""
    known: Any = kind
    value: V = kind(**picked(found, *(field.name for field in fields(known))))
    return value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
