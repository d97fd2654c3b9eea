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
