"""Whether this node can do its work now: database, chain, keys, disk. Asked seldom, answered at once.

A check may wait for a chain that hangs. Only one caller ever waits; others get the last answer, so that
asking often, or from many places, cannot stall the node.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from freehold.chain.answers import read_number
from freehold.chain.errors import ChainUnreachable
from freehold.core.errors import FreeholdError
from freehold.core.signing import public_account
from freehold.kernel.anchored_head import own_head
from freehold.kernel.continuity import require_same_chain
from freehold.kernel.node import Node

FRESH_SECONDS = 5.0
LITTLE_BYTES = 100 * 1024**2
_log = logging.getLogger("freehold.ready")


class NotEnoughDisk(FreeholdError, code="disk.full", http_status=503):
    """The disk of the home is nearly full."""


class WrongKeys(FreeholdError, code="keys.wrong"):
    """The keys in memory are not those of this node's account."""


@dataclass(frozen=True)
class Look:
    """One look at the node."""

    at: float = 0.0
    """Monotonic seconds."""
    reasons: dict[str, str] = field(default_factory=dict)
    """By check: the code of what is wrong, or nothing."""
    head: int = 0
    """Number of the chain's newest block."""
    head_at: int = 0
    """Its time, Unix seconds."""
    answered_at: float = 0.0
    """Monotonic seconds of the last look at which the chain answered; 0 if it never did."""
    anchored: int = 0
    """Log entries that the chain vouches for."""

    @property
    def age(self) -> float:
        """Seconds since."""
        return time.monotonic() - self.at

    @property
    def answered_ago(self) -> float:
        """Seconds since the chain answered, as far as was looked."""
        return time.monotonic() - (self.answered_at or self.at)

    @property
    def ready(self) -> bool:
        """Whether every check was made and held."""
        return bool(self.reasons) and not any(self.reasons.values())

    def to_json(self) -> dict[str, Any]:
        """For HTTP. Codes only: messages may name hosts that strangers need not know."""
        checks = {name: {"ok": not code, "reason": code} for name, code in self.reasons.items()}
        return {"ready": self.ready, "checks": checks}


class Readiness:
    """The last look, renewed by whoever asks when it is old."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._last = Look()
        self._looking = threading.Lock()

    def look(self) -> Look:
        """How things stand, at most a few seconds old unless a check hangs."""
        last = self._last
        if last.age < FRESH_SECONDS and last.reasons:
            return last
        # without a first answer there is nothing to give but to wait for it
        if not self._looking.acquire(blocking=not last.reasons):
            return last
        try:
            if self._last is last:
                self._last = self._renewed(last)
            return self._last
        finally:
            self._looking.release()

    def soon(self, seconds: float = 0.3) -> Look:
        """How things stand, for somebody who waits no longer than that: what is known, if a check takes its time."""
        last = self._last
        if not last.reasons:
            return self.look()
        if last.age >= FRESH_SECONDS:
            looking = threading.Thread(target=self.look, name="readiness", daemon=True)
            looking.start()
            looking.join(seconds)
        return self._last

    @property
    def chain_away(self) -> bool:
        """Whether the chain did not answer at the last look: who only shows what it says need not wait for it."""
        return self.soon(0.05).reasons.get("chain") == ChainUnreachable.code

    def _renewed(self, last: Look) -> Look:
        chain: dict[str, Any] = {}
        checks: dict[str, Callable[[], None]] = {
            "store": self._store,
            "chain": lambda: chain.update(self._chain()),
            "keys": self._keys,
            "disk": self._disk,
        }
        reasons = {name: _reason(name, check, last) for name, check in checks.items()}
        return replace(last, at=time.monotonic(), reasons=reasons, **chain)

    def _store(self) -> None:
        with self._node.store.transaction() as tx:
            tx.set("ready", self._node.now())

    def _chain(self) -> dict[str, Any]:
        node = self._node
        require_same_chain(node)
        head = node.chain.rpc.call("eth_getBlockByNumber", "latest", False)
        number, moment = read_number(head["number"]), read_number(head["timestamp"])
        anchored = own_head(node)
        anchored.require()
        return {
            "answered_at": time.monotonic(),
            "head": number,
            "head_at": moment,
            "anchored": anchored.anchored_size,
        }

    def _keys(self) -> None:
        if public_account(self._node.keys.account_public) != self._node.account:
            raise WrongKeys("the keys in memory are not those of this node's account")

    def _disk(self) -> None:
        found = os.statvfs(self._node.home)
        if found.f_bavail * found.f_frsize < LITTLE_BYTES:
            raise NotEnoughDisk("the disk is nearly full", hint="Free some space.")


def _reason(name: str, check: Callable[[], None], last: Look) -> str:
    try:
        check()
    except FreeholdError as error:
        if last.reasons.get(name) != error.code:
            _log.warning("not ready", extra={"fields": {"check": name, "reason": error.message}})
        return error.code
    except Exception:  # noqa: BLE001 - whatever it is, the node is not ready
        _log.exception("the check of %s failed", name)
        return FreeholdError.code
    if last.reasons.get(name):
        _log.info("ready again", extra={"fields": {"check": name}})
    return ""
