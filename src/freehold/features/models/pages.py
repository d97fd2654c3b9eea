"""Models: those trained here and those of others, and what is being made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.core.texts import Day, Units, said
from freehold.features.models import lists
from freehold.kernel.feature import Question
from freehold.kernel.registry import everything
from freehold.kernel.web.tables import Column, Empty, Filter, Link, Table, Tag, decimal, moment
from freehold.kernel.web.visit import Visit, shows


@dataclass(frozen=True)
class Coming:
    """A model that is being made."""

    path: str
    """Its page."""
    name: str
    doing: str
    """What happens now."""
    state: str
    """In a word or two."""
    mood: str
    """good, warn or bad."""


@dataclass(frozen=True)
class UnderWay(Question[list[Coming]]):
    """What is being made, the newest first; asked with the host."""


def _price(row: dict[str, Any]) -> object:
    price = Units(row["price_units"])
    return (
        said("{price} a row", price=price) if row["per"] == "row" else said("{price} an answer", price=price)
    )


def _state(row: dict[str, Any]) -> object:
    """Of others, nobody says here whether they answer."""
    if not row["mine"]:
        return ""
    return Tag(said("on sale"), "good") if row["serving"] else Tag(said("not on sale"))


COLUMNS = (
    Column("name", said("Name"), lambda row: Link(f"/models/{row['id']}", row["name"]), sort=True),
    Column("owner_name", said("Of"), lambda row: said("you") if row["mine"] else row["owner_name"]),
    Column("label", said("Predicts"), "named"),
    Column("price", said("Price"), _price, sort=True, align="end",
           csv=lambda row: decimal(row["price_units"])),
    Column("calls", said("Answers"), align="end"),
    Column("created", said("Released"), lambda row: Day(row["created_at"]), sort=True,
           csv=lambda row: moment(row["created_at"])),
    Column("state", said("State"), _state, csv=lambda row: row["serving"]),
)  # fmt: skip


def overview(visit: Visit) -> Response:
    """Every known model, the newest first, and jobs under way."""
    listed = Table(
        said("Models"),
        COLUMNS,
        partial(lists.models, visit.host),
        search=said("Name, description or owner"),
        filters=(
            Filter("whose", said("Whose"), said("everybody's"),
                   ((lists.MINE, said("trained here")), (lists.OTHERS, said("of others")))),
        ),
        empty=Empty(
            said("No model yet"),
            said("Train one on the data of several owners at once, or look at what your peers offer."),
            "/train",
            said("Train a model"),
        ),
    )  # fmt: skip
    coming = [one for told in everything().ask(visit.host, UnderWay()) for one in told]
    return visit.show("models.html", listed=listed.shown(visit), coming=coming)


PAGES = [shows("/models", overview)]
