"""Why a call was not answered; `fields` of what refuses a payment say what would pay."""

from __future__ import annotations

from freehold.core.errors import Conflict, InvalidInput, PaymentRequired


class InvalidRequest(InvalidInput):
    """The question is malformed; `fields` name row and column where known."""

    code = "inference.request"


class InvalidPayment(InvalidInput):
    """The payment header is malformed."""

    code = "payment.malformed"


class Unpaid(PaymentRequired):
    """No payment came with the call; `fields` say what to pay and how."""

    code = "payment.missing"


class PaymentRefused(PaymentRequired):
    """The payment does not pay for this call."""

    code = "payment.refused"


class GrantUnknown(PaymentRefused):
    """The voucher names a grant that is not here: never issued, or forgotten before its first use."""

    code = "payment.grant_unknown"


class StaleVoucher(PaymentRefused):
    """The voucher is for another sum than the one due, or is settled; `/peer/calls` tells its payer what was accepted.

    Nobody else is told: what a payer signed stands on chain for all to read once it is settled.
    """

    code = "payment.stale"

    def __init__(self) -> None:
        super().__init__(
            "the voucher is for another sum than the one due",
            hint="Sign one for what the last answered call had, plus call_units; /peer/calls tells a channel's payer.",
        )


class DepositTooSmall(PaymentRefused):
    """The channel holds less than the voucher says."""

    code = "payment.deposit"


class ChannelClosing(PaymentRefused):
    """The payer asked to close the channel, or it has ended."""

    code = "payment.closing"


class ContractPayer(PaymentRefused):
    """The payer is an account with code, and this seller takes no payments of such."""

    code = "payment.contract_payer"


class PaymentReused(Conflict):
    """This payment was accepted for another question."""

    code = "payment.reused"
