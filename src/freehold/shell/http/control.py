"""What the node's owner does, from the command line or the console: loopback and a bearer token."""

from __future__ import annotations

import hmac
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from freehold.core.documents import MAX_ROWS_PER_CALL
from freehold.features.data import finding
from freehold.features.gateway import rationing, serving
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.rationing import Ration
from freehold.features.grants import asking, granting
from freehold.features.grants.asking import GrantCountered, GrantWaiting
from freehold.features.identity import peers
from freehold.features.models import shown
from freehold.features.payments.spending import DEPOSIT_CALLS, MAX_DEPOSIT_CALLS
from freehold.features.training import auditing, holding, previewing
from freehold.features.training.jobs import Jobs
from freehold.features.training.planning import Order
from freehold.features.training.rules.logistic import MAX_ROUNDS
from freehold.features.training.rules.record import Level
from freehold.kernel import listed
from freehold.kernel.host import Host
from freehold.kernel.http.gate import Unauthorised
from freehold.kernel.node import Node
from freehold.kernel.shape import said
from freehold.shell.answers import market, money
from freehold.shell.answers import training as trained
from freehold.shell.http import consents, publications

AtMost = Annotated[int, Field(ge=0, lt=2**53)] | None
"""Most that an act may cost; the node's ceilings count besides."""


class Body(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Inspection(Body):
    """A file to look at."""

    path: str
    label: str
    positive: str | None = None


class Peer(Body):
    """Another node."""

    url: str


class Wish(Body):
    """A grant to obtain."""

    asset: str
    action: str
    purpose: str | None = None
    max_uses: Annotated[int, Field(ge=1)] | None = None
    spend_cap_units: Annotated[int, Field(ge=0)] = 0
    at_most_units: AtMost = None


class TestToHold(Body):
    """A test table to keep for a builder."""

    path: str
    label: str
    builder: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
    positive: str | None = None


class TrainingOrder(Body):
    """A training run to start; what is left out is chosen by the data and the owners' terms."""

    assets: Annotated[list[str], Field(min_length=1, max_length=256)]
    test: str
    name: str
    price_units: Annotated[int, Field(ge=0)] = 1_000
    rounds: Annotated[int, Field(ge=1, le=MAX_ROUNDS)] | None = None
    epsilon_micro: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    level: Level = "noised"
    quorum_bps: Annotated[int, Field(ge=5_001, le=10_000)] = 5_001
    patience_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    weight_cap_bps: Annotated[int, Field(ge=5_000, le=10_000)] = 5_000
    least_correct_bps: Annotated[int, Field(ge=0, le=10_000)] = 0
    validator: str | None = None
    judge: str = ""
    review: bool = False
    compare: bool = True
    positive: str | None = None
    purpose: str | None = None
    per: Literal["call", "row"] = "call"
    rows_per_call: Annotated[int, Field(ge=1, le=MAX_ROWS_PER_CALL)] = MAX_ROWS_PER_CALL
    round_to: Annotated[int, Field(ge=0, le=6)] = 6
    at_most_units: AtMost = None
    shown_units: AtMost = None

    def order(self, host: Host) -> Order:
        """As the node takes it; names and shortened ids are looked up."""
        assets = tuple(finding.find(host, text, "dataset") for text in self.assets)
        test = Path(self.test) if self.validator is None else self.test
        return Order(**{**self.model_dump(), "assets": assets, "test": test})


class Switch(Body):
    """A model to serve or to stop serving."""

    model: str
    on: bool = True
    calls_per_buyer: Annotated[int, Field(ge=0)] | None = None
    rows_per_buyer: Annotated[int, Field(ge=0)] | None = None

    def ration(self, node: Node) -> Ration | None:
        """What one buyer gets in a day, where something was said about it."""
        said = {"calls": self.calls_per_buyer, "rows": self.rows_per_buyer}
        given = {name: value for name, value in said.items() if value is not None}
        return replace(rationing.of(node, self.model), **given) if given else None


class Question(Body):
    """Rows to predict."""

    model: str
    rows: list[list[Any]]
    at_most_units: AtMost = None
    shown_units: AtMost = None
    without_lineage: bool = False
    """Pay also where nothing shows where the model came from."""
    deposit_calls: Annotated[int, Field(ge=1, le=MAX_DEPOSIT_CALLS)] = DEPOSIT_CALLS


class CallAsked(Body):
    """A call whose cost is asked for."""

    model: str
    rows: Annotated[int, Field(ge=1, le=MAX_ROWS_PER_CALL)] = 1
    at_most_units: AtMost = None
    deposit_calls: Annotated[int, Field(ge=1, le=MAX_DEPOSIT_CALLS)] = DEPOSIT_CALLS


class Audit(Body):
    """An owner to check; without one, one is drawn by chance."""

    model: str
    owner: str | None = None


def router(host: Host, token: str) -> APIRouter:
    """All control routes behind the token."""

    def authorised(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Unauthorised("this needs the node's API token", hint="It lies in HOME/api-token.")

    routes = APIRouter(prefix="/api", dependencies=[Depends(authorised)])
    _data_routes(routes, host)
    publications.add(routes, host)
    _grant_routes(routes, host)
    consents.add(routes, host)
    _training_routes(routes, host)
    _neutral_routes(routes, host)
    _money_routes(routes, host)
    return routes


def _data_routes(routes: APIRouter, host: Host) -> None:
    node = host.node

    @routes.post("/peers", **said(market.PartyMet))
    def add_peer(body: Peer) -> dict[str, Any]:
        return {"party": peers.add(host, body.url)}

    @routes.get("/search", **said(market.Found))
    def search(q: str = "", kind: str = "") -> dict[str, Any]:
        unreachable = peers.refresh(host)
        return {"assets": finding.search(node, q, kind), "unreachable": unreachable}

    @routes.get("/assets", **said(market.Assets))
    def assets() -> dict[str, Any]:
        found = listed.assets(node, owner=node.account)
        return {"assets": [finding.describe(node, asset) for asset in found[::-1]]}


def _grant_routes(routes: APIRouter, host: Host) -> None:
    node = host.node

    @routes.get("/grants", **said(market.Grants))
    def grants() -> dict[str, Any]:
        return {"grants": granting.overview(node)}

    @routes.post("/grants", **said(market.GrantRow, waiting=market.GrantPending))
    def obtain(body: Wish, response: Response) -> dict[str, Any]:
        asset = node.asset(finding.find(host, body.asset))
        try:
            grant = granting.obtain(
                node,
                host.peers,
                asset,
                asking.action(body.action),
                purpose=body.purpose,
                max_uses=body.max_uses,
                spend_cap_units=body.spend_cap_units,
                at_most_units=body.at_most_units,
            )
        except (GrantWaiting, GrantCountered) as pending:
            response.status_code = 202
            return {"status": pending.fields["asked"][0]["state"], "asked": pending.fields["asked"][0]}
        return granting.describe(node, grant)

    @routes.post("/grants/{grant_id}/revoke", **said(market.Revocation))
    def revoke(grant_id: str) -> dict[str, Any]:
        return granting.revoke(node, granting.find(node, grant_id))


def _training_routes(routes: APIRouter, host: Host) -> None:
    node, jobs = host.node, host.part(Jobs)

    @routes.post("/train", **said(trained.JobStarted))
    def train(body: TrainingOrder) -> dict[str, Any]:
        return {"job": jobs.start(body.order(host))}

    @routes.post("/plan", **said(trained.Preview))
    def preview(body: TrainingOrder) -> dict[str, Any]:
        return previewing.preview(node, host.peers, body.order(host))

    @routes.get("/jobs", **said(trained.Jobs))
    def overview() -> dict[str, Any]:
        return {"jobs": jobs.overview()}

    @routes.get("/jobs/{job_id}", **said(trained.Job))
    def job(job_id: str) -> dict[str, Any]:
        return jobs.get(job_id)

    @routes.post("/jobs/{job_id}/resume", **said(trained.Job))
    def resume(job_id: str) -> dict[str, Any]:
        return jobs.get(jobs.resume(job_id))

    @routes.post("/jobs/{job_id}/release", **said(trained.Job))
    def release(job_id: str) -> dict[str, Any]:
        return jobs.get(jobs.release(job_id))

    @routes.get("/models", **said(trained.Models))
    def models() -> dict[str, Any]:
        return {"models": shown.models(node)}

    @routes.get("/models/{model_id}", **said(trained.ModelShown))
    def model(model_id: str) -> dict[str, Any]:
        return shown.model(node, finding.find(host, model_id, "model"))

    @routes.post("/serve", **said(trained.Served))
    def serve(body: Switch) -> dict[str, Any]:
        model_id = finding.find(host, body.model, "model")
        ration = body.model_copy(update={"model": model_id}).ration(node)
        serving.switch(node, model_id, on=body.on, ration=ration)
        return {"model": model_id, "serving": body.on}


def _neutral_routes(routes: APIRouter, host: Host) -> None:
    node = host.node

    @routes.post("/tests", **said(trained.TestHeld))
    def hold(body: TestToHold) -> dict[str, Any]:
        return holding.hold(node, Path(body.path), body.label, body.builder, positive=body.positive)

    @routes.get("/tests", **said(trained.TestsHeld))
    def tests() -> dict[str, Any]:
        return {"tests": holding.held(node)}

    @routes.post("/audits", **said(trained.Audited))
    def audit(body: Audit) -> dict[str, Any]:
        return auditing.audit(host, finding.find(host, body.model, "model"), body.owner)


def _money_routes(routes: APIRouter, host: Host) -> None:

    @routes.post("/predict", **said(money.Prediction))
    def predict(body: Question) -> dict[str, Any]:
        model_id = finding.find(host, body.model, "model")
        return host.part(Buyer).predict(model_id, **body.model_dump(exclude={"model"}))

    @routes.post("/quote", **said(money.CallQuote))
    def quote(body: CallAsked) -> dict[str, Any]:
        model_id = finding.find(host, body.model, "model")
        return host.part(Buyer).quote(model_id, **body.model_dump(exclude={"model"}))
