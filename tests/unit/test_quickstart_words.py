"""What the quickstart says at its end can be typed where it ran."""

import os
import sys

import pytest

from freehold.quickstart import result_page


@pytest.mark.parametrize("on_path", [True, False])
def test_the_command_is_named_by_its_path_where_no_shell_finds_it(tmp_path, monkeypatch, on_path):
    program = tmp_path / "an environment" / "bin" / "freehold"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o700)
    monkeypatch.setattr(sys, "argv", [str(program), "quickstart"])
    monkeypatch.setenv("PATH", str(program.parent) if on_path else os.devnull)
    assert result_page._program() == ("freehold" if on_path else f"'{program}'")


def test_a_module_that_is_run_says_the_usual_name(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/x/freehold/__main__.py", "quickstart"])
    assert result_page._program() == "freehold"
