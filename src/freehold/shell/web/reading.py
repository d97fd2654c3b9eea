"""Who reads: the language a person chose or their browser asks for, its region, and their time zone."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from starlette.requests import Request

from freehold.kernel.web.reader import Reader

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
"""Each as those who speak it call it."""
LANGUAGE_COOKIE = "freehold_language"
LOCALE = Path(__file__).parent / "locale"


def reader(request: Request) -> Reader:
    """Whoever sent a request."""
    language = request.cookies.get(LANGUAGE_COOKIE, "")
    if language not in LANGUAGES:
        language = "en"
    return Reader(language, texts=lambda: translations(language))


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
