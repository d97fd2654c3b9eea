"""Numbers, money, sizes, times and lists as the reader of a page writes them, by the CLDR's rules; plain text.

Babel is imported where it is used: a node that nobody looks at does without.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from freehold.core import epsilons
from freehold.core.money import DECIMALS
from freehold.core.texts import (
    UNKNOWN,
    Day,
    Epsilon,
    Moment,
    Month,
    Share,
    Size,
    Span,
    Text,
    Units,
    Value,
    filled,
    fitting,
    largest,
    moment_of,
    said,
)
from freehold.kernel.web.names import clean, isolated
from freehold.kernel.web.reader import reader

if TYPE_CHECKING:
    from babel import Locale

_USUAL_REGION = {"en": "GB"}
"""Where a language says none: days before months and hours to 24 are understood everywhere."""
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "month": 86_400 * 30,
    "year": 86_400 * 365,
}
_JUST_NOW = 45
_CENT, _DOLLAR = 10_000, 10**DECIMALS


def locale() -> Locale:
    """The rules of the reader's language and region."""
    who = reader()
    return _locale(who.language, who.region or _USUAL_REGION.get(who.language, ""))


@lru_cache(64)
def _locale(language: str, region: str) -> Locale:
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415

    try:
        return Locale(language, region or None)
    except UnknownLocaleError:
        return Locale(language)


def marks() -> tuple[str, str]:
    """The reader's decimal sign, and the mark between thousands."""
    from babel.numbers import get_decimal_symbol, get_group_symbol  # noqa: PLC0415

    return get_decimal_symbol(locale()), get_group_symbol(locale())


def number(value: float | Decimal | None) -> str:
    """`1,234.5`; no decimal is dropped."""
    if value is None:
        return UNKNOWN
    from babel.numbers import format_decimal  # noqa: PLC0415

    return format_decimal(value, locale=locale(), decimal_quantization=False)


def money(units: int | None) -> str:
    """Dollars, in cents; exact below a dollar, and where the fraction of a cent is short, as in a price.

    Whoever agrees to a price of $1.005 reads it so; a share of earnings of $3.141593 reads as $3.14.
    """
    if units is None:
        return UNKNOWN
    if abs(units) < _DOLLAR or units % 100 == 0:
        return exact(units)
    return exact(round(units / _CENT) * _CENT)


def cents(column: Iterable[int]) -> int:
    """How many decimals sums below one another have: two, and as many more as the least of them needs.

    A short fraction of a cent, as in a price, is shown whole; of a longer one at least two digits.
    """
    return max((_decimals(abs(units)) for units in column), default=2)


def _decimals(units: int) -> int:
    for places in range(2, DECIMALS):
        step = 10 ** (DECIMALS - places)
        if units % step == 0 or (units % 100 and units >= 10 * step):
            return places
    return DECIMALS


def rounded(units: int, decimals: int) -> str:
    """Dollars with so many decimals."""
    from babel.numbers import format_currency  # noqa: PLC0415

    pattern = locale().currency_formats["standard"].pattern.replace("0.00", f"0.{'0' * decimals}")
    return format_currency(Decimal(units) / _DOLLAR, "$", pattern, locale=locale(), currency_digits=False)


def exact(units: int) -> str:
    """Dollars with every decimal there is, at least two."""
    from babel.numbers import format_currency  # noqa: PLC0415

    # the node's money is dollars and nothing else, so the short sign is enough in every region
    return format_currency(
        Decimal(units) / _DOLLAR, "$", locale=locale(), currency_digits=False, decimal_quantization=False
    )


def percent(share_bps: int | None) -> str:
    """Basis points as per cent, with one decimal where there is one."""
    if share_bps is None:
        return UNKNOWN
    from babel.numbers import format_percent  # noqa: PLC0415

    tenths = round(share_bps / 10)
    return format_percent(Decimal(tenths) / 1000, locale=locale(), decimal_quantization=False)


def size(size_bytes: int | None) -> str:
    """Bytes in the largest fitting unit, the binary ones in which limits are said."""
    if size_bytes is None:
        return UNKNOWN
    amount, unit, decimals = fitting(size_bytes)
    if unit == "bytes":
        return tr(said.many("{n} byte", "{n} bytes", n=int(size_bytes)))
    return f"{number(round(Decimal(amount), decimals))}\N{NO-BREAK SPACE}{unit}"


def day(seconds: float) -> str:
    """`3 March 2026`, in the reader's time zone."""
    from babel.dates import format_date  # noqa: PLC0415

    return format_date(here(seconds), "long", locale=locale())


def short_day(seconds: float) -> str:
    """`3 Mar 2026`, in a column of dates and below a chart."""
    from babel.dates import format_date  # noqa: PLC0415

    return format_date(here(seconds), "medium", locale=locale())


def month(first: date) -> str:
    """A month of a year: `November 2026`."""
    from babel.dates import format_skeleton  # noqa: PLC0415

    return format_skeleton("yMMMM", first, locale=locale())


def moment(seconds: float, *, precise: bool = False) -> str:
    """`3 March 2026 at 14:05`, in the reader's zone; with seconds and the zone where it should be exact."""
    from babel.dates import format_time  # noqa: PLC0415

    at = here(seconds)
    clock = format_time(at, "medium" if precise else "short", locale=locale())
    shown = tr(said("{day}, {time}", day=day(seconds), time=clock))
    return f"{shown} {zone(seconds)}" if precise or not reader().zone_known else shown


def zone(seconds: float) -> str:
    """What the reader's time zone is called at a moment: `UTC`, `CET`, `UTC-03:00`."""
    name = here(seconds).tzname() or "UTC"
    # many zones have no letters of their own
    return name if name[:1].isalpha() else f"UTC{name}"


def here(seconds: float) -> datetime:
    """A moment in the reader's time zone."""
    try:
        return moment_of(seconds).astimezone(ZoneInfo(reader().zone))
    except OverflowError:
        return moment_of(seconds)


def ago(seconds: float, now: float | None = None) -> str:
    """`3 minutes ago`, `in 12 days`, `just now`."""
    distance = seconds - (time.time() if now is None else now)
    if abs(distance) < _JUST_NOW:
        return tr(said("just now"))
    return _span(abs(distance), -1 if distance < 0 else 1)


def duration(seconds: float | None) -> str:
    """A span in its largest unit: `5 minutes`, `12 days`, `3 months`, `2 years`."""
    return UNKNOWN if seconds is None else _span(seconds, 0)


def _span(seconds: float, direction: Literal[-1, 0, 1]) -> str:
    from babel.dates import format_timedelta  # noqa: PLC0415

    unit, many = largest(seconds)
    # no unit above the chosen one
    return format_timedelta(
        (direction or 1) * many * _SECONDS[unit],
        granularity=unit,  # type: ignore[arg-type]
        threshold=float("inf"),
        add_direction=direction != 0,
        locale=locale(),
    )


def listed(items: Iterable[object], style: Literal["standard", "or"] = "standard") -> str:
    """`a, b and c`; markup where an item is markup."""
    shown = [tr(one) for one in items]
    marked = any(isinstance(one, Markup) for one in shown)
    if len(shown) < 2:
        return "".join(shown) if not marked else Markup("").join(shown)
    # out of the CLDR
    patterns = {
        name: Markup(one) if marked else one  # noqa: S704
        for name, one in locale().list_patterns[style].items()
    }
    if len(shown) == 2:
        return patterns["2"].format(*shown)
    made = patterns["end"].format(*shown[-2:])
    for one in reversed(shown[1:-2]):
        made = patterns["middle"].format(one, made)
    return patterns["start"].format(shown[0], made)


def tr(text: object) -> str:
    """A text in its reader's language, and a value as they write it; any other text as it is."""
    if not isinstance(text, Text):
        return text if isinstance(text, str) else value(text)
    template = _template(text)
    if any(isinstance(one, Markup) for one in text.values.values()):
        # the template is this package's own, and may hold no tag: it is escaped like every value
        return Markup(filled(str(escape(template)), text.values, lambda one: escape(value(one))))  # noqa: S704
    return filled(template, text.values, value)


def _template(text: Text) -> str:
    texts = reader().texts()
    if text.many:
        return texts.ngettext(text.template, text.many, text.number)
    return texts.gettext(text.template)


def begins(text: Text) -> object:
    """The value that a text begins with, as its reader has it; None where it begins with a word of its own."""
    first = re.match(r"\{(\w+)\}", _template(text))
    found = text.values.get(first[1]) if first else None
    return begins(found) if isinstance(found, Text) else found


def value(one: object) -> str:
    """A value within a text, as its reader writes it; a stranger's is clean and keeps its direction to itself."""
    if isinstance(one, Text | Markup):
        return tr(one)
    if isinstance(one, Value):
        return _FORMS[type(one)](one)
    if isinstance(one, list | tuple):
        return listed([value(each) for each in one])
    if one is None or (isinstance(one, int | float | Decimal) and not isinstance(one, bool)):
        return number(one)
    return isolated(clean(str(one)))


_FORMS: dict[type[Value], Callable[[int], str]] = {
    Units: money,
    Moment: moment,
    Day: day,
    Month: lambda at: month(moment_of(at).date()),
    Span: duration,
    Size: size,
    Share: percent,
    Epsilon: lambda micro: number(Decimal(epsilons.text(micro))),
}
