"""What a command prints to a full disk, a closed stdout or in an encoding without its characters."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NAME = "数据 😀 é"


def said(*arguments: str, out: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    redirected = f'exec "$@" {out}'
    return subprocess.run(
        ["/bin/sh", "-c", redirected, "sh", sys.executable, "-m", "freehold", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "FREEHOLD_HOME": "/nonexistent", **environment},
    )


@pytest.mark.parametrize("out", [">&-", ">/dev/full"])
@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("--help",), ("assets", "list", "--json"), ("config", "show")],
    ids=lambda one: one[0],
)
def test_output_that_cannot_be_written_is_one_clear_error(arguments: tuple[str, ...], out: str) -> None:
    if out == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    done = said(*arguments, out=out)
    assert done.returncode == 8
    assert done.stderr.startswith(b"error: ")
    assert b"cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Exception" not in done.stderr + done.stdout


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_json_is_json_in_any_encoding(encoding: str) -> None:
    done = said(NAME, "--json", PYTHONIOENCODING=encoding)
    assert done.returncode == 2
    assert NAME in json.loads(done.stdout.decode(encoding))["error"]["title"]


def test_text_without_its_characters_says_which_they_were() -> None:
    code = "from freehold.shell.cli import main as m; m._open_output(); print('数é')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert done.stdout == b"\\u6570\xe9" + b"\n"


def test_no_output_of_errors_either_ends_as_it_would() -> None:
    assert said("assets", out="2>&-").returncode == said("assets").returncode
