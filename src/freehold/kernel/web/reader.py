"""Who reads a page: language, region and time zone; and a text as that person reads it.

The console sets the reader around each request. Nothing here knows how a language was chosen, nor where
translations are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from gettext import NullTranslations

RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})


@cache
def _english() -> NullTranslations:
    return NullTranslations()


@dataclass(frozen=True)
class Reader:
    """One person's way of reading."""

    language: str = "en"
    region: str = ""
    """As in `AT`: how numbers and dates are written there; empty for the language's usual way."""
    zone: str = "UTC"
    """Of the time zone database, such as `Europe/Vienna`."""
    zone_known: bool = False
    """Whether the zone is theirs, or UTC for want of knowing it, which is then said beside a time."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """`language` and `zone`, where they chose them by hand."""
    texts: Callable[[], NullTranslations] = _english
    """The translations, read when the first text is shown."""

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, as in HTML."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"


SPOKEN: dict[str, Callable[[], NullTranslations]] = {"en": _english}
"""Language -> its translations, for what is said without a page; the console adds those that it has."""

READER: ContextVar[Reader] = ContextVar("reader", default=Reader())  # noqa: B039 - it is frozen


def reader() -> Reader:
    """Who reads what is made now."""
    return READER.get()
