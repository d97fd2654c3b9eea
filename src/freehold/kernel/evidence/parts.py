"""What features add to evidence: files, and checks that a verifier repeats. Light: verification loads it.

A feature says it in its `checks`, as EVIDENCE; what gathers such evidence is a `Collector` in its registration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from freehold.core.documents import Asset
from freehold.core.signing import Envelope
from freehold.kernel import installed
from freehold.kernel.evidence.reading import Evidence

Step = tuple[str, Callable[[Evidence], str]]
"""Name, `group.step`, and what takes the evidence and returns one sentence, or raises `Broken`."""


@dataclass(frozen=True)
class Part:
    """How a thing came about, as one feature shows it."""

    is_about: Callable[[Asset], bool]
    """Whether an asset says, rightly or not, that it came about like this."""
    steps: tuple[Step, ...]
    """In order."""
    files: tuple[str, ...] = ()
    """Which hold it; they have no place in evidence of anything else."""
    envelopes: Mapping[str, Callable[[Any], Iterator[Any]]] = field(default_factory=dict)
    """File -> the envelopes, as JSON, in what somebody wrote there."""
    read: Mapping[str, Callable[[Evidence, Any], None]] = field(default_factory=dict)
    """File -> what adds the documents in it to the evidence."""
    absent: Step | None = None
    """What is looked at where an asset says nothing of the kind."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """Group of steps -> the group without which it means nothing."""


@dataclass(frozen=True)
class Collected:
    """What belongs to the evidence of a thing, as the node that made it holds it."""

    envelopes: Mapping[str, Envelope]
    """By id: documents that get files of their own."""
    shown: Mapping[str, Envelope]
    """By id: those that stand in `files`."""
    files: Mapping[str, Any]
    """Path -> JSON."""
    needed: frozenset[str]
    """Accounts without whose logs there is no evidence."""
    others: frozenset[str]
    """Accounts that may be away."""
    pools: tuple[str, ...]
    """Revenue pools whose split is proven."""
    critical: tuple[str, ...] = ()
    """Words without which a verifier must say nothing of it; any part but `training`, which all of them know."""


@cache
def parts() -> tuple[Part, ...]:
    """Of all features."""
    return tuple(part for _, part in installed.said("checks", "EVIDENCE"))


@cache
def names() -> frozenset[str]:
    """Of all parts, as evidence may call them critical: `part.training`."""
    return frozenset(f"part.{feature}" for feature, _ in installed.said("checks", "EVIDENCE"))


def part_about(asset: Asset) -> Part | None:
    """What shows how an asset came about; None where it says nothing of that."""
    return next((part for part in parts() if part.is_about(asset)), None)


def files() -> frozenset[str]:
    """Paths that features have in evidence."""
    return frozenset(path for part in parts() for path in part.files)
