"""One page of a whole run: self-contained HTML, no script, styles pinned by their hashes."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from freehold.core import epsilons
from freehold.core.ids import short
from freehold.core.money import BPS, dollars
from freehold.features.models.rules import worth
from freehold.features.privacy.rules import promises

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_BAR_WIDTH = 1_000
"""Width of a full bar in the units of its picture."""
ACCURACIES = (
    ("trained together under noise, data stays home", "accuracy"),
    ("all rows pooled in one place, without noise", "pooled_accuracy"),
    ("best single owner alone, without noise", "best_single_accuracy"),
    ("always the commoner label", "majority_accuracy"),
)
"""Rows of the comparison, and where the report has each."""


def render(report: Mapping[str, Any], picture: str) -> str:
    """The page of a quickstart's report; `picture` is SVG made by `lineage_svg.draw`."""
    ends = (int(owner["share_bps"]) + int(owner["error_ppm"]) // 100 for owner in report["owners"])
    most_bps = min(BPS, max(ends, default=1) or 1)
    return (
        _environment()
        .get_template("result.html")
        .render(
            report=report,
            # both are this package's own text, in which names are escaped already
            picture=Markup(picture),  # noqa: S704
            style=Markup((_TEMPLATES / "result.css").read_text()),  # noqa: S704
            interval=worth.interval(report["model"]["accuracy_bps"]),
            points=worth.points,
            epsilon=epsilons.text(report["privacy"]["epsilon_micro"]),
            agreed=sum(1 for owner in report["owners"] if owner["agreed"]),
            whisker=lambda share_bps, error_ppm: tuple(
                max(0, min(_BAR_WIDTH, end * _BAR_WIDTH // most_bps))
                for end in (share_bps - error_ppm // 100, share_bps + error_ppm // 100)
            ),
            counting=promises.EPSILON,
            accuracies=[(name, report["model"][field]) for name, field in ACCURACIES],
            bar=lambda share_bps: max(4, int(share_bps) * _BAR_WIDTH // most_bps) if share_bps else 0,
        )
    )


def policy(page: str) -> str:
    """The Content-Security-Policy under which `page` works: its own styles, nothing else at all."""
    hashes = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in _STYLE.findall(page)
    }
    styles = " ".join(f"'sha256-{value}'" for value in sorted(hashes)) or "'none'"
    return (
        f"default-src 'none'; style-src {styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    made.filters |= {
        "dollars": dollars,
        "short": short,
        "percent": lambda share_bps: f"{share_bps / 100:.2f} %",
        "accuracy": lambda share: f"{share * 100:.1f} %",
        "thousands": lambda number: f"{number:,}",
    }
    return made
