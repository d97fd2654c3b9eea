"""How numbers and dates of a Parquet file are written as text.

What a subject is known by and what a label is called are such texts, so a table that was published once must be
spelled alike ever after: as Arrow's C++ library spells them.
"""

from __future__ import annotations

from decimal import Context, Decimal

from freehold.core.late import np, npt
from freehold.features.data.rules.columns import Raw

_WIDE = Context(prec=100, Emin=-10_000, Emax=10_000)
_LOW, _HIGH = -7, 10
"""Powers of ten between which a number is written without one."""
_EXACT = 53
"""Bits of a whole number that a double holds."""


def whole(raw: Raw) -> list[str]:
    """Whole numbers."""
    return [str(one) for one in raw.tolist()]


def truths(raw: Raw) -> list[str]:
    """True and false."""
    return ["true" if one else "false" for one in raw.tolist()]


def floats(raw: Raw) -> list[str]:
    """Numbers of 32 and 64 bits, in as few digits as tell each from its neighbours.

    >>> floats(np.array([1.0, 0.1, 1e-7, 1e15, float("inf")]))
    ['1', '0.1', '1e-7', '1e+15', 'inf']
    """
    return [_float(str(one)) for one in raw]


def halves(raw: Raw) -> list[str]:
    """Numbers of 16 bits, as the doubles that they are."""
    return floats(raw.astype(np.float64))


def _float(text: str) -> str:
    if text.lstrip("-") in ("nan", "inf"):
        return text.lstrip("-") if "nan" in text else text
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    kept = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) + exponent - 1 if kept != "0" else 0
    before = "-" * sign
    if not _LOW < power < _HIGH:
        return f"{before}{kept[0]}{'.' * (len(kept) > 1)}{kept[1:]}e{power:+d}"
    if power < 0:
        return f"{before}0.{'0' * (-power - 1)}{kept}"
    kept = kept.ljust(power + 1, "0")
    after = kept[power + 1 :]
    return f"{before}{kept[: power + 1]}{'.' * bool(after)}{after}"


def decimals(raw: Raw, scale: int) -> list[Decimal]:
    """Decimal numbers from their digits, which are whole numbers of any size."""
    return [Decimal(int(one)).scaleb(-scale, _WIDE) for one in raw.tolist()]


def near(raw: Raw, scale: int) -> npt.NDArray[np.float64]:
    """Decimal numbers as doubles: a product where the digits fit, else the sum of whole and rest."""
    found = np.empty(len(raw), dtype=np.float64)
    unit = 10.0**-scale
    for row, one in enumerate(raw.tolist()):
        size = abs(one)
        if scale <= 0 or size.bit_length() <= _EXACT:
            value = float(size) * unit
        else:
            above, below = divmod(size, 10**scale)
            value = float(above) + float(below) * unit
        found[row] = -value if one < 0 else value
    return found


def moments(raw: Raw, unit: str, ends: str = "") -> list[str]:
    """Days (unit D) and moments, counted from 1970."""
    written: list[str] = np.datetime_as_string(raw.astype(f"datetime64[{unit}]")).tolist()
    return [one.replace("T", " ") + ends for one in written]


def times(raw: Raw, unit: str) -> list[str]:
    """Times of day."""
    return [one.partition(" ")[2] for one in moments(raw, unit)]


def decoded(raw: Raw) -> list[str]:
    """Bytes that are text. Raises UnicodeDecodeError: some are not."""
    return [bytes(one).decode() for one in raw.tolist()]
