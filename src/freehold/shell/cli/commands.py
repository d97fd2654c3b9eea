"""Every command of kernel and features, built when it is named."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import typer

from freehold.kernel import docstrings, installed
from freehold.kernel.cli import building
from freehold.kernel.cli.building import Command
from freehold.kernel.installed import FeaturesClash, require_once

FIRST = ("quickstart.command", "shell.cli.node")
LAST = tuple(
    f"shell.cli.{one}"
    for one in ("verify", "mcp", "doctor", "config", "keys", "backup", "chain", "completion")
)
"""Files that have commands of their own, loaded by name, also from above the shell.

`COMMANDS` has their words, functions and examples; `GROUPS` words that stand before others, and what they are about;
`PRINTS` shapes of what they print where `answers` cannot know them.
"""


def of(owner: str) -> dict[str, Command]:
    """Commands of one owner by their words: those that are just an operation, and those written by hand."""
    terminal, wire = installed.part(owner, "terminal"), installed.part(owner, "wire")
    if terminal is None or wire is None:
        return {}
    views = getattr(terminal, "VIEWS", {})
    plain = {
        one.name.replace(".", " "): building.plain(one, views[one]) for one in wire.OPERATIONS if one in views
    }
    by_hand: dict[str, Command] = getattr(terminal, "COMMANDS", {})
    require_once("command", ((owner, words) for words in (*plain, *by_hand)))
    return plain | by_hand


def every() -> Iterator[tuple[str, str, Command]]:
    """(owner, words, command) of all there are."""
    for owner in installed.owners():
        for words, command in of(owner).items():
            yield owner, words, command


@cache
def built(owner: str) -> Any:
    """The commands and groups of one owner, as click has them, by their first words."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.callback()(lambda: None)
    if owner in (*FIRST, *LAST):
        file = import_module(f"freehold.{owner}")
        named, own = getattr(file, "GROUPS", {}), file.COMMANDS
    else:
        named = getattr(installed.part(owner, "wire"), "GROUPS", {})
        own = {words: (building.function(one), one.example) for words, one in of(owner).items()}
    under = {name: typer.Typer(no_args_is_help=True, help=about) for name, about in named.items()}
    for name, group in under.items():
        app.add_typer(group, name=name)
    for words, (act, example) in own.items():
        first, _, rest = words.partition(" ")
        if rest and first not in under:
            raise FeaturesClash(
                f"{owner}: GROUPS of wire.py does not say what {first!r} of {words!r} is about"
            )
        place, name = (under[first], rest) if rest else (app, first)
        # \b: the lines stay as they are
        place.command(
            name, help=docstrings.of(act), epilog=f"\b\nExample:\n  {example}" if example else None
        )(act)
    return typer.main.get_command(app)


def of_files(table: str) -> dict[str, Any]:
    """One table of all files that have commands of their own."""
    files = (import_module(f"freehold.{one}") for one in (*FIRST, *LAST))
    return {words: said for file in files for words, said in getattr(file, table, {}).items()}


def index() -> dict[str, tuple[str, str]]:
    """First word -> (owner, first sentence), in the order of `--help`."""
    owners = [*FIRST, *installed.owners(), *LAST]
    return indexed((owner, built(owner).commands) for owner in owners)


def indexed(built: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, tuple[str, str]]:
    """The index of owners' commands; FeaturesClash where two say the same, or add to one group."""
    found = [(word, owner, command) for owner, commands in built for word, command in commands.items()]
    require_once("command", ((owner, word) for word, owner, _ in found))
    return {
        word: (owner, inspect.cleandoc(command.help or "").split("\n")[0]) for word, owner, command in found
    }
