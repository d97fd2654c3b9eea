"""The head of the log that stands on chain, beside the log of this home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from freehold.core.errors import Conflict
from freehold.kernel.store import ANCHORED
from freehold.log.store import LogStore

if TYPE_CHECKING:
    from freehold.kernel.account import Account

_WAYS = (
    "Restore the newest backup, or stop this node and go on with the other copy of the home. If there is neither,"
    " take the money out (freehold claim, freehold channels) and start a new node: this log cannot go on unnoticed."
)


class LogForked(Conflict, code="log.forked"):
    """The chain vouches for other entries than this home has: another copy of it writes the log."""


class LogBehind(LogForked, code="log.behind"):
    """The chain vouches for entries, or knows transactions, that this home does not have."""


class ChainLostState(Conflict, code="chain.lost_state"):
    """The chain vouches for less of the log than this home has anchored: it was set back or replaced."""


@dataclass(frozen=True)
class HeadFinding:
    """The head anchored on chain, beside the log of this home."""

    verdict: Literal["unanchored", "agrees", "lost", "ahead", "forked"]
    """agrees: the head is an earlier or the present state of this log. lost: this home anchored more than the
    chain knows. ahead: the chain knows more than this log holds. forked: another root at the same size."""
    anchored_size: int
    own_size: int
    remembered_size: int
    """The most that this home has anchored itself."""

    def fault(self) -> Conflict | None:
        """What contradicts this log, if anything does."""
        if self.verdict == "lost":
            return ChainLostState(
                f"the chain vouches for {self.anchored_size} log entries, this home anchored {self.remembered_size}",
                hint="The chain was set back or replaced. To begin anew on it: freehold chain forget",
                anchored_size=self.anchored_size,
                remembered_size=self.remembered_size,
            )
        if self.verdict in ("unanchored", "agrees"):
            return None
        kind = LogBehind if self.verdict == "ahead" else LogForked
        where = (
            "beyond this log, which has" if self.verdict == "ahead" else "with another root than this log of"
        )
        return kind(
            f"the chain vouches for {self.anchored_size} log entries {where} {self.own_size}",
            hint=_WAYS,
            anchored_size=self.anchored_size,
            own_size=self.own_size,
        )

    def require(self) -> None:
        """Nothing contradicts this log. Raises `ChainLostState`, `LogBehind`, `LogForked`."""
        fault = self.fault()
        if fault is not None:
            raise fault


def compare_head(root: bytes, size: int, log: LogStore, remembered_size: int = 0) -> HeadFinding:
    """What an anchored head (`headOf` on chain) says of a log, of which `remembered_size` was anchored from here."""
    own = log.size()
    verdict: Literal["unanchored", "agrees", "lost", "ahead", "forked"]
    if size > own:
        verdict = "ahead"
    elif size and log.root(size) != root:
        verdict = "forked"
    elif size < remembered_size:
        verdict = "lost"
    else:
        verdict = "agrees" if size else "unanchored"
    return HeadFinding(verdict, size, own, remembered_size)


def own_head(node: Account) -> HeadFinding:
    """The head anchored on chain beside this node's log. Raises `ChainUnreachable`."""
    # in this order: what is remembered was on chain before, and what is on chain was in the log before
    remembered = node.store.state(ANCHORED) or {"size": 0}
    root, size, _ = node.chain.read("LogAnchors", "headOf", node.account)
    with node.store.log() as log:
        return compare_head(bytes(root), int(size), log, int(remembered["size"]))
