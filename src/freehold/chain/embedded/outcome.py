"""What running a message on the EVM comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What running a message did."""

    failed: str | None
    """None, or the name of the EVM error."""
    output: bytes
    """Returned data, or revert data."""
    gas_used: int
    gas_needed: int
    """Gas used before refunds: the least that might do as a limit."""
    logs: tuple[tuple[bytes, tuple[int, ...], bytes], ...]
    created: bytes | None
