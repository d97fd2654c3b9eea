"""Where every tool was to be installed, a test that skips for want of one is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import doc_pages
import pytest

SUPPORT = Path(__file__).resolve().parents[1] / "support"
TESTS = """
import pytest

def test_of_a_tool():
    pytest.skip("jq is not installed")

@pytest.mark.skipif(True, reason="chromium is not installed")
def test_marked():
    pass

@pytest.fixture
def server():
    pytest.skip("no Postgres server is installed: initdb and postgres")

def test_of_a_fixture(server):
    pass

def test_of_vectors():
    pytest.skip("the published vectors are not beside the repository")

def test_of_ipv6():
    pytest.skip("this machine has no IPv6")

@pytest.mark.xfail(reason="jq is not installed", strict=True)
def test_that_fails_on_purpose():
    assert False
"""
MODULE = "import pytest\npytest.importorskip('no_such_module', reason='moto[server] is not installed')\n"


def outcome(folder, *options, asked):
    (folder / "test_some.py").write_text(TESTS)
    (folder / "test_module.py").write_text(MODULE)
    done = subprocess.run(
        # "-rN": where CI is set, pytest's short summary says every reason whole once more
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rN",
            "-p",
            "no_skips",
            "-p",
            "no:cacheprovider",
            *options,
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SUPPORT), "FREEHOLD_NO_SKIPS": asked},
    )
    return done.returncode, done.stdout


def test_skips_are_counted_where_nothing_is_asked(tmp_path):
    code, said = outcome(tmp_path, asked="")
    assert code == 0
    assert "6 skipped, 1 xfailed" in said


def test_a_skip_for_want_of_a_tool_fails_and_says_of_which(tmp_path):
    code, said = outcome(tmp_path, "--continue-on-collection-errors", asked="1")
    assert code == 1
    assert "1 failed, 2 skipped, 1 xfailed, 3 errors" in said
    for reason in ("moto[server] is not", "jq is not", "chromium is not", "no Postgres server is"):
        assert f"{reason} installed" in said
    assert said.count("what this needs can be installed here") == 4


def test_a_checkout_that_git_cannot_read_is_a_failure_and_no_skip(tmp_path, monkeypatch):
    monkeypatch.setattr(doc_pages, "ROOT", tmp_path)
    with pytest.raises(pytest.skip.Exception, match="no git checkout"):
        doc_pages.tracked.__wrapped__()
    (tmp_path / ".git").mkdir()
    with pytest.raises(subprocess.CalledProcessError):
        doc_pages.tracked.__wrapped__()
