"""The paid gateway: a released model answers a call when, and only when, the call is paid.

A voucher pays for exactly one question: a call is one use (`kernel.use`), and accepting its voucher is part of it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from freehold.core.documents import Asset, Grant
from freehold.core.errors import InvalidInput, NotFound
from freehold.core.signing import RECEIVE_TYPE, VOUCHER_TYPE, Domain
from freehold.core.terms import price_of
from freehold.features.data.publishing import require_own
from freehold.features.gateway import pruning, rationing, transfers
from freehold.features.gateway.rationing import Ration
from freehold.features.gateway.rules.answer import MAX_BODY_BYTES, Question, read_request
from freehold.features.gateway.served import (
    Served,
    done,
    load,
    prediction,
    require_kept,
    require_plain_payer,
    signed,
    sold,
)
from freehold.features.models.kept import require_weights
from freehold.features.models.releasing import SALE, pool_of
from freehold.features.payments.chain_facts import MAX_REMEMBERED, ChainFacts, FactsStale
from freehold.features.payments.kept import keep_voucher
from freehold.features.payments.rules.channel import require_next, require_open
from freehold.features.payments.rules.errors import (
    GrantUnknown,
    InvalidRequest,
    PaymentRefused,
    QuestionTooLarge,
    StaleVoucher,
    Unpaid,
)
from freehold.features.payments.rules.payment import HEADER, Voucher, read_header
from freehold.features.payments.settling import accepted_voucher
from freehold.features.payments.spending import channels_domain
from freehold.kernel.http.bodies import UNPROVEN_BODY_BYTES
from freehold.kernel.http.direct import DirectRoute
from freehold.kernel.node import Node
from freehold.kernel.rights.check import use_price
from freehold.kernel.rights.standing import standing
from freehold.kernel.store import MustWait, Transaction
from freehold.kernel.together import Together
from freehold.kernel.use import Done

SMALL_BODY_BYTES = 16 * 1024
"""A question up to this size is quickly read and worked out: it holds up the calls that are kept with it."""


def switch(node: Node, model_id: str, *, on: bool, ration: Ration | None = None) -> None:
    """Serve a released model of this node from now on, or no longer; `ration` bounds what one buyer gets in a day.

    Raises NotFound: not released here. NotAllowed: another party's. InvalidInput: it is not sold by the call.
    """
    asset = node.asset(model_id)
    require_own(node, asset)
    require_weights(node, asset)
    if on and (asset.terms.price_per != "use" or asset.terms.price_units < 1):
        raise InvalidInput(
            f"{asset.name} has no price per call", hint="Release it with a price of at least one unit."
        )
    with node.store.transaction() as tx:
        rationing.sell(tx, model_id, on=on)
        if ration is not None:
            rationing.keep(tx, model_id, ration)


class Gateway:
    """Answers calls of this node's served models; usable from several threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._facts = ChainFacts(node)
        # documents never change, so reading and checking one again would find the same
        self._load = functools.cache(self._loaded)
        self._known_grant = functools.lru_cache(MAX_REMEMBERED)(node.grant)
        self._channels = channels_domain(node)
        self._together = Together(node)
        self.stop = self._together.stop

    def models(self) -> list[dict[str, Any]]:
        """Every served model with its columns and quote."""
        return [
            {
                "id": served.asset.id,
                "name": served.asset.name,
                "description": served.asset.description,
                "columns": list(served.columns),
                "label": served.asset.schema_.get("label"),
                "owner": served.asset.owner,
                "quote": quote(self._node, served.asset),
            }
            for served in map(self._model, rationing.on_sale(self._node))
        ]

    async def answer(self, body: bytes, header: str | None) -> bytes:
        """As `predict`, for an event loop: together with the calls of others where it need not wait."""
        if header is not None and len(body) <= SMALL_BODY_BYTES and self._facts.is_told:
            act = functools.partial(self.predict, body, header)
            with suppress(MustWait):
                try:
                    return cast("bytes", await self._together.do(act))
                except FactsStale:
                    # there was a block: what all calls of late want to know of it is read at once
                    await run_in_threadpool(self._facts.renew)
                    return cast("bytes", await self._together.do(act))
        return await run_in_threadpool(self.predict, body, header)

    def predict(self, body: bytes, header: str | None) -> bytes:
        """Canonical JSON of `{model, outputs, receipt}` for a paid question.

        Raises InvalidRequest, InvalidPayment: nothing was charged. NotFound: no such model is served. Unpaid,
        PaymentRefused: `fields` hold the quote. PaymentReused; NotAllowed and its kin.
        """
        question = read_request(body)
        served = self._model(question.model)
        rows = len(question.rows)
        _require_rows(served, rows)
        if header is None:
            raise Unpaid(
                f"this call of {served.asset.name} costs {price_of(served.asset.terms, rows)} units",
                hint="Pay by a voucher or a transfer; `fields` say how.",
                **self._quoted(served, question),
            )
        payment = read_header(header)
        try:
            if isinstance(payment, Voucher):
                return self._by_voucher(served, question, payment)
            self._node.store.may_wait()
            return transfers.answer(self._node, served, question, payment)
        except PaymentRefused as error:
            error.fields = {**self._quoted(served, question), **error.fields}
            raise

    def _quoted(self, served: Served, question: Question) -> dict[str, Any]:
        """What would pay for a question. Raises InvalidRequest: nothing would, so nobody signs for it."""
        served.features(question)
        return quote(self._node, served.asset, len(question.rows))

    def would_answer(self, buyer: str, body: dict[str, Any]) -> dict[str, Any]:
        """Whether a buyer's call of so many rows would be answered now, asked before money is set aside for it.

        Of a channel that it names and pays from, also the last voucher that was accepted: its own signature, by which
        a buyer that lost its memory finds its place.
        Raises NotFound: no such model is served. InvalidRequest: so many rows never. RationSpent.
        """
        model, rows = body.get("model"), body.get("rows")
        if not isinstance(model, str) or type(rows) is not int or rows < 1:
            raise InvalidInput("the body names a model and a number of rows")
        served = self._model(model)
        _require_rows(served, rows)
        with self._node.store.reading() as connection:
            rationing.require(self._node, connection, model, buyer, rows)
        accepted = accepted_voucher(self._node, str(body.get("channel")))
        if "grant" not in accepted or self._node.grant(accepted["grant"]).holder != buyer:
            accepted = {"cumulative_units": 0, "signature": None}
        shown = {name: accepted[name] for name in ("cumulative_units", "signature")}
        return {"model": model, "call_units": price_of(served.asset.terms, rows), "accepted": shown}

    def answered(self, buyer: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question that a voucher of the buyer bought, as long as it is kept.

        Raises NotFound: it bought none, or that of another question. AnswerPruned.
        """
        payment = {name: body.get(name) for name in ("channel", "cumulative_units")}
        known = self._node.store.answered(pruning.key_of(buyer, payment))
        if known is None or known[0] != body.get("request"):
            raise NotFound("that voucher bought no answer to that question here")
        found: dict[str, Any] = json.loads(require_kept(known[1]))
        return found

    def vouch(self, header: str | None) -> None:
        """A voucher's payer holds a grant of this node and signed it, so its question may be large.

        Raises QuestionTooLarge, PaymentRefused, InvalidPayment, StaleVoucher.
        """
        payment = read_header(header) if header else None
        if not isinstance(payment, Voucher):
            raise QuestionTooLarge(
                f"a question over {UNPROVEN_BODY_BYTES:,} bytes is read only with a voucher",
                hint="Nothing is taken. Ask fewer rows in one call, or pay through a channel.",
            )
        self._of_payer(payment, self._grant(payment), self._facts.moment)

    def _of_payer(self, voucher: Voucher, grant: Grant, moment: Callable[[], Hashable]) -> Voucher:
        """The voucher as it is kept. Whoever shows it is its payer: it signed it, and the chain has not shown that to everybody since.

        Who lost the answer to one that was settled is given it at `/peer/answers`, where the request is signed.
        Raises PaymentRefused, StaleVoucher.
        """
        voucher = signed(self._node, voucher, grant.holder, voucher.digest(self._channels))
        if voucher.cumulative_units <= self._facts.channel(voucher.channel, moment()).settled_units:
            raise StaleVoucher
        return voucher

    def _loaded(self, model_id: str) -> Served:
        self._node.store.may_wait()
        return load(self._node, model_id)

    def _model(self, model_id: str) -> Served:
        if not rationing.is_on_sale(self._node, model_id):
            raise NotFound("no such model is served here", hint="GET /v1/models lists them.")
        return self._load(model_id)

    def _by_voucher(self, served: Served, question: Question, voucher: Voucher) -> bytes:
        node, grant = self._node, self._grant(voucher)
        price = price_of(served.asset.terms, len(question.rows))
        moment = functools.cache(self._facts.moment)
        voucher = self._of_payer(voucher, grant, moment)
        use = prediction(
            served,
            question,
            grant.holder,
            grant,
            {"channel": voucher.channel, "cumulative_units": voucher.cumulative_units},
            # with the payer, or a stranger could hold up another's calls by the channel's name
            alone=(f"channel:{grant.holder}:{voucher.channel}",),
            standing=lambda: standing(node, grant, revoked=lambda _, one: self._facts.revoked(one, moment())),
        )

        def work(_: int) -> Done:
            require_plain_payer(node, grant.holder, lambda: self._facts.has_code(grant.holder, moment()))
            # of an open channel of its payer into the model's pool, it promises the next sum
            state = self._facts.channel(voucher.channel, moment())
            require_open(state, payer=grant.holder, pool=served.pool)
            accepted = accepted_voucher(node, voucher.channel)
            require_next(voucher, state, accepted["cumulative_units"], price)
            if use_price(grant, use.rows) != price:
                raise PaymentRefused(
                    "the grant has another price than the model", hint="Ask for a new grant."
                )
            return done(node, use.key, served.answer(question), charge)

        def charge(tx: Transaction) -> None:
            rationing.take(node, tx, served.asset.id, grant.holder, use.rows)
            keep_voucher(tx, voucher, served.asset.id)

        try:
            return sold(node, use, work)
        except NotFound as error:
            raise GrantUnknown(error.message, hint=error.hint) from None

    def _grant(self, voucher: Voucher) -> Grant:
        try:
            return self._known_grant(voucher.grant)
        except (NotFound, InvalidInput):
            raise GrantUnknown(
                "the voucher names no grant of this node", hint="Ask for one at /peer/grants."
            ) from None


def _require_rows(served: Served, rows: int) -> None:
    most = served.asset.terms.rows_per_call
    if rows > most:
        raise InvalidRequest(
            f"{served.asset.name} answers at most {most} rows a call, not {rows}",
            hint="Ask in several calls.",
            rows_per_call=most,
        )


def quote(node: Node, asset: Asset, rows: int = 1) -> dict[str, Any]:
    """The price of calls of one model, as `GET /v1/models` says it, and a 402 for a question of so many rows."""
    token, channels, units = node.token_domain, channels_domain(node), price_of(asset.terms, rows)
    revenue = node.contract("Revenue")
    voucher = {
        "kind": "voucher",
        "header": HEADER,
        "fields": ["kind", "channel", "cumulative_units", "signature", "grant"],
        "sign": {"domain": _domain(channels), "type": VOUCHER_TYPE},
        "channel": "opened on Channels for this pool by the holder of the grant",
        "cumulative_units": "what the last answered call had, plus call_units",
    }
    transfer = {
        "kind": "transfer",
        "header": HEADER,
        "fields": ["kind", "payer", "value_units", "valid_after", "valid_before", "salt", "signature"],
        "sign": {"domain": _domain(token), "type": RECEIVE_TYPE},
        "to": revenue,
        "value_units": units,
        "nonce": "keccak256(abi.encode(bytes32 pool, bytes32 salt)), salt random for every call",
        "secret": "one field more, for privacy: 32 random bytes that are not on chain, the same at each try",
    }
    return {
        "model": asset.id,
        # one by one: a dump leaves out what is as the first release had it
        **{name: getattr(asset.terms, name) for name in SALE},
        "call_units": units,
        "token": token.contract,
        "chain_id": token.chain_id,
        "pool": "0x" + pool_of(asset).hex(),
        "channels": channels.contract,
        "revenue": revenue,
        "contract_payers": node.settings.contract_payers,
        "how": [voucher, transfer],
    }


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": domain.contract,
    }


def router(node: Node, gateway: Gateway) -> APIRouter:
    """`GET /v1/models` and, for money, `POST /v1/predict`; errors are FreeholdErrors, 402 carries the quote."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/models")
    def models() -> dict[str, Any]:
        return {"account": node.account, "models": gateway.models()}

    async def predict(request: Request) -> Response:
        body = await _bounded_body(request)
        given = await gateway.answer(body, request.headers.get(HEADER))
        return Response(given, media_type="application/json")

    routes.add_api_route("/predict", predict, methods=["POST"], route_class_override=DirectRoute)
    return routes


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InvalidRequest(f"the body is over {MAX_BODY_BYTES} bytes", hint="Ask in several calls.")
    return bytes(body)
