"""Which connection ends when there are too many: never the owner's, never one that is being worked on."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.kernel.http import connections
from freehold.kernel.http.connections import Connections
from freehold.kernel.limits import Caller, RateLimited
from freehold.kernel.settings import Settings
from freehold.kernel.tally import Tally

HERE = "127.0.0.1"


class Transport:
    """What a connection does when it is ended."""

    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


class Pool:
    """Connections by name, with what happened to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int = 6, of_one: int = 4) -> None:
        monkeypatch.setattr(connections, "MOST_CONNECTIONS", most)
        self.all = Connections(Settings(connections_per_address=of_one), Tally())
        self.made: dict[str, Any] = {}

    def open(self, name: str, host: str = HERE) -> bool:
        transport: Any = Transport()
        made = self.all.enter(host, transport)
        self.made[name] = (made, transport)
        return made is not None

    def serve(self, name: str, address: str, *, owner: bool = False, phase: str = "work") -> None:
        made = self.made[name][0]
        self.all.serve(made, Caller(address, near=address == HERE), owner=owner)
        made.phase = phase

    @property
    def ended(self) -> list[str]:
        return [name for name, (_, transport) in self.made.items() if transport.aborted]


@pytest.fixture
def pool(monkeypatch):
    return Pool(monkeypatch)


def test_a_new_one_takes_the_place_of_the_oldest_of_who_has_most(pool):
    pool.open("honest")
    pool.serve("honest", "203.0.113.1", phase="body")
    for number in range(3):
        pool.open(f"slow{number}")
        pool.serve(f"slow{number}", "203.0.113.9", phase="body")
    pool.open("silent")
    pool.open("idle")
    pool.serve("idle", "203.0.113.2", phase="idle")
    assert pool.ended == []
    assert pool.open("late")
    assert pool.ended == ["slow0"]


def test_who_only_just_came_may_say_who_asks_before_it_makes_room(pool):
    """A proxy brings all from one address, and so comes the owner: a burst is let in before any of it is read."""
    for number in range(6):
        pool.open(f"slow{number}")
        pool.serve(f"slow{number}", f"198.51.100.{number}", phase="body")
    for name in ("owner", "burst0", "burst1"):
        assert pool.open(name)
    assert pool.ended == ["slow0", "slow1", "slow2"]
    for number in range(4):
        assert pool.open(f"more{number}")
    assert pool.ended == [*(f"slow{number}" for number in range(6)), "owner"], "there is no other left"


def test_who_only_just_came_stays_while_others_have_had_their_answers(pool):
    """Hundreds that asked and stay would otherwise have each newcomer ended by the next."""
    for number in range(6):
        pool.open(f"idle-{number}")
        pool.serve(f"idle-{number}", HERE, phase="idle")
        pool.made[f"idle-{number}"][0]._opened -= 1
    pool.open("newcomer")
    for number in range(3):
        pool.open(f"next-{number}")
        pool.serve(f"next-{number}", HERE, phase="idle")
    assert pool.ended == ["idle-0", "idle-1", "idle-2", "idle-3"]


def test_the_owners_and_those_at_work_stay(pool):
    for number in range(4):
        pool.open(f"owner{number}")
        pool.serve(f"owner{number}", HERE, owner=True, phase=("idle", "body", "answer", "head")[number])
    for number in range(5):
        pool.open(f"work{number}")
        pool.serve(f"work{number}", "203.0.113.9" if number < 2 else f"198.51.100.{number}")
    pool.open("idle")
    pool.serve("idle", HERE, phase="idle")
    assert pool.open("late")
    assert pool.ended == ["idle"], "one between requests only where nobody is slow"
    pool.serve("late", "203.0.113.5")
    assert not pool.open("refused"), "all others are being worked on"
    assert pool.ended == ["idle"]


def test_a_connection_is_the_owners_only_while_the_owner_uses_it(pool):
    pool.open("shared")
    pool.serve("shared", HERE, owner=True, phase="idle")
    pool.serve("shared", "203.0.113.9", phase="body")
    for number in range(6):
        assert pool.open(f"later{number}", f"198.51.100.{number}")
    assert pool.ended == ["shared"]


def test_one_address_ends_its_own(pool):
    for number in range(4):
        assert pool.open(f"one{number}", "203.0.113.9")
    assert pool.open("one4", "203.0.113.9")
    assert pool.ended == ["one0"]
    for number in range(1, 5):
        pool.serve(f"one{number}", "203.0.113.9")
    assert not pool.open("one5", "203.0.113.9")
    assert pool.open("other", "203.0.113.10")


def test_requests_of_one_caller_behind_a_proxy_are_as_few(monkeypatch):
    pool = Pool(monkeypatch, most=50)
    for number in range(4):
        pool.open(f"one{number}")
        pool.serve(f"one{number}", "203.0.113.9", phase="body" if number == 2 else "work")
    pool.open("one4")
    pool.serve("one4", "203.0.113.9")
    assert pool.ended == ["one2"], "what it does not finish gives way to what it asks next"
    pool.open("one5")
    with pytest.raises(RateLimited):
        pool.serve("one5", "203.0.113.9")
    pool.open("other")
    pool.serve("other", "203.0.113.10")
    pool.open("owner")
    pool.serve("owner", "203.0.113.9", owner=True)
    for number in range(10):
        pool.open(f"near{number}")
        pool.serve(f"near{number}", HERE)


def test_answers_that_are_not_taken_are_bounded_in_all(monkeypatch):
    monkeypatch.setattr(connections, "MOST_UNSENT_BYTES", 100)
    pool = Pool(monkeypatch, most=50, of_one=50)
    for name, address, unsent in (("a0", "a", 30), ("b0", "b", 40), ("a1", "a", 20), ("owner", "o", 90)):
        pool.open(name)
        pool.serve(name, f"203.0.113.{ord(address)}", owner=name == "owner")
        pool.all.wait_for_reader(pool.made[name][0], unsent)
    assert pool.ended == []
    pool.open("c0")
    pool.serve("c0", "203.0.113.1")
    pool.all.wait_for_reader(pool.made["c0"][0], 30)
    assert pool.ended == ["a0"]
