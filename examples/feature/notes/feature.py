"""Notes: what the owner wants to remember about a document. Read this file first."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.features.notes import keeping, pages, wire

from freehold.core.connection import Connection
from freehold.core.texts import said
from freehold.kernel.feature import Feature, Metric
from freehold.kernel.finding import CheckFound, ok
from freehold.kernel.web.places import Place, Tab


def _examined(connection: Connection) -> Iterator[CheckFound]:
    count = connection.execute("SELECT count(*) FROM notes").fetchone()[0]
    yield ok("notes", f"{count} kept")


FEATURE = Feature(
    name="notes",
    about="What the owner wants to remember about a document, for itself alone.",
    needs=("data",),
    operations=(
        wire.ADD.does(lambda host, asked: keeping.add(host.node, asked.about, asked.text)),
        wire.LIST.does(lambda host, asked: {"notes": keeping.newest(host.node, asked.limit)}),
        wire.SHOW.does(lambda host, asked: keeping.one(host.node, asked.number)),
    ),
    pages=pages.PAGES,
    tabs=(Tab(Place.ASSETS, "/notes", said("Notes"), 90),),
    facets=pages.FACETS,
    sections=pages.SECTIONS,
    searches=(pages.search,),
    metrics=(Metric("freehold_notes", "gauge", "Notes kept.", lambda host: {(): keeping.count(host.node)}),),
    doctor=(_examined,),
)
