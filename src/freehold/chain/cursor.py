"""An event cursor: what was added to and taken out of the chain since it was last asked.

    cursor = EventCursor(chain, [("Revocations", "GrantRevoked")])
    changes = cursor.advance()
    for event in changes.removed: ...    # newest first: undo them in this order
    for event in changes.added: ...      # oldest first

It remembers number and hash of the newest blocks it has read. When the chain no longer has one of
them, their events are given back as removed before others are added, so an index that follows the
changes equals one built afresh. `state()` is plain JSON to keep beside the index, in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freehold.chain.answers import Event, read_data, read_event, read_hash, read_number
from freehold.chain.client import resolve
from freehold.chain.errors import ChainUnreachable, CursorLost
from freehold.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.chain.abi import Entry
    from freehold.chain.client import Chain, ContractRef

KEPT_BLOCKS = 64
"""The deepest reorganisation a cursor survives, unless told otherwise."""
_ATTEMPTS = 5


@dataclass(frozen=True)
class Changes:
    """What happened between two calls of `advance`."""

    removed: list[Event]
    """Events of blocks that are not in the chain any more, newest first."""
    added: list[Event]
    """Events of new blocks, oldest first."""
    head: int
    """The newest block read; -1 before the first."""


@dataclass
class _Block:
    """A remembered block and its log objects, oldest first."""

    number: int
    hash: str
    logs: list[dict[str, Any]] = field(default_factory=list)


class _Moved(Exception):
    """The chain reorganised while it was read."""


class EventCursor:
    """Follows events of some contracts; for one thread at a time.

    `confirmations` 1 reads up to the head, 2 leaves out the newest block, and so on. `keep` is how
    many blocks are remembered. `state` continues where another cursor over the same events stopped.
    """

    def __init__(
        self,
        chain: Chain,
        watched: Sequence[tuple[ContractRef, str]],
        *,
        from_block: int = 0,
        confirmations: int = 1,
        keep: int = KEPT_BLOCKS,
        state: dict[str, Any] | None = None,
    ) -> None:
        if not watched or confirmations < 1 or keep < 1:
            raise InvalidInput("a cursor needs an event, and depths of at least one block")
        self._chain = chain
        self._entries = _entries(watched)
        self._addresses = sorted({address for address, _ in self._entries})
        self._topics = sorted({topic for _, topic in self._entries})
        self._keep, self._confirmations = keep, confirmations
        self._from_block = from_block
        self._next = from_block
        self._blocks: list[_Block] = []
        if state is not None:
            self._restore(state)

    @property
    def head(self) -> int:
        """The newest block read; one before the start when none was."""
        return self._next - 1

    def advance(self, most_blocks: int | None = None) -> Changes:
        """Read on, at most so many blocks, and tell what changed.

        Nothing is remembered when it raises: `CursorLost` when the chain reorganised deeper than the
        cursor remembers, `ChainUnreachable` when the chain gives no consistent answer.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._advance(most_blocks)
            except _Moved:
                continue
        raise ChainUnreachable("the chain kept reorganising while its events were read", hint="ask again")

    def state(self) -> dict[str, Any]:
        """Everything to continue from, as plain JSON."""
        blocks = [{"number": one.number, "hash": one.hash, "logs": one.logs} for one in self._blocks]
        return {"version": 1, "next": self._next, "blocks": blocks}

    # -- inside

    def _advance(self, most_blocks: int | None) -> Changes:
        standing = self._still_standing()
        gone = self._blocks[len(standing) :]
        start = gone[0].number if gone else self._next
        last = self._chain.block_number() - self._confirmations + 1
        if most_blocks is not None:
            last = min(last, start + most_blocks - 1)
        new, added = self._read(standing[-1] if standing else None, start, last)
        removed = [self._event(log) for one in reversed(gone) for log in reversed(one.logs)]
        changes = Changes(removed, [self._event(log) for log in added], max(last, start - 1))
        self._blocks = [*standing, *new][-self._keep :]
        self._next = changes.head + 1
        return changes

    def _still_standing(self) -> list[_Block]:
        """The remembered blocks that the chain still has. Raises `CursorLost`."""
        kept = list(self._blocks)
        if not kept or self._hashes([kept[-1].number])[0] == kept[-1].hash:
            return kept
        shown = self._hashes([one.number for one in kept])
        standing = [one for one, now in zip(kept, shown, strict=True) if one.hash == now]
        if standing != kept[: len(standing)]:
            raise _Moved
        if not standing and kept[0].number > self._from_block:
            raise CursorLost(
                f"the chain reorganised below block {kept[0].number}, the oldest remembered",
                hint="build the index again from its first block",
                oldest_block=kept[0].number,
            )
        return standing

    def _read(
        self, anchor: _Block | None, start: int, last: int
    ) -> tuple[list[_Block], list[dict[str, Any]]]:
        """The newest new blocks, and all logs, of a range that follows `anchor`."""
        if last < start:
            return [], []
        first_kept = max(start, last - self._keep + 1)
        before = self._headers(first_kept, last)
        if anchor is not None and first_kept == anchor.number + 1 and before[0][1] != anchor.hash:
            raise _Moved
        wanted = {"address": self._addresses, "topics": [self._topics]}
        given = [self._checked(log, start, last) for log in self._chain.logs(wanted, start, last)]
        # the filter is addresses times topics: one contract may emit what was asked of another only
        logs = [log for log in given if (log["address"], log["topics"][0]) in self._entries]
        logs.sort(key=_position)
        if len({_position(log) for log in logs}) != len(logs):
            raise ChainUnreachable("the chain gave one log twice")
        blocks = [_Block(first_kept + place, shown[0]) for place, shown in enumerate(before)]
        for log in logs:
            number = read_number(log["blockNumber"])
            if number >= first_kept:
                block = blocks[number - first_kept]
                if read_hash(log["blockHash"]) != block.hash:
                    raise _Moved
                block.logs.append(log)
        # logs came in pages: all of them are of this chain only if its ends have not moved meanwhile
        ends = [blocks[-1], *([anchor] if anchor is not None else [])]
        if self._hashes([one.number for one in ends]) != [one.hash for one in ends]:
            raise _Moved
        return blocks, logs

    def _headers(self, first: int, last: int) -> list[tuple[str, str]]:
        """Hash and parent's hash of each block of a range, each the next one's parent."""
        shown = self._chain.rpc.batch(
            [("eth_getBlockByNumber", hex(number), False) for number in range(first, last + 1)]
        )
        found: list[tuple[str, str]] = []
        for block in shown:
            if not isinstance(block, dict):
                raise _Moved
            header = read_hash(block.get("hash")), read_hash(block.get("parentHash"))
            if found and found[-1][0] != header[1]:
                raise _Moved
            found.append(header)
        return found

    def _hashes(self, numbers: list[int]) -> list[str | None]:
        """The chain's hash at each height; None beyond its head."""
        shown = self._chain.rpc.outcomes([("eth_getBlockByNumber", hex(one), False) for one in numbers])
        return [read_hash(one.get("hash")) if isinstance(one, dict) else None for one in shown]

    def _checked(self, log: Any, start: int, last: int) -> dict[str, Any]:
        """A log object cut down to what is used, when it is one of those asked for."""
        try:
            kept = {
                "address": str(log["address"]).lower(),
                "topics": [read_hash(topic) for topic in log["topics"]],
                "data": "0x" + read_data(log["data"]).hex(),
                **{name: hex(read_number(log[name])) for name in ("blockNumber", "logIndex")},
                **{name: read_hash(log[name]) for name in ("blockHash", "transactionHash")},
            }
            is_wanted = kept["address"] in self._addresses and kept["topics"][0] in self._topics
        except (KeyError, TypeError, IndexError) as error:
            raise ChainUnreachable("the chain gave something else where a log was expected") from error
        if not is_wanted or not start <= read_number(kept["blockNumber"]) <= last:
            raise ChainUnreachable("the chain gave a log that was not asked for")
        return kept

    def _event(self, log: dict[str, Any]) -> Event:
        return read_event(self._entries[log["address"], log["topics"][0]], log)

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self._next = {1: int(state["next"])}[state["version"]]
            for one in state["blocks"]:
                number = int(one["number"])
                logs = [self._checked(log, number, number) for log in one["logs"]]
                self._blocks.append(_Block(number, read_hash(one["hash"]), logs))
        except (KeyError, TypeError, ValueError, ChainUnreachable) as error:
            raise InvalidInput(
                "this is no cursor state over these events", hint="build the index again from its first block"
            ) from error


def _entries(watched: Sequence[tuple[ContractRef, str]]) -> dict[tuple[str, str], Entry]:
    """The watched events by address and first topic."""
    found = {}
    for contract, event in watched:
        address, interface, label = resolve(contract)
        if event not in interface.events:
            raise InvalidInput(f"{label} has no event {event}", hint=", ".join(interface.events))
        entry = interface.events[event]
        found[address.lower(), "0x" + entry.digest.hex()] = entry
    return found


def _position(log: dict[str, Any]) -> tuple[int, int]:
    return read_number(log["blockNumber"]), read_number(log["logIndex"])
