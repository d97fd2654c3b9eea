"""A command that is printed for another home than the usual one names it, so that it can be pasted as it stands."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from freehold.core.errors import NotFound
from freehold.kernel.cli.output import completing, emit, emit_error, home_in_use, note
from freehold.shell.cli import pasting

HOME = Path("/srv/our 'own/node")
NAMED = f"--home {shlex.quote(str(HOME))}"


@pytest.fixture(autouse=True)
def another_home():
    tokens = (home_in_use.set(HOME), completing.set(pasting.completed))
    yield
    home_in_use.reset(tokens[0])
    completing.reset(tokens[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("To allow more: freehold config set gas_per_day NUMBER.", "freehold config set gas_per_day NUMBER"),
        ("Go on: freehold train --resume 9f3a11c2", "freehold train --resume 9f3a11c2"),
        ("how: freehold terms set --purpose research", "freehold terms set"),
        ("Its owner can now: freehold log --anchor.", "freehold log --anchor"),
        ("freehold grants revoke 0x3f to take it back", "freehold grants revoke 0x3f"),
        ("Run freehold doctor.", "freehold doctor"),
        ("Look at `freehold channels list`, or set gas_per_day.", "freehold channels list"),
        ("nothing yet: freehold publish FILE", "freehold publish FILE"),
    ],
)
def test_a_command_names_the_home_it_is_for(text: str, words: str) -> None:
    made = pasting.completed(text)
    assert made == text.replace(words, f"{words} {NAMED}")
    command = made[made.index("freehold") :].split("`")[0].rstrip(".")
    given = shlex.split(command)
    assert given[given.index("--home") + 1] == str(HOME)


def test_each_of_several_does_and_one_that_does_already_stays() -> None:
    both = "See: freehold grants requests. Then: freehold grants take 0x1"
    assert pasting.completed(both).count(NAMED) == 2
    named = f"Start it with: freehold up {NAMED}"
    assert pasting.completed(named) == named


@pytest.mark.parametrize(
    "text",
    [
        "check it: freehold verify evidence",
        "`freehold chain run` starts a local one",
        "restore a backup into another folder: freehold restore",
        "no node is running in /srv/freehold up",
        "freehold grants",
        "freehold is a word",
        "no home is named",
    ],
)
def test_what_is_for_no_home_or_no_command_stays(text: str) -> None:
    assert pasting.completed(text) == text


def test_the_usual_home_needs_no_name() -> None:
    for home in (None, Path("~/.freehold")):
        home_in_use.set(home)
        assert pasting.completed("Run freehold doctor.") == "Run freehold doctor."


def test_every_edge_of_a_command_completes_what_it_prints(capsys) -> None:
    emit({}, lambda: ["first: freehold up"], as_json=False)
    emit({"notices": [{"title": "x", "hint": "freehold doctor"}]}, list, as_json=True)
    emit_error(NotFound("x", hint="List them: freehold jobs."), as_json=True)
    note("look: freehold spending")
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("--home") == 5
