"""Epsilon as people write and type it; everywhere else it is a whole number of millionths.

>>> parse("0.5"), text(1_250_000)
(500000, '1.25')
"""

from __future__ import annotations

import re

from freehold.core.errors import InvalidInput


def text(micro: int) -> str:
    """As people write it: `1`, `0.25`; never rounded."""
    whole, rest = divmod(micro, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def parse(typed: str) -> int:
    """Millionths of an epsilon as typed, such as 0.5.

    Raises:
        InvalidInput.
    """
    found = re.fullmatch(r"(\d{0,4})(?:\.(\d{0,6}))?", typed.strip(), re.ASCII)
    value = int((found[1] or "0") + (found[2] or "").ljust(6, "0")) if found else 0
    if value == 0:
        raise InvalidInput(f"{typed[:40]!r} is no epsilon", hint="Write a number above 0, such as 1 or 0.5.")
    return value
