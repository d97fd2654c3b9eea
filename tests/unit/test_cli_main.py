"""The command as a process: how fast it answers, what it prints where, and with which code it exits."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
from json_answers import documented
from typer.models import ArgumentInfo

from freehold import __version__
from freehold.kernel.cli import building
from freehold.kernel.home_lock import lock
from freehold.shell.cli import commands
from freehold.shell.cli.main import main

HEAVY = ("httpx", "rich", "numpy", "pydantic", "eth_abi", "fastapi", "cryptography", "eth")


def freehold(*arguments, **more):
    done = subprocess.run(
        [sys.executable, "-m", "freehold", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        **more,
    )
    if "--json" in arguments:
        documented(arguments, done.stdout)
    return done


def test_help_answers_at_once():
    def used():
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    before = used()
    done = freehold("--help")
    # processor time, so that a busy machine does not decide
    assert used() - before < 0.5
    assert done.returncode == 0
    assert "quickstart" in done.stdout


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from freehold.shell.cli.main import main; main(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_without_a_node_the_message_says_how_to_start_one(tmp_path):
    done = freehold("status", "--home", str(tmp_path))
    assert done.returncode == 8
    assert done.stdout == ""
    assert "no node is running" in done.stderr
    assert f"freehold up --home {tmp_path}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_that_waits_for_its_passphrase_is_not_to_be_started_again(tmp_path):
    with lock(tmp_path):
        done = freehold("status", "--home", str(tmp_path))
    assert done.returncode == 8
    assert "waits for its passphrase" in done.stderr
    assert "freehold up" not in done.stderr


def test_json_gives_one_object_even_for_an_error(tmp_path):
    done = freehold("status", "--json", "--home", str(tmp_path))
    assert done.returncode == 8
    assert json.loads(done.stdout)["error"]["code"] == "node.not_running"
    assert "no node is running" in done.stderr


def test_a_node_that_left_its_address_and_died_is_not_running(tmp_path):
    (tmp_path / "node.json").write_text('{"url": "http://127.0.0.1:9", "pid": 1, "account": "0x"}')
    (tmp_path / "api-token").write_text("secret-of-this-node\n")
    done = freehold("grants", "list", "--home", str(tmp_path))
    assert done.returncode == 8
    assert "secret-of-this-node" not in done.stdout + done.stderr


@pytest.mark.parametrize("about", ["[]", "not json", '{"url": 3}', "\xff"])
def test_a_damaged_address_file_is_no_traceback(tmp_path, about):
    (tmp_path / "node.json").write_text(about, encoding="latin-1")
    (tmp_path / "api-token").write_text("t\n")
    done = freehold("status", "--home", str(tmp_path))
    assert done.returncode == 8
    assert "Traceback" not in done.stderr


def test_home_comes_from_the_environment(tmp_path):
    import os

    done = freehold("status", env={**os.environ, "FREEHOLD_HOME": str(tmp_path / "there")})
    assert str(tmp_path / "there") in done.stderr


def test_an_unknown_option_is_a_usage_error():
    done = freehold("status", "--nope")
    assert done.returncode == 2
    assert done.stdout == ""


def test_verify_of_nothing_names_the_directory(tmp_path):
    done = freehold("verify", str(tmp_path / "absent"))
    assert done.returncode == 4
    assert "absent" in done.stderr


def test_verify_of_junk_fails_with_its_own_code_and_names_the_check(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    done = freehold("verify", str(tmp_path), "--json")
    assert done.returncode == 9
    report = json.loads(done.stdout)
    assert report["ok"] is False
    assert report["checks"][-1]["name"].startswith("manifest.")
    assert report["checks"][-1]["file"] == "manifest.json"


def test_verify_refuses_two_sources_of_trust(tmp_path):
    done = freehold("verify", str(tmp_path), "--rpc-url", "http://127.0.0.1:9", "--block-hash", "0x00")
    assert done.returncode == 2


def test_up_with_a_passphrase_but_no_terminal_needs_a_name(tmp_path):
    (tmp_path / "passphrase").write_text("correct horse, 40 staples")
    (tmp_path / "passphrase").chmod(0o600)
    given = ("--passphrase-file", str(tmp_path / "passphrase"))
    done = freehold("up", "--home", str(tmp_path / "a"), *given)
    assert done.returncode == 2
    assert "--name" in done.stderr
    assert not (tmp_path / "a" / "keys.jwe").exists()


def test_a_closed_pipe_is_no_traceback():
    script = f"{sys.executable} -m freehold --help | true"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_the_version():
    done = freehold("--version")
    assert (done.returncode, done.stdout) == (0, f"freehold {__version__}\n")


def test_misuse_is_said_in_json_too():
    done = freehold("publish", "--nope", "--json")
    assert done.returncode == 2
    assert "No such option: --nope" in json.loads(done.stdout)["error"]["title"]
    assert "No such option: --nope" in done.stderr
    assert freehold("publish", "--nope").stdout == ""


def paths():
    """Every path that a command takes, empty, on its command line."""
    functions = {words: act for words, (act, _) in commands.of_files("COMMANDS").items()}
    functions |= {words: building.function(command) for _, words, command in commands.every()}
    for words, act in functions.items():
        before = []
        for name, hint in get_type_hints(act, include_extras=True).items():
            if get_origin(hint) is not Annotated:
                continue
            kind, said = hint.__origin__, hint.__metadata__[0]
            is_path = Path in (kind, *get_args(kind))
            if isinstance(said, ArgumentInfo):
                if is_path:
                    yield [*words.split(), *before, ""]
                before.append("x")
            elif is_path:
                yield [*words.split(), (said.param_decls or [f"--{name.replace('_', '-')}"])[-1], ""]


def test_an_empty_path_is_refused_and_not_the_current_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = list(paths())
    assert ["backup", "--output", ""] in asked
    assert ["publish", ""] in asked
    assert ["chain", "run", "--home", ""] in asked
    assert len(asked) > 60
    for given in asked:
        assert main(given) == 2, given
        assert "the path is empty" in capsys.readouterr().err, given
    assert not list(tmp_path.iterdir())
