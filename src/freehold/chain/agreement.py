"""Whether several endpoints of one chain tell the same story, and whom to leave out when they do not.

Three things are compared: the chain id, the height, and the block at a height that all of them have.
The majority decides; two that contradict each other decide nothing, and neither is believed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from freehold.chain.errors import EndpointsDisagree

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

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
