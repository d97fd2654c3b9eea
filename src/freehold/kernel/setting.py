"""One setting of a feature, said in its `settings.py`."""

from __future__ import annotations

from dataclasses import dataclass


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
