"""How much one caller may ask: token buckets in a table of bounded size, and turns at expensive work."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address

from freehold.core.errors import Unavailable

MOST_CALLERS = 10_000
"""Callers remembered. One that is forgotten starts anew, which needs this many addresses at once."""
BURST_SECONDS = 10
"""A caller that was silent may send this much of its rate at once."""


class RateLimited(Unavailable):
    """The caller sends more requests than one may; `fields` say when to come back."""

    code = "http.rate_limited"
    http_status = 429


class Busy(Unavailable):
    """Too much is being worked on at this moment; `fields` say when to come back."""

    code = "http.busy"


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
        """Take one token.

        Raises:
            RateLimited.
        """
        wait = self.take(caller)
        if wait:
            raise RateLimited(
                "too many requests",
                hint="Send fewer; wait as Retry-After says.",
                retry_after_seconds=_whole(wait),
            )

    def __len__(self) -> int:
        return len(self._callers)


class Turns:
    """At most so many at once; a bounded number waits for a bounded time. For one event loop."""

    def __init__(self, at_once: int, *, waiting: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting, self._seconds = waiting, seconds
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and have it.

        Raises:
            Busy: too many wait, or it took too long.
        """
        if self._waiting >= self._most_waiting:
            raise _busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()


class BodyRoom:
    """Memory for request bodies that are arriving, in all and for one caller. For one event loop."""

    def __init__(self, in_all: int, for_one: int) -> None:
        self._in_all, self._for_one = in_all, for_one
        self._used, self._by_caller = 0, dict[str, int]()

    def take(self, caller: str, size: int) -> None:
        """Make room for `size` more bytes.

        Raises:
            Busy: there is none.
        """
        own = self._by_caller.get(caller, 0) + size
        if self._used + size > self._in_all or own > self._for_one:
            raise _busy()
        self._used += size
        self._by_caller[caller] = own

    def give_back(self, caller: str, size: int) -> None:
        """Free what was taken."""
        self._used -= size
        left = self._by_caller.get(caller, 0) - size
        if left > 0:
            self._by_caller[caller] = left
        else:
            self._by_caller.pop(caller, None)


def caller_of(host: str) -> str:
    """One name for a network address: whoever has an IPv6 address has 2**64 of them."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def is_trusted(host: str, proxies: tuple[str, ...]) -> bool:
    """Whether an address is exactly one of the trusted; its neighbours are not."""
    return host in proxies or caller_of(host) in proxies


def _busy() -> Busy:
    return Busy("this node is busy", hint="Wait as Retry-After says, then ask again.", retry_after_seconds=2)


def _whole(seconds: float) -> int:
    return max(1, int(-(-seconds // 1)))
