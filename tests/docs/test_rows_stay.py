"""Wherever it is said that rows stay with their owner, the one who may be shown them is named: a judge."""

import re
from pathlib import Path

import pytest
from doc_pages import ROOT

_SAID = re.compile(
    r"\b(rows?|records?|table|data)\b[^.:;|]{0,40}\b(stays?\b(?! (?:off|spent|learned|in memory))|(never|do not|not) leaves?\b)"
    r"|\bnever (a|one) row\b|\bno (row|record)s?\b[^.:;|]{0,40}\b(sent|leaves?|shared|moved?)\b"
    r"|\bkeeps? (its|their|your) rows\b|\bwithout moving\b|\bnobody (else )?sees rows\b|\bnever leaves? (it|its|their|this|the)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"the key never leaves"  # of fingerprints
    r"|cells stay here"  # of the column that names a subject, which is no part of a table
    r"|What leaves \(no judge\)"  # the block for a run without one
)


def places() -> list[Path]:
    pages = [path for path in (ROOT / "docs").rglob("*.md") if "decisions" not in path.parts]
    package = ROOT / "src" / "freehold"
    return sorted(
        [
            ROOT / "README.md",
            *pages,
            *(ROOT / "docs" / "pictures").glob("*.svg"),
            *package.rglob("*.html"),
            *package.rglob("wire.py"),
            *(ROOT / "examples").glob("*.py"),
        ]
    )


@pytest.mark.parametrize("path", places(), ids=lambda path: str(path.relative_to(ROOT)))
def test_rows_that_stay_are_said_with_the_judge(path):
    for part in re.split(r"\n\s*\n|\n(?:- |> \*\*|\| )|</p>|</li>", path.read_text()):
        if _SAID.search(part) and not _OTHER.search(part):
            assert "judge" in part.lower(), part.strip()
