"""Options that many commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_HOME = Path("~/.freehold")

Home = Annotated[
    Path, typer.Option("--home", envvar="FREEHOLD_HOME", help="Directory of the node.", metavar="DIR")
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
Dollars = Annotated[str | None, typer.Option("--price", help="Dollars, such as 2.50.", metavar="DOLLARS")]


def units(text: str | None) -> int | None:
    """Smallest units of dollars as typed; None stays None.

    Raises:
        InvalidInput.
    """
    from freehold.core import money  # noqa: PLC0415

    return None if text is None else money.units(text)


def millionths(text: str | None) -> int | None:
    """An epsilon as typed, such as 0.5, in millionths; None stays None.

    Raises:
        InvalidInput.
    """
    from freehold.core.errors import InvalidInput  # noqa: PLC0415

    if text is None:
        return None
    found = re.fullmatch(r"(\d{0,4})(?:\.(\d{0,6}))?", text.strip(), re.ASCII)
    value = int((found[1] or "0") + (found[2] or "").ljust(6, "0")) if found else 0
    if value == 0:
        raise InvalidInput(f"{text[:40]!r} is no epsilon", hint="Write a number above 0, such as 1 or 0.5.")
    return value
