"""Numbers, amounts and dates as people type them, in their own way of writing or in another that can only mean one thing.

`1.000,50` and `1,000.50` are one number whoever reads them. `1.000` is a thousand to a German and one to
an American: it is taken as the reader's own marks between thousands, and refused where the mark would be the
reader's decimal sign, for a price is no place to guess.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from freehold.core import epsilons, money
from freehold.core.errors import InvalidInput
from freehold.core.texts import Epsilon, Units, said
from freehold.kernel.web import formats

_SPACES = "[ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}'\N{RIGHT SINGLE QUOTATION MARK}]"
_SPACED = re.compile(rf"([0-9]{{1,3}}(?:{_SPACES}[0-9]{{3}})+)([.,]([0-9]+))?")
_MARKED = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_DATE = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})")
MOST_DIGITS = 40


def number(text: str) -> Decimal:
    """A number that is not negative. Raises `InvalidInput`: it is none, or it may be two."""
    whole, decimals = _read(text.strip())
    return Decimal(f"{whole}.{decimals or 0}")


def whole(text: str) -> int | None:
    """A whole number; None where something else was typed, with decimals or without meaning."""
    try:
        digits, decimals = _read(text.strip())
    except InvalidInput:
        return None
    return int(digits) if decimals is None else None


def canonical(text: str) -> str:
    """An amount as the node reads it: `1250.5`. Raises `InvalidInput`."""
    return f"{number(text.strip().strip('$')):f}"


def cell(text: str) -> str:
    """One value of a row as files have it: with a point, also where its reader writes a comma."""
    given = text.strip()
    plain = formats.marks()[0] == "," and given.count(",") == 1 and "." not in given
    return given.replace(",", ".") if plain else given


def _read(given: str) -> tuple[str, str | None]:
    """Digits before and after the decimal sign."""
    if len(given) > MOST_DIGITS:
        raise _no_number(given)
    if spaced := _SPACED.fullmatch(given):
        return re.sub(_SPACES, "", spaced[1]), spaced[3]
    if not _MARKED.fullmatch(given):
        raise _no_number(given)
    marks = [char for char in given if char in ".,"]
    if not marks:
        return given, None
    if len(set(marks)) == 2:
        return _two_marks(given, marks)
    parts = given.split(marks[0])
    joined, grouped = "".join(parts), _is_grouped(parts)
    if not grouped and len(marks) == 1:
        return parts[0], parts[1]
    if not grouped:
        raise _no_number(given)
    if len(marks) > 1 or marks[0] == formats.marks()[1]:
        return joined, None
    small = written(Decimal(".".join(parts)))
    raise InvalidInput(
        said("{given} can be read as {small} or as {large}", given=given, small=small, large=joined),
        hint=said("Write {small} or {large}.", small=small, large=joined),
    )


def _two_marks(given: str, marks: list[str]) -> tuple[str, str]:
    """A number whose last mark is the decimal sign, because the others are of the other kind."""
    whole, _, decimals = given.rpartition(marks[-1])
    parts = re.split("[.,]", whole)
    if marks.count(marks[-1]) > 1 or not _is_grouped(parts):
        raise _no_number(given)
    return "".join(parts), decimals


def _is_grouped(parts: list[str]) -> bool:
    """Whether digits stand in groups of three, as thousands do."""
    first, *others = parts
    return len(first) <= 3 and first[0] != "0" and all(len(one) == 3 for one in others)


def _no_number(given: str) -> InvalidInput:
    return InvalidInput(
        said("{given} is not a number", given=repr(given[:MOST_DIGITS])),
        hint=said("Write it as {example}.", example=formats.number(Decimal("1234.5"))),
    )


def units(text: str) -> int:
    """Units of an amount of dollars. Raises `InvalidInput`."""
    return money.units(canonical(text))


def written(amount: Decimal, *, least: int = 2) -> str:
    """A number as its reader types it, which means the same to every other: `1250,50`, `1.0050`."""
    plain = f"{amount.normalize():f}"
    whole, _, decimals = plain.partition(".")
    decimals = decimals.ljust(least, "0")
    # three decimals might be thousands
    decimals = decimals.ljust(4, "0") if len(decimals) == 3 and whole != "0" else decimals
    return f"{whole}{formats.marks()[0]}{decimals}" if decimals else whole


def amount(amount_units: int) -> str:
    """Dollars as their reader types them."""
    return written(Decimal(amount_units) / 10**money.DECIMALS)


def as_typed(one: object) -> object:
    """Money or an epsilon as their reader types them; what was typed stays."""
    if isinstance(one, Epsilon):
        return written(Decimal(epsilons.text(one)), least=0)
    return amount(one) if isinstance(one, Units) else one


def day(text: str) -> date:
    """A date: `2026-03-31`, or with day, month and year in the reader's order. Raises `InvalidInput`."""
    given = text.strip()
    iso, other = _ISO.fullmatch(given), _DATE.fullmatch(given)
    try:
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if other:
            first, second, year = (int(one) for one in other.groups())
            return date(year, first, second) if _month_first() else date(year, second, first)
    except ValueError:
        pass
    raise InvalidInput(
        said("{given} is not a date", given=repr(given[:MOST_DIGITS])),
        hint=said("Write it as {example}.", example="2026-03-31"),
    )


def _month_first() -> bool:
    pattern = str(formats.locale().date_formats["short"].pattern)
    return pattern.lower().index("m") < pattern.index("d")
