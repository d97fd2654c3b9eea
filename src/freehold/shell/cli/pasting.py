"""Command lines that a command prints, made whole: with the home that it was run for, so that they do what they say."""

from __future__ import annotations

import re
from typing import Any

from freehold.kernel.cli.output import HOME_VARIABLE, home_in_use
from freehold.shell.cli.index import INDEX
from freehold.vault import home_folder

_COMMAND = re.compile(r"(?<![\w/.~'-])freehold ([a-z]+)(?: ([a-z]+))?\b")
_ARGUMENTS = re.compile(
    r"(?: (?:--[a-z][a-z-]*|[A-Z][A-Z0-9_=-]*|[a-z]+(?:_[a-z]+)+|0x[0-9a-f]+|[0-9a-f]{6,}|[0-9]+(?:\.[0-9]+)?|'[^']*'))*"
)
"""What follows a command's words and cannot be the next word of a sentence."""
_ELSEWHERE = frozenset({"restore", "quickstart"})
"""These make a home: another than the one that something is said of."""


def completed(text: str) -> str:
    """A text in which each command for the node's home names that home, where it is not the usual one."""
    home = home_in_use.get()
    if home is None or "freehold " not in text or not (option := home_folder.option(home)):
        return text
    found = [one for one in _COMMAND.finditer(text) if one[1] in INDEX]
    pieces, at = [], 0
    for number, one in enumerate(found, start=1):
        end = found[number].start() if number < len(found) else len(text)
        place = _end_of_words(one)
        if place and " --home " not in text[place:end]:
            place = _after_arguments(text, place)
            pieces += [text[at:place], option]
            at = place
    return "".join([*pieces, text[at:]])


def _after_arguments(text: str, place: int) -> int:
    found = _ARGUMENTS.match(text, place)
    end = found.end() if found else place
    is_cut = text[place:end].rpartition(" ")[2].startswith("--") and text[end : end + 1] == " "
    # the value of that option would be parted from it
    return place if is_cut else end


def _end_of_words(found: re.Match[str]) -> int | None:
    """Where the words of a command end; None for what is none, or is not for a home."""
    from freehold.shell.cli import commands  # noqa: PLC0415 - only where something is printed of another home

    first, second = found[1], found[2]
    command = commands.built(INDEX[first][0]).commands[first]
    if hasattr(command, "commands"):
        command = command.commands.get(second)
        return found.end(2) if _is_for_home(command) else None
    return found.end(1) if first not in _ELSEWHERE and _is_for_home(command) else None


def _is_for_home(command: Any) -> bool:
    return command is not None and any(one.envvar == HOME_VARIABLE for one in command.params)
