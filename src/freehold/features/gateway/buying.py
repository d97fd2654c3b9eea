"""Buying predictions: one channel per model, one voucher per call, every answer checked and kept.

A node buys so, and so does a wallet without one (`wallet`), which may also pay by single transfers (`paying`).

The next voucher is stored with its question before it is sent. After a crash the same question goes
out again under the same voucher, so no two questions are ever signed for one sum; the gateway
answers a repetition for nothing.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from freehold.core.documents import Asset, Grant
from freehold.core.errors import (
    Conflict,
    FreeholdError,
    InvalidInput,
    InvalidSignature,
    NotAllowed,
    PaymentRequired,
    Unavailable,
)
from freehold.core.ids import hash_bytes, sha256_hex
from freehold.core.money import dollars
from freehold.core.signing import Envelope, recover, voucher_digest
from freehold.core.terms import price_of
from freehold.core.texts import said
from freehold.features.data import schemas
from freehold.features.gateway import exchange, keyed, paying, untold
from freehold.features.gateway.checking import Call, WrongAnswer
from freehold.features.gateway.paying import Transfers
from freehold.features.gateway.rules.answer import read_request, request_body
from freehold.features.gateway.rules.rows import ordered
from freehold.features.gateway.wire import DEPOSIT_CALLS
from freehold.features.grants.granting import obtain
from freehold.features.models.releasing import pool_of
from freehold.features.payments import kept, spending
from freehold.features.payments.chain_facts import read_channel
from freehold.features.payments.kept import Record
from freehold.features.payments.rules.channel import Payee
from freehold.features.payments.rules.errors import GrantUnknown, PaymentReused, StaleVoucher
from freehold.features.payments.rules.payment import signature_bytes, to_header
from freehold.kernel import ceiling, countersigning
from freehold.kernel.ceiling import Act, Payment
from freehold.kernel.countersigning import Countersigner
from freehold.kernel.evidence import proving
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers
from freehold.kernel.rights.check import GrantExpired, GrantUsedUp, SpendCapReached, use_price

CAP_CALLS = 10_000
"""Calls, of as many rows as one may have, that a grant's spend cap allows unless another cap is given."""
_OVER = {GrantUnknown.code, GrantExpired.code, GrantUsedUp.code, SpendCapReached.code}
"""After these refusals a new grant is asked for."""


class Buyer:
    """Buys calls of other nodes' models; usable from several threads, one call per model at a time."""

    def __init__(self, node: Node, peers: Peers, countersigner: Countersigner | None = None) -> None:
        self._node, self._peers = node, peers
        self._countersigner = countersigner or Countersigner(node, peers)
        self._purchases = untold.Purchases()
        self._transfers = Transfers(node, peers, self._countersigner)

    def quote(
        self,
        model_id: str,
        rows: int,
        *,
        at_most_units: int | None = None,
        deposit_calls: int = DEPOSIT_CALLS,
    ) -> dict[str, Any]:
        """What a call of so many rows would cost and set aside now, beside the owner's ceilings; nothing is signed.

        Raises InvalidInput: it is not sold, or not so many rows in one call.
        """
        asset = self._sold(model_id)
        require_rows(asset, rows)
        act = Act(secrets.token_hex(16), at_most_units)
        found = spending.quote(self._node, _payee(asset), price_of(asset.terms, rows), act, deposit_calls)
        return {"model": asset.id, "per": asset.terms.per, "rows": rows, **found}

    def _sold(self, model_id: str) -> Asset:
        asset = self._node.asset(model_id)
        if asset.asset_kind != "model" or asset.terms.price_per != "use" or asset.terms.price_units < 1:
            raise InvalidInput(
                said("{name} is not sold by the call", name=asset.name), hint=said("Search for a model.")
            )
        spending.require_token(self._node, asset)
        return asset

    def predict(
        self,
        model_id: str,
        rows: Sequence[Any],
        *,
        spend_cap_units: int | None = None,
        at_most_units: int | None = None,
        shown_units: int | None = None,
        deposit_calls: int = DEPOSIT_CALLS,
        without_lineage: bool = False,
        key: str | None = None,
        in_all_units: int | None = None,
        by_transfer: bool = False,
        part_of: str = "",
    ) -> dict[str, Any]:
        """`{model, outputs, receipt}` beside the rows as they were asked; the receipt carries both signatures.

        Gets a grant and opens a channel where there is none. `spend_cap_units` bounds what all calls
        under one grant may cost; another value than before asks for a new grant. A model is paid for only
        once its lineage was verified and its pool's split is the one that follows from it; one that shows no
        lineage at all, only where the buyer says so: `without_lineage`.

        What was bought and told to nobody (`untold`) is given for nothing, and so is, whoever heard it, what was
        bought under the same `key`. `by_transfer` pays by a transfer of its own and opens no channel; what was begun
        one way goes on that way.

        What the call takes, a deposit for `deposit_calls` like it included, stays within `at_most_units` and
        the node's ceilings; a call dearer than `shown_units` is refused. Calls that are `part_of` one act share that.

        Raises NoLineage, VerificationFailed, SpendingUnset, SpendingRefused, PriceChanged: nothing was paid.
        InvalidRequest: nothing was sent. NotEnoughDollars; NotAllowed and its kin from the owner;
        PeerUnreachable, DatedAhead: the next call finishes this one first. WrongAnswer.
        """
        asset = self._node.asset(model_id)
        columns = schemas.columns(asset)
        asked = ordered(rows, columns)
        shown = {"columns": columns, "rows": asked.cells, "left_out": asked.left_out}
        body = request_body(model_id, asked.cells)
        known = keyed.take(self._node, key, body)
        if known is not None:
            return {**known, **shown}
        asset = self._sold(model_id)
        read_request(body)
        require_rows(asset, len(rows))
        cost = price_of(asset.terms, len(rows))
        ceiling.require_shown(cost, shown_units)
        act = Act(part_of or secrets.token_hex(16), at_most_units, in_all_units)
        by_transfer = by_transfer or self._transfers.is_begun(body, key)
        if by_transfer:
            ceiling.require_limit(self._node, act, cost)
        else:
            self._require_limit(asset, act, cost, deposit_calls)
        question = (body, spend_cap_units, without_lineage, key)
        purchase = self._purchases.join(question)
        with self._node.exclusive(f"buying:{model_id}"):
            if key and not keyed.is_open(key):
                with self._node.store.transaction() as tx:
                    paying.go_over(self._node, tx, body, key)
            answer = (
                purchase.answer or keyed.take(self._node, key, body) or untold.take(self._node, body, key)
            )
            if answer is None:
                proving.require_lineage(self._node, self._peers, asset, without_lineage=without_lineage)
                begun = self._transfers.is_begun(body, key)
                if begun or (by_transfer and not self._is_promised(asset, body, key)):
                    answer = self._transfers.bought(asset, body, act, key)
                else:
                    with self._telling_what_is_set_aside(act):
                        answer = self._under_grant(asset, body, act, spend_cap_units, deposit_calls, key)
            self._purchases.end(question, purchase, answer)
        self._countersigner.flush_if_due(asset.owner)
        return {**answer, **shown}

    def _is_promised(self, asset: Asset, body: bytes, key: str | None) -> bool:
        """Whether a voucher was planned for this very question that may still be cashed, or was."""
        record = spending.current(self._node, _payee(asset))
        pending = record is not None and _is_for(record["pending"], body, key)
        return pending or self._voucher(body, key) is not None

    def _voucher(self, body: bytes, key: str | None) -> Record | None:
        """The voucher that was planned for a question; let go of where its channel has ended without it."""
        planned = paying.voucher(self._node, body, key)
        if planned is None:
            return None
        state = read_channel(self._node, planned["channel"])
        if state.ended and state.settled_units < planned["cumulative_units"]:
            with self._node.store.transaction() as tx:
                paying.let_go(tx, body, key)
            return None
        return planned

    def _again(self, asset: Asset, body: bytes, key: str | None) -> Record | None:
        """The channel with the voucher that a question was sent under before, where none may be promised besides.

        None: there is none, or the next sum that would be promised is still that of the question.
        """
        planned, current = self._voucher(body, key), spending.current(self._node, _payee(asset))
        record = kept.channel(self._node, planned["channel"]) if planned else None
        if planned is None or record is None:
            return None
        if record["pending"] and not _is_for(record["pending"], body, key):
            self._finish(record, asset)
            record = kept.channel(self._node, planned["channel"]) or record
        is_next = int(record["cumulative_units"]) <= planned["from_units"]
        if current is not None and current["channel"] == planned["channel"] and is_next:
            return None
        sent = {name: planned[name] for name in ("cumulative_units", "grant")}
        return {**record, "pending": {"body": body.decode(), "key": key, **sent}}

    def _under_grant(
        self,
        asset: Asset,
        body: bytes,
        act: Act,
        spend_cap_units: int | None,
        deposit_calls: int,
        key: str | None,
    ) -> dict[str, Any]:
        """The answer to a question, under another grant where the one that there was is over."""
        grant = self._grant(asset, spend_cap_units)
        try:
            return self._bought(asset, grant, body, act, deposit_calls, key)
        except (PaymentRequired, NotAllowed) as error:
            if error.fields.get("peer_code") not in _OVER:
                raise
            self._give_up(asset, grant, error)
            grant = self._grant(asset, grant.spend_cap_units)
            return self._bought(asset, grant, body, act, deposit_calls, key)

    def _bought(
        self, asset: Asset, grant: Grant, body: bytes, act: Act, deposit_calls: int, key: str | None
    ) -> dict[str, Any]:
        cost = use_price(grant, len(json.loads(body)["rows"]))

        def answered() -> None:
            self._require_answered(asset, body)

        again = self._again(asset, body, key)
        if again is not None:
            return self._send(again, asset, body)
        record = spending.ready(self._node, _payee(asset), cost, act, deposit_calls, answered)
        pending = record["pending"]
        if pending and not _is_for(pending, body, key):
            self._finish(record, asset)
            record = spending.ready(self._node, _payee(asset), cost, act, deposit_calls, answered)
        if not record["pending"]:
            record = spending.make_room(self._node, record, cost, act, deposit_calls, answered)
            record = self._plan(record, grant, body, int(record["cumulative_units"]) + cost, act, key)
        elif key and record["pending"].get("key") != key:
            record = self._named(record, body, key)
        try:
            return self._send(record, asset, body)
        except (PaymentRequired, Conflict) as refusal:
            if refusal.fields.get("peer_code") not in (StaleVoucher.code, PaymentReused.code):
                raise
            promised = self._promised(record, asset, body, refusal)
        record = {**record, "cumulative_units": promised, "pending": None}
        self._promise(record, promised + cost, cost, act, body, key)
        record = spending.make_room(self._node, record, cost, act, 1, answered)
        return self._send(self._plan(record, grant, body, promised + cost, act, key), asset, body)

    def _require_answered(self, asset: Asset, body: bytes) -> None:
        """The seller says that it would answer now: asked, or refused, before money is set aside for it."""
        self._ask_for_place(asset, body)

    def _ask_for_place(self, asset: Asset, body: bytes, **more: str) -> dict[str, Any]:
        asked = {"model": asset.id, "rows": len(json.loads(body)["rows"]), **more}
        return self._peers.ask(asset.owner, "/peer/calls", asked)

    @contextlib.contextmanager
    def _telling_what_is_set_aside(self, act: Act) -> Iterator[None]:
        """Whatever stops a call, its buyer learns what was set aside for it before."""
        try:
            yield
        except FreeholdError as error:
            units = ceiling.set_aside(self._node, act)
            if units:
                error.hint = (
                    f"{error.hint} {dollars(units)} were set aside for calls of this model and stay yours:"
                    " closing the channel, and again a day later, takes them back (freehold channels close; close_channel)."
                ).strip()
                error.fields = {**error.fields, "set_aside_units": units}
            raise

    def _require_limit(self, asset: Asset, act: Act, units: int, deposit_calls: int) -> None:
        ceiling.require_agreed(act, units)
        leaving = spending.from_wallet(self._node, _payee(asset), units)
        try:
            ceiling.require_limit(self._node, act, leaving)
        except ceiling.SpendingUnset:
            shown = spending.quote(self._node, _payee(asset), units, act, deposit_calls)
            ceiling.require_limit(self._node, act, leaving, **shown)

    def finish(self, record: Record) -> None:
        """A channel is about to close: its last question may be paid, so its receipt is wanted. It closes all the same."""
        if record["pending"]:
            with contextlib.suppress(FreeholdError):
                self._finish(record, self._node.asset(record["model"]))

    def _grant(self, asset: Asset, cap_units: int | None) -> Grant:
        name = f"calling:{asset.id}"
        known = self._node.store.state(name)
        grant = self._node.grant(known) if known else None
        if grant is not None and cap_units in (None, grant.spend_cap_units):
            return grant
        cap = _usual_cap(asset) if cap_units is None else cap_units
        grant = obtain(self._node, self._peers, asset, "infer", spend_cap_units=cap)
        with self._node.store.transaction() as tx:
            tx.set(name, grant.id)
        return grant

    def _give_up(self, asset: Asset, grant: Grant, error: FreeholdError) -> None:
        """Forget a grant that is over, or raise `error`: its buyer chose what it may cost, and had calls."""
        if grant.spend_cap_units != _usual_cap(asset) and self._node.store.count("receipt", about=grant.id):
            error.hint = "Its spend cap was chosen for it: choose another (spend_cap_units), and a new grant is asked for."
            raise error
        with self._node.store.transaction() as tx:
            tx.delete(f"calling:{asset.id}")

    def _plan(
        self, record: Record, grant: Grant, body: bytes, cumulative_units: int, act: Act, key: str | None
    ) -> Record:
        """Store which question the next voucher is for, before it is signed."""
        units = use_price(grant, len(json.loads(body)["rows"]))
        if not record.get("counted"):
            # the deposit was made before deposits were counted
            name = f"{record['channel']}:{cumulative_units}"
            ceiling.spend(self._node, act, Payment(name, units, "call", record["model"]))
        pending = {"body": body.decode(), "cumulative_units": cumulative_units, "grant": grant.id, "key": key}
        record = {
            **self._promise(record, cumulative_units, units, act, body, key),
            "pending": pending,
        }
        with self._node.store.transaction() as tx:
            keyed.bind(tx, key, body)
            kept.keep_channel(tx, record)
            paying.keep_voucher(tx, body, key, _planned(record))
        return record

    def _promise(
        self, record: Record, cumulative_units: int, units: int, act: Act, body: bytes, key: str | None
    ) -> Record:
        """As `spending.promise`: under a key all its calls are one purchase, without one each is its own."""
        planned = paying.voucher(self._node, body, key)
        is_here = planned is not None and planned["channel"] == record["channel"]
        before = planned["from_units"] if planned and is_here else None
        purchase = paying.name(body, key) if key else ""
        return spending.promise(record, cumulative_units, units, act, purchase=purchase, from_units=before)

    def _named(self, record: Record, body: bytes, key: str) -> Record:
        """What is pending without a key is that of the key which asks now."""
        record = {**record, "pending": {**record["pending"], "key": key}}
        with self._node.store.transaction() as tx:
            keyed.bind(tx, key, body)
            kept.keep_channel(tx, record)
            paying.keep_voucher(tx, body, key, _planned(record))
        return record

    def _finish(self, record: Record, asset: Asset) -> None:
        """Get the answer to a question whose sender did not live to see it; it may be paid already.

        Nobody waits for it any more, so nothing is signed that was not signed before, and what it bought is kept for
        who asks it again. Where nothing is raised, nothing is pending.
        """
        try:
            self._send(record, asset, str(record["pending"]["body"]).encode(), told=False)
        except WrongAnswer:
            raise
        except FreeholdError:
            left = kept.channel(self._node, record["channel"])
            if left is None or left["pending"]:
                raise

    def _send(self, record: Record, asset: Asset, body: bytes, *, told: bool = True) -> dict[str, Any]:
        """The answer to a question, under the voucher that was planned for it.

        Raises what the seller refused with: then nothing is pending any more. Unavailable: it still is.
        """
        pending = record["pending"]
        grant = self._node.grant(pending["grant"])
        voucher = spending.sign_voucher(self._node, record, pending["cumulative_units"], grant.id)
        url = self._peers.url_of(asset.owner)
        status, value = exchange.post(self._peers.client, url, body, to_header(voucher))
        if status < 400:
            return self._accept(record, grant, body, value, told=told)
        refusal = exchange.refusal(status, value)
        if refusal.fields["peer_code"] == StaleVoucher.code:
            value = self._answer_settled(record, asset, body)
            if value is not None:
                return self._accept(record, grant, body, value, told=told)
        if status < 500:
            spending.keep(self._node, {**record, "pending": None})
            units = use_price(grant, len(json.loads(body)["rows"]))
            refusal.hint += f" A voucher of {dollars(units)} was sent for it, and may still be cashed."
        raise refusal

    def _answer_settled(self, record: Record, asset: Asset, body: bytes) -> Any:
        """What the pending voucher bought before it was settled: given to its payer alone. None: nothing."""
        asked = {
            "channel": record["channel"],
            "cumulative_units": record["pending"]["cumulative_units"],
            "request": sha256_hex(body),
        }
        try:
            return self._peers.ask(asset.owner, "/peer/answers", asked)
        except Unavailable:
            raise
        except FreeholdError:
            return None

    def _promised(self, record: Record, asset: Asset, body: bytes, refusal: FreeholdError) -> int:
        """What was promised before this call: what the chain settled, or the seller shows signed by this party."""
        shown = self._ask_for_place(asset, body, channel=record["channel"]).get("accepted")
        settled = read_channel(self._node, record["channel"]).settled_units
        known = shown if isinstance(shown, dict) else {}
        units = known.get("cumulative_units")
        if type(units) is not int or not 0 <= units < 2**53:
            raise refusal
        if units > settled and not self._is_own_voucher(record, units, known.get("signature")):
            raise refusal
        return max(units, settled)

    def _is_own_voucher(self, record: Record, cumulative_units: int, signature: Any) -> bool:
        digest = voucher_digest(
            spending.channels_domain(self._node), hash_bytes(record["channel"]), cumulative_units
        )
        try:
            return recover(digest, signature_bytes(str(signature))) == self._node.account
        except (InvalidSignature, ValueError):
            return False

    def _accept(self, record: Record, grant: Grant, body: bytes, value: Any, *, told: bool) -> dict[str, Any]:
        """Check the answer against its receipt, sign the receipt, keep both; then it counts as paid."""
        pending = record["pending"]
        node = self._node
        key, units = pending.get("key"), int(pending["cumulative_units"])
        paid = {**record, "cumulative_units": max(units, int(record["cumulative_units"])), "pending": None}
        exchange.require_answer(200, value, self._peers.url_of(grant.issuer))
        try:
            envelope = self._checked(record, grant, body, value)
        except paying.NO_VERDICT:
            raise
        except FreeholdError as error:
            with node.store.transaction() as tx:
                kept.keep_channel(tx, paid)
                paying.let_go(tx, body, key)
                wrong = keyed.keep_wrong(tx, key, body, error)
            raise wrong from error
        signed = countersigning.countersigned(node, envelope)
        answer = {"model": value["model"], "outputs": value["outputs"], "receipt": signed.to_json()}
        planned = paying.voucher(node, body, key) or _planned(record)
        with node.store.transaction() as tx:
            tx.put(signed)
            kept.keep_channel(tx, paid)
            if grant.issuer != node.account:
                # of an own model, this store is where the gateway keeps the receipt too
                self._countersigner.add(tx, signed)
            if units <= planned["from_units"]:
                paying.free(node, tx, _raised_by(record), units)
            paying.let_go(tx, body, key)
            is_named = key and keyed.keep(node, tx, key, body, answer, signed.document)
            if not (is_named or told):
                untold.keep(node, tx, body, answer)
        return answer

    def _checked(self, record: Record, grant: Grant, body: bytes, value: Any) -> Envelope:
        paid = {"channel": record["channel"], "cumulative_units": record["pending"]["cumulative_units"]}
        price = use_price(grant, len(json.loads(body)["rows"]))
        call = Call(grant.asset, grant.terms, price, body, self._node.account, record["pool"], paid)
        return call.checked(self._node, value, lambda given: countersigning.read(self._node, given, grant))


def _payee(asset: Asset) -> Payee:
    return Payee("pool", "0x" + pool_of(asset).hex(), asset.owner, asset.id)


def _usual_cap(asset: Asset) -> int:
    return min(price_of(asset.terms, asset.terms.rows_per_call) * CAP_CALLS, 2**53 - 1)


def require_rows(asset: Asset, rows: int) -> None:
    """Raises InvalidInput: its owner answers fewer at once."""
    if rows > asset.terms.rows_per_call:
        raise InvalidInput(
            said(
                "{name} answers at most {most} rows a call, not {rows}",
                name=asset.name,
                most=asset.terms.rows_per_call,
                rows=rows,
            ),
            hint=said("Ask in several calls. Nothing was paid."),
        )


def _planned(record: Record) -> Record:
    """What is remembered of the pending voucher under its key."""
    pending, before = record["pending"], int(record["cumulative_units"])
    return {
        "channel": record["channel"],
        "from_units": int((record.get("signed") or {}).get("from_units", before)),
        "cumulative_units": pending["cumulative_units"],
        "grant": pending["grant"],
    }


def _raised_by(record: Record) -> str:
    """The purchase that first promised the largest sum of a channel."""
    return str((record.get("signed") or {}).get("raised_by", ""))


def _is_for(pending: Any, body: bytes, key: str | None) -> bool:
    """Whether what is pending is this question; one that was asked without a key is whoever's asks it again."""
    if not pending or pending["body"] != body.decode():
        return False
    return not key or pending.get("key") == key or keyed.is_open(pending.get("key"))
