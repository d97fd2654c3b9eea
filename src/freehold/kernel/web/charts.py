"""Small charts as SVG: no script, no inline style, colours from the style sheet; `chart.html` puts words around them.

A chart says its period, its largest value, zero and its total in words, and has its numbers in a table below, so
nobody needs to read it off a line. Labels and values are of `core.texts` (`Day`, `Units`) or whole numbers, and are
written as their reader does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from freehold.core.texts import Day, Units
from freehold.core.times import DAY_SECONDS
from freehold.kernel.web.formats import cents, short_day, value
from freehold.kernel.web.words import plain

Point = tuple[object, int]
"""(what it stands for, how much)."""

_WIDTH, _HEIGHT, _PAD = 600, 120, 6


@dataclass(frozen=True)
class Chart:
    """Values over a period, the oldest first."""

    title: str
    period: str
    """In words: `In the last 30 days`."""
    points: Sequence[Point]
    drawn: Literal["area", "bars"]
    total: object
    """In all."""
    unit: str = ""
    """Of what the values are, where they do not say it, such as `answers`."""

    @property
    def top(self) -> int:
        """The largest value, in its unit; a chart reaches from zero to it."""
        return max((amount for _, amount in self.points), default=0)

    @property
    def some(self) -> bool:
        """Whether there is anything to see."""
        return self.top > 0

    @property
    def marks(self) -> list[object]:
        """The first, a middle and the last label."""
        labels = [short_day(label) if isinstance(label, Day) else label for label, _ in self.points]
        if len(labels) < 3:
            return labels
        return [labels[0], labels[len(labels) // 2], labels[-1]]

    @property
    def places(self) -> int:
        """Decimals of the sums in its table; 0 where it is not of money."""
        return cents(amount for _, amount in self.points) if isinstance(self.top, Units) else 0

    @property
    def svg(self) -> Markup:
        """The picture alone."""
        return _area(self) if self.drawn == "area" else _bars(self)


def label(day: int) -> Day:
    """A day of UTC by its noon, which is of the same date nearly everywhere."""
    return Day(day * DAY_SECONDS + DAY_SECONDS // 2)


def by_day(amounts: Iterable[tuple[int, int]], today: int, days: int) -> list[Point]:
    """Units of (day, units) on each of the last days; a day is Unix seconds through 86,400."""
    sums: dict[int, int] = defaultdict(int)
    for day, units in amounts:
        sums[day] += units
    return [(label(day), Units(sums[day])) for day in range(today - days + 1, today + 1)]


def _area(chart: Chart) -> Markup:
    """A filled line; the baseline is zero."""
    top = max(1, chart.top)
    step = (_WIDTH - 2 * _PAD) / max(1, len(chart.points) - 1)
    places = [
        (_PAD + step * i, _HEIGHT - _PAD - max(0, amount) / top * (_HEIGHT - 2 * _PAD))
        for i, (_, amount) in enumerate(chart.points)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    ground = f"{places[0][0]:.1f},{_HEIGHT - _PAD} {line} {places[-1][0]:.1f},{_HEIGHT - _PAD}"
    body = Markup('<polygon class="fill" points="{}"/><polyline class="line" points="{}"/>').format(
        ground, line
    )
    return _drawn("area", chart.title, body, _HEIGHT)


def _bars(chart: Chart) -> Markup:
    """Values side by side."""
    top = max(1, chart.top)
    step = (_WIDTH - 2 * _PAD) / len(chart.points)
    wide = max(2.0, step * 0.72)
    parts = []
    for i, (label, amount) in enumerate(chart.points):
        high = max(0, amount) / top * (_HEIGHT - 2 * _PAD)
        high = max(high, 2.0) if amount > 0 else 1.0
        parts.append(
            Markup(
                '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}: {}</title></rect>'
            ).format(
                "bar" if amount > 0 else "bar none",
                f"{_PAD + step * i + (step - wide) / 2:.1f}",
                f"{_HEIGHT - _PAD - high:.1f}",
                f"{wide:.1f}",
                f"{high:.1f}",
                plain(value(label), 60),
                value(amount),
            )
        )
    return _drawn("bars", chart.title, Markup("").join(parts), _HEIGHT)


def share(title: str, part: int, whole: int) -> Markup:
    """One bar filled to part of whole; `chart.share` puts its figure beside."""
    body = Markup(
        '<rect class="track" width="{}" height="10" rx="5"/><rect class="bar" width="{}" height="10" rx="5"/>'
    ).format(_WIDTH, _of(part, whole))
    return _drawn("share", title, body, 10)


def measured(title: str, part: int, error: int, whole: int) -> Markup:
    """As `share`, with a whisker from `part` minus to `part` plus its standard error."""
    low, high = _of(part - error, whole), _of(part + error, whole)
    body = Markup(
        '<rect class="track" y="2" width="{}" height="10" rx="5"/><rect class="bar" y="2" width="{}" height="10" rx="5"/>'
    ).format(_WIDTH, _of(part, whole))
    if error > 0:
        body += Markup(
            '<rect class="whisker" x="{}" y="6" width="{}" height="2"/>'
            '<rect class="whisker" x="{}" y="1" width="1.5" height="12"/>'
            '<rect class="whisker" x="{}" y="1" width="1.5" height="12"/>'
        ).format(low, max(1, high - low), low, high)
    return _drawn("measured", title, body, 14)


def _of(part: int, whole: int) -> int:
    return _WIDTH * max(0, min(part, whole)) // whole if whole > 0 else 0


def _drawn(kind: str, title: str, body: Markup, height: int) -> Markup:
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(kind, _WIDTH, height, plain(title, 200), body)
