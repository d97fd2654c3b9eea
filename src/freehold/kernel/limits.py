"""How much one caller may ask: rates, turns at blocking work, memory for bodies on their way.

None of it is first come, first served. Where room runs out, the caller that holds the most gives way, so
that slowness costs the slow.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from math import ceil

from freehold.core.errors import Unavailable

MOST_CALLERS = 10_000
"""Callers remembered. One that is forgotten starts anew, which needs this many addresses at once."""
BURST_SECONDS = 10
"""A caller that was silent may send this much of its rate at once."""
MOST_ADDRESS_CHARACTERS = 64
"""What is longer is no address: of 45 characters at most, with a zone behind it. So what is remembered is small."""
UNKNOWN = "unknown"
"""The one caller that all are whose address a proxy does not tell."""


class RateLimited(Unavailable, code="http.rate_limited", http_status=429):
    """The caller sends more requests than one may; `fields` say when to come back."""


class Busy(Unavailable, code="http.busy"):
    """Too much is being worked on at this moment; `fields` say when to come back."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from, as far as the network tells."""

    address: str
    """Behind trusted proxies the last address that is none of them; empty or `unknown` where not told."""
    near: bool
    """It comes from this machine or a trusted proxy itself, and is passed on for nobody."""

    @property
    def name(self) -> str:
        """What its budgets are kept under."""
        return caller_of(self.address)

    @property
    def queue(self) -> str:
        """Under which it waits for turns: those of this machine may be many, and are not told apart."""
        return "" if self.near else self.name


class Buckets:
    """One token bucket a caller; safe to use from several threads. A rate of 0 limits nobody."""

    def __init__(
        self, per_minute: int, most: int = MOST_CALLERS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = per_minute / 60
        self._burst = max(1.0, self._rate * BURST_SECONDS)
        self._most, self._clock, self._lock = most, clock, threading.Lock()
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one token: 0 if there was one, else the seconds until there is."""
        if not self._rate:
            return 0.0
        with self._lock:
            now = self._clock()
            tokens, since = self._callers.pop(caller, (self._burst, now))
            tokens = min(self._burst, tokens + (now - since) * self._rate)
            allowed = tokens >= 1
            self._callers[caller] = (tokens - allowed, now)
            if len(self._callers) > self._most:
                self._callers.popitem(last=False)
            return 0.0 if allowed else (1 - tokens) / self._rate

    def require(self, caller: str) -> None:
        """Take one token. Raises `RateLimited`."""
        wait = self.take(caller)
        if wait:
            raise RateLimited(
                "too many requests",
                hint="Send fewer; wait as Retry-After says.",
                retry_after_seconds=max(1, ceil(wait)),
            )

    def __len__(self) -> int:
        return len(self._callers)


class Turns:
    """At most so many at once; a bounded number waits for a bounded time. For one event loop.

    A caller named has at most half of the turns and a quarter of the places to wait, and who has fewest goes
    first; those without a name are not told apart.
    """

    def __init__(self, at_once: int, *, waiting: int, seconds: float) -> None:
        self._at_once, self._most_waiting, self._seconds = at_once, waiting, seconds
        self._of_one, self._waiting_of_one = max(1, at_once // 2), max(1, waiting // 4)
        self._held: Counter[str] = Counter()
        self._queue: list[tuple[str, asyncio.Future[None]]] = []

    async def take(self, caller: str = "") -> ExitStack:
        """Wait for a turn and have it until it is closed, which may happen more than once.

        Raises `Busy`: too many wait, or it took too long.
        """
        if self._may(caller):
            self._held[caller] += 1
        else:
            await self._wait(caller)
        turn = ExitStack()
        turn.callback(self._release, caller)
        return turn

    async def _wait(self, caller: str) -> None:
        own = sum(name == caller for name, _ in self._queue)
        if len(self._queue) >= self._most_waiting or (caller and own >= self._waiting_of_one):
            raise _busy()
        place = (caller, asyncio.get_running_loop().create_future())
        self._queue.append(place)
        try:
            async with asyncio.timeout(self._seconds):
                await place[1]
        except (TimeoutError, asyncio.CancelledError) as error:
            if place in self._queue:
                self._queue.remove(place)
            else:
                # it was given in the same moment
                self._release(caller)
            if isinstance(error, TimeoutError):
                raise _busy() from None
            raise

    def _may(self, caller: str) -> bool:
        return self._held.total() < self._at_once and not (caller and self._held[caller] >= self._of_one)

    def _release(self, caller: str) -> None:
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        # who has least goes first, so that one who asks once is not behind those who ask for more and more
        free = [place for place in self._queue if self._may(place[0])]
        if free:
            place = min(free, key=lambda place: self._held[place[0]] if place[0] else 0)
            self._queue.remove(place)
            self._held[place[0]] += 1
            if not place[1].done():
                place[1].set_result(None)


class Body:
    """The memory that one body on its way takes."""

    def __init__(self, caller: str, cut: Callable[[], None]) -> None:
        self.caller = caller
        self.size_bytes = 0
        self.cut: Callable[[], None] | None = cut
        """Ends its arrival; None once the body is being worked on."""
        self.was_cut = False


class BodyRoom:
    """Memory for request bodies, in all and for one caller. For one event loop.

    Whoever comes when it is full takes the room of the caller that has the most, oldest body first.
    """

    def __init__(self, in_all: int, for_one: int) -> None:
        self._in_all, self._for_one = in_all, for_one
        self._bodies: dict[Body, None] = {}

    def enter(self, caller: str, cut: Callable[[], None]) -> Body:
        """A body begins to arrive; `cut` must end it soon."""
        body = Body(caller, cut)
        self._bodies[body] = None
        return body

    def grow(self, body: Body, size: int) -> None:
        """Make room for `size` more bytes of it. Raises `Busy`: there is none, or the body was cut."""
        used = self._used()
        if body.was_cut or used[body.caller] + size > self._for_one:
            raise _busy()
        while used.total() + size > self._in_all:
            can = [one for one in self._bodies if one.cut and one.size_bytes]
            doomed = max(can, key=lambda one: used[one.caller], default=None)
            if doomed is None or used[doomed.caller] <= used[body.caller] + size:
                raise _busy()
            used[doomed.caller] -= doomed.size_bytes
            self.leave(doomed)
            doomed.was_cut = True
            if doomed.cut:
                doomed.cut()
        body.size_bytes += size

    def leave(self, body: Body) -> None:
        """It is no longer held."""
        self._bodies.pop(body, None)
        body.size_bytes = 0

    def _used(self) -> Counter[str]:
        used: Counter[str] = Counter()
        for body in self._bodies:
            used[body.caller] += body.size_bytes
        return used


def caller_of(host: str) -> str:
    """One name for a network address: whoever has an IPv6 address has 2**64 of them."""
    return _name(host) if len(host) <= MOST_ADDRESS_CHARACTERS else UNKNOWN


@lru_cache(maxsize=4_096)
def _name(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def is_trusted(host: str, proxies: tuple[str, ...]) -> bool:
    """Whether an address is one of the trusted, or in a network of them; its neighbours are not."""
    return len(host) <= MOST_ADDRESS_CHARACTERS and _is_among(host, proxies)


@lru_cache(maxsize=4_096)
def _is_among(host: str, proxies: tuple[str, ...]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in _networks(proxies))


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    found = []
    for proxy in proxies:
        with suppress(ValueError):
            found.append(ip_network(proxy, strict=False))
    return tuple(found)


def caller_behind(peer: str, forwarded: Sequence[str], proxies: tuple[str, ...]) -> Caller:
    """Who asks, given who connected and its `X-Forwarded-For` lines in order.

    Only trusted proxies are believed, and of what they pass on only the last address that is none of
    them: everything to the left of it may be the caller's invention.
    """
    if not is_trusted(peer, proxies):
        return Caller(peer, near=False)
    if not forwarded:
        return Caller(peer, near=True)
    hops = [_host(hop) for line in forwarded for hop in line.split(",")]
    strangers = [hop for hop in hops if not is_trusted(hop, proxies)]
    # through a proxy of this machine to itself: a caller like others, since the proxy speaks for it
    return Caller(strangers[-1] if strangers else peer, near=False)


def _host(hop: str) -> str:
    """An address without port and brackets, as proxies write them."""
    hop = hop.strip().strip('"')
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    return hop if caller_of(hop) != UNKNOWN else UNKNOWN


def _busy() -> Busy:
    return Busy("this node is busy", hint="Wait as Retry-After says, then ask again.", retry_after_seconds=2)
