"""Holds figures on pages to what measurements printed: `python scripts/figures.py`.

A paragraph, table row or section title that names a measurement (`python -m bench NAME`, `make bench ARGS=NAME`,
`python bench/NAME.py`, `bench/NAME.json`), and the tables right after it, may say only what stands in
bench/results/NAME.json, rounded as the page likes and in any unit: what the run printed (`output`), and what an earlier
one did whose times stand because the machine was quieter (`kept`). Whole numbers below ten that have no unit are
passed over: most count things. What no output shows is listed in bench/results/untied.json with the reason, by page and
number, or by page and measurement.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"(?:-m bench|bench ARGS=|\bbench/|python bench/)[ ]?([a-z_]+)(?:\.py|\.json)?\b")
NUMBER = re.compile(
    r"(?<![\w.,/:^-])(?P<digits>\d[\d,]*(?:\.\d+)?)(?:e(?P<power>-?\d+))?[  ]?"
    r"(?P<unit>%|us\b|ms\b|s\b|kB\b|MB\b|GB\b|KiB\b|MiB\b|M\b|million\b|billion\b)?"
)
UNITS = {
    "%": 0.01, "us": 1e-6, "ms": 1e-3, "s": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024, "MiB": 2**20,
    "M": 1e6, "million": 1e6, "billion": 1e9,
}  # fmt: skip
NOISE = re.compile(
    r"\b\d{4}-\d\d-\d\d\b|\]\([^)]*\)|`[^`]*`|\b(Python|SHA|ERC|EIP|RFC|Prague|npm) ?-?[\d.]+|\d+ cores\b"
)
"""Dates, links, code and names, which hold digits and no figures."""


class Figure(NamedTuple):
    shown: str
    value: float
    slack: float
    """Half of the last digit that is shown."""


def figures(text: str) -> Iterator[Figure]:
    for found in NUMBER.finditer(NOISE.sub(" ", text)):
        digits = found["digits"].rstrip(",").replace(",", "")
        if not found["unit"] and len(digits) == 1:
            continue
        scale = UNITS.get(found["unit"] or "", 1.0) * 10.0 ** int(found["power"] or 0)
        whole, _, decimals = digits.partition(".")
        places = -len(decimals) if decimals else len(whole) - len(whole.rstrip("0") or whole)
        yield Figure(found[0].strip(" ,"), float(digits) * scale, 0.5 * 10.0**places * scale)


def blocks(text: str) -> Iterator[tuple[set[str], str]]:
    """(measurements, text) of each paragraph, row or table that is tied to some."""
    carried: set[str] = set()
    rest: set[str] = set()
    for part in re.split(r"\n\s*\n", text):
        own = set(NAMED.findall(part))
        # "As `python bench/attacks.py` prints it": so does what follows
        rest = own if "prints it" in part else rest
        own |= rest
        rows = part.strip().splitlines()
        if rows and rows[0].startswith("```"):
            yield carried, part
        elif rows and all(row.startswith("|") for row in rows):
            # a row that names its command is held to that one
            for row in rows[2:]:
                tied = set(NAMED.findall(row)) or carried
                cells = row.strip("| ").split(" | ")
                yield tied, cells[1] if NAMED.search(cells[-1]) and len(cells) > 2 else row
        elif not part.lstrip().startswith("#"):
            yield own, part
            carried = own


def printed(name: str) -> list[Figure]:
    kept = json.loads((RESULTS / f"{name}.json").read_text())
    lines = [*kept["output"], *kept.get("kept", {}).get("output", ())]
    return [one for line in lines for one in figures(line)]


def loose(text: str, excused: Mapping[str, str]) -> Iterator[str]:
    """Figures of a page that nothing printed, and excuses that none of them needs."""
    known = {path.stem for path in (ROOT / "bench").glob("*.py")}
    needless = set(excused)
    for tied, block in blocks(text):
        names = sorted(tied & known)
        needless -= set(names)
        if not names or any(name in excused for name in names):
            continue
        found = [one for name in names if (RESULTS / f"{name}.json").exists() for one in printed(name)]
        for one in figures(block):
            # a column of points is printed without the sign
            ways = (1, 100) if one.shown.endswith("%") else (1,)
            if any(
                abs(one.value * way - it.value) <= one.slack * way * 1.0001 for it in found for way in ways
            ):
                continue
            if one.shown in excused:
                needless.discard(one.shown)
            else:
                yield f"{one.shown!r} in no result of {', '.join(names)}: {' '.join(block.split())[:90]}"
    for one in sorted(needless):
        yield f"untied.json excuses {one!r}, which nothing needs"


def main() -> int:
    untied: dict[str, dict[str, str]] = json.loads((RESULTS / "untied.json").read_text())
    wrong = [
        f"{name}: {line}"
        for page in PAGES
        for name in [str(page.relative_to(ROOT))]
        for line in loose(page.read_text(), untied.pop(name, {}))
    ]
    wrong += [f"untied.json names {name}, which is no page" for name in untied]
    print("\n".join(wrong) or "every figure that names its measurement stands in its results")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
