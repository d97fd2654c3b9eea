"""A model ready to answer, and what every answered call leaves behind however it was paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Grant, MoneyLine, Receipt
from freehold.core.errors import Conflict, InvalidSignature
from freehold.core.fixed import IntArray
from freehold.core.signing import Envelope, recover
from freehold.core.typed_data import CHANNELS_DOMAIN, Domain
from freehold.features.gateway.rules.answer import Question, answer_json, output_hash
from freehold.features.gateway.rules.quote import Quote
from freehold.features.models.releasing import pool_of
from freehold.features.payments.rules.errors import ContractPayer, PaymentRefused, PaymentReused
from freehold.features.payments.rules.payment import signature_bytes
from freehold.features.training.rules.logistic import predict
from freehold.features.training.rules.scaling import Scaling
from freehold.kernel.node import Node

REASON = "inference"


class AnswerPruned(Conflict):
    """The call was answered and countersigned so long ago that its answer is no longer kept."""

    code = "answer.pruned"
    http_status = 410


@dataclass(frozen=True, eq=False)
class Served:
    """A model ready to answer."""

    asset: Asset
    weights: IntArray
    """(columns + 1,) Q16."""
    scaling: Scaling
    columns: tuple[str, ...]
    quote: Quote

    def answer(self, question: Question) -> dict[str, Any]:
        """The answer to a question.

        Raises:
            InvalidRequest: a row does not fit the model.
        """
        rows = np.array(question.features(len(self.columns)), dtype=np.int64)
        found = predict(self.weights, self.scaling, rows).tolist()
        return answer_json(self.asset.id, found, self.quote.round_to)


def load(node: Node, model_id: str) -> Served:
    """A released model out of the store."""
    asset = node.asset(model_id)
    model = node.store.state(f"model:{model_id}")
    quote = Quote(
        model=asset.id,
        price_units=asset.terms.price_units,
        per=asset.terms.per,
        rows_per_call=asset.terms.rows_per_call,
        round_to=asset.terms.round_to,
        pool="0x" + pool_of(asset).hex(),
        token=node.token_domain,
        channels=Domain(CHANNELS_DOMAIN, node.chain_id, node.contract("Channels")),
        revenue=node.contract("Revenue"),
        contract_payers=node.settings.contract_payers,
    )
    weights = np.array(model["weights"], dtype=np.int64)
    return Served(asset, weights, Scaling.from_json(model["scaling"]), tuple(model["columns"]), quote)


def make_receipt(
    served: Served,
    grant: Grant,
    answer: dict[str, Any],
    evidence: dict[str, str | int],
    *,
    rows: int,
    sequence: int,
    issued_at: int,
) -> Receipt:
    """The receipt of one call; it says how many rows it charges where each has its price."""
    if served.quote.per == "row":
        evidence = {**evidence, "rows": rows}
    return Receipt(
        grant=grant.id,
        action="infer",
        provider=grant.issuer,
        holder=grant.holder,
        inputs=(served.asset.id,),
        output=output_hash(answer),
        money=money(grant.holder, served.quote.pool, served.quote.price_of(rows)),
        evidence=evidence,
        sequence=sequence,
        issued_at=issued_at,
    )


def money(payer: str, pool: str, price_units: int) -> tuple[MoneyLine, MoneyLine]:
    """What one call moves: from the payer's account to the model's pool."""
    return (
        MoneyLine(account=payer, delta_units=-price_units, reason=REASON),
        MoneyLine(account=pool, delta_units=price_units, reason=REASON),
    )


def response(answer: dict[str, Any], receipt: Envelope) -> bytes:
    """What the caller gets, canonical, and again at every retry."""
    return canonical_bytes({**answer, "receipt": receipt.to_json()})


def repeated(node: Node, key: str, question: Question) -> bytes | None:
    """The answer that this payment got before, if it did.

    Raises:
        PaymentReused: the payment was for another question. AnswerPruned.
    """
    known = node.store.answered(key)
    if known is None:
        return None
    if known[0] != question.hash:
        raise PaymentReused(
            "this payment was accepted for another question", hint="Make a new payment for a new question."
        )
    return require_held(known[1])


def require_held(answer: bytes) -> bytes:
    """The answer, unless only its receipt's id is left of it.

    Raises:
        AnswerPruned.
    """
    if not answer.startswith(b"{"):
        raise AnswerPruned(
            "this call was answered, its receipt signed by both sides, and the answer is no longer kept",
            hint="Nothing more was charged. Make a new payment for a new question.",
            receipt=answer.decode(),
        )
    return answer


def require_plain_payer(node: Node, account: str, has_code: Callable[[], bool]) -> None:
    """The payer is an account with a key, unless this seller takes those with code too.

    What such code says of a signature may change between the trial of a payment and its block, and it runs at
    the seller's cost.

    Raises:
        ContractPayer.
    """
    if not node.settings.contract_payers and has_code():
        raise ContractPayer(
            f"{account} is an account with code, and this seller takes payments of keys only",
            hint="Pay from an account without code; or ask the seller to set contract_payers.",
            payer=account,
        )


def require_signature(node: Node, account: str, digest: bytes, signature: str) -> None:
    """`account` signed, with its key or as a contract (ERC-1271).

    Raises:
        PaymentRefused.
    """
    raw = signature_bytes(signature)
    try:
        signer: str | None = recover(digest, raw)
    except InvalidSignature:
        signer = None
    if signer != account:
        require_plain_payer(node, account, lambda: bool(node.chain.code(account)))
    if signer != account and not node.contract_accepts(account, digest, raw):
        raise PaymentRefused(
            f"the payment is not signed by {account}",
            hint="Was it signed for this chain, these contracts and this sum?",
            payer=account,
        )
