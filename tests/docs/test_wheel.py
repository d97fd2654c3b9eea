"""The wheel: the same bytes from a checkout and from what is published of it, and it runs on every Python it names."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import doc_pages
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import wheel_test  # noqa: E402 - after the path

PRIVATE = (".venv", "node_modules", ".git/", ".sqlite-", "keys.jwe", "__pycache__")


def build(source, target, mask):
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", target],
        capture_output=True,
        text=True,
        check=False,
        cwd=source,
        umask=mask,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"},
    )
    assert done.returncode == 0, done.stderr
    return {path.name: path for path in sorted(target.iterdir())}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("dist"), 0o022)


def test_a_build_gives_the_same_bytes_wherever_it_is_made(built, tmp_path):
    [published] = [path for name, path in built.items() if name.endswith(".tar.gz")]
    with tarfile.open(published) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    [source] = (tmp_path / "source").iterdir()
    again = build(source, tmp_path / "dist", 0o077)
    assert set(again) == set(built)
    for name, path in built.items():
        assert path.read_bytes() == again[name].read_bytes(), name


def test_a_build_that_git_tells_no_time_says_so(built, tmp_path):
    [published] = [path for name, path in built.items() if name.endswith(".tar.gz")]
    with tarfile.open(published) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()
    done = subprocess.run(
        ["make", "-o", ".venv/.ready", "wheel", f"BIN={Path(sys.executable).parent}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=source,
        env={name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"},
    )
    assert done.returncode == 0, done.stderr
    assert "the files are dated 2020" in done.stderr
    [wheel] = (source / "dist").glob("*.whl")
    assert {one.date_time[0] for one in zipfile.ZipFile(wheel).infolist()} == {2020}


def test_what_is_published_holds_the_package_and_nothing_private(built):
    [wheel] = [path for name, path in built.items() if name.endswith(".whl")]
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"freehold"}
    for needed in (
        "py.typed",
        "quickstart/biopsies.csv",
        "chain/artifacts/Market.json",
        "shell/web/templates",
    ):
        assert any(name.startswith(f"freehold/{needed}") for name in names), needed
    [source] = [path for name, path in built.items() if name.endswith(".tar.gz")]
    with tarfile.open(source) as archive:
        held = archive.getnames()
    for name in [*names, *held]:
        assert not any(part in f"/{name}" for part in PRIVATE), name


def test_all_that_is_kept_of_the_project_is_published(built):
    [source] = [path for name, path in built.items() if name.endswith(".tar.gz")]
    with tarfile.open(source) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {name.split("/")[0] for name in doc_pages.tracked() - {"."}} == {
        name.split("/")[0] for name in held - {"PKG-INFO"}
    }


@pytest.mark.slow
@pytest.mark.parametrize("version", wheel_test.VERSIONS)
def test_it_runs_the_quickstart(built, version):
    if wheel_test.interpreter(version) is None:
        pytest.skip(f"Python {version} is not installed")
    [wheel] = [path for name, path in built.items() if name.endswith(".whl")]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "wheel_test.py", wheel, "--python", version],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Python {version}: freehold " in done.stdout
