"""Looking at several endpoints of one chain now and then, and setting aside those that lag or lie.

Three things are compared: the chain id, the height, and the block at a height that all of them have.
The majority decides; two that contradict each other decide nothing, and neither is believed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freehold.chain.answers import read_hash, read_number
from freehold.chain.endpoint import given, single
from freehold.chain.errors import ChainUnreachable, EndpointsDisagree, RpcError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from freehold.chain.endpoint import Endpoint

MOST_LAG_BLOCKS = 5
"""An endpoint further behind the highest one is set aside."""
MOST_AHEAD_SECONDS = 3_600
"""No honest head is dated later than this from now."""


@dataclass(frozen=True)
class Head:
    """What one endpoint says of the chain."""

    chain_id: int
    number: int
    """Height of its newest block."""
    timestamp: int
    """Unix seconds of that block."""


def contradicting(stories: Mapping[str, Hashable], what: str) -> dict[str, str]:
    """Endpoints that say otherwise than the majority, with the reason.

    Raises `EndpointsDisagree` when there is no majority.
    """
    counted = Counter(stories.values()).most_common(2)
    if len(counted) < 2:
        return {}
    (believed, most), (_, next_most) = counted
    if most == next_most:
        raise EndpointsDisagree(
            f"the chain endpoints disagree about {what}",
            hint="remove the wrong one from rpc_url, or add a third to decide",
            endpoints={name: str(story) for name, story in stories.items()},
        )
    return {
        name: f"it contradicts the others about {what}"
        for name, story in stories.items()
        if story != believed
    }


def lagging(heads: Mapping[str, Head]) -> dict[str, str]:
    """Endpoints too far behind the highest, with the reason."""
    highest = max(head.number for head in heads.values())
    return {
        name: f"it is {highest - head.number} blocks behind"
        for name, head in heads.items()
        if highest - head.number > MOST_LAG_BLOCKS
    }


def from_the_future(heads: Mapping[str, Head], now_seconds: float) -> dict[str, str]:
    """Endpoints whose newest block is dated after any clock, when others' are not."""
    ahead = {
        name: "its newest block is dated in the future"
        for name, head in heads.items()
        if head.timestamp > now_seconds + MOST_AHEAD_SECONDS
    }
    # a test chain whose clock was moved is in the future wherever one asks
    return {} if len(ahead) == len(heads) else ahead


log = logging.getLogger("freehold.chain")

EVERY_SECONDS = 15.0
_TIMEOUT_SECONDS = 3.0
_MOST_BYTES = 4 * 1024 * 1024
"""A block with its transactions' hashes takes far less."""


class Comparison:
    """Keeps the endpoints of one chain honest. Usable from several threads."""

    def __init__(self, endpoints: list[Endpoint], reorg_blocks: int) -> None:
        self._endpoints = endpoints
        self._reorg_blocks = reorg_blocks
        self._lock = threading.Lock()
        self._compared_at = float("-inf")
        self._chain_id: int | None = None
        """The chain everything so far was read from and sent to."""

    def when_due(self) -> None:
        """Compare, if the last time is long ago. Raises `EndpointsDisagree`."""
        if time.monotonic() - self._compared_at < EVERY_SECONDS:
            return
        # nobody reads before the first comparison; later ones hold up a single caller
        if not self._lock.acquire(blocking=self._chain_id is None):
            return
        try:
            if time.monotonic() - self._compared_at >= EVERY_SECONDS and self.compare():
                self._compared_at = time.monotonic()
        finally:
            self._lock.release()

    def admits(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint is on our chain; asks one that was away when the others were compared.

        Raises `ChainUnreachable`.
        """
        if endpoint.chain_id is None:
            try:
                endpoint.chain_id = read_number(_ask(endpoint, "eth_chainId"))
            except RpcError as error:
                raise endpoint.unusable(error.message, was_delivered=False) from error
        if self._chain_id is None:
            self._chain_id = endpoint.chain_id
        if endpoint.chain_id != self._chain_id:
            _set_aside(endpoint, f"it is on chain {endpoint.chain_id}", is_wrong=True)
        return not endpoint.is_wrong

    def compare(self) -> bool:
        """Look at every endpoint's chain and head; False when none answers.

        Raises `EndpointsDisagree` when they contradict each other and no majority decides.
        """
        heads: dict[Endpoint, Head] = {}
        for endpoint in self._endpoints:
            try:
                heads[endpoint] = _look(endpoint)
            except (ChainUnreachable, RpcError) as error:
                note_failure(endpoint, error)
        if not heads:
            return False
        wrong = self._wrong(heads)
        slow = lagging({one.name: head for one, head in heads.items() if one.name not in wrong})
        for endpoint in heads:
            if endpoint.name in wrong or endpoint.name in slow:
                why = wrong.get(endpoint.name) or slow[endpoint.name]
                _set_aside(endpoint, why, is_wrong=endpoint.name in wrong)
            else:
                endpoint.welcome_back()
        return True

    def _wrong(self, heads: dict[Endpoint, Head]) -> dict[str, str]:
        """Endpoints on another chain or with another history, with the reason."""
        chains = {one.name: head.chain_id for one, head in heads.items()}
        if self._chain_id is None:
            wrong = contradicting(chains, "the chain id")
            self._chain_id = next(told for name, told in chains.items() if name not in wrong)
        else:
            wrong = {
                name: f"it is on chain {told}" for name, told in chains.items() if told != self._chain_id
            }
        named = {one.name: head for one, head in heads.items() if one.name not in wrong}
        wrong |= from_the_future(named, time.time())
        left = {one: head for one, head in heads.items() if one.name not in wrong}
        if len(left) > 1:
            height = max(0, min(head.number for head in left.values()) - self._reorg_blocks)
            wrong |= contradicting(_hashes(left, height), f"block {height}")
        return wrong


def note_failure(endpoint: Endpoint, error: ChainUnreachable | RpcError) -> None:
    """Ask others first for a while."""
    log.warning("the chain endpoint %s failed: %s", endpoint.name, error.message)
    endpoint.failed(error.message)


def _set_aside(endpoint: Endpoint, why: str, *, is_wrong: bool) -> None:
    log.warning("the chain endpoint %s is set aside: %s", endpoint.name, why)
    endpoint.set_aside(why, 2 * EVERY_SECONDS, is_wrong=is_wrong)


def _hashes(endpoints: Iterable[Endpoint], height: int) -> dict[str, str]:
    """The block hash each gives for a height; those that fail give none."""
    hashes = {}
    for endpoint in endpoints:
        try:
            block = _ask(endpoint, "eth_getBlockByNumber", hex(height), False)
            hashes[endpoint.name] = read_hash(block.get("hash") if isinstance(block, dict) else None)
        except (ChainUnreachable, RpcError) as error:
            note_failure(endpoint, error)
    return hashes


def _look(endpoint: Endpoint) -> Head:
    endpoint.chain_id = read_number(_ask(endpoint, "eth_chainId"))
    block = _ask(endpoint, "eth_getBlockByNumber", "latest", False)
    if not isinstance(block, dict):
        raise endpoint.unusable("it has no newest block")
    return Head(endpoint.chain_id, read_number(block.get("number")), read_number(block.get("timestamp")))


def _ask(endpoint: Endpoint, method: str, *params: Any) -> Any:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    return given(single(endpoint, request, endpoint.post(request, _MOST_BYTES, _TIMEOUT_SECONDS)))
