"""Bounds of columns as people type them: `age=0:120`, or a CSV file with the lines `age,0,120`."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold import plain_file
from freehold.core import causes
from freehold.core.errors import InvalidInput
from freehold.core.texts import said
from freehold.features.data.rules.names import is_number, spelled
from freehold.kernel.surface import Plain

_FORM = "Write NAME=LOW:HIGH, such as age=0:120, or name a CSV file with lines such as age,0,120."
MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Ranges(Plain):
    """`{"age": [0, 120]}` is typed as `age=0:120`, or as the name of a file of such; in Python as a mapping."""

    def take(self, given: Any) -> dict[str, list[float]]:
        """Column -> [low, high]. Raises InvalidInput: what was typed has no such form, or gives a column twice."""
        if isinstance(given, Mapping):
            return {name: [*pair] for name, pair in given.items()}
        found: dict[str, list[float]] = {}
        for text in given:
            for name, low, high in _typed(text) if "=" in text else _listed(plain_file.named(text)):
                if name in found:
                    raise InvalidInput(
                        said("column {name} has bounds twice", name=repr(name)),
                        hint=said("Give them once."),
                        column=name,
                    )
                found[name] = [_number(name, low), _number(name, high)]
        return found


def _typed(text: str) -> Iterator[tuple[str, str, str]]:
    # from the right: names may hold both signs
    name, _, pair = text.rpartition("=")
    low, colon, high = pair.partition(":")
    if not name.strip() or not colon:
        raise InvalidInput(said("{text} gives no bounds", text=repr(text[:60])), hint=_FORM)
    yield spelled(name), low, high


def _listed(path: Path) -> Iterator[tuple[str, str, str]]:
    neither = InvalidInput(
        said("{path} is neither bounds nor a CSV file of them", path=repr(str(path)[:60])), hint=_FORM
    )
    try:
        content = plain_file.given(path, MOST_BYTES)
    except OSError as error:
        # bounds without a sign of them are no file either
        raise neither if error.errno in plain_file.ABSENT else causes.of(error, "read the bounds") from None
    if len(content) > MOST_BYTES:
        raise InvalidInput(
            said("{name} is over {most} bytes", name=repr(path.name[:60]), most=MOST_BYTES), hint=_FORM
        )
    try:
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error):
        raise neither from None
    for number, row in enumerate((row for row in rows if any(cell.strip() for cell in row)), start=1):
        if len(row) != 3:
            raise InvalidInput(
                said("{name}, line {number}: three cells are needed", name=path.name, number=number),
                hint=_FORM,
                row=number,
            )
        if number == 1 and [cell.strip().lower() for cell in row[1:]] == ["low", "high"]:
            continue
        yield spelled(row[0]), row[1], row[2]


def _number(name: str, text: str) -> float:
    if not is_number(text.strip()):
        raise InvalidInput(
            said("the bounds of column {name} are not numbers", name=repr(name)), hint=_FORM, column=name
        )
    return float(text)
