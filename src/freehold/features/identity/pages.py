"""Nodes that this one looks at: connecting, looking again, removing."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core.errors import FreeholdError
from freehold.core.texts import said
from freehold.features.identity import peers
from freehold.kernel.selecting import mentions
from freehold.kernel.web.places import Hit
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Page, Undo, Visit, acts, shows

HERE = "/market/nodes"


def overview(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Every node that this one looks at."""
    return visit.show(
        "nodes.html", error=error, rows=peers.overview(visit.node), typed=visit.form.text("url", 300)
    )


def meet(visit: Visit) -> Response:
    """Connect to another node."""
    try:
        party = peers.add(visit.host, visit.form.text("url", 300), visit.form.text("account", 42))
    except FreeholdError as error:
        return overview(visit, error)
    return visit.go(HERE, said("Connected to {name}. Its offers are in your market now.", name=party["name"]))


def forget(visit: Visit) -> Response:
    """Look at a node no more."""
    known = {one["url"]: one["account"] for one in peers.overview(visit.node)}
    gone = peers.forget(visit.node, visit.form.text("url", 400))
    if gone["until_restart"]:
        return visit.go(HERE, said("Removed. It is gone from the list after the next start."))
    account = known.get(gone["url"])
    # who was never met there may be anybody
    undo = Undo(HERE, fields={"url": gone["url"], "account": account}) if account else None
    return visit.go(HERE, said("Removed. Your node no longer looks at what it offers."), undo=undo)


def look_again(visit: Visit) -> Response:
    """Read what every node offers now."""
    back = visit.form.text("back")
    back = back if back in ("/market", "/market/models") else HERE
    failed = peers.refresh(visit.host)
    if failed:
        names = ", ".join(row["url"] for row in failed[:3])
        sentence = said("Looked everywhere; no answer from {names}.", names=names)
        return visit.go(back, sentence, "warn", done=True)
    return visit.go(back, said("Looked at every node; this is what they offer now."))


def search(visit: Visit, words: tuple[str, ...], most: int) -> list[Hit]:
    """Nodes by name or address."""
    return [
        Hit(one["name"] or one["url"], said("Node"), HERE, one["url"])
        for one in peers.overview(visit.node)
        if mentions(f"{one['name']} {one['url']}", words)
    ][:most]


PAGES: tuple[Page, ...] = (
    shows(HERE, overview, promises=Power.MANAGE),
    acts(HERE, meet, words=said("Connected to another node")),
    acts(f"{HERE}/forget", forget, words=said("Removed another node"), back=HERE),
    acts(f"{HERE}/look", look_again, needs=Power.LOOK, words=said("Asked other nodes what they offer")),
)
