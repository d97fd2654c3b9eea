"""Options that many commands share."""

from __future__ import annotations

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
    from freehold.core import epsilons  # noqa: PLC0415

    return None if text is None else epsilons.parse(text)
