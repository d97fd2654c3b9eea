"""How the console learns who reads, and that nothing of it depends on a direction or costs a node its start."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.requests import Request

from freehold.kernel.web.reader import READER, Reader
from freehold.shell.web import reading
from freehold.shell.web.rendering import Rendering

STATIC = Path(reading.__file__).parent / "static"


def asked(accept: str = "", **cookies: str) -> Reader:
    kept = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = [(b"accept-language", accept.encode()), (b"cookie", kept.encode())]
    return reading.reader(Request({"type": "http", "headers": headers}))


@pytest.mark.parametrize(
    ("accept", "language", "region"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de", "AT"),
        ("it, fr-CH;q=0.5, en;q=0.4", "fr", "CH"),
        ("en;q=0.1, es;q=0.9", "es", ""),
        ("zh-Hant-TW", "en", ""),
        ("de;q=0", "en", ""),
        ("", "en", ""),
        ("x" * 10_000, "en", ""),
        ("de;q=9, <script>", "en", ""),
    ],
)
def test_the_language_is_the_best_that_the_browser_asks_for(accept: str, language: str, region: str):
    found = asked(accept)
    assert (found.language, found.region) == (language, region)


def test_what_somebody_chose_goes_before_what_the_browser_says():
    found = asked(
        "fr-CH, es-MX",
        freehold_language="es",
        freehold_zone="Asia/Tokyo",
        freehold_browser_zone="Europe/Zurich",
    )
    assert (found.language, found.region, found.zone, found.zone_known) == ("es", "MX", "Asia/Tokyo", True)
    assert asked(freehold_browser_zone="Europe/Zurich").zone == "Europe/Zurich"


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Europe/Nowhere", "", "x" * 5_000, "UTC+1"])
def test_a_zone_that_there_is_not_is_utc_and_said_so(zone: str):
    found = asked(freehold_zone=zone)
    assert (found.zone, found.zone_known) == ("UTC", False)


def test_a_language_that_runs_from_right_to_left_says_so():
    token = READER.set(Reader("ar"))
    try:
        shown = Rendering().page("base.html", 200, theme="").body.decode()
    finally:
        READER.reset(token)
    assert '<html lang="ar" dir="rtl"' in shown


@pytest.mark.parametrize("sheet", sorted(one.name for one in STATIC.glob("*.css")))
def test_style_sheets_know_no_left_or_right(sheet: str):
    text = re.sub(r"/\*.*?\*/", "", (STATIC / sheet).read_text(), flags=re.DOTALL)
    assert not re.findall(r"(?:margin|padding|border)-(?:left|right)[^;]*|[ {;](?:left|right):[^;]*", text)
    assert not re.findall(
        r"(?:text-align|float): (?:left|right)|border-(?:top|bottom)-(?:left|right)-radius", text
    )
    sides = re.findall(r"(?:margin|padding|inset): ([^;}]+)", text)
    assert not [one for one in sides if len(parts := one.split()) == 4 and parts[1] != parts[3]]


def test_a_node_that_nobody_looks_at_loads_no_locale():
    started = (
        "import sys; from freehold.shell.web.app import Console; from freehold.shell.web.rendering import Rendering;"
        "from freehold.kernel.registry import everything; list(everything().every('pages')); Rendering();"
        "import freehold.shell.cli.main; print([one for one in sys.modules if one.split('.')[0] == 'babel'])"
    )
    done = subprocess.run([sys.executable, "-c", started], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
