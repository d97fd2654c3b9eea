"""The passphrase in the operating system's keyring, by the commands and a keyring of the keyring library."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from json_answers import documented

from freehold.vault.keystore import Keys

SUPPORT = Path(__file__).resolve().parents[1] / "support"
SECRET = "correct horse, 40 staples"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir(mode=0o700)
    Keys.generate().save(tmp_path / "home" / "keys.jwe", SECRET)
    return tmp_path / "home"


def freehold(home, *arguments, given=None, backend="file_keyring.FileKeyring"):
    """(exit code, stdout as JSON or None, stderr)"""
    environment = os.environ | {
        "PYTHONPATH": str(SUPPORT),
        "PYTHON_KEYRING_BACKEND": backend,
        "TEST_KEYRING": str(home.parent / "keyring.json"),
    }
    command = [sys.executable, "-m", "freehold", *arguments, "--home", str(home), "--json"]
    reading, writing = os.pipe()
    os.write(writing, (given or "").encode() + b"\n")
    os.close(writing)
    if given is not None:
        command += ["--passphrase-fd", str(reading)]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        pass_fds=[reading],
        stdin=subprocess.DEVNULL,
    )
    os.close(reading)
    return done.returncode, documented(arguments, done.stdout) if done.stdout else None, done.stderr


def entries(home):
    path = home.parent / "keyring.json"
    return json.loads(path.read_text()) if path.exists() else {}


def test_remembered_used_and_forgotten(home):
    assert freehold(home, "keys", "remember", given=SECRET)[:2] == (0, {"remembered": True})
    assert list(entries(home).values()) == [SECRET]
    # changed with it, so that it never goes stale
    changed = home.parent / "new"
    changed.write_text("another one, longer by far\n")
    changed.chmod(0o600)
    code, answer, _ = freehold(
        home, "keys", "passphrase", "--new-passphrase-file", str(changed), given=SECRET
    )
    assert (code, answer["changed"]) == (0, True)
    assert list(entries(home).values()) == ["another one, longer by far"]
    Keys.load(home / "keys.jwe", "another one, longer by far")
    assert freehold(home, "keys", "forget")[1] == {"remembered": False, "was_remembered": True}
    assert entries(home) == {}
    assert freehold(home, "keys", "forget")[1] == {"remembered": False, "was_remembered": False}


def test_a_wrong_passphrase_is_not_remembered(home):
    code, _, said = freehold(home, "keys", "remember", given="not this one")
    assert code != 0
    assert "not this one" not in said
    assert entries(home) == {}


def test_without_a_keyring_it_says_so_and_keeps_nothing(home):
    code, _, said = freehold(home, "keys", "remember", given=SECRET, backend="keyring.backends.fail.Keyring")
    assert code != 0
    assert "keyring" in said
    assert SECRET not in said
    assert sorted(path.name for path in home.iterdir()) == ["keys.jwe"]


def test_a_keyring_that_lost_it_is_named(home):
    freehold(home, "keys", "remember", given=SECRET)
    (home.parent / "keyring.json").unlink()
    code, _, said = freehold(home, "backup", "-o", str(home.parent / "b.freehold"))
    assert code != 0
    assert "freehold keys forget" in said
