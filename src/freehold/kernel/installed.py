"""Which features there are, and the parts of their folders, loaded when named.

A part is a file of a fixed name in a feature's folder: `feature` (its registration), `wire` (what its operations
ask and answer), `terminal` (how commands show that), `library` (methods that do more, and what others return),
`tables` (its migrations), `words` (what it adds to documents), `checks` (what a verifier repeats). This is the one
place that imports by name; commands, migrations and the registry get features here, so that each loads only what it
needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from freehold.core.errors import FreeholdError

PACKAGE = "freehold.features"
KERNEL = "kernel"
"""What the kernel adds stands in files of the same names."""


class FeaturesClash(FreeholdError, code="features.clash"):
    """Two features say the same name, or one says what cannot be: a fault of the program."""


def owners() -> tuple[str, ...]:
    """The kernel and every feature."""
    return (KERNEL, *names())


def names() -> tuple[str, ...]:
    """Every feature, those that others need first."""
    found: tuple[str, ...] = import_module(PACKAGE).FEATURES
    return found


def part(feature: str, name: str) -> ModuleType | None:
    """A part of one feature's folder; None where it has none."""
    package = f"freehold.{KERNEL}" if feature == KERNEL else f"{PACKAGE}.{feature}"
    module = f"{package}.{name}"
    return import_module(module) if find_spec(module) else None


def registration(owner: str) -> Any:
    """What an owner adds to a node; None where it does not say so."""
    return getattr(part(owner, "own" if owner == KERNEL else "feature"), "FEATURE", None)


def said(name: str, variable: str) -> Iterator[tuple[str, Any]]:
    """(owner, value of a variable) for kernel and features that have such a part and say so."""
    for feature in owners():
        module = part(feature, name)
        if module is not None and hasattr(module, variable):
            yield feature, getattr(module, variable)


def require_once(what: str, said: Iterable[tuple[str, str]]) -> None:
    """Refuse what is said twice, of `(owner, name)`. Raises `FeaturesClash`."""
    first: dict[str, str] = {}
    for owner, name in said:
        if name in first:
            both = " and ".join(dict.fromkeys((first[name], owner)))
            raise FeaturesClash(f"{what} {name} is said twice, by {both}")
        first[name] = owner


@dataclass(frozen=True)
class Setting:
    """A setting beside the kernel's own; its type is its default's."""

    name: str
    default: int | bool | str | tuple[str, ...]
    meaning: str
    """A sentence, as the reference shows it."""
    least: int | None = None
    """The smallest value of a number."""
    choices: tuple[str, ...] = ()
    """The only words it can be, where there are few."""
