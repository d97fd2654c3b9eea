"""Settings: name, address, who stays logged in, what features add; what needs a restart says so."""

from __future__ import annotations

from starlette.responses import Response

from freehold.core import origins
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.texts import said
from freehold.kernel import settings as settings_file
from freehold.kernel.registry import everything
from freehold.kernel.web.powers import Power
from freehold.kernel.web.reader import reader
from freehold.kernel.web.visit import Undo, Visit, acts, shows
from freehold.shell.web import reading
from freehold.shell.web.pages import starting

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
        error=error,
        typed=typed,
        restart=any(getattr(kept, name) != getattr(node.settings, name) for name in EDITED),
        cards=[(one.template, one.look(visit)) for one in everything().cards("/settings")],
        account=node.account,
        chain_id=node.chain_id,
        home=str(visit.door.home.absolute()),
        zones=reading.zones(),
        chosen=reader().chosen,
        now=node.now(),
        aims=starting.AIMS,
        aim_chosen=node.store.state(starting.STATE),
    )


def save(visit: Visit) -> Response:
    """Keep name, address and idle time for the next start."""
    form, home = visit.form, visit.door.home
    try:
        name = form.text("name", 200)
        if not name:
            raise InvalidInput(said("a name is missing"), hint=said("Others see it."))
        before = settings_file.load(home)
        visit.require_last(_shown(before))
        changed = before.with_overrides(
            name=name,
            endpoint=str(origins.parse(endpoint)) if (endpoint := form.text("endpoint", 300)) else "",
            console_idle_minutes=form.number("console_idle_minutes", said("The number of minutes"), 1, 1_440),
        )
        settings_file.save(home, changed)
    except FreeholdError as error:
        return settings(visit, error)
    undo = Undo("/settings", fields=_shown(before), after=_shown(changed))
    return visit.go("/settings", said("Saved. It counts from the next start of the node."), undo=undo)


def _shown(kept: settings_file.Settings) -> dict[str, str]:
    return {one: str(getattr(kept, one)) for one in EDITED}


def leave_everywhere(visit: Visit) -> Response:
    """End every session, this one too."""
    visit.logout_all()
    return visit.go("/enter")


PAGES = [
    shows("/settings", settings),
    acts("/settings", save, words=said("Changed the settings")),
    acts(
        "/settings/leave-everywhere", leave_everywhere, needs=Power.LOOK, words=said("Logged out everywhere")
    ),
]
