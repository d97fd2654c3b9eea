"""What to offer for gas (EIP-1559), from what recent blocks charged; pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from freehold.chain.answers import read_number
from freehold.chain.errors import ChainUnreachable
from freehold.core.errors import NotAllowed

HISTORY_BLOCKS, PERCENTILE = 10, 50
_DEFAULT_TIP_WEI = 10**9


class FeeTooHigh(NotAllowed):
    """A transaction would cost more than the limit; `fields` say how much, in wei."""

    code = "chain.fee_too_high"


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
