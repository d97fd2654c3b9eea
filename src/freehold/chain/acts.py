"""An act under way: what is to be done, the versions that were signed of it, and what refusals of them mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from freehold.chain.errors import RpcError, TransactionPending

if TYPE_CHECKING:
    from coincurve import PrivateKey

    from freehold.chain.fees import Fees


@dataclass(frozen=True)
class Act:
    """What is to be done, before it has a nonce."""

    to: str
    data: bytes
    gas: int
    value_wei: int = 0


@dataclass(eq=False)
class Sent:
    """An act under way under one nonce, in one version or, with higher fees, several."""

    key: PrivateKey = field(repr=False)
    account: str
    act: Act
    nonce: int
    fees: Fees
    head: int
    """Height of the chain when it was first sent."""
    versions: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Signed bytes by transaction hash, oldest first. At most one can ever be in the chain."""
    sent_at: float = 0.0
    """`time.monotonic()` of the last version."""

    @property
    def tx_hash(self) -> str:
        """Hash of the newest version."""
        return next(reversed(self.versions))


def is_known(error: RpcError) -> bool:
    """The node holds these very bytes."""
    said = error.message.lower()
    return any(part in said for part in ("already known", "already imported", "known transaction"))


def is_race(error: RpcError) -> bool:
    """The nonce is another transaction's, or the fees were overtaken: nonce and fees are to be asked anew."""
    said = error.message.lower()
    return any(
        part in said for part in ("nonce too low", "underpriced", "less than block base fee", "oldnonce")
    )


def pending(sent: Sent) -> TransactionPending:
    """Nobody answered while an act was being sent: what to raise."""
    return TransactionPending(
        f"the chain stopped answering while transaction {sent.tx_hash} was being sent",
        hint="it may have arrived; wait for it before sending another",
        tx_hash=sent.tx_hash,
    )


def explained(error: RpcError, account: str) -> RpcError:
    """The refusal, with what to do about it."""
    if "insufficient funds" in error.message.lower():
        error.hint = f"send ether for gas to {account}"
    return error
