"""Options by which commands that open keys are told where the passphrase comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PassphraseFd = Annotated[
    int | None, typer.Option("--passphrase-fd", help="Read the passphrase from it.", metavar="FD")
]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="Read the passphrase from it.", metavar="FILE")
]
