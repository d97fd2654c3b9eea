"""Whether this home is the one that writes its account's log: its log against what the chain vouches for.

A home that came out of an older backup, or that runs twice, would log other entries at positions that are
anchored already. Everybody could prove that, and nobody could mend it. So the log is compared at the start,
before each anchor and, at most a moment old, before each signature; a node whose log the chain contradicts
stops writing, signing and spending, goes on showing what it has, and lets its owner take the money out.
A chain that takes the place of this home's (`OtherChain`) says nothing about the log: as long as it stands
there, nothing is signed and nothing sent, not even by a stopped node. A chain id is a number that anybody may give a
chain, and every local chain begins with the same genesis. So two hashes are kept: of block 0, and of the newest block
that was deep enough at first contact.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from freehold.chain.answers import read_hash, read_number
from freehold.chain.client import Chain
from freehold.core.errors import Conflict, FreeholdError
from freehold.kernel.anchored_head import LogBehind, compare_head
from freehold.kernel.store import Store

if TYPE_CHECKING:
    from freehold.kernel.account import Account

IDENTITY = "chain:identity"
_ON_PURPOSE = "Name the right chain with rpc_url. To begin anew on this one: freehold chain forget"


class OtherChain(Conflict, code="chain.other"):
    """The chain at this address is not the one this home lives on."""


def require_same_chain(node: Account) -> None:
    """The chain is the one that this home knows; at first contact it is remembered.

    Raises `OtherChain`: another id, another genesis, or without the block seen at first contact. `ChainUnreachable`.
    """
    known = node.store.state(IDENTITY)
    if known is None:
        found = _identity(node.chain)
        require_identity(node.chain, {**found, "chain_id": node.chain_id})
        with node.store.transaction() as tx:
            tx.set(IDENTITY, found)
        return
    require_identity(node.chain, known)


def require_identity(chain: Chain, known: dict[str, Any]) -> None:
    """The chain has the id and holds the blocks that were remembered of it; asked in one request.

    Raises `OtherChain`, `ChainUnreachable`.
    """
    kept = {0: known["genesis"], int(known["block"]): known["block_hash"]}
    asked = [("eth_getBlockByNumber", hex(number), False) for number in kept]
    answered, *blocks = chain.rpc.batch([("eth_chainId",), *asked])
    if (chain_id := read_number(answered)) != known["chain_id"]:
        raise OtherChain(f"the chain is {chain_id}, this home lives on {known['chain_id']}", hint=_ON_PURPOSE)
    for (number, expected), block in zip(kept.items(), blocks, strict=True):
        found = _hash_in(block)
        if found is None:
            raise OtherChain(
                f"the chain has no block {number}, which this home has seen: it lost its state or was replaced",
                hint=_ON_PURPOSE,
            )
        if found != expected:
            raise OtherChain(
                f"block {number} of the chain is {found[:18]}, this home knows {expected[:18]}: another chain"
                f" with the id {chain_id}",
                hint=_ON_PURPOSE,
            )


def forget_chain(store: Store) -> dict[str, Any] | None:
    """Let the next start take whatever chain it finds; returns what was known.

    What was bought, opened and anchored on the chain before is not on another; test money is given anew.
    """
    known: dict[str, Any] | None = store.state(IDENTITY)
    with store.transaction() as tx:
        for name in (IDENTITY, "anchored", "funded"):
            tx.delete(name)
    return known


def _identity(chain: Chain) -> dict[str, Any]:
    deep = chain.deep_number()
    return {
        "chain_id": chain.chain_id,
        "genesis": _hash(chain, 0),
        "block": deep,
        "block_hash": _hash(chain, deep),
    }


def _hash(chain: Chain, number: int) -> str | None:
    return _hash_in(chain.rpc.call("eth_getBlockByNumber", hex(number), False))


def _hash_in(block: Any) -> str | None:
    return read_hash(block.get("hash")) if isinstance(block, dict) else None


RESTORED = "restored"
"""State of a home out of a backup: `at` (Unix seconds), `lines` (number of its newest line of rows), `compared`
(once the chain agreed), `budget` (unknown until its owner said what was spent since)."""
NONCE = "account_nonce"
"""State: transactions that this account had sent after the last one sent from here."""
FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
"""How long a chain that did not answer is not asked again before a signature; the recurring look goes on."""
RESCUE = frozenset(
    {
        ("Revenue", "claim"),
        ("Channels", "settle"),
        ("Channels", "requestClose"),
        ("Channels", "withdraw"),
        ("Revocations", "revoke"),
    }
)
"""What a stopped node may still send: it brings money home or takes rights back, and needs no log."""
_log = logging.getLogger("freehold")


class Continuity:
    """One node's comparison with the chain, and what came of it. Usable from several threads."""

    def __init__(self, store: Store, chain: Chain, account: str) -> None:
        self._store, self._chain, self._account = store, chain, account
        self._next = float("-inf")
        self._agreed: tuple[int, bytes] = (0, b"")
        self._same_until = float("-inf")
        self.other: OtherChain | None = None
        """Another chain stood in the place of this home's at the last look; that may pass."""
        self.stopped: FreeholdError | None = None
        """Why this node writes no more; it does not begin again before the next start."""

    def begin(self) -> None:
        """The first comparison; of a restored home also the account's transactions.

        Raises `ChainUnreachable`. `LogCorrupt`: the log is damaged, which is no fork.
        """
        self.look()
        restored: dict[str, Any] | None = self._store.state(RESTORED)
        if self.stopped or restored is None or restored["compared"]:
            return
        known, found = self._store.state(NONCE), self.sent()
        if known is not None and found > known:
            self._stop(
                LogBehind(
                    f"this account sent {found - known} transactions after the backup was made",
                    hint="Restore the newest backup. If there is none and the other copy of the home is stopped"
                    " for good: freehold adopt",
                    known=known,
                    found=found,
                )
            )
            return
        with self._store.transaction() as tx:
            tx.set(RESTORED, {**restored, "compared": True})

    def look(self) -> None:
        """Compare now. Raises `ChainUnreachable`. `OtherChain`. `LogCorrupt`."""
        # without a lock of its own: callers may hold the store's, and a second look does no harm
        self._next = time.monotonic() + PATIENCE_SECONDS
        self._look_same()
        root, size, _ = self._chain.read("LogAnchors", "headOf", self._account)
        self._next = time.monotonic() + FRESH_SECONDS
        head = (int(size), bytes(root))
        if head != self._agreed and head[0]:
            self._compare(*head)
            self._agreed = head

    def require_same(self) -> None:
        """That the chain was this home's a moment ago. Raises `OtherChain`, `ChainUnreachable`."""
        if time.monotonic() > self._same_until:
            self._look_same()

    def _look_same(self) -> None:
        known = self._store.state(IDENTITY)
        try:
            if known is not None:
                require_identity(self._chain, known)
        except OtherChain as error:
            # asked again before anything else is signed
            self._next = self._same_until = float("-inf")
            if self.other is None:
                _log.error(
                    "nothing is signed or sent: %s", error.message, extra={"fields": {"hint": error.hint}}
                )
            self.other = error
            raise
        self._same_until = time.monotonic() + FRESH_SECONDS
        self.other = None

    def require(self, spare_seconds: float = 0) -> None:
        """Before something is signed, now or in `spare_seconds`: that the chain did not contradict this home a moment ago.

        A chain that does not answer now has answered at the start, so it does not keep the node from its work.
        Raises `LogBehind`, `LogForked`, `OtherChain`.
        """
        if self.stopped is None and time.monotonic() + spare_seconds > self._next:
            self._store.may_wait()
            try:
                self.look()
            except OtherChain:
                raise
            except FreeholdError as error:
                _log.warning("the log is not compared", extra={"fields": {"reason": error.message}})
        self.require_going()

    def require_going(self) -> None:
        """As `require`, without asking the chain. Raises `LogBehind`, `LogForked`."""
        if self.stopped is not None:
            raise type(self.stopped)(self.stopped.message, hint=self.stopped.hint, **self.stopped.fields)

    def require_sending(self, contract: str, function: str) -> None:
        """Before anything is sent: that it goes to this home's chain, from a stopped node only if it brings money home.

        Raises `OtherChain`, `ChainUnreachable`, `LogBehind`, `LogForked`.
        """
        self.require_same()
        if (contract, function) not in RESCUE:
            self.require_going()

    def _compare(self, size: int, root: bytes) -> None:
        with self._store.log() as log:
            fault = compare_head(root, size, log).fault()
            if fault is None:
                return
            log.verify()
        self._stop(fault)

    def _stop(self, why: FreeholdError) -> None:
        if self.stopped is None:
            _log.error("this node writes no more: %s", why.message, extra={"fields": {"hint": why.hint}})
        self.stopped = why

    def sent(self) -> int:
        """How many transactions the account has sent."""
        return read_number(self._chain.rpc.call("eth_getTransactionCount", self._account, "latest"))
