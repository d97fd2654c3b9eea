"""Token buckets, turns and room for bodies: exact, bounded, and fair between callers."""

import asyncio

import pytest

from freehold.kernel import limits
from freehold.kernel.limits import (
    UNKNOWN,
    BodyRoom,
    Buckets,
    Busy,
    Caller,
    RateLimited,
    Turns,
    caller_behind,
    caller_of,
    is_trusted,
)


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
        ("203.0.113.9", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"), ("", UNKNOWN), ("::1", "::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::", "2001:db8:1:2::/64"), ("x" * 99, UNKNOWN),
        ("_hidden1", UNKNOWN), ("fe80::1%eth0", "fe80::/64"), ("fe80::1%eth1", "fe80::/64"),
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


def test_what_a_sender_invents_as_its_address_is_not_kept():
    """Each line of X-Forwarded-For may hold kilobytes, and a zone of IPv6 as well; known names are kept."""
    for invented in ("x" * 60_000, "fe80::1%" + "x" * 60_000):
        assert caller_of(invented) == UNKNOWN
        assert not is_trusted(invented, ("fe80::/16",))
    kept = limits._name.cache_info().currsize
    for number in range(100):
        caller_of(f"{number}" + "x" * 100)
    assert limits._name.cache_info().currsize == kept
    assert limits._name.cache_info().maxsize == limits._is_among.cache_info().maxsize == 4_096


PROXIES = ("127.0.0.1", "::1", "10.8.0.0/16")


@pytest.mark.parametrize(
    ("peer", "lines", "address", "near"),
    [
        ("127.0.0.1", (), "127.0.0.1", True),
        ("203.0.113.9", (), "203.0.113.9", False),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9", False),
        ("127.0.0.1", ("203.0.113.9",), "203.0.113.9", False),
        ("::ffff:127.0.0.1", ("203.0.113.9",), "203.0.113.9", False),
        ("127.0.0.1", ("127.0.0.1, 203.0.113.9",), "203.0.113.9", False),
        ("127.0.0.1", ("198.51.100.1, 203.0.113.9",), "203.0.113.9", False),
        ("127.0.0.1", ("198.51.100.1", "203.0.113.9"), "203.0.113.9", False),
        ("127.0.0.1", ("203.0.113.9, 10.8.3.4",), "203.0.113.9", False),
        ("127.0.0.1", ("203.0.113.9, 10.9.3.4",), "10.9.3.4", False),
        ("127.0.0.1", ("203.0.113.9:5511",), "203.0.113.9", False),
        ("127.0.0.1", ("[2001:db8::7]:443",), "2001:db8::7", False),
        ("127.0.0.1", ('"[2001:db8::7]"',), "2001:db8::7", False),
        ("127.0.0.1", ("2001:db8::7",), "2001:db8::7", False),
        ("127.0.0.1", ("fe80::1%eth0",), "fe80::1%eth0", False),
        ("127.0.0.1", ("unknown",), UNKNOWN, False),
        ("127.0.0.1", ("203.0.113.9, _secret",), UNKNOWN, False),
        ("127.0.0.1", ("",), UNKNOWN, False),
        ("127.0.0.1", ("203.0.113.9,",), UNKNOWN, False),
        ("127.0.0.1", ("127.0.0.1",), "127.0.0.1", False),
        ("", ("203.0.113.9",), "", False),
    ],
)
def test_who_asks_is_the_last_that_no_proxy_is(peer, lines, address, near):
    assert caller_behind(peer, lines, PROXIES) == Caller(address, near=near)


def test_all_that_a_proxy_does_not_name_are_one_caller_and_no_neighbour():
    names = [
        caller_behind("127.0.0.1", (line,), PROXIES).queue for line in ("unknown", "_a", "x" * 5_000, "")
    ]
    assert set(names) == {UNKNOWN}
    assert Caller("127.0.0.1", near=True).queue == ""


def test_turns_are_bounded_in_number_waiting_and_time():
    async def scenario():
        turns = Turns(1, waiting=1, seconds=0.2)
        with await turns.take():
            waiting = asyncio.create_task(turns.take())
            await asyncio.sleep(0.01)
            with pytest.raises(Busy):
                await turns.take()
            with pytest.raises(Busy):
                await waiting
        with await turns.take() as turn:
            turn.close()
            turn.close()
            with await turns.take():
                pass
        await turns.take()

    asyncio.run(scenario())


def test_one_caller_has_half_of_the_turns_and_a_quarter_of_the_places():
    async def scenario():
        turns = Turns(4, waiting=8, seconds=5)
        held = [await turns.take("slow") for _ in range(2)]
        waiting = [asyncio.create_task(turns.take("slow")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await turns.take("slow")
        # who comes later is not behind them
        others = [await turns.take(name) for name in ("a", "b")]
        late = asyncio.create_task(turns.take("c"))
        await asyncio.sleep(0)
        others[0].close()
        assert await late
        assert not any(one.done() for one in waiting)
        held[0].close()
        assert await waiting[0]
        assert not waiting[1].done()
        # who gives up leaves no trace, and those without a name are many
        waiting[1].cancel()
        await asyncio.gather(waiting[1], return_exceptions=True)
        for one in (held[1], others[1], await waiting[0], await late):
            one.close()
        for _ in range(4):
            await turns.take()

    asyncio.run(scenario())


def test_who_asks_once_is_not_behind_those_who_ask_for_more_and_more():
    async def scenario():
        turns, order = Turns(4, waiting=40, seconds=5), []

        async def ask(caller):
            with await turns.take(caller):
                order.append(caller)
                await asyncio.sleep(0.001)

        greedy = [asyncio.create_task(ask(caller)) for caller in "abc" * 10]
        await asyncio.sleep(0)
        others = [asyncio.create_task(ask(caller)) for caller in ("once", "")]
        await asyncio.gather(*greedy, *others)
        assert order.index("once") < 8
        assert order.index("") < 16, "nor are those of this machine, who are many"
        assert len(order) == 32

    asyncio.run(scenario())


def test_one_caller_cannot_fill_the_room_and_the_heaviest_gives_way():
    cut = []
    room = BodyRoom(100, 60)

    def enter(caller, number):
        return room.enter(caller, lambda: cut.append((caller, number)))

    first, second = enter("a", 1), enter("a", 2)
    room.grow(first, 50)
    room.grow(second, 10)
    with pytest.raises(Busy):
        room.grow(second, 1)
    small = enter("b", 1)
    room.grow(small, 40)
    assert cut == []
    late = enter("c", 1)
    room.grow(late, 1)
    assert cut == [("a", 1)], "the oldest of who has the most"
    with pytest.raises(Busy):
        room.grow(first, 1)
    assert room._used().total() == 51
    with pytest.raises(Busy):
        # it would have more than anybody it could take it from
        room.grow(late, 59)
    # what is being worked on is not taken away
    small.cut = None
    second.cut = None
    room.grow(enter("d", 1), 49)
    with pytest.raises(Busy):
        room.grow(enter("e", 1), 60)
    for body in list(room._bodies):
        room.leave(body)
    assert room._used().total() == 0
