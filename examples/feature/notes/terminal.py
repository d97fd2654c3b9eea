"""Notes as people see them in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freehold.features.notes import wire

from freehold.core.ids import short
from freehold.kernel.cli.output import minute, plain, table


def _noted(answer: dict[str, Any]) -> Iterator[str]:
    yield f"noted: {answer['number']}"


def _note(answer: dict[str, Any]) -> Iterator[str]:
    yield plain(answer["text"])


def _list(answer: dict[str, Any]) -> Iterator[Any]:
    rows = ((minute(one["at"]), short(one["about"]), plain(one["text"])) for one in answer["notes"])
    yield table(("when", "about", "note"), rows)


VIEWS = {wire.ADD: _noted, wire.LIST: _list, wire.SHOW: _note}
