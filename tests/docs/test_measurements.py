"""Measurements can be asked what they are, in a checkout in which nothing was run yet."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments, home):
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "HOME": str(home)},
    )


def test_they_are_listed_with_what_each_finds_out(tmp_path):
    listed = json.loads(bench("--list", "--json", home=tmp_path).stdout)
    assert set(listed) == {path.stem for path in (ROOT / "bench").glob("*.py") if path.stem[0] != "_"}
    assert all(said.endswith((".", "?")) for said in listed.values())
    shown = bench("--list", home=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in shown] == sorted(listed)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_one_is_refused_with_those_that_are_known(tmp_path):
    done = bench("startup", "no_such", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no measurement called no_such; there are: addresses," in done.stderr


def test_what_they_need_is_named_where_it_is_absent(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", "-m", "bench", "startup"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("is not here: make setup-dev")
    assert "pytest" in done.stderr


def test_every_measurement_says_how_to_run_it():
    for path in (ROOT / "bench").glob("[a-z]*.py"):
        assert f"python bench/{path.name}" in path.read_text(), path.name
