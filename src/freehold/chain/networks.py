"""What differs between networks: how deep a block must lie, how long one waits, what one pays at most."""

from __future__ import annotations

from dataclasses import dataclass

LOCAL_CHAIN_ID = 31337


@dataclass(frozen=True)
class Network:
    """How the client behaves on one network."""

    name: str
    confirmations: int
    """Blocks, its own included, that a transaction needs before `wait` believes it."""
    block_seconds: float
    """Usual time between blocks."""
    stuck_seconds: float
    """A transaction older than this and in no block is sent again with higher fees."""
    max_fee_wei: int | None
    """The most that one transaction may cost in all; None for no limit."""

    @property
    def wait_seconds(self) -> float:
        """How long `wait` waits unless told: room for the depth and for two replacements."""
        return max(120.0, 2 * self.confirmations * self.block_seconds + 3 * self.stuck_seconds)


_MOST_WEI = 10**17
NETWORKS = {
    1: Network("Ethereum", 5, 12, 60, _MOST_WEI),
    10: Network("OP Mainnet", 15, 2, 20, _MOST_WEI),
    137: Network("Polygon", 32, 2, 20, 20 * 10**18),
    8453: Network("Base", 15, 2, 20, _MOST_WEI),
    42161: Network("Arbitrum One", 20, 0.25, 20, _MOST_WEI),
    84532: Network("Base Sepolia", 10, 2, 20, _MOST_WEI),
    11155111: Network("Sepolia", 3, 12, 60, _MOST_WEI),
    LOCAL_CHAIN_ID: Network("local chain", 1, 1, 20, None),
}
_ELSEWHERE = Network("unknown network", 6, 12, 60, _MOST_WEI)


def network(chain_id: int) -> Network:
    """A network's figures; cautious ones for those not listed."""
    return NETWORKS.get(chain_id, _ELSEWHERE)
