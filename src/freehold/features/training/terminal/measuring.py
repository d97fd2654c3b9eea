"""Neutral parts in a run: keeping a test table for a builder, and checking an owner that a run names you judge of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.kernel.cli.output import day, plain, table


def audited(answer: dict[str, Any]) -> Iterable[Any]:
    """What a judge found."""
    said = "holds" if answer["holds"] else "DOES NOT HOLD"
    yield f"{answer['owner']}: {said}: {plain(answer['detail'])}"


def held(answer: dict[str, Any]) -> Iterable[Any]:
    """A test table that is kept from now on."""
    yield f"test: {answer['test']}"
    yield f"{answer['rows']:,} rows, {answer['positives']:,} of them with {plain(answer['label'])} = 1"


def table_of(answer: dict[str, Any]) -> Iterable[Any]:
    """All that are kept."""
    found = answer["tests"]
    if not found:
        return ["no test tables are kept here"]
    rows = (
        (one["test"], f"{one['rows']:,}", plain(one["label"]), str(one["run"] or "unseen"), day(one["at"]))
        for one in found
    )
    return [table(("test", "rows", "label", "opened for run", "since"), rows, right=("rows",))]
