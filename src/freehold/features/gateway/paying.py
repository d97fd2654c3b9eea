"""Buying by a single EIP-3009 transfer: a wallet that needs no channel, no grant and no coin for gas.

The payment is kept before it is signed, and is the same one at each try for as long as it can be mined: a question
is paid once, whoever dies and whatever is answered. It is counted against the ceilings until the chain has it, or
cannot have it any more.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from freehold.chain.errors import RpcError
from freehold.core.documents import Asset, Receipt
from freehold.core.errors import FreeholdError, NewerFormat, NotAllowed, Unavailable
from freehold.core.ids import hash_bytes, sha256_hex
from freehold.core.signing import Envelope, sign_digest
from freehold.core.terms import price_of
from freehold.core.texts import said
from freehold.core.times import minute
from freehold.features.gateway import exchange, keyed
from freehold.features.gateway.checking import Call
from freehold.features.grants.granting import require_dollars
from freehold.features.models.releasing import pool_of
from freehold.features.payments import spending
from freehold.features.payments.kept import Record
from freehold.features.payments.rules.errors import QuestionTooLarge
from freehold.features.payments.rules.payment import Transfer, bound_nonce, to_header
from freehold.kernel import ceiling, countersigning
from freehold.kernel.ceiling import Act, Payment
from freehold.kernel.countersigning import Countersigner
from freehold.kernel.http.bodies import UNPROVEN_BODY_BYTES
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers
from freehold.kernel.store import Transaction

NO_VERDICT = (Unavailable, RpcError, NewerFormat)
"""Says nothing of an answer: it could not be looked at here and now, so the same payment is sent again."""
_PAYING = "paying:"


class Transfers:
    """Pays calls by one transfer each; the caller holds the model's turn."""

    def __init__(self, node: Node, peers: Peers, countersigner: Countersigner) -> None:
        self._node, self._peers, self._countersigner = node, peers, countersigner

    def is_begun(self, body: bytes, key: str | None) -> bool:
        """Whether a transfer for this question may have been signed that can still be mined, or was."""
        return self._standing(body, key) is not None

    def bought(self, asset: Asset, body: bytes, act: Act, key: str | None) -> dict[str, Any]:
        """The answer to a question, under the one payment that is made for it.

        Raises QuestionTooLarge, and nothing was signed. Raises what the seller refused with, and then the payment is still the question's: it may be taken. SpendingRefused,
        NotEnoughDollars, OtherToken: nothing was signed. Unavailable: ask again. WrongAnswer.
        """
        if len(body) > UNPROVEN_BODY_BYTES:
            raise QuestionTooLarge(
                said(
                    "these rows take {body} bytes; sellers read {unproven_body} of who pays by a transfer",
                    body=len(body),
                    unproven_body=UNPROVEN_BODY_BYTES,
                ),
                hint=said(
                    'Nothing was paid. Ask fewer rows in one call, or pay through a channel: pay="channel".'
                ),
            )
        record = self._standing(body, key) or self._planned(asset, body, key)
        if not record["until"]:
            try:
                record = self._reserved(asset, record, act, body, key)
            except NotAllowed:
                # not counted, so never signed
                with self._node.store.transaction() as tx:
                    let_go(tx, body, key)
                    keyed.unbind(tx, key)
                raise
        url = self._peers.url_of(asset.owner)
        status, value = exchange.post(self._peers.client, url, body, to_header(self._signed(record)))
        if status < 400:
            return self._accept(asset, record, body, key, value)
        refusal = exchange.refusal(status, value)
        if status < 500:
            refusal.hint = (
                f"{refusal.hint} A payment was sent for it, which may be taken until {minute(record['until'])};"
                " asking again until then sends the same one."
            ).strip()
            refusal.fields = {**refusal.fields, "until": record["until"]}
        raise refusal

    def _standing(self, body: bytes, key: str | None) -> Record | None:
        """The payment of a question; None where there is none, or it can be mined no more."""
        record: Record | None = self._node.store.state(name(body, key))
        if record is None or "channel" in record:
            return None
        if not record["until"]:
            return record
        # the time first: what is not used after that will never be
        is_over = ceiling.deep_time(self._node) >= record["until"]
        return None if is_over and not self._is_used(record) else record

    def _planned(self, asset: Asset, body: bytes, key: str | None) -> Record:
        node, pool = self._node, pool_of(asset)
        spending.require_pool(node, pool)
        cost = price_of(asset.terms, len(json.loads(body)["rows"]))
        require_dollars(node, said("the call takes"), cost)
        record = {
            "pool": "0x" + pool.hex(),
            "units": cost,
            "salt": "0x" + secrets.token_hex(32),
            "secret": "0x" + secrets.token_hex(32),
            "until": 0,
        }
        with node.store.transaction() as tx:
            keyed.bind(tx, key, body)
            tx.set(name(body, key), record)
        return record

    def _reserved(self, asset: Asset, record: Record, act: Act, body: bytes, key: str | None) -> Record:
        """The payment, counted: from here on it may be signed, for this sum until this time and no other."""
        payment = Payment("0x" + _nonce(record).hex(), record["units"], "call", asset.id)
        record = {**record, "until": ceiling.reserve(self._node, act, payment)}
        with self._node.store.transaction() as tx:
            tx.set(name(body, key), record)
        return record

    def _signed(self, record: Record) -> Transfer:
        node = self._node
        node.continuity.require()
        made = Transfer(
            payer=node.account,
            value_units=record["units"],
            valid_after=0,
            valid_before=record["until"],
            salt=record["salt"],
            signature="0x00",
            secret=record["secret"],
        )
        digest = made.digest(node.token_domain, node.contract("Revenue"), record["pool"])
        return made.model_copy(update={"signature": "0x" + sign_digest(node.keys.account_key, digest).hex()})

    def _accept(
        self, asset: Asset, record: Record, body: bytes, key: str | None, value: Any
    ) -> dict[str, Any]:
        """Check the answer against its receipt, sign the receipt, keep both; then the payment is done with."""
        node = self._node
        paid = {"payment": "0x" + _nonce(record).hex()}
        call = Call(asset.id, asset.terms, record["units"], body, node.account, record["pool"], paid)
        try:
            envelope = call.checked(node, value, lambda given: self._read(given, asset))
        except NO_VERDICT:
            raise
        except FreeholdError as error:
            with node.store.transaction() as tx:
                let_go(tx, body, key)
                wrong = keyed.keep_wrong(tx, key, body, error)
            raise wrong from error
        signed = countersigning.countersigned(node, envelope)
        answer = {"model": value["model"], "outputs": value["outputs"], "receipt": signed.to_json()}
        with node.store.transaction() as tx:
            tx.put(signed)
            let_go(tx, body, key)
            self._countersigner.add(tx, signed)
            if key:
                keyed.keep(node, tx, key, body, answer, signed.document)
        if self._is_used(record):
            ceiling.mined(node, paid["payment"])
        return answer

    def _read(self, value: Any, asset: Asset) -> tuple[Envelope, Receipt]:
        """A receipt for one use by this account, under the grant that the seller makes for it. Raises NotAllowed."""
        envelope, receipt = countersigning.read(self._node, value)
        wrong = (
            ("provider", receipt.provider != asset.owner),
            ("holder", receipt.holder != self._node.account),
            ("inputs", receipt.inputs != (asset.id,)),
            ("sequence", receipt.sequence != 1),
            ("issued_at", not asset.terms.not_before <= receipt.issued_at < asset.terms.expires_at),
            ("epsilon_micro", receipt.epsilon_micro != 0),
        )
        for field, broken in wrong:
            if broken:
                raise NotAllowed(
                    said("the receipt's {field} does not fit the call", field=field), field=field
                )
        return envelope, receipt

    def _is_used(self, record: Record) -> bool:
        return spending.is_used(self._node, _nonce(record))


def name(body: bytes, key: str | None) -> str:
    """Of the payment of a question under a key."""
    return f"{_PAYING}{sha256_hex(body + (key or '').encode())}"


def let_go(tx: Transaction, body: bytes, key: str | None) -> None:
    """A payment can be taken no more, or what it bought is kept."""
    tx.delete(name(body, key))


def voucher(node: Node, body: bytes, key: str | None) -> Record | None:
    """The voucher that was planned for a question: channel, cumulative_units, grant; from_units were promised before."""
    record: Record | None = node.store.state(name(body, key)) if key else None
    return record if record is not None and "channel" in record else None


def keep_voucher(tx: Transaction, body: bytes, key: str | None, planned: Record) -> None:
    """Keep which voucher is the payment of a question, whatever is answered to it."""
    if key:
        tx.set(name(body, key), planned)


def free(node: Node, tx: Transaction, purchase: str, units: int) -> None:
    """Another question's answer was paid with a sum that this purchase had promised first: it may promise anew from there."""
    planned = node.store.state(purchase)
    if planned is not None and planned["from_units"] < units:
        tx.set(purchase, {**planned, "from_units": units})


def go_over(node: Node, tx: Transaction, body: bytes, key: str) -> None:
    """What was begun without a key goes on under a new one."""
    if node.store.state(name(body, key)) is None:
        for one in (None, keyed.hidden(body)):
            begun = node.store.state(name(body, one))
            if begun is not None:
                tx.set(name(body, key), begun)
                let_go(tx, body, one)
    keyed.go_over(tx, body, key)


def _nonce(record: Record) -> bytes:
    return bound_nonce(hash_bytes(record["pool"]), hash_bytes(record["salt"]))
