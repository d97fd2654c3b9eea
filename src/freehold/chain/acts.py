"""An act under way: what it is, what it offers for gas (EIP-1559), its signed versions, what refusals of them mean."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from freehold.chain.answers import read_number
from freehold.chain.errors import ChainUnreachable, RpcError, TransactionPending
from freehold.core.errors import NotAllowed

if TYPE_CHECKING:
    from coincurve import PrivateKey

HISTORY = ("eth_feeHistory", hex(10), "latest", [50])
"""The call that asks for the median tips of ten blocks."""
_DEFAULT_TIP_WEI = 10**9


class FeeTooHigh(NotAllowed, code="chain.fee_too_high"):
    """A transaction would cost more than the limit; `fields` say how much, in wei."""


@dataclass(frozen=True)
class Fees:
    """An offer for one unit of gas, in wei."""

    base: int
    """Base fee expected for the next block."""
    tip: int
    """What the block's maker gets (`maxPriorityFeePerGas`)."""
    most: int
    """`maxFeePerGas`."""

    @classmethod
    def of(cls, base: int, tip: int) -> Fees:
        """Room for the base fee to double, which takes six full blocks."""
        return cls(base, tip, 2 * base + tip)

    def within(self, gas: int, max_fee_wei: int | None) -> Fees:
        """The same offer with less room, so that `gas` units cost at most the limit.

        Raises `FeeTooHigh` when the next block would charge more.
        """
        if max_fee_wei is None or gas * self.most <= max_fee_wei:
            return self
        affordable = max_fee_wei // gas
        if affordable < self.base + self.tip:
            cost = gas * (self.base + self.tip)
            raise FeeTooHigh(
                f"the transaction would cost up to {cost} wei, over the limit of {max_fee_wei}",
                hint="wait for lower gas prices, or raise max_fee_wei",
                fee_wei=cost,
                max_fee_wei=max_fee_wei,
            )
        return replace(self, most=affordable)

    def raised(self, market: Fees) -> Fees:
        """An offer that replaces this one: an eighth more at least, which every node accepts, or the market's."""
        return Fees(
            market.base,
            max(_eighth_more(self.tip), market.tip),
            max(_eighth_more(self.most), market.most),
        )


def from_history(history: Any, suggested_tip: Any) -> tuple[Fees, int]:
    """The offer and the head's height out of `eth_feeHistory` and, should nobody tip, a suggestion.

    The tip is the median over recent blocks of the median tip. Raises `ChainUnreachable`.
    """
    try:
        base_fees, rewards = history["baseFeePerGas"], history.get("reward") or []
        head = read_number(history["oldestBlock"]) + len(base_fees) - 2
        base = read_number(base_fees[-1])
        tips = sorted(tip for row in rewards for tip in [read_number(row[0])] if tip)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ChainUnreachable(
            "the chain answered something else where a fee history was expected"
        ) from error
    if tips:
        return Fees.of(base, tips[len(tips) // 2]), head
    tip = _DEFAULT_TIP_WEI if not isinstance(suggested_tip, str) else read_number(suggested_tip)
    return Fees.of(base, tip), head


def _eighth_more(wei: int) -> int:
    return wei + -(-wei // 8)


@dataclass(frozen=True)
class Act:
    """What is to be done, before it has a nonce."""

    to: str
    data: bytes
    gas: int
    value_wei: int = 0
    most_gas: int | None = None
    """The gas it may take at most, also where it has to be sent anew; None for no bound."""
    most_wei: int | None = None
    """What it may cost at most, also with raised fees; None for the network's bound."""


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

    @property
    def raw(self) -> str:
        """Signed bytes of the newest version, `0x` hex."""
        return "0x" + self.versions[self.tx_hash].hex()


class Refused(Enum):
    """What a node's refusal of a transaction means, and so what is worth doing."""

    KNOWN = "known"
    """It holds these very bytes: done."""
    NONCE = "nonce"
    """The nonce is another transaction's: ask for it anew, `MOST_RACES` times."""
    FEE = "fee"
    """The fees are too low by now: ask for them anew, `MOST_FEES` times."""
    LATER = "later"
    """It takes none now: the same bytes again after a pause."""
    FUNDS = "funds"
    """The account cannot pay for it: final."""
    FINAL = "final"
    """Whatever else: trying again would change nothing."""


MOST_RACES, MOST_FEES = 25, 5
_RATE_CODES = (429, -32005)
_SAID = (
    # in this order: some sentences hold the words of a later kind
    (Refused.KNOWN, ("already known", "already imported", "known transaction", "alreadyknown")),
    (Refused.FUNDS, ("insufficient funds", "insufficientfunds", "upfront cost exceeds", "overdraft")),
    (
        Refused.LATER,
        (
            "rate limit",
            "too many requests",
            "pool is full",
            "pool is currently full",
            "limit exceeded",
            "try again",
        ),
    ),
    (
        Refused.NONCE,
        (
            "nonce too low",
            "nonce is too low",
            "oldnonce",
            "nonce too high",
            "nonce has already been used",
            "replacement transaction underpriced",
            "could not replace existing",
            "replacementnotallowed",
        ),
    ),
    (
        Refused.FEE,
        ("underpriced", "less than block base fee", "feetoolow", "fee too low", "below current base fee"),
    ),
)


def meaning(error: RpcError) -> Refused:
    """What a refusal says, in the words of the nodes that are in use; only known words are worth another try."""
    said = error.message.lower()
    for kind, words in _SAID:
        if any(part in said for part in words):
            return kind
    return Refused.LATER if error.rpc_code in _RATE_CODES else Refused.FINAL


def is_known(error: RpcError) -> bool:
    """The node holds these very bytes."""
    return meaning(error) is Refused.KNOWN


def is_race(error: RpcError) -> bool:
    """The nonce is another transaction's, or the fees were overtaken: nonce and fees are to be asked anew."""
    return meaning(error) in (Refused.NONCE, Refused.FEE)


def with_room(gas: int) -> int:
    """What others do before the block can cost a little more than the estimate saw."""
    return gas * 5 // 4


def is_out_of_gas(error: RpcError) -> bool:
    """A trial came to nothing because the gas it was given did not do."""
    said = error.message.lower()
    return any(part in said for part in ("out of gas", "gas required exceeds", "outofgas", "gas too low"))


def pending(sent: Sent) -> TransactionPending:
    """Nobody answered while an act was being sent: what to raise."""
    return TransactionPending(
        f"the chain stopped answering while transaction {sent.tx_hash} was being sent",
        hint="it may have arrived; wait for it before sending another",
        tx_hash=sent.tx_hash,
    )


def explained(error: RpcError, account: str) -> RpcError:
    """The refusal, with what to do about it."""
    if meaning(error) is Refused.FUNDS:
        error.hint = f"send ether for gas to {account}"
    return error
