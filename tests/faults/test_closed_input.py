"""What commands read and write where nobody is at the other end: a closed stdin, a reader that went away, no folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from freehold import durable
from freehold.core import causes
from freehold.core.errors import InvalidInput
from freehold.core.ids import require_name, sha256_hex
from freehold.shell.backup import saving
from freehold.shell.backup.manifest import CONFIG, DATABASE, KEYS, Entry, Manifest

HOMELESS = {"FREEHOLD_HOME": "/nonexistent"}


def ended(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "pass").write_text("gravel heron lantern quince 4419 obelisk\n")
    (folder / "pass").chmod(0o600)
    return subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m freehold {words}', sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, **HOMELESS},
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("restore - --check --passphrase-file pass <&-", "nothing is in it"),
        ("restore - --check <&-", "a passphrase is needed and there is no keyboard"),
        ("restore - --check --passphrase-file pass 0>written", "cannot"),
        ("backup -o x <&-", "a passphrase is needed and there is no keyboard"),
        ("up --home h --passphrase-file pass --rpc-url http://127.0.0.1:9 <&-", "needs a name"),
        ("up --home h --passphrase-fd 0 --name x --rpc-url http://127.0.0.1:9 <&-", "passphrase is empty"),
    ],
    ids=lambda one: one,
)
def test_a_closed_stdin_is_empty_and_no_keyboard(words: str, said: str, tmp_path: Path) -> None:
    done = ended(words, tmp_path)
    assert said in done.stderr
    assert "unexpected" not in done.stderr
    assert done.returncode not in (0, 1)


def test_a_file_in_a_folder_that_is_not_there_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(durable.NoFolder) as met, durable.writing(tmp_path / "none" / "x", replace=False):
        pass
    made = causes.of(met.value, "write the backup")
    assert made.message == f"cannot write the backup: there is no such folder ({tmp_path / 'none'})"
    assert made.hint.startswith("Make that folder first")


def test_a_file_whose_name_is_too_long_is_named_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250)
    with pytest.raises(OSError, match="too long") as met, durable.writing(path, replace=False):
        pass
    assert met.value.filename == str(path)


def test_a_backup_that_nobody_reads_to_its_end_says_so(tmp_path: Path) -> None:
    sources = [tmp_path / name for name in (KEYS, CONFIG, DATABASE)]
    for one in sources:
        one.write_bytes(one.name.encode())
    reader, writer = os.pipe()
    os.close(reader)
    held = Manifest(
        software="0",
        created_at=0,
        account="0x" + "00" * 20,
        chain_id=1,
        log_size=0,
        log_root="0x" + "00" * 32,
        data_elsewhere=True,
        files=tuple(
            Entry(name=one.name, size_bytes=len(one.name), sha256=sha256_hex(one.name.encode()))
            for one in sources
        ),
    )
    with (
        pytest.raises(causes.OutputFailed, match="whoever read it went away"),
        os.fdopen(writer, "wb", buffering=0) as out,
    ):
        saving._write(out, held, sources, "gravel heron lantern quince 4419 obelisk")


def test_a_faucet_without_a_node_says_what_to_name(tmp_path: Path) -> None:
    done = ended("chain faucet 0x70997970c51812dc3a010c7d01b50e0d17dc79c8 --home h", tmp_path)
    assert "--rpc-url http://127.0.0.1:8545" in done.stderr


@pytest.mark.parametrize("account", ["''", "0x12", "north", "0x" + "g" * 40])
def test_a_faucet_says_what_an_account_is_before_it_asks_anybody(account: str, tmp_path: Path) -> None:
    done = ended(f"chain faucet {account} --rpc-url http://127.0.0.1:9", tmp_path)
    assert done.returncode == 2
    assert "is no account" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [("x" * 201, "201 characters; the limit is 200"), ("a\nb", "U+000A")],
    ids=["long", "line"],
)
def test_a_name_that_is_refused_is_told_why(name: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require_name(name)
    assert said in refused.value.message
