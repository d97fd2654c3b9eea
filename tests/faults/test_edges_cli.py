"""Whatever a command meets at its edge, it ends with one clear error: never with a traceback."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from freehold.core.errors import FreeholdError
from freehold.kernel import faults
from freehold.shell.cli import main as edge
from freehold.shell.cli.index import INDEX

LONG_RUNNING = {("up",), ("quickstart",), ("mcp",), ("chain", "run"), ("doctor",)}
WORDS = (
    "", " ", "-", "--", "-1", "~nobody-of-this-name/x", "/dev/null", "/dev/zero", "/proc/self/mem", "\udcff\udcfe",
    "a\nb", "😀", "\u202e", "\u200b", "x" * 300, "/" + "x" * 300, "'\"$(x)", "nan", "1e999", "9" * 400, "0x", "=",
    "http://[::1", "postgresql://x", "::", "{}", "/etc/passwd", "\ufeff",
)  # fmt: skip
WRONG = ("Traceback", "unexpected error", "Exception ignored")


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in group.list_commands(None):
        found = group.get_command(None, name)
        if hasattr(found, "list_commands"):
            yield from commands(found, (*path, name))
        elif (*path, name) not in LONG_RUNNING:
            yield (*path, name), found


COMMANDS = dict(commands(typer.main.get_command(edge.app)))


def lines(path: tuple[str, ...], command: Any, word: str) -> Iterator[list[str]]:
    """The command with what it must be given, and with one option more at a time."""
    needed: list[str] = []
    for one in command.params:
        if one.required:
            needed += [word] if one.param_type_name == "argument" else [one.opts[0], word]
    yield [*path, *needed]
    for one in command.params:
        named = one.opts[0]
        # descriptors are this process's own
        if one.param_type_name == "option" and not one.is_flag and not one.required and "-fd" not in named:
            yield [*path, *needed, named, word]


def ended(given: list[str]) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = edge.main(given)
    return code, said.getvalue()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_of_hostile_words_ends_with_an_error_of_ours(path, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FREEHOLD_HOME", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    for word in random.Random(" ".join(path)).sample(WORDS, 4):
        for given in lines(path, COMMANDS[path], word):
            code, said = ended(given)
            assert not any(one in said for one in WRONG), (given, said)
            assert 0 <= code < 126, (given, code)


def test_every_group_has_a_command_that_is_tried() -> None:
    assert {path[0] for path in COMMANDS} >= set(INDEX) - {"up", "quickstart", "mcp", "doctor"}


CONDITIONS = {
    "home below /proc": "up --name x --port 0 --home /proc/x",
    "home is a file": "up --name x --port 0 --home ./file",
    "home below a file": "chain run --port 0 --home ./file/sub",
    "home of nobody": "status --home ~nobody-of-this-name/x",
    "few files": "ulimit -n 8; status --home .",
    "small files": "ulimit -f 4; chain run --port 0 --home ./chain",
    "this folder is gone": "mkdir gone; cd gone; rmdir ../gone; status --home x",
    "no environment": "env -i; config show",
    "stdout closed": "status --home /x >&-",
    "stderr closed": "status --home /x 2>&-",
    "stderr full": "status --home /x 2>/dev/full",
    "all closed": "status --home /x >&- 2>&- <&-",
    "help on a full disk": "publish --help >/dev/full",
    "completion on a full disk": "completion bash >/dev/full",
    "misuse on a full disk": "nonsense --json >/dev/full",
    "names in bytes": "status --home $'\\xff\\xfe'",
    "names in bytes, ASCII": "env LC_ALL=C PYTHONUTF8=0 PYTHONIOENCODING=ascii; status --home $'\\xff\\xfe'",
    "no docstrings": "python -OO; publish --help",
    "warnings are errors": "python -W error; status --home /x",
    "host of nobody": "up --name x --port 0 --home ./h --set host=1.2.3.4",
    "host is no name": "up --name x --port 0 --home ./h --set 'host=a b'",
    "a name of 201 letters": f"up --name {'x' * 201} --port 0 --home ./h",
    "a name nobody sees": "up --name $'\\u200b ' --port 0 --home ./h",
    "a bad variable": "env FREEHOLD_PORT=x FREEHOLD_LOG_LEVEL=$'\\xff'; up --name x --home ./h",
}


def shell(condition: str) -> str:
    *before, words = condition.split("; ")
    program = [sys.executable]
    setup = []
    for one in before:
        if one.startswith("env"):
            program = [*shlex.split(one), *program] if "$" not in one else [one, *program]
        elif one.startswith("python"):
            program += shlex.split(one)[1:]
        else:
            setup.append(one)
    command = " ".join(one if "$" in one else shlex.quote(one) for one in [*program, "-m", "freehold"])
    secret = " --passphrase-file ../pass --rpc-url http://127.0.0.1:9" if words.startswith("up") else ""
    return "; ".join([*setup, f"{command} {words}{secret}"])


def run(condition: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "pass").write_text("gravel heron lantern quince 4419 obelisk\n")
    (folder / "pass").chmod(0o600)
    (folder / "here").mkdir()
    (folder / "here" / "file").touch()
    return subprocess.run(
        ["/bin/bash", "-c", shell(condition)],
        cwd=folder / "here",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=100,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", "FREEHOLD_HOME": str(folder / "none")},
    )


SLOW = {name for number, name in enumerate(CONDITIONS) if number % 4}


@pytest.mark.timeout(110)
@pytest.mark.skipif(not Path("/bin/bash").exists() or not Path("/dev/full").exists(), reason="needs both")
@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=pytest.mark.slow) if one in SLOW else one for one in CONDITIONS],
)
def test_a_condition_of_the_machine_is_said_in_a_line(name: str, tmp_path: Path) -> None:
    done = run(CONDITIONS[name], tmp_path)
    said = done.stdout + done.stderr
    assert not any(one in said for one in WRONG), said
    assert 0 <= done.returncode < 126, said
    if done.returncode and not name.startswith(("stderr", "all")):
        assert "rror: " in said, said


def test_what_cannot_even_load_the_net_is_said(monkeypatch) -> None:
    class Full:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "freehold.kernel.faults":
                raise MemoryError

    monkeypatch.setattr(edge, "_run", lambda _: 1 // 0)
    monkeypatch.delitem(sys.modules, "freehold.kernel.faults")
    monkeypatch.delattr("freehold.kernel.faults")
    monkeypatch.setattr(sys, "meta_path", [Full(), *sys.meta_path])
    code, said = ended(["status"])
    assert (code, "not enough memory" in said, "Traceback" in said) == (8, True, False)


def test_what_is_known_is_said_by_its_cause() -> None:
    causes = {
        "blob.full": OSError(28, "No space left on device", "/a"),
        "system.exhausted": OSError(24, "Too many open files"),
        "path.unusable": PermissionError(13, "Permission denied", "/a"),
        "input.ended": EOFError(),
        "input.invalid": UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates"),
    }
    for code, error in causes.items():
        found = faults.met_by_command(error)
        assert (found.code, bool(found.hint)) == (code, True)


def test_a_locked_database_is_said_as_that(tmp_path: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "d", timeout=0, isolation_level=None)) as one,
        contextlib.closing(sqlite3.connect(tmp_path / "d", timeout=0, isolation_level=None)) as other,
    ):
        one.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("CREATE TABLE t (x)")
    found = faults.known(caught.value)
    assert isinstance(found, FreeholdError)
    assert "another program holds" in found.message


def test_what_is_not_known_is_a_fault_with_an_id_and_a_traceback_that_is_kept(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(edge, "_run", lambda _: 1 // 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, said = ended(["status"])
    assert code == 1
    assert "Traceback" not in said
    (kept,) = tmp_path.glob("freehold-fault-*.log")
    assert kept.name in said.replace("\n", "")
    assert kept.name.split("-")[2] in said
    assert kept.stat().st_mode & 0o77 == 0
    assert "ZeroDivisionError" in kept.read_text()


def test_help_is_there_without_docstrings_and_names_what_is_required() -> None:
    said = subprocess.run(
        [sys.executable, "-OO", "-m", "freehold", "train", "--help"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    ).stdout
    words = " ".join(said.split())
    assert "measures what each contributed" in words
    for option in ("--name <str>", "--test FILE"):
        assert "[required" in words.split(option)[1].split(" --")[0]
