"""Parts that are not everybody's: the program does without them, and names the one that an act needs."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from freehold.core.extras import EXTRAS
from freehold.shell.cli.passphrase import MARK

ROOT = Path(__file__).resolve().parents[2]
ABSENT = """
import json, sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

names = set(json.loads(sys.argv.pop(1)))
sys.meta_path.insert(0, Absent())
"""
EVERY_MODULE = (
    ABSENT
    + """
import importlib, pkgutil, freehold
for module in pkgutil.walk_packages(freehold.__path__, "freehold."):
    try:
        module.name.endswith("__main__") or importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        print(module.name, error.name)
"""
)
OPENED = "from freehold.kernel.databases.opening import {0}; {0}(Path(), 'postgresql://me@127.0.0.1:1/x')"
ACTS = {
    "agents: the command": ("agents", "sys.exit(main(['mcp']))"),
    "keystore: a wallet's": (
        "keystore",
        "from freehold.vault import account_key; Path('k').write_text('{}'); account_key.read(Path('k'), 'x')",
    ),
    "keyring: the command": ("keyring", "sys.exit(main(['keys', 'forget', '--home', '.']))"),
    "keyring: a passphrase that was told to it": ("keyring", "passphrase.recall(Path())"),
    **{
        f"postgres: {act}": ("postgres", OPENED.format(act))
        for act in ("for_writing", "for_reading", "require_whole")
    },
    "s3: a store": ("s3", "from freehold.vault.blobs import Blobs; Blobs('s3://bucket/prefix')"),
}
"""What is done where an extra is not installed."""
ACT = (
    ABSENT
    + """
from pathlib import Path
from freehold.core.errors import FreeholdError
from freehold.kernel.cli.output import emit_error
from freehold.shell.cli import passphrase
from freehold.shell.cli.main import main
try:
    exec(sys.argv[1])
except FreeholdError as error:
    emit_error(error, as_json=False)
    sys.exit(error.exit_code)
"""
)


def modules():
    return {name for _, modules in EXTRAS.values() for name in modules}


def run(script, absent, *arguments, at=ROOT):
    return subprocess.run(
        [sys.executable, "-c", script, json.dumps(sorted(absent)), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=at,
    )


def test_every_extra_is_declared_and_all_is_each_of_them():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    everything = declared.pop("all")
    assert set(declared) == set(EXTRAS)
    assert everything == [f"freehold[{','.join(sorted(EXTRAS))}]"]


def test_what_an_extra_brings_is_not_in_the_lock_of_the_rest():
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert not locked & {name.replace("_", "-") for name in modules()}
    assert not locked & {"scikit-learn", "scipy"}


def test_nothing_but_what_is_loaded_for_an_extra_needs_one():
    done = run(EVERY_MODULE, modules())
    assert done.returncode == 0, done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} == {
        "freehold.kernel.databases.dialing",
        "freehold.kernel.databases.postgresql",
        "freehold.kernel.databases.session",
        "freehold.shell.mcp.serving",
    }


@pytest.mark.parametrize("act", ACTS)
def test_an_act_says_which_extra_it_needs_and_how_to_have_it(act, tmp_path):
    (tmp_path / MARK).touch()
    extra, done = ACTS[act][0], run(ACT, EXTRAS[ACTS[act][0]][1], ACTS[act][1], at=tmp_path)
    assert done.returncode == 8, done.stderr
    assert f"needs the extra `{extra}`, which is not installed" in done.stderr
    assert f"pip install '.[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_missing_of_something_else_is_no_extra():
    done = run(ACT, {"anyio"}, "sys.exit(main(['mcp']))")
    assert "needs the extra" not in done.stderr
    # a fault of the program: what happened lies in the file that is named
    (kept,) = re.findall(r"\S+\.log", done.stderr)
    assert "No module named 'anyio'" in Path(kept).read_text()
    Path(kept).unlink()
