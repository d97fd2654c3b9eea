"""Money: integers of a token's smallest unit. Dollars appear only in what people read or type."""

from __future__ import annotations

import re
from decimal import Decimal
from numbers import Real

from freehold.core.errors import InvalidInput

DECIMALS = 6
"""Decimals of the dollar tokens in use (test dollar, USDC)."""
BPS = 10_000
_MOST_DIGITS = 20
_AMOUNT = re.compile(r"^\$?([0-9]{1,9})(?:\.([0-9]{1,6}))?$")


def units(amount: object) -> int:
    """Smallest units of an amount as people type it, "1.50" or "$0.001", or as a number.

    >>> units("$2.50"), units(0.000001), units(3)
    (2500000, 1, 3000000)

    Raises `InvalidInput`: not an amount, negative, or with more than 6 decimals.
    """
    text = _text(amount)
    match = _AMOUNT.match(text.strip())
    if match is None:
        raise InvalidInput(
            f"{text[:40]!r} is not an amount of dollars",
            hint="Write 2.50 or 0.001: less than a billion, six decimals at most.",
        )
    whole: int = int(match[1]) * 10**DECIMALS
    return whole + int((match[2] or "").ljust(DECIMALS, "0"))


def _text(amount: object) -> str:
    if isinstance(amount, str):
        return amount
    if isinstance(amount, bool) or not isinstance(amount, Real | Decimal):
        raise InvalidInput(
            f"{type(amount).__name__} is no amount of dollars", hint='Give text or a number: "2.50", 0.001.'
        )
    try:
        text = str(amount)
    except ValueError:
        raise InvalidInput("no amount of dollars has thousands of digits", hint="Give less.") from None
    if "e" not in text.lower():
        return text
    # as small and large numbers are written
    exact = Decimal(text)
    return f"{exact:f}" if abs(exact.adjusted()) < _MOST_DIGITS else text


def dollars(amount_units: int) -> str:
    """An amount for people: at least two decimals, never rounded."""
    sign = "-" if amount_units < 0 else ""
    whole, rest = divmod(abs(amount_units), 10**DECIMALS)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{decimals}"


def typed(amount_units: int) -> str:
    """An amount as people type it: `1250.50`; `1.5010`, because many read three decimals as thousands."""
    text = dollars(amount_units).removeprefix("$").replace(",", "")
    return f"{text}0" if text[-4] == "." and text[0] != "0" else text


LARGE_UNITS = 100_000_000
"""A hundred dollars."""


def unasked(per_day_units: int) -> int:
    """Most that one act takes of its owner who said what a day may take, and nothing of one act.

    A hundred dollars, or a tenth of the day's ceiling where that is more.

    >>> dollars(unasked(units("1000"))), dollars(unasked(units("25000")))
    ('$100.00', '$2,500.00')
    """
    return max(LARGE_UNITS, per_day_units // 10)
