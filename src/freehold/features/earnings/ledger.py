"""Money this account earned, move by move, as the chain tells it: grants sold, pools that filled, claims.

Kept in memory and continued from the last block read; the newest blocks are read again each time, so
that a reorganisation of that depth leaves nothing wrong behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from freehold.chain.answers import Event
from freehold.chain.client import Chain
from freehold.core.errors import Unavailable
from freehold.core.money import BPS
from freehold.features.earnings import earning
from freehold.kernel.host import Host

REREAD_BLOCKS = 64
FEW_BLOCKS = 5_000
"""A chain no longer than this is read from its start without looking for a better place."""
_TIMES_AT_ONCE = 100

Kind = Literal["grant", "share", "claim"]


@dataclass(frozen=True)
class Move:
    """One change of what was earned or paid out."""

    at: int
    """Unix seconds, of the block."""
    kind: Kind
    """grant: access sold. share: part of a payment into a model's pool. claim: paid out to this account."""
    asset: str
    """Dataset or model; empty where it is not known here."""
    units: int
    tx_hash: str
    who: str = ""
    """Who bought; empty where several did together."""
    grant: str = ""
    """What was bought."""


@dataclass(frozen=True)
class Money:
    """What was earned, as the chain said it last."""

    found: Mapping[str, Any]
    """As `wire.Earnings` says it."""
    moves: Sequence[Move]
    at: int
    """When that was, Unix seconds."""
    away: bool = False
    """Whether the chain does not answer now, so that this may be old."""


class Ledger:
    """The moves of one account; usable from several threads."""

    def __init__(self, host: Host) -> None:
        self._node, self._readiness = host.node, host.readiness
        self._known: Money | None = None
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._times: dict[int, int] = {}
        self._next: int | None = None
        self._pools: frozenset[str] = frozenset()

    def money(self) -> Money | None:
        """What is known now, or was when the chain answered last; None where it has not answered yet."""
        if self._readiness.chain_away:
            return self._last()
        try:
            moves = self.moves()
            found = earning.overview(self._node, {move.grant for move in moves if move.grant})
            self._known = Money(found, moves, self._node.now())
        except Unavailable:
            return self._last()
        return self._known

    def _last(self) -> Money | None:
        return replace(self._known, away=True) if self._known else None

    def moves(self) -> list[Move]:
        """All of them, oldest first. Raises ChainUnreachable."""
        holdings = {"0x" + holding.pool.hex(): holding for holding in earning.holdings(self._node)}
        with self._lock:
            if frozenset(holdings) != self._pools:
                # a new pool may have filled before it was heard of here
                self._events, self._next, self._pools = [], None, frozenset(holdings)
            self._read(sorted(holdings))
            events = list(self._events)
            times = dict(self._times)
        made, assets = [], self._assets()
        for event in events:
            at, args = times[event.block_number], event.args
            if event.name == "GrantBought":
                grant = "0x" + bytes(args["grant"]).hex()
                asset = assets.get(grant, "")
                buyer = str(args["buyer"]).lower()
                made.append(Move(at, "grant", asset, int(args["price"]), event.tx_hash, buyer, grant))
                continue
            holding = holdings["0x" + bytes(args["pool"]).hex()]
            units, kind = int(args["amount"]), "claim"
            if event.name == "Deposited":
                units, kind = units * holding.shares // BPS, "share"
                if not units:
                    # a builder without data of its own has a model's pool, and no part in it
                    continue
            made.append(Move(at, kind, holding.asset.id, units, event.tx_hash))  # type: ignore[arg-type]
        return made

    def _assets(self) -> dict[str, str]:
        """What each grant with a price is on."""
        query = "SELECT id, asset FROM grants WHERE issuer = ? AND price_units > 0"
        return {str(grant): str(asset) for grant, asset in self._node.store.rows(query, self._node.account)}

    def _read(self, pools: list[str]) -> None:
        chain, account = self._node.chain, self._node.account
        head = chain.block_number()
        first = self._next
        if first is None:
            appeared = int(self._node.store.find("party", limit=1)[0].document.body["created_at"])
            first = _first_block(chain, appeared, head)
        kept = [event for event in self._events if event.block_number < first]
        found = chain.events("Market", "GrantBought", first, head, seller=account)
        if pools:
            found += chain.events("Revenue", "Deposited", first, head, pool=pools)
            found += chain.events("Revenue", "Claimed", first, head, pool=pools, account=account)
        fresh = sorted(found, key=lambda event: (event.block_number, event.log_index))
        self._times = {number: self._times[number] for number in {event.block_number for event in kept}}
        self._times |= _times(chain, {event.block_number for event in fresh})
        self._events = kept + fresh
        self._next = max(0, head + 1 - REREAD_BLOCKS)


def _first_block(chain: Chain, since: int, head: int) -> int:
    """A block not after `since` (Unix seconds), found by halving."""
    low, high = 0, head
    if head < FEW_BLOCKS:
        return 0
    while high - low > FEW_BLOCKS // 2:
        middle = (low + high) // 2
        low, high = (low, middle) if _times(chain, {middle})[middle] >= since else (middle, high)
    return low


def _times(chain: Chain, numbers: Iterable[int]) -> dict[int, int]:
    wanted = sorted(numbers)
    found: dict[int, int] = {}
    for start in range(0, len(wanted), _TIMES_AT_ONCE):
        batch = wanted[start : start + _TIMES_AT_ONCE]
        blocks: list[Any] = chain.rpc.batch([("eth_getBlockByNumber", hex(one), False) for one in batch])
        found |= {number: int(block["timestamp"], 16) for number, block in zip(batch, blocks, strict=True)}
    return found
