"""Models of this node, and those that others sell."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core.texts import Day, Share, Units, said
from freehold.features.data import lists as offered
from freehold.features.data.pages.market import nothing
from freehold.features.identity import peers
from freehold.features.models import lists, shown
from freehold.kernel.web.tables import Column, Empty, Link, Number, Table, Tag, decimal, moment
from freehold.kernel.web.visit import Page, Visit, moved, shows


def _price(row: dict[str, Any]) -> object:
    price = Units(row["price_units"])
    return (
        said("{price} a row", price=price) if row["per"] == "row" else said("{price} an answer", price=price)
    )


def _right(row: dict[str, Any]) -> object:
    return None if row["right_bps"] is None else said("{share}", share=Share(row["right_bps"]))


def _commoner(row: dict[str, Any]) -> object:
    return row["majority"] and said("{share}", share=Share(row["majority"]))


def _state(row: dict[str, Any]) -> Tag:
    return Tag(said("on sale"), "good") if row["serving"] else Tag(said("not on sale"))


NAME = Column("name", said("Name"), lambda row: Link(f"/assets/{row['id']}", row["name"]), sort=True,
              csv=lambda row: row["name"])  # fmt: skip
LABEL = Column("label", said("Predicts"), "named")
RIGHT = Column("right", said("Right answers"), _right, align="end",
               csv=lambda row: row["right_bps"] and Number(row["right_bps"] / 10_000))  # fmt: skip
PRICE = Column(
    "price", said("Price"), _price, sort=True, align="end", csv=lambda row: decimal(row["price_units"])
)
COLUMNS = (
    NAME, LABEL, RIGHT, PRICE,
    Column("calls", said("Answers"), align="end"),
    Column("created", said("Released"), lambda row: Day(row["created_at"]), sort=True,
           csv=lambda row: moment(row["created_at"])),
    Column("state", said("State"), _state, csv=lambda row: row["serving"]),
)  # fmt: skip
MARKET = (
    NAME,
    Column("owner_name", said("Of"), "named"),
    LABEL,
    RIGHT,
    Column(
        "majority",
        said("Commoner answer alone"),
        _commoner,
        align="end",
        csv=lambda row: row["majority"] and Number(row["majority"] / 10_000),
    ),
    Column("owners", said("Owners of its data"), lambda row: row["owners"] or None, align="end"),
    PRICE,
)


def overview(visit: Visit) -> Response:
    """Models trained here, the newest first."""
    listed = Table(
        said("Models"),
        COLUMNS,
        partial(lists.models, visit.host),
        search=said("Name or description"),
        empty=Empty(
            said("No model yet"),
            said("Train one on the data of several owners at once, or look at what your peers sell."),
            "/train",
            said("Train a model"),
        ),
    )
    return visit.show("models.html", listed=listed.shown(visit))


def market(visit: Visit) -> Response:
    """Models on sale at others, each with its accuracy beside what anybody reaches without it."""
    known = peers.known(visit.node)

    def load(wanted: Any) -> Any:
        found = offered.offers(visit.host, wanted, kind="model")
        return found.map(lambda row: {**row, "majority": _majority(visit, row["id"])})

    listed = Table(
        said("Models on the market"),
        MARKET,
        load,
        search=said("Name, description, column or owner"),
        empty=nothing(known),
    )
    return visit.show("market_models.html", listed=listed.shown(visit), peers=known)


def _majority(visit: Visit, model: str) -> int | None:
    """Of ten thousand rows, as `right_bps`."""
    scores = shown.metrics(visit.node.asset(model))
    return scores["majority_correct"] * 10_000 // scores["rows"] if scores else None


PAGES: tuple[Page, ...] = (
    shows("/models", overview),
    shows("/market/models", market),
    moved("/models/{model}", "/assets/{model}"),
    moved("/models/{model}/serve", "/assets/{model}/serve"),
)
