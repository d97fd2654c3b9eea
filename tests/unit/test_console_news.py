"""Open pages are told what changed, and whose session is over, also after the database was away."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from freehold.kernel.databases.errors import StorageFailed
from freehold.shell.web import live
from freehold.shell.web.sessions import Sessions


def test_a_database_that_is_away_ends_no_look_at_the_sessions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "LOOK_EVERY_SECONDS", 0.01)
    looks = 0

    def away() -> None:
        raise StorageFailed("the database is away")

    def end_stale() -> None:
        nonlocal looks
        looks += 1

    door: Any = SimpleNamespace(
        host=SimpleNamespace(node=SimpleNamespace(store=SimpleNamespace(log=away))), closing=asyncio.Event()
    )
    _, session = Sessions(60).begin()

    async def look() -> None:
        events = live.Live(door, end_stale)._events(session)
        assert (await anext(events)).startswith("retry")
        ends = asyncio.get_running_loop().time() + 20
        while looks < 3:
            assert asyncio.get_running_loop().time() < ends
            await asyncio.sleep(0.01)
        session.ended = True
        assert "event: end" in await anext(events)

    asyncio.run(look())
