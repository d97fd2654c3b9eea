"""One page of a whole run: self-contained HTML, no script, styles pinned by their hashes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import shutil
import socket
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold import plain_file
from freehold.core import epsilons
from freehold.core.ids import short
from freehold.core.money import BPS, dollars
from freehold.features.models.rules import worth
from freehold.features.privacy.rules import promises
from freehold.shell import stopping
from freehold.vault import home_folder

if TYPE_CHECKING:
    from starlette.requests import Request


_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_BAR_WIDTH = 1_000
"""Width of a full bar in the units of its picture."""
ACCURACIES = (
    ("trained together under noise", "accuracy"),
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


def _application(values: Mapping[str, Any], lineage: str) -> Starlette:
    """Page, picture and report; nothing else."""
    page = render(values, lineage)
    headers = {
        "content-security-policy": policy(page),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
    }

    def home(_: Request) -> Response:
        return Response(page, media_type="text/html", headers=headers)

    def picture(_: Request) -> Response:
        own = {**headers, "content-security-policy": policy(lineage)}
        return Response(lineage, media_type="image/svg+xml", headers=own)

    def report(_: Request) -> Response:
        return JSONResponse(values, headers=headers)

    # a name that a stranger's DNS points at this machine is refused
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    routes = [Route("/", home), Route("/lineage.svg", picture), Route("/report.json", report)]
    return Starlette(routes=routes, middleware=[hosts])


def _program() -> str:
    """The command as it is typed here: by its path where a shell does not find it, as in an environment not activated."""
    ran = Path(sys.argv[0])
    found = shutil.which("freehold")
    if ran.name != "freehold" or (found and Path(found).resolve() == ran.resolve()):
        return "freehold"
    return plain_file.typed(ran)


def serve(values: Mapping[str, Any], lineage: str, directory: Path) -> None:
    """Serve the report of a run as a page on 127.0.0.1 until Ctrl-C; its address goes to stderr."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    sys.stderr.write(
        f"\nThe same as a page: {url}\n"
        f"Everything still runs: try {_program()} earnings{home_folder.option(directory / 'alder')}\n"
        "Ctrl-C ends it.\n"
    )
    sys.stderr.flush()
    config = uvicorn.Config(
        _application(values, lineage), ws="none", log_level="warning", access_log=False, lifespan="off"
    )
    # here that is the ordinary end
    with contextlib.suppress(KeyboardInterrupt):
        stopping.Server(config).run(sockets=[listener])
