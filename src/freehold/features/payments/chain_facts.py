"""What the chain says of channels and grants, read once a block where it is asked often.

State changes only with a block, so a look whether the chain told of one (`chain.heads`), or one cheap question for
the height, decides whether what is remembered still holds: a closing channel or a revoked grant counts from the very
next call.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from freehold.chain.answers import read_data
from freehold.core.documents import Grant
from freehold.core.ids import hash_bytes
from freehold.features.payments.rules.channel import ChannelState
from freehold.kernel.account import Account
from freehold.kernel.node import Node
from freehold.kernel.rights.standing import revocations
from freehold.kernel.store import MustWait

MAX_REMEMBERED = 4_096
MAX_AGE_SECONDS = 2.0
"""A block may be replaced by another of its height; by a height nothing is believed for longer than this."""
MOST_RENEWED = 150
"""At a time: what the next fifty payers want to know."""
_Fact = tuple[Any, ...]
"""Contract, function and arguments of a view, or `_CODE` and an account."""
_CODE = "code"


class FactsStale(MustWait):
    """The chain has to be asked first: `ChainFacts.renew`, unless it never was."""


class ChainFacts:
    """Channel states, revocation bits and who has code; usable from several threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock, self._renewing = threading.Lock(), threading.Lock()
        self._known: OrderedDict[_Fact, tuple[Hashable, Any]] = OrderedDict()
        """With the moment from which on each was read; the one used last comes last."""
        self._used: dict[_Fact, None] = {}
        """Since the last were renewed."""
        self._renewed: Hashable = None
        """As of which moment."""

    def moment(self) -> Hashable:
        """What the chain's present state is known by, without asking where it tells of changes; ask once a call."""
        told = self._node.chain.rpc.mark()
        if told is not None:
            return told
        chain = self._asked().chain
        chain.rpc.listen()
        # no such count is ever taken for what was told
        return "height", chain.block_number(), int(time.monotonic() // MAX_AGE_SECONDS)

    @property
    def is_told(self) -> bool:
        """Whether `moment` asks nobody now."""
        return self._node.chain.rpc.mark() is not None

    def channel(self, channel: str, moment: Hashable) -> ChannelState:
        """A channel as of `moment` or later."""
        return _state(self._fact(("Channels", "channelOf", hash_bytes(channel)), moment))

    def has_code(self, account: str, moment: Hashable) -> bool:
        """Whether an account is a contract or delegates to one (EIP-7702)."""
        return bool(self._fact((_CODE, account), moment))

    def revoked(self, grant: Grant, moment: Hashable) -> bool:
        """Whether the issuer took the grant back: by its log here, or by its bit on chain."""
        if revocations(self._node, grant):
            return True
        return bool(self._fact(("Revocations", "isRevoked", grant.issuer, grant.revocation_index), moment))

    def renew(self) -> None:
        """After a block, read again in few requests what was asked since the last; one does it for all who wait."""
        with self._renewing:
            moment = self.moment()
            if moment == self._renewed:
                return
            with self._lock:
                used, self._used = list(self._used), {}
                known = [fact for fact in used if fact in self._known]
                stale = [fact for fact in known if self._known[fact][0] != moment][:MOST_RENEWED]
            chain = self._asked().chain
            coded = [fact for fact in stale if fact[0] == _CODE]
            others = [fact for fact in stale if fact[0] != _CODE]
            codes = chain.rpc.batch([("eth_getCode", account, "latest") for _, account in coded])
            read = chain.read_many([(fact[0], fact[1], fact[2:]) for fact in others]) if others else []
            for fact, value in zip([*coded, *others], [*map(read_data, codes), *read], strict=True):
                self._keep(fact, moment, value)
            self._renewed = moment

    def _fact(self, fact: _Fact, moment: Hashable) -> Any:
        with self._lock:
            known = self._known.get(fact)
            if known is not None and known[0] == moment:
                self._known.move_to_end(fact)
                self._use(fact)
                return known[1]
        chain = self._asked().chain
        value = chain.code(fact[1]) if fact[0] == _CODE else chain.read(*fact)
        self._keep(fact, moment, value)
        with self._lock:
            self._use(fact)
        return value

    def _use(self, fact: _Fact) -> None:
        if len(self._used) < MAX_REMEMBERED:
            self._used[fact] = None

    def _keep(self, fact: _Fact, moment: Hashable, value: Any) -> None:
        with self._lock:
            self._known[fact] = moment, value
            self._known.move_to_end(fact)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)

    def _asked(self) -> Node:
        """The node, whose chain is asked now."""
        if self._node.store.is_together:
            raise FactsStale
        return self._node


def read_channel(node: Account, channel: str) -> ChannelState:
    """A channel as the chain holds it now."""
    return _state(node.chain.read("Channels", "channelOf", hash_bytes(channel)))


def read_channels(node: Node, channels: list[str]) -> list[ChannelState]:
    """Several in one block, in few requests, in order."""
    asked = [("Channels", "channelOf", (hash_bytes(channel),)) for channel in channels]
    return [_state(found) for found in node.chain.read_many(asked)]


def _state(found: Any) -> ChannelState:
    payer, pool, *counted = found
    return ChannelState(str(payer).lower(), "0x" + bytes(pool).hex(), *map(int, counted))
