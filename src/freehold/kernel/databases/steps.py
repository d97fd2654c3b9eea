"""A numbered step: what takes an owner's tables from one version to the next.

Whoever owns tables owns their steps: the kernel's stand in `databases.tables`, a feature's in its `tables.py`,
which imports nothing but this. A step that was released is never changed. Both forms of a step say the same in
their database's words; columns and their order are equal, so every other statement is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from freehold.core.connection import Connection


@dataclass(frozen=True)
class Step:
    """What takes a database from one version to the next; its number is its place among its owner's."""

    name: str
    sqlite: tuple[str, ...]
    postgresql: tuple[str, ...]
    fill: Callable[[Connection], None] | None = None
    """Fills what was just made out of what stood there before, where one statement cannot."""
    released: int = 0
    """The number that it bore while all steps were counted together; 0 for a later one."""


def same(*statements: str) -> dict[str, tuple[str, ...]]:
    """Statements in which both databases use the same words, as the two forms of a step."""
    return {"sqlite": statements, "postgresql": statements}
