"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    """Name of the check, such as "chain.contracts"."""
    level: Level
    """A warning can wait; with a problem the node does not work, or its data or keys are in danger."""
    detail: str
    """A plain sentence without secrets: it may be shown to others."""
    hint: str = ""
    """What to do about it."""


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", detail)


def warning(check: str, detail: str, hint: str) -> Finding:
    """It can wait."""
    return Finding(check, "warning", detail, hint)


def problem(check: str, detail: str, hint: str) -> Finding:
    """It cannot wait."""
    return Finding(check, "problem", detail, hint)
