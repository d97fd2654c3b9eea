"""What others chose the text of cannot drive the terminal that shows it."""

import json

import pytest

from freehold.core.errors import NotFound
from freehold.kernel.cli.output import emit, emit_error, gas_line, plain, table

HOSTILE = "\x1b]0;owned\x07[bold red]x[/]\u202e\n\r\x9b31m"


def test_control_characters_are_replaced_and_markup_stays_text(capsys):
    emit({}, lambda: [table(("name",), [(HOSTILE,)])], as_json=False)
    shown = capsys.readouterr().out
    for character in "\x1b\x07\u202e\r\x9b":
        assert character not in shown
    assert "[bold red]x[/]" in shown


def test_long_text_is_cut():
    assert len(plain("x" * 1_000)) == 200
    assert plain("x" * 1_000).endswith("…")


def test_json_is_one_object_and_nothing_else(capsys):
    emit({"name": HOSTILE}, lambda: ["text"], as_json=True)
    assert json.loads(capsys.readouterr().out) == {"name": HOSTILE}


def test_an_error_is_message_and_hint_on_stderr(capsys):
    emit_error(NotFound(f"no {HOSTILE}", hint="look\x1b[2J"), as_json=True)
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["code"] == "not_found"
    assert shown.err.startswith("error: no ")
    assert "\x1b" not in shown.err
    assert len(shown.err.splitlines()) == 2


def test_a_row_in_a_pipe_is_one_line(capsys):
    cells = tuple("a name of several words"[: 8 + i] for i in range(9))
    emit({}, lambda: [table([str(i) for i in range(9)], [cells])], as_json=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if "a name" in line]
    assert len(lines) == 1


@pytest.mark.parametrize(("ceiling", "said"), [(None, "no limit"), (9_000, "limit 9,000")])
def test_gas_says_each_number_with_what_it_counts(ceiling: int | None, said: str) -> None:
    gas = {"used": 68_044, "ceiling": ceiling, "by_hand": 236_613, "spent": False, "frees_at": 0}
    assert gas_line(gas) == f"68,044 in 24 hours by itself ({said}), 236,613 by hand"
