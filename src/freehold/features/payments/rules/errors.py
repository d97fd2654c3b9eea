"""Why a call was not answered; `fields` of what refuses a payment say what would pay."""

from __future__ import annotations

from freehold.core.errors import Conflict, InvalidInput, PaymentRequired


class InvalidRequest(InvalidInput, code="inference.request"):
    """The question is malformed; `fields` name row and column where known."""


class QuestionTooLarge(InvalidInput, code="inference.too_large", http_status=413):
    """The question has more bytes than are read of who pays by a single transfer; a voucher's payer may send more."""


class InvalidPayment(InvalidInput, code="payment.malformed"):
    """The payment header is malformed."""


class Unpaid(PaymentRequired, code="payment.missing"):
    """No payment came with the call; `fields` say what to pay and how."""


class PaymentRefused(PaymentRequired, code="payment.refused"):
    """The payment does not pay for this call."""


class PaidElsewhere(PaymentRefused, code="payment.paid_elsewhere"):
    """Somebody else sent this payment first: its sum is in the model's pool, and buys no answer here."""


class GrantUnknown(PaymentRefused, code="payment.grant_unknown"):
    """The voucher names a grant that is not here: never issued, or forgotten before its first use."""


class StaleVoucher(PaymentRefused, code="payment.stale"):
    """The voucher is for another sum than the one due, or is settled; `/peer/calls` tells its payer what was accepted.

    Nobody else is told: what a payer signed stands on chain for all to read once it is settled.
    """

    def __init__(self) -> None:
        super().__init__(
            "the voucher is for another sum than the one due",
            hint="Sign one for what the last answered call had, plus call_units; /peer/calls tells a channel's payer.",
        )


class DepositTooSmall(PaymentRefused, code="payment.deposit"):
    """The channel holds less than the voucher says."""


class ChannelClosing(PaymentRefused, code="payment.closing"):
    """The payer asked to close the channel, or it has ended."""


class ContractPayer(PaymentRefused, code="payment.contract_payer"):
    """The payer is an account with code, and this seller takes no payments of such."""


class PaymentReused(Conflict, code="payment.reused"):
    """This payment was accepted for another question."""
