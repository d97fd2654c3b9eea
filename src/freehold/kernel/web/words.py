"""Values as people read them: money, times, names of others' choosing, ids. Filters of every template.

Names and texts come from strangers: they are clipped, their control characters replaced, and isolated
in `<bdi>`, so that they can neither run, nor reorder what stands beside them, nor fill the page.
"""

from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime

from markupsafe import Markup

from freehold.core import epsilons
from freehold.core.money import dollars
from freehold.core.texts import Text, Value, english, filled
from freehold.kernel.web.reader import reader

MOST_NAME = 80
MOST_TEXT = 2_000
_REPLACED = "\N{REPLACEMENT CHARACTER}"
_STEPS = ((60, "second", 1), (3600, "minute", 60), (86_400, "hour", 3600), (86_400 * 60, "day", 86_400))
_MONTH, _YEAR = 30 * 86_400, 365 * 86_400


def tr(text: object) -> str:
    """A text in its reader's language; anything else as it is."""
    if not isinstance(text, Text):
        return text if isinstance(text, str) else str(text)
    texts = reader().texts()
    if text.many:
        template = texts.ngettext(text.template, text.many, text.number)
    else:
        template = texts.gettext(text.template)
    return filled(template, text.values, value)


def value(one: object) -> str:
    """A value within a text, as its reader writes it."""
    return tr(one) if isinstance(one, Text) else english(one)


def finished(one: object) -> object:
    """What a template shows: a text or a value of the node in the reader's language."""
    return value(one) if isinstance(one, Text | Value) else one


def plain(text: object, most: int = MOST_TEXT) -> str:
    """Text without control or direction characters, cut at `most` characters."""
    raw = tr(text)
    clean = "".join(
        _REPLACED if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") and char != "\n" else char
        for char in raw[: most + 1]
    )
    return clean if len(raw) <= most else clean[: most - 1] + "…"


def named(text: object, most: int = MOST_NAME) -> Markup:
    """A name somebody else chose; None where it cannot be read."""
    if text is None:
        return Markup("(unknown)")
    raw = plain(text, 400).replace("\n", " ")
    shown = raw if len(raw) <= most else raw[: most - 1] + "…"
    if not shown.strip(" " + _REPLACED):
        shown = "(no name)"
    title = Markup(' title="{}"').format(raw) if shown != raw else ""
    return Markup("<bdi{}>{}</bdi>").format(title, shown)


def written(text: object) -> Markup:
    """A longer text somebody else wrote; its line breaks stay."""
    return Markup('<bdi class="written">{}</bdi>').format(plain(text))


def money(units: int) -> Markup:
    """Dollars; hovering shows the exact number of units."""
    return Markup('<span class="money" title="{:,} units">{}</span>').format(units, dollars(units))


def about(units: int) -> str:
    """Dollars rounded to cents, for large figures."""
    cents = (abs(units) + 5_000) // 10_000
    return f"{'-' if units < 0 else ''}${cents // 100:,}.{cents % 100:02d}"


def cents(units: int) -> Markup:
    """As `money`, rounded to cents unless there is less than one."""
    if 0 < abs(units) < 10_000:
        return money(units)
    return Markup('<span class="money" title="{:,} units, {}">{}</span>').format(
        units, dollars(units), about(units)
    )


def when(seconds: int) -> Markup:
    """A moment in words; hovering shows it exactly. `seconds` is Unix time."""
    return _time(seconds, ago(seconds, time.time()))


def day(seconds: int) -> Markup:
    """A moment as a date."""
    return _time(seconds, date(seconds))


def date(seconds: int) -> str:
    """A moment as a date, as plain text."""
    return moment_of(seconds).strftime("%-d %B %Y")


def ago(seconds: float, now: float) -> str:
    """`3 minutes ago`, `in 12 days`, `just now`."""
    distance = abs(now - seconds)
    if distance < 45:
        return "just now"
    span = duration(distance)
    return f"in {span}" if seconds > now else f"{span} ago"


def duration(seconds: float) -> str:
    """A span in its largest unit: `5 minutes`, `12 days`, `3 months`, `2 years`."""
    for limit, unit, size in _STEPS:
        if seconds < limit:
            return count(max(1, round(seconds / size)), unit)
    if seconds < 2 * _YEAR:
        return count(round(seconds / _MONTH), "month")
    return count(round(seconds / _YEAR), "year")


def count(number: int | None, noun: str, many: str = "") -> str:
    """`1 row`, `2 rows`; None where nothing that can be read says how many."""
    if number is None:
        return f"an unknown number of {many or noun + 's'}"
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def ident(identifier: str, label: str = "ID") -> Markup:
    """An id, folded away."""
    return Markup(
        '<details class="id"><summary>{}</summary><code>{}</code>'
        '<button type="button" class="quiet small" data-copy="{}" hidden>Copy</button></details>'
    ).format(label, identifier, identifier)


def percent(share_bps: int) -> str:
    """Basis points as per cent."""
    return f"{share_bps / 100:.1f} %"


def size(size_bytes: int) -> str:
    """Bytes in the largest fitting unit, the binary ones in which limits are said."""
    amount = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024 or unit == "MiB":
            return f"{amount:,.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:,.1f} {unit}"
        amount /= 1024
    raise AssertionError


def purpose(word: str) -> str:
    """A purpose of the terms as people say it."""
    return PURPOSES.get(word, plain(word.replace("-", " ").replace("_", " "), MOST_NAME))


PURPOSES = {
    "model-training": "training a model",
    "research": "research",
    "evaluation": "evaluating a model",
    "quality-improvement": "improving quality of care",
}
"""Purposes offered by the publish page, and how they read in a sentence."""

FILTERS = {
    "capitalise": lambda text: tr(text)[:1].upper() + tr(text)[1:],
    "tr": tr,
    "named": named,
    "written": written,
    "plain": plain,
    "money": money,
    "cents": cents,
    "when": when,
    "day": day,
    "duration": duration,
    "count": count,
    "ident": ident,
    "percent": percent,
    "size": size,
    "epsilon": epsilons.rough_up,
    "purpose": purpose,
}


def moment_of(seconds: int) -> datetime:
    """A moment of Unix time; one that lies too far ahead for a calendar is its last day."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime(9999, 12, 31, tzinfo=UTC)


def _time(seconds: int, words: str) -> Markup:
    moment = moment_of(seconds)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%-d %B %Y, %H:%M:%S UTC"), words
    )
