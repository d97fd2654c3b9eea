"""The pages of this repository, and what stands in them as code."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("src/freehold/features/*/README.md"),
        *ROOT.glob("examples/**/*.md"),
        *ROOT.glob("packaging/**/*.md"),
        *ROOT.glob("tests/released/*.md"),
    }
    - {ROOT / "CHANGELOG.md"}  # says how it was
)
_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def named(page: Path) -> str:
    """A page as people call it."""
    return str(page.relative_to(ROOT))


@cache
def text(page: Path) -> str:
    """All of a page."""
    return page.read_text()


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """Its blocks in these languages."""
    return (body for language, body in _BLOCK.findall(text(page)) if language in languages)


@cache
def spans(page: Path) -> tuple[str, ...]:
    """What stands in backticks within its sentences, in order."""
    return tuple(re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text(page))))


@cache
def tracked() -> frozenset[str]:
    """Every file of the repository, and every folder. Where git cannot read a checkout, that is a failure."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [Path(name) for name in listed.splitlines()]
    return frozenset(str(path) for file in files for path in (file, *file.parents))


@cache
def words_of_code() -> frozenset[str]:
    """Every word of what runs: sources, contracts and their interfaces, measurements, units, the build; not of pages."""
    roots = (
        "src/",
        "contracts/src/",
        "examples/",
        "bench/",
        "scripts/",
        "packaging/",
        "Makefile",
        "pyproject.toml",
    )
    found: set[str] = set()
    for name in tracked():
        path = ROOT / name
        if name.startswith(roots) and path.is_file() and path.suffix not in {".md", ".png"}:
            found.update(re.findall(r"\w+", path.read_text()))
    return frozenset(found)
