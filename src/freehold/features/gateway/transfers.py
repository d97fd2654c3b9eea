"""Calls paid by a single EIP-3009 transfer: for clients that have a wallet and nothing else.

The payment is submitted once, then the call is answered; a crash between the two leaves the payment
on chain and its question in the store, so that the same request, sent again, gets its one answer.

That an authorization is used proves nothing by itself: its signer can cancel it, or spend its nonce
on something else. What counts is the deposit (`payments.once.is_deposited`).

This node sends the payment, so a stranger makes it spend gas: the keeper caps that, and a price that does not
pay for it is refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from freehold.chain.acts import FeeTooHigh
from freehold.chain.errors import ContractReverted, GasOverCap
from freehold.chain.reverts import ActUntimely
from freehold.core.documents import Grant
from freehold.core.ids import hash_bytes
from freehold.core.terms import price_of
from freehold.features.gateway import rationing
from freehold.features.gateway.rules.answer import Question
from freehold.features.gateway.served import (
    Served,
    done,
    prediction,
    require_plain_payer,
    signed,
    sold,
)
from freehold.features.grants.issuing import parse_terms
from freehold.features.payments import once
from freehold.features.payments.rules.errors import PaidElsewhere, PaymentRefused, PaymentReused
from freehold.features.payments.rules.payment import Transfer, signature_bytes
from freehold.kernel import ceiling
from freehold.kernel.keeping import keeper
from freehold.kernel.keeping.keeper import Errand
from freehold.kernel.keeping.purse import GasDaySpent
from freehold.kernel.keeping.subjects import Quarantined
from freehold.kernel.node import Node
from freehold.kernel.rights.check import Standing
from freehold.kernel.use import Done, Use

LONGEST_SECONDS = 366 * 86_400
"""That a payment may be good for."""


def answer(node: Node, served: Served, question: Question, transfer: Transfer) -> bytes:
    """Canonical JSON of `{model, outputs, receipt}`, after the payment is on chain: one use, of a grant of its own.

    Raises PaymentRefused: nothing was taken, or the authorization was spent elsewhere. PaymentReused.
    InvalidRequest, NotAllowed and its kin: nothing was taken. Unavailable: send it again.
    """
    pool = served.pool
    require_plain_payer(node, transfer.payer, lambda: bool(node.chain.code(transfer.payer)))
    digest = transfer.digest(node.token_domain, node.contract("Revenue"), pool)
    transfer = signed(node, transfer, transfer.payer, digest)
    price = price_of(served.asset.terms, len(question.rows))
    if transfer.value_units != price:
        raise PaymentRefused(
            f"the transfer is of {transfer.value_units} units, the call costs {price}",
            hint="Sign exactly the price: nothing would give the rest back.",
        )
    nonce = transfer.nonce(pool)

    def standing() -> Standing:
        """As it stood when the payment was accepted, however late the answer is."""
        now = (node.store.state(use.key) or {"at": node.now()})["at"]
        return Standing(now=now, uses=0, spent_units=0, revoked=False, purchased=True)

    def work(at: int) -> Done:
        # before any money moves: a question that cannot be answered is refused here
        answer = served.answer(question)
        intent = _begin(node, served, question, transfer, use, at)
        _collect(node, transfer, pool, nonce, intent, use.key)
        return done(node, use.key, answer, lambda tx: tx.delete(use.key))

    use = prediction(
        served,
        question,
        transfer.payer,
        lambda index, at: _grant(served, transfer, at, index),
        {"payment": "0x" + nonce.hex()},
        standing=standing,
    )
    # all else of the payment can be read on chain before its answer is given
    use = replace(use, request=transfer.bound(question.hash))
    return sold(node, use, work)


def _begin(
    node: Node, served: Served, question: Question, transfer: Transfer, use: Use, at: int
) -> dict[str, Any]:
    """Remember what the payment is for, before it is sent."""
    intent: dict[str, Any] | None = node.store.state(use.key)
    if intent is not None:
        if intent["request"] != use.request:
            raise PaymentReused(
                "this payment was made for another question", hint="Send the first question again."
            )
        return intent
    balance = int(node.chain.read(node.dollar, "balanceOf", transfer.payer))
    if balance < transfer.value_units:
        raise PaymentRefused(f"the payer holds {balance} units", hint="Send dollars to the payer first.")
    if _is_used(node, transfer, served.pool):
        raise _used_before(node, transfer, served.pool)
    _require_bounded(node, transfer)
    intent = {"request": use.request, "from_block": node.chain.block_number(), "at": at}
    with node.store.transaction() as tx:
        # before money moves: what is refused later would have been paid
        rows = len(question.rows)
        hour = rationing.take(node, tx, served.asset.id, transfer.payer, rows)
        intent["counted"] = {"model": served.asset.id, "buyer": transfer.payer, "rows": rows, "hour": hour}
        tx.set(use.key, intent)
    return intent


def _collect(
    node: Node, transfer: Transfer, pool: str, nonce: bytes, intent: dict[str, Any], key: str
) -> None:
    if not _is_used(node, transfer, pool):
        try:
            keeper.send(node, _errand(transfer, pool))
        except (keeper.NotWorthItsGas, GasOverCap, Quarantined, FeeTooHigh) as error:
            _forget(node, key, intent)
            raise PaymentRefused(
                f"this payment is not sent: {error.message}",
                hint="Nothing was taken. Pay by vouchers of a channel, which cost the seller less gas.",
            ) from error
        except GasDaySpent:
            _forget(node, key, intent)
            raise
        except ContractReverted as error:
            # refused for good, unless somebody else submitted the same authorization first
            if not _is_used(node, transfer, pool):
                _forget(node, key, intent)
                raise _refused(node, transfer, error) from error
    made = (hash_bytes(pool), transfer.payer, transfer.value_units, nonce)
    if not once.is_deposited(node, *made, intent["from_block"]):
        _forget(node, key, intent)
        raise PaymentRefused(
            "the authorization was cancelled or spent on something else", hint="Sign a new one."
        )


def _used_before(node: Node, transfer: Transfer, pool: str) -> PaymentRefused:
    """Why an authorization that was used before it came here pays for nothing."""
    nonce = transfer.nonce(pool)
    if once.is_deposited(node, hash_bytes(pool), transfer.payer, transfer.value_units, nonce):
        return PaidElsewhere(
            f"somebody else sent this payment before: its {transfer.value_units:,} units are in the model's pool",
            hint="They were taken, and buy no answer here: a payment is sent by the seller. Another one pays again.",
        )
    return PaymentRefused(
        "the authorization was cancelled, or spent on something else than this call",
        hint="Sign a new one, with a fresh salt.",
    )


def _require_bounded(node: Node, transfer: Transfer) -> None:
    """Nobody means a payment to be good for ages; who says milliseconds does not know it. Raises PaymentRefused."""
    latest = max(node.now(), ceiling.chain_time(node)) + LONGEST_SECONDS
    for name in ("valid_after", "valid_before"):
        if getattr(transfer, name) > latest:
            raise PaymentRefused(
                f"{name} is more than a year from now",
                hint="Nothing was taken. It is in Unix seconds, not milliseconds: sign a new one, good for an hour.",
            )


def _refused(node: Node, transfer: Transfer, error: ContractReverted) -> PaymentRefused:
    """Why the token refused a payment for now or for good."""
    now = ceiling.chain_time(node)
    untimely = error.name in ("ERC3009InvalidAuthorizationTime", "Error")
    if untimely and transfer.valid_after >= now and transfer.valid_before > node.now():
        return PaymentRefused(
            f"the payment counts only after {transfer.valid_after} (valid_after), and it is {now} by the chain's clock",
            hint="Nothing was taken yet. Send the same payment again from then on; another one would be paid too.",
            valid_after=transfer.valid_after,
        )
    if isinstance(error, ActUntimely) or transfer.valid_before <= now:
        return PaymentRefused(
            f"the payment counted only before {transfer.valid_before} (valid_before), and it is"
            f" {max(now, node.now())}",
            hint="Nothing was taken, and it can be taken no more. Sign a new one, good for an hour.",
        )
    return PaymentRefused(
        f"the transfer was refused: {error.message}",
        hint=f"Nothing was taken. {error.hint[:1].upper()}{error.hint[1:] or 'Sign a new one'}.",
    )


def _is_used(node: Node, transfer: Transfer, pool: str) -> bool:
    state = node.chain.read(node.dollar, "authorizationState", transfer.payer, transfer.nonce(pool))
    return bool(state)


def _forget(node: Node, key: str, intent: dict[str, Any]) -> None:
    with node.store.transaction() as tx:
        tx.delete(key)
        if "counted" in intent:
            rationing.give_back(tx, **intent["counted"])


def _grant(served: Served, transfer: Transfer, issued_at: int, index: int) -> Grant:
    """A grant for this one call, so that a receipt can name what it was used under."""
    terms = {**served.asset.terms.body, "actions": ["infer"], "max_uses": 1, "split": []}
    return Grant(
        issuer=served.asset.owner,
        holder=transfer.payer,
        asset=served.asset.id,
        terms=parse_terms(terms),
        spend_cap_units=transfer.value_units,
        revocation_index=index,
        nonce="0x" + transfer.nonce(served.pool).hex(),
        issued_at=issued_at,
    )


def _errand(transfer: Transfer, pool: str) -> Errand:
    """Now or never: there is nothing to wait for."""
    args = (
        hash_bytes(pool),
        transfer.payer,
        transfer.value_units,
        transfer.valid_after,
        transfer.valid_before,
        hash_bytes(transfer.salt),
        signature_bytes(transfer.signature),
    )
    return Errand(
        "Revenue",
        "depositWithAuthorization",
        args,
        subject=transfer.payer,
        worth_micro=transfer.value_units,
        comes_back=False,
    )
