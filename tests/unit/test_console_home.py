"""What Home says was earned."""

import os

import pytest

from freehold.core.times import DAY_SECONDS
from freehold.features.earnings.ledger import Move
from freehold.features.earnings.pages import earned
from freehold.kernel import reading
from freehold.shell.backup import saving
from freehold.shell.web.pages.home import trouble

NOW = 100 * DAY_SECONDS + 7


def move(day: int, units: int, kind: str = "grant") -> Move:
    return Move(day * DAY_SECONDS + 5, kind, "0x1", units, "0x2")


def test_today_the_month_and_all():
    made = earned(
        [move(20, 300), move(72, 5), move(99, 7), move(100, 8), move(100, 7, "claim"), move(100, 1, "share")],
        321,
        NOW,
    )
    assert (made.today_units, made.month_units, made.total_units) == (9, 21, 321)
    assert len(made.over_time.points) == 30
    assert made.over_time.points[0][1] == 300
    assert made.over_time.points[-1][1] == 321
    assert str(made.over_time.points[-1][0]) == "11 April 1970"


def test_what_each_payment_is_rounded_down_by_is_not_missing_from_the_month():
    made = earned([move(99, 7, "share"), move(100, 8, "share")], 16, NOW)
    assert (made.today_units, made.month_units, made.total_units) == (9, 16, 16)


@pytest.mark.parametrize("code", ["log.forked", "log.behind", "chain.lost_state", "chain.other"])
def test_a_network_that_answers_is_not_said_to_be_silent(code):
    assert "does not answer" in trouble("chain", "chain.unreachable")
    assert "does not answer" not in trouble("chain", code)


def test_a_backup_counts_from_when_it_was_made(tmp_path):
    assert reading.last_backup(tmp_path) == 0
    saving.note_made(tmp_path)
    (note,) = tmp_path.iterdir()
    os.utime(note, (5, 5))
    assert (reading.last_backup(tmp_path), note.stat().st_mode & 0o077) == (5, 0)
    saving.note_made(tmp_path)
    assert reading.last_backup(tmp_path) > 5


def test_nothing_yet():
    made = earned([], 0, NOW)
    assert str(made.over_time.points[-1][1]) == "$0.00"
