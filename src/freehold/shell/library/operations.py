"""Every operation as a method. Written by `python -m freehold.shell.generate`; change a feature's `wire.py`."""

from __future__ import annotations

from typing import Any, cast

from freehold.features.earnings import wire as earnings_wire
from freehold.features.payments import wire as payments_wire
from freehold.features.privacy import wire as privacy_wire
from freehold.features.proof import wire as proof_wire
from freehold.kernel import wire as kernel_wire
from freehold.kernel.notebook import Rows
from freehold.shell.library.performing import Identified, Performs

__all__ = ["Operations"]


class Operations(Performs):
    """What a node does for its owner; what is left out has the default of the request."""

    def status(self) -> kernel_wire.Status:
        """Show this node, its chain and its money."""
        return cast("kernel_wire.Status", self._perform(kernel_wire.STATUS))

    def work(self) -> kernel_wire.Overview:
        """What the node does by itself, and its jobs: state, attempts, last error, next try."""
        return cast("kernel_wire.Overview", self._perform(kernel_wire.WORK))

    def log(self) -> kernel_wire.LogShown:
        """Show this node's transparency log.

        The checkpoint is signed; the chain vouches for the entries that are anchored.
        """
        return cast("kernel_wire.LogShown", self._perform(kernel_wire.LOG))

    def anchor(self) -> kernel_wire.Anchored:
        """Put the fingerprint of this node's log on chain, so that what stands in it can be proven from now on."""
        return cast("kernel_wire.Anchored", self._perform(kernel_wire.ANCHOR))

    def gas(self) -> dict[str, Any]:
        """Gas that this node has spent, by kind of act."""
        return cast("dict[str, Any]", self._perform(kernel_wire.GAS))

    def spending(self) -> kernel_wire.Spending:
        """What this node may spend, and what the last 24 hours took of it."""
        return cast("kernel_wire.Spending", self._perform(kernel_wire.SPENDING))

    def limit(self, *, per_day: str | None = None, per_act: str | None = None) -> kernel_wire.Spending:
        """Set what this node may spend.

        A limit is in dollars and counts from now on, also in a node that runs; what is left out stays, 0 is no limit.
        """
        return cast(
            "kernel_wire.Spending", self._perform(kernel_wire.LIMIT, per_day=per_day, per_act=per_act)
        )

    def privacy(
        self, asset: str | Identified | None = None, *, limit: int | None = None
    ) -> Rows[privacy_wire.BudgetLine]:
        """Show the privacy budget of your data and what was spent.

        Tables that share a row share their budget. What is left is the epsilon of the largest run that still fits:
        costs add up more slowly than their epsilons.
        """
        return cast(
            "Rows[privacy_wire.BudgetLine]", self._perform(privacy_wire.BUDGETS, asset=asset, limit=limit)
        )

    def channels(self) -> payments_wire.Channels:
        """List channels: those paid from, and those still to settle."""
        return cast("payments_wire.Channels", self._perform(payments_wire.LIST))

    def close_channel(self, channel: str) -> payments_wire.Closing:
        """Take back what a channel still holds.

        The first call asks to close; the seller then has a day to settle what was paid. Call again after that
        to get the rest.
        """
        return cast("payments_wire.Closing", self._perform(payments_wire.CLOSE, channel=channel))

    def retry_channel(self, channel: str) -> payments_wire.Retried:
        """Settle a channel once more that failed or was refused.

        A settlement that was mined and failed has cost its gas, so the node does not send another by itself.
        """
        return cast("payments_wire.Retried", self._perform(payments_wire.RETRY, channel=channel))

    def settle(self) -> payments_wire.Settlement:
        """Bring what buyers paid to the chain."""
        return cast("payments_wire.Settlement", self._perform(payments_wire.SETTLE))

    def earnings(self) -> earnings_wire.Earnings:
        """Show what grants and models earned this node."""
        return cast("earnings_wire.Earnings", self._perform(earnings_wire.EARNINGS))

    def claim(self, model: str | Identified | None = None) -> earnings_wire.Claims:
        """Move your share of revenue to your wallet."""
        return cast("earnings_wire.Claims", self._perform(earnings_wire.CLAIM, model=model))

    def receipts(self, *, limit: int | None = None) -> Any:
        """List uses of data and models."""
        return cast("Any", self._perform(proof_wire.RECEIPTS, limit=limit))

    def receipt(self, receipt: str | Identified) -> kernel_wire.SignedReceipt:
        """Show one receipt in full, with its signatures."""
        return cast("kernel_wire.SignedReceipt", self._perform(proof_wire.RECEIPT, receipt=receipt))

    def lineage(self, asset: str | Identified) -> proof_wire.Lineage:
        """Show what something was made from."""
        return cast("proof_wire.Lineage", self._perform(proof_wire.LINEAGE, asset=asset))

    def evidence_files(self, receipt: str | Identified) -> proof_wire.EvidenceFiles:
        """Collect the files that prove one answer.

        Public files only, from its payment back to the commitments to the training data.
        """
        return cast("proof_wire.EvidenceFiles", self._perform(proof_wire.EVIDENCE, receipt=receipt))
