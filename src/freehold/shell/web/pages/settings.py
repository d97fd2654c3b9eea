"""Settings: name, address, peers, who stays logged in; what needs a restart says so."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from freehold.core import money
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.features.data.drafts import Terms, usual
from freehold.features.identity import peers
from freehold.kernel import setting_sources
from freehold.kernel import settings as settings_file
from freehold.kernel.web.people import name_of
from freehold.kernel.web.visit import Visit, acts, shows

EDITED = ("name", "endpoint", "console_idle_minutes")


def settings(visit: Visit, error: FreeholdError | None = None) -> Response:
    """What can be changed here."""
    node = visit.node
    kept = settings_file.load(visit.door.home)
    typed = {
        name: visit.form.text(name, 400) if visit.form.fields.get(name) else getattr(kept, name)
        for name in EDITED
    }
    return visit.show(
        "settings.html",
        error.http_status if error else 200,
        error=error,
        typed=typed,
        restart=any(getattr(kept, name) != getattr(node.settings, name) for name in EDITED),
        peers=_peers(visit),
        usual=Terms(name="", **usual(node)),
        account=node.account,
        chain_id=node.chain_id,
        home=str(visit.door.home.absolute()),
    )


def _peers(visit: Visit) -> list[dict[str, Any]]:
    known = visit.node.store.state("peers", {})
    urls = peers.known(visit.node)
    return [{"url": url, "name": name_of(visit.node, known[url]) if url in known else ""} for url in urls]


def save(visit: Visit) -> Response:
    """Keep name, address and idle time for the next start."""
    form, home = visit.form, visit.door.home
    try:
        name = form.text("name", 200)
        if not name:
            raise InvalidInput("a name is missing", hint="Others see it.")
        changed = settings_file.load(home).with_overrides(
            name=name,
            endpoint=setting_sources.read("endpoint", [form.text("endpoint", 300)]),
            console_idle_minutes=form.number("console_idle_minutes", "The number of minutes", 1, 1_440),
        )
        settings_file.save(home, changed)
    except FreeholdError as error:
        return settings(visit, error)
    return visit.go("/settings", "Saved. It counts from the next start of the node.")


def save_usual(visit: Visit) -> Response:
    """Keep with what terms a new table begins."""
    form = visit.form
    try:
        price = form.text("price", 40) or "0"
        chosen = {
            "price": price,
            "price_units": money.units(price),
            "max_uses": form.number("max_uses", "The number of uses", 1, 1_000_000),
            "days": form.number("days", "The number of days", 1, 3_650),
            "approval": "automatic" if form.text("approval") == "automatic" else "ask",
        }
    except FreeholdError as error:
        return settings(visit, error)
    with visit.node.store.transaction() as tx:
        tx.set("usual_terms", chosen)
    return visit.go("/settings", "Saved. New tables begin with these terms; you can change them each time.")


def forget_peer(visit: Visit) -> Response:
    """Look at another node no more."""
    peers.forget(visit.node, visit.form.text("url", 400))
    home, url = visit.door.home, visit.form.text("url", 400)
    kept = settings_file.load(home)
    if url in kept.peers:
        settings_file.save(home, kept.with_overrides(peers=tuple(one for one in kept.peers if one != url)))
        return visit.go("/settings", "Removed. It is gone from the list after the next start.")
    return visit.go("/settings", "Removed. Your node no longer looks at what it offers.")


def add_peer(visit: Visit) -> Response:
    """Meet another node."""
    try:
        party = peers.add(visit.host, visit.form.text("url", 300))
    except FreeholdError as error:
        return settings(visit, error)
    return visit.go("/settings", f"Connected to {party['name']}. Its offers are in your catalogue now.")


def leave_everywhere(visit: Visit) -> Response:
    """End every session, this one too."""
    visit.logout_all()
    return visit.go("/enter")


PAGES = [
    shows("/settings", settings),
    acts("/settings", save),
    acts("/settings/usual", save_usual),
    acts("/settings/peers", add_peer),
    acts("/settings/peers/forget", forget_peer),
    acts("/settings/leave-everywhere", leave_everywhere),
]
