"""Who reads: the language a person chose or their browser asks for, its region, and their time zone.

All three come as cookies and headers of a stranger's choosing, so each must be one of those there are.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cache, partial
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from itertools import groupby
from pathlib import Path

from starlette.requests import Request

from freehold.kernel.web.reader import SPOKEN, Reader

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
"""Each as those who speak it call it."""
LANGUAGE_COOKIE = "freehold_language"
ZONE_COOKIE = "freehold_zone"
"""A time zone that somebody chose."""
BROWSER_ZONE_COOKIE = "freehold_browser_zone"
"""The time zone of the browser, as it told itself."""
LOCALE = Path(__file__).parent / "locale"
_ACCEPTED = re.compile(
    r"\s*([A-Za-z]{2,3})(?:-[A-Za-z]{4})?(?:-([A-Za-z]{2}))?(?:-\w+)*\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*"
)
_MOST_ACCEPTED = 500


def reader(request: Request) -> Reader:
    """Whoever sent a request."""
    asked = accepted(request.headers.get("accept-language", ""))
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    language = chosen if chosen in LANGUAGES else next((one for one, _ in asked if one in LANGUAGES), "en")
    # how somebody in Zurich or Mexico writes numbers, also where they chose the language by hand
    region = next((where for one, where in asked if one == language and where), "")
    zones = [request.cookies.get(name, "") for name in (ZONE_COOKIE, BROWSER_ZONE_COOKIE)]
    zone = next((one for one in zones if one in all_zones()), "")
    return Reader(
        language,
        region,
        zone or "UTC",
        zone_known=bool(zone),
        chosen={"language": chosen, "zone": zones[0]},
        texts=lambda: translations(language),
    )


def accepted(header: str) -> list[tuple[str, str]]:
    """(language, region) as a browser asks for them, the best first (RFC 9110, 12.5.4)."""
    found = []
    for part in header[:_MOST_ACCEPTED].split(","):
        hit = _ACCEPTED.fullmatch(part)
        weight = float(hit[3] or 1) if hit else 0
        if hit and weight:
            found.append((-weight, hit[1].lower(), (hit[2] or "").upper()))
    return [(language, region) for _, language, region in sorted(found, key=lambda one: one[0])]


@cache
def all_zones() -> frozenset[str]:
    """Every time zone there is."""
    return frozenset(zoneinfo.available_timezones())


@cache
def zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """(part of the world, its zones and their cities), as somebody picks one."""
    found = sorted(one for one in all_zones() if "/" in one and not one.startswith(("Etc/", "SystemV/")))
    return [
        (area, [(one, one.partition("/")[2].replace("_", " ")) for one in group])
        for area, group in groupby(found, key=lambda one: one.partition("/")[0])
    ]


@cache
def translations(language: str) -> NullTranslations:
    """The translations into a language, read once; what has none stays English."""
    path = LOCALE / f"{language}.po"
    if not path.is_file():
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - nobody who reads English needs it
    from babel.messages.pofile import read_po  # noqa: PLC0415

    made = BytesIO()
    with path.open("rb") as file:
        write_mo(made, read_po(file))
    made.seek(0)
    return GNUTranslations(made)


SPOKEN.update({language: partial(translations, language) for language in LANGUAGES})
