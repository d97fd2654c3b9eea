"""Pages and units for operators: every command in them exists with these options, and the syntax is right."""

import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import doc_pages
import pytest

from freehold.kernel.databases import copying, opening
from freehold.kernel.reading import TOKEN_FILE
from freehold.kernel.settings import token
from freehold.quickstart import command
from freehold.shell import daemon
from freehold.shell.cli import chain, reference
from freehold.shell.mcp import serving

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "packaging" / "systemd").iterdir())
PAGES = (
    ROOT / "docs" / "how-to" / "backup.md",
    ROOT / "docs" / "how-to" / "decide-by-hand.md",
    ROOT / "packaging" / "README.md",
)
INSTRUCTIONS = {
    *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"),
    *("ENTRYPOINT", "CMD"),
}


def test_a_stop_takes_as_long_as_the_page_says():
    page = " ".join((ROOT / "packaging" / "README.md").read_text().split())
    said = (
        f"answers under way are finished ({daemon.STOP_SECONDS} s at most)",
        f"has ended {daemon.STOP_SECONDS + daemon.CLOSE_SECONDS} s after it",
        f"`freehold chain run` takes {chain.STOP_SECONDS} s at most",
        f"`freehold mcp` {serving.STOP_SECONDS}, `freehold quickstart` {command.STOP_SECONDS}.",
    )
    assert not [one for one in said if one not in page]


def calls(text):
    """Every call of the command in a text, as words after `freehold`."""
    for line in text.splitlines():
        typed = line.removeprefix("$ ").removeprefix("# ")
        if "freehold" not in typed or not re.match(r"[$#] |freehold ", line):
            continue
        words = shlex.split(typed, comments=True)
        for place, word in enumerate(words):
            if word == "freehold" or word.endswith("/bin/freehold"):
                yield words[place + 1 :]


@cache
def known():
    return dict(reference.commands())


def named(words):
    """The full name of the command that these words begin with, and how many of them it takes."""
    depth = next((n for n in (2, 1) if " ".join(["freehold", *words[:n]]) in known()), 0)
    return " ".join(["freehold", *words[:depth]]), depth


def require_known(words):
    name, depth = named(words)
    if not depth:
        return False
    options = {flag for parameter in known()[name].params for flag in parameter.opts}
    for word in words[depth:]:
        if word.startswith("-") and word != "-":
            assert word in options, f"{words}: {word}"
    return True


def parse(words):
    """As the command line does it, values and all; nothing is run."""
    name, depth = named(words)
    assert depth, f"freehold {' '.join(words)}: no such command"
    known()[name].make_context(name, words[depth:])


def test_the_commands_on_the_pages_exist():
    checked = [words for page in PAGES for words in calls(page.read_text()) if words and require_known(words)]
    assert len(checked) >= 8
    assert {words[0] for words in checked} >= {"backup", "restore", "doctor", "up", "config"}


def test_the_units_call_commands_that_exist():
    found = []
    for unit in UNITS:
        for line in re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE):
            inner = re.search(r"/opt/freehold/bin/freehold ([^']*)", line)[1]
            words = shlex.split(inner)
            assert require_known(words), words
            found.append(words[0])
    assert sorted(found) == ["backup", "up"]


def test_systemd_accepts_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS:
        # where it looks for a program that is not installed here, one that is
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/freehold/bin/freehold", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / unit.name for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "freehold" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


def test_the_units_put_no_secret_where_others_can_read_it():
    for unit in UNITS:
        text = unit.read_text()
        assert "Environment=" not in text
        if unit.suffix == ".service":
            assert "LoadCredentialEncrypted=passphrase:" in text
            assert "--passphrase-file %d/passphrase" in text


def test_the_containerfile_reads_as_one():
    text = (ROOT / "packaging" / "Containerfile").read_text()
    lines = [line for line in re.sub(r"\\\n", " ", text).splitlines() if line and not line.startswith("#")]
    names = [line.split(maxsplit=1)[0] for line in lines]
    assert set(names) == INSTRUCTIONS
    assert names[0] == "FROM"
    for name, line in zip(names, lines, strict=True):
        rest = line.split(maxsplit=1)[1]
        if name == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() for source in sources), rest
        if name in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(word, str) for word in json.loads(rest))
    entry = json.loads(next(line for line in lines if line.startswith("ENTRYPOINT")).split(maxsplit=1)[1])
    command = json.loads(next(line for line in lines if line.startswith("CMD")).split(maxsplit=1)[1])
    assert entry == ["freehold"]
    assert require_known(command)
    assert names.index("USER") < names.index("ENTRYPOINT"), "runs as a user of its own"


def refusals():
    """(who, what the threat model says that they cannot), for each row of its tables."""
    who = ""
    for line in (ROOT / "docs" / "threat-model.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| ") or len(cells) != 3 or cells[0] in {"actor", "---"}:
            continue
        who = cells[0].strip("* ") or who
        if cells[1]:
            yield who, cells[1]


def test_every_cannot_of_the_threat_model_names_a_test_that_exists():
    rows = list(refusals())
    assert len(rows) > 25
    for who, cannot in rows:
        named = re.findall(r"`((?:tests|bench)/[\w/]+\.py)(?:::(\w+))?`", cannot)
        assert named, f"{who}: {cannot[:80]}"
        for path, name in named:
            assert (ROOT / path).is_file(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def ran(page, home, **changed):
    """The shell block of a page, run where `~` is the folder above a home."""
    (script,) = doc_pages.blocks(ROOT / "docs" / "how-to" / page, "sh")
    for written, really in changed.items():
        script = script.replace(written, really)
    done = subprocess.run(
        ["bash", "-ec", script], env={"HOME": str(home.parent), "PATH": os.environ["PATH"]}, check=False
    )
    assert done.returncode == 0


def test_an_upgrade_is_taken_back_as_the_page_says(tmp_path):
    home = tmp_path / ".freehold"
    home.mkdir()
    old = gzip.decompress((ROOT / "tests" / "upgrade" / "data" / "release-before.sqlite.gz").read_bytes())
    (home / copying.FILE).write_bytes(old)
    opening.for_writing(home, "").close()
    (copy,) = copying.copies(home)
    kept = copy.read_bytes()
    assert (home / copying.FILE).read_bytes() != kept
    ran("upgrade.md", home, **{"node.sqlite-version-6-before-14": copy.name})
    assert (home / copying.FILE).read_bytes() == kept
    assert {path.name for path in home.iterdir()} == {copying.FILE, "newer"}
    assert (home / "newer" / copying.FILE).exists()


def test_a_leaked_token_is_worth_nothing_after_what_the_page_says(tmp_path):
    home = tmp_path / ".freehold"
    home.mkdir()
    leaked = token(home / TOKEN_FILE)
    token(home / "mcp-token-7500-read")
    ran("incidents.md", home)
    assert not list(home.iterdir())
    assert token(home / TOKEN_FILE) != leaked
