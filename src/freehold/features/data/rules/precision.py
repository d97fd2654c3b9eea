"""What a column loses when its values are kept in millionths, and by which power of ten it would not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from freehold.core.errors import InvalidTable
from freehold.core.late import np, npt
from freehold.core.texts import said
from freehold.features.data.rules.table import MICRO, MICRO_LIMIT, IntArray

_DIGITS = 10
"""Of a column's largest value, values that differ in later ones only are not different: sums end in such noise."""
_NOISE = 1e-13
"""Of a column's largest value, differences below which are told to nobody."""
_WHOLE_DIGITS = len(str(MICRO_LIMIT // MICRO)) - 1


@dataclass
class Column:
    """One column while it is read, batch by batch."""

    name: str
    low: float = math.inf
    high: float = -math.inf
    kept_low: int = MICRO_LIMIT
    kept_high: int = -MICRO_LIMIT
    looked: int = 0
    """Rows among which different values were counted: those of the first batch."""
    given: int = 0
    """Different values there."""
    kept: int = 0
    """And as they are kept."""
    gap: float = math.inf
    """Least difference of two of them, as given."""
    rows: int = 0
    truths: bool | None = None
    """Whether it is one of true and false, written as text; None before its first batch."""

    def take(self, values: npt.NDArray[np.float64], kept: IntArray) -> None:
        """Another batch, as it was given and as it is kept."""
        if len(values) == 0:
            return
        self.rows += len(values)
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.kept_low, self.kept_high = (
            min(self.kept_low, int(kept.min())),
            max(self.kept_high, int(kept.max())),
        )
        if not self.looked:
            self.looked = len(values)
            # what has no more than six decimals loses nothing, and needs no counting
            if np.abs(values * MICRO - kept).max() > 1e-3:
                unit, different = _shortened(values)
                self.given, self.kept = len(different), len(np.unique(kept))
                self.gap = float(np.diff(different).min(initial=math.inf)) * unit

    def require_kept(self, file: str) -> None:
        """Raises InvalidTable: its values differ, and are all the same once kept."""
        ends = np.array([self.low, self.high])
        if self.rows and self.kept_low == self.kept_high and len(_shortened(ends)[1]) > 1:
            raise InvalidTable(
                said(
                    "{file}, column '{name}': its values differ, and all become the same when they are kept in millionths",
                    file=file,
                    name=self.name,
                ),
                hint=said("{advice} Do so in every table, and in rows to predict.", advice=self._advice()),
                column=self.name,
            )

    def said(self) -> list[str]:
        """A sentence where one different value in a hundred, or more, became another's equal; or all are too near."""
        largest = max(abs(self.low), abs(self.high))
        if self.rows and self.kept_low == self.kept_high and self.high - self.low > _NOISE * largest:
            return [
                said(
                    "column '{name}': its values differ only after their first {digits} digits, and all become the same,"
                    " since they are kept rounded to millionths. If what is left means something, take away what they"
                    " share.",
                    name=self.name,
                    digits=_DIGITS,
                )
            ]
        if (self.given - self.kept) * 100 < max(self.given, 1):
            return []
        about = {"name": self.name, "given": self.given, "advice": self._advice()}
        if self.looked == self.rows:
            return [
                said.many(
                    "column '{name}': {given} different values became {n} value, since values are kept rounded to"
                    " millionths. {advice}",
                    "column '{name}': {given} different values became {n}, since values are kept rounded to millionths."
                    " {advice}",
                    n=self.kept,
                    **about,
                )
            ]
        return [
            said.many(
                "column '{name}': {given} different values of its first {rows} rows became {n} value, since values are"
                " kept rounded to millionths. {advice}",
                "column '{name}': {given} different values of its first {rows} rows became {n}, since values are kept"
                " rounded to millionths. {advice}",
                n=self.kept,
                rows=self.looked,
                **about,
            )
        ]

    def _advice(self) -> str:
        largest, spread = max(abs(self.low), abs(self.high)), self.high - self.low
        # as far as it may grow; so that values are about one apart; so that the two closest stay different
        room = _WHOLE_DIGITS - math.ceil(math.log10(largest)) if largest else 0
        apart = -math.floor(math.log10(spread)) if spread else 0
        closest = math.ceil(-math.log10(self.gap * MICRO)) if 0 < self.gap < math.inf else 0
        power = min(room, max(apart, closest))
        if power < 1:
            return said("Its values are too far apart for one unit: take their logarithm, or leave it out.")
        return said("Multiply it by 10^{power}.", power=power)


def too_large(largest: float) -> str:
    """What to do about a column with values beyond what is kept.

    >>> too_large(3e11)
    'Divide the column by 10^3, or more.'
    """
    power = max(1, math.ceil(math.log10(largest)) - _WHOLE_DIGITS)
    return said("Divide the column by 10^{power}, or more.", power=power)


def _shortened(values: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """The different ones of some values, in steps of a unit below which they do not differ; and that unit."""
    unit = float(np.abs(values).max()) / 10**_DIGITS
    if not unit:
        # all zero, or as small as numbers get
        return 1.0, np.unique(values)
    return unit, np.unique(np.rint(values / unit))
