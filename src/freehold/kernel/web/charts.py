"""Small charts as SVG, drawn here: no script, no inline style, colours from the style sheet.

Every chart has a title and a description for those who do not see it; `points` are (label, value, shown)
with values in whole units and `shown` as people read them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from freehold.core.money import dollars
from freehold.kernel.web.words import plain

Point = tuple[str, int, str]

_WIDTH, _HEIGHT, _PAD = 600, 120, 6


def by_day(amounts: Iterable[tuple[int, int]], today: int, days: int) -> list[Point]:
    """Units of (day, units) on each of the last days; a day is Unix seconds through 86,400."""
    sums: dict[int, int] = defaultdict(int)
    for day, units in amounts:
        sums[day] += units
    return [
        (datetime.fromtimestamp(day * 86_400, UTC).strftime("%-d %b"), sums[day], dollars(sums[day]))
        for day in range(today - days + 1, today + 1)
    ]


def area(title: str, points: Sequence[Point]) -> Markup:
    """Values over time as a filled line; the baseline is zero."""
    if not points:
        return Markup("")
    top = max(1, *(value for _, value, _ in points))
    step = (_WIDTH - 2 * _PAD) / max(1, len(points) - 1)
    places = [
        (_PAD + step * i, _HEIGHT - _PAD - max(0, value) / top * (_HEIGHT - 2 * _PAD))
        for i, (_, value, _) in enumerate(points)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    ground = f"{places[0][0]:.1f},{_HEIGHT - _PAD} {line} {places[-1][0]:.1f},{_HEIGHT - _PAD}"
    x, y = places[-1]
    body = Markup(
        '<polygon class="fill" points="{}"/><polyline class="line" points="{}"/>'
        '<circle class="dot" cx="{}" cy="{}" r="4"/>'
    ).format(ground, line, f"{x:.1f}", f"{y:.1f}")
    return _drawn("area", title, points, body, _HEIGHT)


def bars(title: str, points: Sequence[Point]) -> Markup:
    """Values side by side, as over days."""
    if not points:
        return Markup("")
    top = max(1, *(value for _, value, _ in points))
    step = (_WIDTH - 2 * _PAD) / len(points)
    wide = max(2.0, step * 0.72)
    parts = []
    for i, (label, value, shown) in enumerate(points):
        high = max(0, value) / top * (_HEIGHT - 2 * _PAD)
        high = max(high, 2.0) if value > 0 else 1.0
        parts.append(
            Markup(
                '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}: {}</title></rect>'
            ).format(
                "bar" if value > 0 else "bar none",
                f"{_PAD + step * i + (step - wide) / 2:.1f}",
                f"{_HEIGHT - _PAD - high:.1f}",
                f"{wide:.1f}",
                f"{high:.1f}",
                plain(label, 60),
                shown,
            )
        )
    return _drawn("bars", title, points, Markup("").join(parts), _HEIGHT)


def share(title: str, part: int, whole: int) -> Markup:
    """One bar filled to part of whole, such as uses of a grant."""
    filled = _WIDTH * max(0, min(part, whole)) // whole if whole > 0 else 0
    body = Markup(
        '<rect class="track" width="{}" height="10" rx="5"/><rect class="bar" width="{}" height="10" rx="5"/>'
    ).format(_WIDTH, filled)
    return _drawn("share", title, [], body, 10)


def measured(title: str, part: int, error: int, whole: int) -> Markup:
    """As `share`, with a whisker from `part` minus to `part` plus its standard error."""

    def at(value: int) -> int:
        return _WIDTH * max(0, min(value, whole)) // whole if whole > 0 else 0

    low, high = at(part - error), at(part + error)
    body = Markup(
        '<rect class="track" y="2" width="{}" height="10" rx="5"/><rect class="bar" y="2" width="{}" height="10" rx="5"/>'
    ).format(_WIDTH, at(part))
    if error > 0:
        body += Markup(
            '<rect class="whisker" x="{}" y="6" width="{}" height="2"/>'
            '<rect class="whisker" x="{}" y="1" width="1.5" height="12"/>'
            '<rect class="whisker" x="{}" y="1" width="1.5" height="12"/>'
        ).format(low, max(1, high - low), low, high)
    return _drawn("measured", title, [], body, 14)


def _drawn(kind: str, title: str, points: Sequence[Point], body: Markup, height: int) -> Markup:
    told = "; ".join(f"{plain(label, 60)}: {shown}" for label, value, shown in points if value)
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        "<desc>{}</desc>{}</svg>"
    ).format(kind, _WIDTH, height, plain(title, 200), told or "nothing yet", body)
