"""Whom a channel pays. Its contract pays into revenue pools; another kind is refused by its name, not tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from freehold.core.errors import InvalidInput
from freehold.core.ids import hash_bytes

PayeeKind = Literal["pool", "account", "escrow"]


class PayeeNotPaid(InvalidInput):
    """Channels do not pay this kind of payee; nothing was signed."""

    code = "payment.payee"


@dataclass(frozen=True)
class Payee:
    """Where the money of calls goes, and what for."""

    kind: PayeeKind
    to: str
    """The pool's or escrow's id, or the account."""
    provider: str
    """Account of whoever answers the calls."""
    thing: str
    """Id of what is called: there is one channel for each at a time."""

    @property
    def pool(self) -> bytes:
        """The pool that the channel pays into. Raises PayeeNotPaid: it is no pool."""
        if self.kind != "pool":
            raise PayeeNotPaid(
                f"a channel pays into a revenue pool, not to an {self.kind}",
                hint="Nothing was paid. Pay it by one transfer, or name the pool of what is called.",
                kind=self.kind,
            )
        return hash_bytes(self.to)
