"""Looking at a table, publishing it, and what training has cost the rows: the owner's side of the control API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from freehold.features.data import finding, publishing
from freehold.features.data.approval import USUAL
from freehold.features.data.licence import EPSILON_LIFE_MICRO, EPSILON_RUN_MICRO, Licence, Rows
from freehold.features.data.wire import Approval
from freehold.kernel.host import Host
from freehold.kernel.shape import said
from freehold.shell.answers import market

Epsilon = Annotated[int, Field(ge=0, le=100_000_000)]
Bound = Annotated[list[float], Field(min_length=2, max_length=2)]


class Offered(BaseModel):
    """A file to look at as one to publish; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)
    path: str
    label: str
    positive: str | None = None
    subject: str | None = None
    rows_each: Annotated[int, Field(ge=1, le=1_000)] = 1
    bounds: dict[str, Bound] = {}
    epsilon_run_micro: Epsilon | None = None
    epsilon_life_micro: Epsilon = EPSILON_LIFE_MICRO

    def rows(self) -> Rows:
        """How its rows are to be counted."""
        return Rows(self.subject, self.rows_each, self.bounds)

    def epsilon_run(self) -> int:
        """As chosen, or as usual where all runs together may cost that much."""
        if self.epsilon_run_micro is None:
            return min(EPSILON_RUN_MICRO, self.epsilon_life_micro)
        return self.epsilon_run_micro


class Publication(Offered):
    """A file to publish, and on what terms."""

    name: str = ""
    description: str = ""
    price_units: Annotated[int, Field(ge=0)] = 0
    purposes: list[str] = ["model-training"]
    max_uses: Annotated[int, Field(ge=1)] = 100
    days: Annotated[int, Field(ge=1, le=36_500)] = 365
    approval: Approval = USUAL
    reveals: Literal["noised", "update"] = "noised"
    holders: Annotated[list[str], Field(max_length=32)] = []
    judges: Annotated[list[str], Field(max_length=32)] = []

    def licence(self) -> Licence:
        """The terms."""
        return Licence(
            self.price_units,
            tuple(self.purposes),
            self.max_uses,
            self.days,
            epsilon_run_micro=self.epsilon_run(),
            epsilon_life_micro=self.epsilon_life_micro,
            reveals=self.reveals,
            holders=tuple(self.holders),
            judges=tuple(self.judges),
        )


def add(routes: APIRouter, host: Host) -> None:
    """The routes of publishing."""
    node = host.node

    @routes.post("/inspect", **said(market.TableShown))
    def inspect(body: Offered) -> dict[str, Any]:
        return publishing.inspect(
            node,
            Path(body.path),
            body.label,
            positive=body.positive,
            rows=body.rows(),
            epsilon_run_micro=body.epsilon_run(),
            epsilon_life_micro=body.epsilon_life_micro,
        )

    @routes.post("/publish", **said(market.Published))
    def publish(body: Publication) -> dict[str, Any]:
        warnings: list[str] = []
        envelope = publishing.publish(
            node,
            Path(body.path),
            body.label,
            body.licence(),
            name=body.name,
            description=body.description,
            positive=body.positive,
            rows=body.rows(),
            approval=body.approval,
            warn=warnings.append,
        )
        asset = finding.describe(node, node.asset(envelope.document.id))
        return {"asset": asset, "warnings": warnings}
