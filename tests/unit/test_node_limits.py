"""Token buckets, turns and room for bodies: exact, bounded, and fair between callers."""

import asyncio

import pytest

from freehold.node.limits import BodyRoom, Buckets, Busy, RateLimited, Turns, caller_of, is_trusted


def test_a_bucket_lets_a_burst_through_then_its_rate():
    now = [0.0]
    buckets = Buckets(60, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(10)] == [0.0] * 10
    assert buckets.take("a") == pytest.approx(1.0)
    assert buckets.take("b") == 0.0, "another caller has a bucket of its own"
    now[0] = 3.0
    assert [bool(buckets.take("a")) for _ in range(4)] == [False, False, False, True]
    now[0] = 10_000.0
    assert [bool(buckets.take("a")) for _ in range(11)].count(False) == 10


def test_the_refusal_says_when_to_come_back():
    buckets = Buckets(2, clock=lambda: 0.0)
    buckets.require("a")
    with pytest.raises(RateLimited) as refused:
        buckets.require("a")
    assert refused.value.fields["retry_after_seconds"] == 30
    assert refused.value.http_status == 429


def test_the_table_is_bounded_and_a_rate_of_zero_limits_nobody():
    buckets = Buckets(1, most=100, clock=lambda: 0.0)
    for number in range(10_000):
        buckets.take(str(number))
    assert len(buckets) == 100
    free = Buckets(0)
    assert not any(free.take("a") for _ in range(1_000))
    assert len(free) == 0


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("203.0.113.9", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"), ("", ""), ("::1", "::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::", "2001:db8:1:2::/64"), ("x" * 99, "x" * 64),
    ],
)  # fmt: skip
def test_who_has_one_network_is_one_caller(host, name):
    assert caller_of(host) == name


@pytest.mark.parametrize(
    ("host", "trusted"),
    [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("127.0.0.2", False), ("2001:db8::1", True),
     ("2001:db8::2", False), ("::1", False), ("", False)],
)  # fmt: skip
def test_a_neighbour_of_a_trusted_proxy_is_not_trusted(host, trusted):
    assert is_trusted(host, ("127.0.0.1", "2001:db8::1")) is trusted


def test_turns_are_bounded_in_number_waiting_and_time():
    async def scenario():
        turns = Turns(1, waiting=1, seconds=0.2)
        async with turns.turn():
            waiting = asyncio.create_task(turns.turn().__aenter__())
            await asyncio.sleep(0.01)
            with pytest.raises(Busy):
                await turns.turn().__aenter__()
            with pytest.raises(Busy):
                await waiting
        async with turns.turn():
            pass

    asyncio.run(scenario())


def test_one_caller_cannot_fill_the_room():
    room = BodyRoom(100, 60)
    room.take("a", 60)
    with pytest.raises(Busy):
        room.take("a", 1)
    room.take("b", 40)
    with pytest.raises(Busy):
        room.take("c", 1)
    room.give_back("a", 60)
    room.take("c", 60)
    room.give_back("b", 40)
    room.give_back("c", 60)
    assert (room._used, room._by_caller) == (0, {})
