"""Figures on pages are what a measurement printed, and a page cannot drift from it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import figures  # noqa: E402 - after the path

PAGE = """
`python -m bench gas`: buying takes {buy} gas.

| act | gas |
| --- | --- |
| revoke | {revoke} |

| what | measured | command |
| --- | --- | --- |
| in 30 days | {claim} | `make bench ARGS=gas` |
"""
RIGHT = {"buy": "134,282", "revoke": "45,227", "claim": "59,433"}


def test_every_figure_that_names_its_measurement_stands_in_its_results():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "figures.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (
        f"{done.stdout}\nmeasure again (python -m bench NAME --save), or mend the page"
    )


def test_a_right_page_is_left_alone():
    assert list(figures.loose(PAGE.format(**RIGHT), {})) == []
    assert list(figures.loose(PAGE.format(**RIGHT | {"buy": "some 134,000", "revoke": "0.0452 M"}), {})) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"buy": "134,283"},
        {"buy": "135,000"},
        {"revoke": "45,226"},
        {"claim": "59,432"},
        {"revoke": "0.0453 M"},
    ],
    ids=str,
)
def test_a_figure_that_nothing_printed_is_named(changed):
    [said] = figures.loose(PAGE.format(**RIGHT | changed), {})
    assert "in no result of gas" in said


def test_an_excuse_is_for_one_figure_or_one_measurement_and_never_idle():
    wrong = PAGE.format(**RIGHT | {"buy": "7,777"})
    assert list(figures.loose(wrong, {"7,777": "a sum"})) == []
    assert list(figures.loose(wrong, {"gas": "not kept"})) == []
    [said] = figures.loose(PAGE.format(**RIGHT), {"7,777": "a sum"})
    assert said == "untied.json excuses '7,777', which nothing needs"


def test_a_page_without_a_command_is_not_held():
    assert list(figures.loose("There are 7,777 of them.", {})) == []


def test_results_say_where_and_when_they_were_made():
    for path in (ROOT / "bench" / "results").glob("*.json"):
        kept = json.loads(path.read_text())
        if path.stem == "untied":
            assert all(reason.strip() for page in kept.values() for reason in page.values())
            continue
        assert kept["command"] == f"python -m bench {path.stem}"
        assert (ROOT / "bench" / f"{path.stem}.py").is_file()
        run = kept if kept["output"] else kept["kept"]
        assert run["date"]
        assert run["machine"]
        assert run["output"]


def test_rows_say_when_they_were_measured_and_whether_the_output_is_kept():
    page = (ROOT / "docs" / "measured.md").read_text()
    rows = re.findall(r"^\| .* \| ([^|]*) \| `.*?(?:ARGS=|bench/)([a-z_]+)[^|]*\|$", page, re.MULTILINE)
    assert len(rows) > 15
    for said, name in rows:
        kept = json.loads((ROOT / "bench" / "results" / f"{name}.json").read_text())
        printed = f"{kept['date']}, printed" if kept["output"] else f"{kept['kept']['date']}, noted"
        assert said == printed, name
        assert not (kept["output"] and "kept" in kept), f"{name}: older figures beside those printed"


def test_gas_of_others_stands_on_one_page():
    """Bare sums beside ours mislead; the page of comparison says for which path each is."""
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for part in re.split(r"\n\s*\n", path.read_text()) if path.stem != "comparison" else ():
            about = re.search(r"\b(Ocean|Vana|EAS)\b", part) and re.search(r"\bgas\b", part)
            assert not (about and re.search(r"\d,\d{3}|\d M\b", part)), f"{path.name}: {part[:90]}"
