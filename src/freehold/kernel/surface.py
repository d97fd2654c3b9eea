"""How the fields of a request look where people type: dollars, files, names of things.

A request travels in exact values (`price_units: 2500000`, an absolute path, an id). On the command line and in
Python the same field is typed as people say it (`--price 2.50`, `patients.csv`, `Tumour model`); its annotation
says how one becomes the other, once for all faces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from freehold import plain_file
from freehold.core import epsilons, money
from freehold.core.errors import InvalidInput


@dataclass(frozen=True)
class Plain:
    """A value that is the same everywhere."""

    face: str = field(default="", kw_only=True)
    """The field's name where people type; empty for the usual one."""
    python: ClassVar[str] = ""
    """How the generated client's signature spells its type; empty for the field's own."""
    metavar: ClassVar[str | None] = None
    """How the command line names a value."""
    units: ClassVar[tuple[str, ...]] = ()
    """Endings of a field's name that say its unit, which people leave out."""

    def name(self, field: str) -> str:
        """The field's name where people type."""
        if self.face:
            return self.face
        for unit in self.units:
            field = field.removesuffix(unit)
        return field

    def take(self, given: Any) -> Any:
        """The value that travels."""
        return given

    def typed(self, value: Any) -> str:
        """A value that travels as it is typed."""
        return str(value)


@dataclass(frozen=True)
class Dollars(Plain):
    """`price_units` is typed as dollars, `price`."""

    python = "str | float"
    metavar = "DOLLARS"
    units = ("_units", "_micro")

    def take(self, given: Any) -> Any:
        """Millionths of a dollar. Raises `InvalidInput`."""
        return money.units(given)

    def typed(self, value: Any) -> str:
        """An amount."""
        return money.typed(value)


@dataclass(frozen=True)
class Epsilon(Plain):
    """`epsilon_micro` is typed as a number, `epsilon`."""

    python = "str | float"
    units = ("_micro",)

    def take(self, given: Any) -> Any:
        """Millionths. Raises `InvalidInput`."""
        return epsilons.parse(str(given))

    def typed(self, value: Any) -> str:
        """A number."""
        return epsilons.text(value)


@dataclass(frozen=True)
class LocalFile(Plain):
    """A file of the machine on which node and owner are: it travels as an absolute path."""

    python = "str | Path"

    def take(self, given: Any) -> Any:
        """Its absolute path."""
        return str(plain_file.resolved(given))

    def is_path(self, value: str) -> bool:  # noqa: ARG002 - for those where it may be something else
        """Whether a value that travels names a file."""
        return True


@dataclass(frozen=True)
class Reference(Plain):
    """A thing by id, the beginning of one, or a name; the node looks it up before the operation begins."""

    kind: str = ""
    """Which of the registered finders looks: `asset`, `dataset`, `model`, `grant`, `receipt`, ..."""
    python = "str | Identified"

    def take(self, given: Any) -> Any:
        """What was typed, or the id of a value."""
        if isinstance(given, str) or given is None:
            return given
        # what has an id may well be iterable too
        if hasattr(given, "id"):
            return str(given.id)
        if not isinstance(given, Iterable) or isinstance(given, bytes):
            raise InvalidInput(
                f"{type(given).__name__} stands for no {self.kind or 'thing'}",
                hint="Give an id, the beginning of one, a name, or a value that you got.",
            )
        return [self.take(one) for one in given]


@dataclass(frozen=True)
class Flag:
    """How a field stands on the command line, where its own name and type do not say it."""

    names: tuple[str, ...] = ()
    """Such as `--max`, `-o`; empty for the field's name."""
    positional: bool = False
    first: bool = False
    """Whether it stands before named arguments in Python, too."""
    metavar: str | None = None
    help: str | None = None
    """In place of the field's description."""
    scale: int = 1
    """How many of the field's units are one that is typed: 100 where basis points are typed in per cent."""


ARGUMENT = Flag(positional=True)
DOLLARS = Dollars()
EPSILON = Epsilon()
FILE = LocalFile()
