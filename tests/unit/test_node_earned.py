"""What was earned on which day follows from sums noted now and then."""

import json
from types import SimpleNamespace

from freehold.node.earned import DAY_SECONDS, over_time


def node_with(notes: dict[int, int], today: int):
    kept = {f"earned:{day:08d}": json.loads(json.dumps(units)) for day, units in notes.items()}
    return SimpleNamespace(
        now=lambda: today * DAY_SECONDS + 7, store=SimpleNamespace(states=lambda prefix: kept)
    )


def test_days_are_differences_and_gaps_earn_nothing():
    made = over_time(node_with({90: 5, 98: 5, 99: 12}, 100), 20)
    assert made.today_units == 8
    assert made.month_units == 20
    assert dict(made.days)[99 * DAY_SECONDS] == 7
    assert dict(made.days)[95 * DAY_SECONDS] == 0
    assert len(made.days) == 30


def test_what_came_before_the_month_is_not_in_it():
    made = over_time(node_with({10: 100, 60: 300, 99: 310}, 100), 310)
    assert (made.today_units, made.month_units, made.total_units) == (0, 10, 310)


def test_a_new_node_counts_everything_as_today():
    made = over_time(node_with({}, 100), 4)
    assert (made.today_units, made.month_units) == (4, 4)
