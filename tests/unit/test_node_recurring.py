"""Recurring work: tried again after failures, ever more seldom, in view, and once more at the end."""

import errno
import sqlite3
import threading
import time

import pytest
from node_world import until

from freehold.core.errors import Unavailable
from freehold.kernel import recurring
from freehold.kernel.recurring import Piece, Work


class Flaky:
    def __init__(self, failures: int, error: Exception) -> None:
        self.left, self.error, self.done, self.at = failures, error, threading.Event(), []

    def __call__(self) -> None:
        self.at.append(time.monotonic())
        if self.left:
            self.left -= 1
            raise self.error
        self.done.set()


def test_a_failure_is_shown_and_tried_again_after_longer_and_longer_pauses():
    act = Flaky(3, Unavailable("nobody answers", hint="wait"))
    work = Work((Piece("post", "send letters", 0.05, act),))
    work.start()
    until(lambda: work.overview()[0]["attempts"] == 2, "it failed twice", 5)
    (shown,) = work.overview()
    assert (shown["state"], shown["runs"]) == ("failing", 2)
    assert shown["last_error"] == {"code": "unavailable", "title": "nobody answers", "hint": "wait"}
    assert shown["next_try_at"] >= int(time.time())
    assert act.done.wait(5)
    until(lambda: work.overview()[0]["state"] == "waiting", "it is well again", 5)
    assert work.overview()[0]["attempts"] == 0
    work.stop(1)
    pauses = [later - earlier for earlier, later in zip(act.at, act.at[1:4], strict=False)]
    assert pauses[0] >= 0.1
    assert pauses[1] >= 0.2
    assert pauses[2] >= 0.4


def test_an_unexpected_error_ends_neither_the_thread_nor_the_others():
    broken, sound = Flaky(10**6, ZeroDivisionError()), Flaky(0, ValueError())
    work = Work((Piece("a", "", 0.01, broken), Piece("b", "", 0.01, sound)))
    work.start()
    assert sound.done.wait(5)
    until(lambda: work.overview()[0]["runs"] >= 2, "it is tried again", 5)
    assert work.overview()[0]["last_error"]["title"] == "unexpected error"
    work.stop(1)
    assert not any(one.thread.is_alive() for one in work._running)


def test_pauses_stay_within_the_longest(monkeypatch):
    monkeypatch.setattr(recurring, "LONGEST_PAUSE_SECONDS", 0.2)
    act = Flaky(10**6, Unavailable("no"))
    work = Work((Piece("a", "", 0.01, act),))
    work.start()
    until(lambda: len(act.at) > 8, "it goes on", 10)
    work.stop(1)
    assert max(b - a for a, b in zip(act.at, act.at[1:], strict=False)) < 1


def test_stopping_does_the_last_of_what_is_due_and_does_not_wait_for_the_rest():
    last, never, hangs = Flaky(0, ValueError()), Flaky(0, ValueError()), threading.Event()
    work = Work(
        (
            Piece("last", "", 60, last, at_stop=True),
            Piece("never", "", 60, never),
            Piece("hangs", "", 60, lambda: hangs.wait(30), at_stop=True),
        )
    )
    work.start()
    began = time.monotonic()
    work.stop(0.5)
    assert time.monotonic() - began < 2
    assert last.done.is_set()
    assert not never.at
    hangs.set()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), "unavailable"),
        (OSError(errno.ENOSPC, "No space left on device"), "blob.full"),
        (MemoryError(), "system.exhausted"),
    ],
    ids=["closed", "full", "memory"],
)
def test_what_is_known_of_an_error_is_said_without_a_traceback(caplog, error, code):
    work = Work((Piece("a", "", 0.01, Flaky(10**6, error)),))
    work.start()
    until(lambda: work.overview()[0]["runs"], "it was tried", 5)
    work.stop(1)
    assert work.overview()[0]["last_error"]["code"] == code
    assert not any(record.exc_info for record in caplog.records)
