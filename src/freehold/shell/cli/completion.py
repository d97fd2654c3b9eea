"""Completion of commands and options in a shell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from freehold.kernel.cli.output import Json, emit


class Shell(StrEnum):
    """Shells with completion."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")], *, as_json: Json = False
) -> None:
    """Print a script that completes commands in a shell.

    For bash: freehold completion bash > ~/.local/share/bash-completion/completions/freehold
    """
    from typer._completion_shared import get_completion_script  # noqa: PLC0415

    from freehold.shell.cli.main import ASKED_BY_SHELL  # noqa: PLC0415

    script = get_completion_script(prog_name="freehold", complete_var=ASKED_BY_SHELL, shell=shell.value)
    emit({"shell": shell.value, "script": script}, lambda: [script], as_json=as_json)


COMMANDS = {"completion": (completion, "freehold completion bash")}
