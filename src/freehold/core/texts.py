"""Sentences that people read: English as they stand, and what is needed to say them in another language.

>>> text = said("{who} pays {price} for {rows}.", who="Ada", price=Units(2_500_000), rows=said.many("{n} row", "{n} rows", n=1200))
>>> text
'Ada pays $2.50 for 1,200 rows.'
>>> text.template
'{who} pays {price} for {rows}.'

A `Text` is a `str`, so that a command, an answer and a log have the English. The console looks the
template up in its reader's language and fills in the values as that reader writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from freehold.core import epsilons
from freehold.core.money import dollars

UNKNOWN = "—"
_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class Text(str):
    """A sentence that remembers what it was made of; plain `str` where it is stored or sent."""

    __slots__ = ("many", "number", "template", "values")
    template: str
    values: Mapping[str, object]
    many: str
    """The template where `number` is not one; empty where nothing is counted."""
    number: int

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str.__str__(self),)

    def __copy__(self) -> Text:
        return self

    def __deepcopy__(self, _: object) -> Text:
        return self


class Value(int):
    """A whole number of some unit; its reader sees it in words."""

    __slots__ = ()

    def __str__(self) -> str:
        raise NotImplementedError


class Units(Value):
    """Money, in the token's smallest units."""

    __slots__ = ()

    def __str__(self) -> str:
        return dollars(self)


class Moment(Value):
    """A moment of Unix time."""

    __slots__ = ()

    def __str__(self) -> str:
        return moment_of(self).strftime("%-d %B %Y, %H:%M UTC")


class Day(Value):
    """The day of a moment of Unix time."""

    __slots__ = ()

    def __str__(self) -> str:
        return moment_of(self).strftime("%-d %B %Y")


class Month(Value):
    """The month of a moment of Unix time."""

    __slots__ = ()

    def __str__(self) -> str:
        return moment_of(self).strftime("%B %Y")


class Span(Value):
    """Seconds, said in their largest fitting unit."""

    __slots__ = ()

    def __str__(self) -> str:
        unit, number = largest(self)
        return f"{number:,} {unit}{'' if number == 1 else 's'}"


class Size(Value):
    """Bytes, said in their largest fitting binary unit."""

    __slots__ = ()

    def __str__(self) -> str:
        amount, unit, decimals = fitting(self)
        return f"{amount:,.{decimals}f} {unit}"


class Share(Value):
    """Parts of ten thousand, said as per cent."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{int(self) / 100:.1f} %"


class Epsilon(Value):
    """What privacy is counted in, in millionths; never rounded."""

    __slots__ = ()

    def __str__(self) -> str:
        return epsilons.text(self)


class _Said:
    """What makes texts."""

    def __call__(self, template: str, /, **values: object) -> Text:
        """A text out of a template, whose `{places}` are filled with values of the same names."""
        return _made(template, values, template, "", 1)

    def many(self, one: str, several: str, /, *, n: int | None, **values: object) -> Text:
        """As a call, where the words depend on a number `n`; None where it is not known."""
        return _made(one if n == 1 else several, {"n": n, **values}, one, several, 2 if n is None else n)


said = _Said()


def label(words: str) -> Text:
    """A short text without values that a registration gives, where its own class gathers it."""
    return _made(words, {}, words, "", 1)


def _made(shown: str, values: Mapping[str, object], template: str, many: str, number: int) -> Text:
    text = Text(filled(shown, values, english))
    text.template, text.values, text.many, text.number = template, values, many, number
    return text


def filled_anew(text: Text, values: Mapping[str, object]) -> Text:
    """A text with other values in the same places."""
    return _again(text.template, values, text.many, text.number)


def spelled(text: str, old: str, new: str) -> str:
    """A text with another name in it, wherever one of its values has it."""
    if not isinstance(text, Text):
        return text.replace(old, new)
    values = {
        name: spelled(one, old, new) if isinstance(one, str) else one for name, one in text.values.items()
    }
    return filled_anew(text, values)


def _again(template: str, values: Mapping[str, object], many: str, number: int) -> Text:
    return _made(many if many and number != 1 else template, values, template, many, number)


def filled(template: str, values: Mapping[str, object], written: Callable[[object], str]) -> str:
    """A template with its places filled; braces around anything else stay as they are.

    >>> filled('{n} of {"a": 1}', {"n": 3}, str)
    '3 of {"a": 1}'
    """
    return _PLACE.sub(lambda hit: written(values[hit[1]]) if hit[1] in values else hit[0], template)


_MARK = "\0text"


def packed(value: Any) -> Any:
    """A value as JSON, its texts with templates and values: to be kept, or said by another process.

    >>> unpacked(packed({"why": [said("{n} of {all}", n=1, all=Units(2_000_000))]}))
    {'why': ['1 of $2.00']}
    """
    if isinstance(value, Text):
        about = {"values": packed(dict(value.values)), "many": value.many, "number": value.number}
        return {_MARK: value.template, **about}
    if isinstance(value, Value):
        return {_MARK: type(value).__name__, "value": int(value)}
    if isinstance(value, Decimal):
        return {_MARK: Decimal.__name__, "value": str(value)}
    if isinstance(value, dict):
        return {str(name): packed(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [packed(one) for one in value]
    return value


def unpacked(value: Any) -> Any:
    """What was packed."""
    if isinstance(value, list):
        return [unpacked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if _MARK not in value:
        return {name: unpacked(one) for name, one in value.items()}
    name = str(value[_MARK])
    if "value" in value:
        return Decimal(value["value"]) if name == Decimal.__name__ else _kind(name)(value["value"])
    many, number = str(value["many"]), int(value["number"])
    return _again(name, unpacked(value["values"]), many, number)


def _kind(name: str) -> type[Value]:
    return next(one for one in Value.__subclasses__() if one.__name__ == name)


def places(template: str) -> set[str]:
    """Names of the places in a template."""
    return set(_PLACE.findall(template))


def english(value: object) -> str:
    """A value as an English text has it."""
    if value is None:
        return UNKNOWN
    if isinstance(value, list | tuple):
        *first, last = map(english, value) if value else ("",)
        return f"{', '.join(first)} and {last}" if first else last
    if isinstance(value, int) and not isinstance(value, Value | bool):
        return f"{value:,}"
    return str(value)


_STEPS = ((60, "second", 1), (3600, "minute", 60), (86_400, "hour", 3600), (86_400 * 60, "day", 86_400))
_MONTH, _YEAR = 30 * 86_400, 365 * 86_400


def largest(seconds: float) -> tuple[str, int]:
    """The largest fitting unit of a span, and how many of it: `("day", 12)`."""
    for limit, unit, size in _STEPS:
        if seconds < limit:
            return unit, max(1, round(seconds / size))
    if seconds < 2 * _YEAR:
        return "month", round(seconds / _MONTH)
    return "year", round(seconds / _YEAR)


def fitting(size_bytes: int) -> tuple[float, str, int]:
    """Bytes in the largest fitting unit: how many, of which, and with how many decimals."""
    amount = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return amount, unit, 0 if unit == "bytes" or amount >= 100 else 1
        amount /= 1024
    raise AssertionError


def moment_of(seconds: float) -> datetime:
    """A moment of Unix time; one that lies too far ahead for a calendar is its last day."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime(9999, 12, 31, tzinfo=UTC)
