"""What the chain says of channels and grants, read once a block where it is asked often.

State changes only with a block, so a look whether the chain told of one (`chain.heads`), or one cheap question for
the height, decides whether what is remembered still holds: a closing channel or a revoked grant counts from the very
next call.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from freehold.core.documents import Grant
from freehold.core.ids import hash_bytes
from freehold.features.payments.rules.channel import ChannelState
from freehold.kernel.account import Account
from freehold.kernel.node import Node
from freehold.kernel.rights.standing import revocations

MAX_REMEMBERED = 4_096
MAX_AGE_SECONDS = 2.0
"""A block may be replaced by another of its height; by a height nothing is believed for longer than this."""


class ChainFacts:
    """Channel states and revocation bits; usable from several threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._channel = lru_cache(MAX_REMEMBERED)(lambda channel, *_: read_channel(self._asked(), channel))
        self._code = lru_cache(MAX_REMEMBERED)(lambda account, *_: bool(self._asked().chain.code(account)))
        self._revoked = lru_cache(MAX_REMEMBERED)(
            lambda issuer, index, *_: bool(
                self._asked().chain.read("Revocations", "isRevoked", issuer, index)
            )
        )

    def moment(self) -> Hashable:
        """What the chain's present state is known by, without asking where it tells of changes; ask once a call."""
        told = self._node.chain.rpc.mark()
        if told is not None:
            return told
        chain = self._asked().chain
        chain.rpc.listen()
        # no such count is ever taken for what was told
        return "height", chain.block_number(), int(time.monotonic() // MAX_AGE_SECONDS)

    def channel(self, channel: str, moment: Hashable) -> ChannelState:
        """A channel as of `moment` or later."""
        return self._channel(channel, moment)

    def has_code(self, account: str, moment: Hashable) -> bool:
        """Whether an account is a contract or delegates to one (EIP-7702)."""
        return self._code(account, moment)

    def revoked(self, grant: Grant, moment: Hashable) -> bool:
        """Whether the issuer took the grant back: by its log here, or by its bit on chain."""
        if revocations(self._node, grant):
            return True
        return self._revoked(grant.issuer, grant.revocation_index, moment)

    def _asked(self) -> Node:
        """The node, whose chain is asked now."""
        self._node.store.may_wait()
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
