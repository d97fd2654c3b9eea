"""What one check of a node found."""

from __future__ import annotations

from typing import Literal

from freehold.kernel.shape import Shape


class CheckFound(Shape):
    """What one check of a node found."""

    check: str
    """Its name."""
    level: Literal["ok", "warning", "problem"]
    """A warning can wait."""
    detail: str
    """A sentence."""
    # without secrets: it may be shown to others
    hint: str
    """What to do about it; may be empty."""


def ok(check: str, detail: str) -> CheckFound:
    """All is well."""
    return CheckFound(check=check, level="ok", detail=detail, hint="")


def warning(check: str, detail: str, hint: str) -> CheckFound:
    """It can wait."""
    return CheckFound(check=check, level="warning", detail=detail, hint=hint)


def problem(check: str, detail: str, hint: str) -> CheckFound:
    """It cannot wait: the node does not work, or its data or keys are in danger."""
    return CheckFound(check=check, level="problem", detail=detail, hint=hint)
