"""Epsilon, which privacy is counted in: millionths as integers, decimals only in what people read or type."""

from __future__ import annotations

import re

from freehold.core.errors import InvalidInput

MOST_MICRO = 100_000_000
"""Beyond it nothing is bounded in fact."""


def text(micro: int) -> str:
    """A number of epsilon as people write it: `1`, `0.25`; never rounded."""
    whole, rest = divmod(micro, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def parse(typed: str) -> int:
    """An epsilon as typed, such as 0.5, in millionths. Raises `InvalidInput`."""
    found = re.fullmatch(r"(\d{0,4})(?:\.(\d{0,6}))?", typed.strip(), re.ASCII)
    value = int((found[1] or "0") + (found[2] or "").ljust(6, "0")) if found else 0
    if not 1 <= value <= MOST_MICRO:
        raise InvalidInput(
            f"{typed[:40]!r} is no epsilon",
            hint=f"Write a number above 0, such as 1 or 0.5: at most {text(MOST_MICRO)}, with six decimals at most.",
        )
    return value


def rough(micro: int) -> str:
    """As `text`, with at most two decimals; rounded down, for what is left must not look like more."""
    return text(down(micro))


def rough_up(micro: int) -> str:
    """As `rough`, rounded up, for what is spent must not look like less."""
    return text(up(micro))


def down(micro: int) -> int:
    """With at most two decimals, where there are any."""
    return micro - micro % 10_000 if micro >= 10_000 else micro


def up(micro: int) -> int:
    """With at most two decimals."""
    return -(-micro // 10_000) * 10_000
