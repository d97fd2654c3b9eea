"""The reference page of the command line, out of the commands: `python -m freehold.shell.cli.reference`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer

from freehold.shell.cli import commands as built
from freehold.shell.cli.index import INDEX
from freehold.shell.cli.main import app

_HEAD = """# Commands

Written by `python -m freehold.shell.cli.reference > docs/reference/cli.md` out of the code; change the code, not this page.

Commands talk to the running node of `--home` (default `~/.freehold`, or `FREEHOLD_HOME`); `quickstart`, `up`, `verify`,
`doctor`, `config`, `keys`, `backup`, `restore`, `adopt`, `chain` and `completion` need none that runs. Ids can be
shortened to their first digits; datasets and models can be named by name, the receipt of the newest answer by `last`. Amounts
are typed in dollars: `2.50`. With `--json` a command prints exactly one JSON object on stdout, `{"error": ...}`
if it failed; everything else goes to stderr. Passphrases come from a terminal, a file or a descriptor, never
from arguments or the environment.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | an error without a class of its own |
| 2 | what was given cannot be used |
| 3 | a signature does not match |
| 4 | not found |
| 5 | it exists already, or changed meanwhile |
| 6 | terms, grant or identity do not permit it |
| 7 | it was not paid |
| 8 | a node, chain or network does not answer |
| 9 | evidence does not hold |
| 10 | a model was trained and is held back: it is no better than its baseline, or is to be looked at first |
| 11 | what a model's evidence shows holds, and nothing shows where the model came from |
| 12 | a document or evidence is of a newer format than this program knows: upgrade, then look again |
| 130 | interrupted by Ctrl-C |
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, in the order of `--help`."""
    root = typer.main.get_command(app)
    for word in INDEX:
        yield from _walk(f"freehold {word}", root.get_command(None, word))  # type: ignore[attr-defined]


def examples() -> dict[str, str]:
    """Command -> how it is typed."""
    own = {words: example for words, (_, example) in built.of_files("COMMANDS").items()}
    return own | {words: command.example for _, words, command in built.every()}


def page() -> str:
    """The page as Markdown."""
    return _HEAD + "".join(_section(name, command) for name, command in commands())


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child, one in children.items():
        yield from _walk(f"{name} {child}", one)


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join([name, *(_shape(p) for p in arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"\n## {name}\n", inspect.cleandoc(command.help or ""), f"\n```\n{usage}\n```\n"]
    if arguments or options:
        lines += ["| | |", "| --- | --- |"]
    lines += [f"| `{_shape(p)}` | {p.help} |" for p in arguments]
    lines += [f"| `{_flags(p)}` | {_described(p)} |" for p in options]
    if (example := examples().get(name.removeprefix("freehold "))) is not None:
        lines += ["", f"Example: `{example}`"]
    return "\n".join(lines) + "\n"


def _shape(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name).upper()
    shape = f"{name}..." if parameter.nargs == -1 else name
    return shape if parameter.required else f"[{shape}]"


def _flags(option: Any) -> str:
    flags = ", ".join(option.opts)
    return flags if option.is_flag else f"{flags} {option.metavar or option.name.upper()}"


def _described(option: Any) -> str:
    more = " Required." if option.required else ""
    default = option.default
    if not option.is_flag and default not in (None, "", ()):
        more += f" Default: `{default}`."
    return f"{option.help or ''}{more}"


if __name__ == "__main__":
    sys.stdout.write(page())
