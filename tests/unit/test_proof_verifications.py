"""Checks of one session: however many somebody begins, few run at once."""

import threading
from typing import Any

import pytest

from freehold.features.proof.verifications import MAX_KEPT, Verifications
from freehold.kernel.limits import Busy


def test_who_begins_many_checks_has_few_running():
    kept, ended, running = Verifications(), threading.Event(), threading.Semaphore(0)
    host: Any = None

    def look(*_: object) -> None:
        running.release()
        ended.wait(20)

    begun = [kept.begin(host, str(number), look) for number in range(MAX_KEPT)]
    assert kept.begin(host, "0", look) is begun[0]
    for number in range(20):
        with pytest.raises(Busy):
            kept.begin(host, f"more {number}", look)
    ended.set()
    for one in begun:
        assert running.acquire(timeout=20)
        one._thread.join(20)
    assert not running.acquire(blocking=False)
    kept.begin(host, "later", look)
    assert running.acquire(timeout=20)
