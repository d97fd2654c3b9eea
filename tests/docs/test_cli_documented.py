"""docs/reference/cli.md says what the commands do: every command, argument and option, as the code has them."""

import shlex
from pathlib import Path

from freehold.core import errors
from freehold.shell.cli import reference

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "cli.md"
BY_THEMSELVES = {"freehold verify", "freehold completion", "freehold chain deploy", "freehold keys suggest"}
"""Commands that need no node."""


def test_the_page_is_current():
    assert PAGE.read_text() == reference.page(), (
        "run: python -m freehold.shell.cli.reference > docs/reference/cli.md"
    )


def test_every_command_is_on_the_page_and_explains_itself():
    text = PAGE.read_text()
    found = list(reference.commands())
    assert {"freehold up", "freehold verify", "freehold grants revoke", "freehold chain run"} <= {
        n for n, _ in found
    }
    for name, command in found:
        assert f"\n## {name}\n" in text
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"


def test_summaries_fit_the_help_screen():
    for name, command in reference.commands():
        first = command.help.strip().splitlines()[0]
        assert first.endswith("."), name
        assert len(first) <= 62, f"{name}: {first}"


def test_every_command_has_an_example_that_it_takes():
    known = dict(reference.commands())
    for name, command in known.items():
        words = shlex.split(reference.examples()[name.removeprefix("freehold ")])
        given = words[len(name.split()) :]
        assert words[: len(name.split())] == name.split(), name
        # parses and checks arguments and options; runs nothing
        command.make_context(name, list(given))
        assert reference.examples()[name.removeprefix("freehold ")] in command.epilog
    assert {f"freehold {name}" for name in reference.examples()} == set(known)


def test_every_command_that_answers_can_answer_in_json():
    for name, command in reference.commands():
        flags = {flag for parameter in command.params for flag in parameter.opts}
        assert ("--json" in flags) or name in ("freehold up", "freehold mcp"), name
        assert ("--home" in flags) or name in BY_THEMSELVES, name


def test_every_exit_code_is_on_the_page():
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert len(codes) >= 9
    for code in codes:
        assert f"\n| {code} | " in PAGE.read_text()
