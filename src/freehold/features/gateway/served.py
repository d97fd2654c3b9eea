"""A model ready to answer, and what every answered call leaves behind however it was paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from freehold.core.canonical import canonical_bytes, canonical_object
from freehold.core.documents import Asset, Grant, Receipt
from freehold.core.errors import Conflict, InvalidSignature
from freehold.core.fixed import IntArray
from freehold.core.ids import sha256_hex
from freehold.core.late import np
from freehold.core.signing import plain_form, recover
from freehold.features.gateway import pruning
from freehold.features.gateway.rules.answer import Question, answer_json
from freehold.features.models.kept import require_weights
from freehold.features.models.releasing import pool_of
from freehold.features.models.rules.model import predict
from freehold.features.models.rules.scaling import Scaling
from freehold.features.payments.rules.errors import ContractPayer, PaymentRefused, PaymentReused
from freehold.features.payments.rules.payment import Transfer, Voucher, signature_bytes
from freehold.kernel.node import Node
from freehold.kernel.store import AlreadyAnswered, Transaction
from freehold.kernel.use import Done, Use, Work, perform

REASON = "inference"
Paid = TypeVar("Paid", Voucher, Transfer)


class AnswerPruned(Conflict, code="answer.pruned", http_status=410):
    """The call was answered, and its answer is no longer kept: it is too old, or there was no room."""


@dataclass(frozen=True, eq=False)
class Served:
    """A model ready to answer."""

    asset: Asset
    weights: IntArray
    """(columns + 1,) Q16."""
    scaling: Scaling
    columns: tuple[str, ...]
    pool: str
    """The model's revenue pool, 32 bytes hex."""

    def features(self, question: Question) -> list[list[int]]:
        """What the model reads of a question. Raises InvalidRequest: a row does not fit the model."""
        return question.features(len(self.columns), self.columns)

    def answer(self, question: Question) -> dict[str, Any]:
        """The answer to a question. Raises InvalidRequest: a row does not fit the model."""
        rows = np.array(self.features(question), dtype=np.int64)
        found = predict(self.weights, self.scaling, rows).tolist()
        return answer_json(self.asset.id, found, self.asset.terms.round_to)


def load(node: Node, model_id: str) -> Served:
    """A released model out of the store."""
    asset = node.asset(model_id)
    model = require_weights(node, asset)
    weights, pool = np.array(model["weights"], dtype=np.int64), "0x" + pool_of(asset).hex()
    return Served(asset, weights, Scaling.from_json(model["scaling"]), tuple(model["columns"]), pool)


def prediction(
    served: Served,
    question: Question,
    payer: str,
    grant: Grant | Callable[[int, int], Grant],
    payment: dict[str, str | int],
    **more: Any,
) -> Use:
    """The use that one call is, however it is paid; `payment` is what its receipt says of that."""
    return Use(
        key=pruning.key_of(payer, payment),
        request=question.hash,
        grant=grant,
        asset=served.asset,
        holder=payer,
        action="infer",
        rows=len(question.rows),
        payee=served.pool,
        reason=REASON,
        evidence={"request": question.hash, **payment},
        **more,
    )


def done(node: Node, key: str, answer: dict[str, Any], charge: Callable[[Transaction], None]) -> Done:
    """What is worked out for a paid question, and takes room here once it is kept."""

    def kept(tx: Transaction, receipt: Receipt, given: bytes) -> None:
        charge(tx)
        pruning.note(node, tx, key, given, receipt)

    parts = {name: canonical_bytes(value) for name, value in answer.items()}
    return Done(sha256_hex(canonical_object(parts)), parts, kept)


def sold(node: Node, use: Use, work: Work) -> bytes:
    """What a payment buys, and again at every retry.

    Raises PaymentReused: the payment was for another question. AnswerPruned. As `perform`.
    """
    try:
        answer = perform(node, use, work)
    except AlreadyAnswered:
        raise PaymentReused(
            "this payment was accepted for another question", hint="Make a new payment for a new question."
        ) from None
    return require_kept(answer)


def require_kept(answer: bytes) -> bytes:
    """An answer, if more is left of it than its receipt's id. Raises AnswerPruned."""
    if not answer.startswith(b"{"):
        raise AnswerPruned(
            "this call was answered, and the answer is no longer kept",
            hint="Nothing more was charged. Make a new payment for a new question.",
            receipt=answer.decode(),
        )
    return answer


def require_plain_payer(node: Node, account: str, has_code: Callable[[], bool]) -> None:
    """The payer is an account with a key, unless this seller takes those with code too.

    What such code says of a signature may change between the trial of a payment and its block, and it runs at
    the seller's cost. Raises ContractPayer.
    """
    if not node.settings.contract_payers and has_code():
        raise ContractPayer(
            f"{account} is an account with code, and this seller takes payments of keys only",
            hint="Pay from an account without code; or ask the seller to set contract_payers.",
            payer=account,
        )


def signed(node: Node, payment: Paid, account: str, digest: bytes) -> Paid:
    """The payment, which `account` signed with its key or as a contract (ERC-1271). Raises PaymentRefused.

    A key's signature is in one form from here on, however its wallet wrote it: chain and store know no other.
    """
    raw = signature_bytes(payment.signature)
    plain = plain_form(raw)
    try:
        signer: str | None = recover(digest, plain)
    except InvalidSignature:
        signer = None
    if signer == account:
        return payment.model_copy(update={"signature": "0x" + plain.hex()})
    node.store.may_wait()
    require_plain_payer(node, account, lambda: bool(node.chain.code(account)))
    if not node.contract_accepts(account, digest, raw):
        raise PaymentRefused(
            f"the payment is not signed by {account}",
            hint="Was it signed for this chain, these contracts and this sum? A key's signature has the low form of s.",
            payer=account,
        )
    return payment
