"""People: who has a log-in here besides the owner, and what each may do."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.responses import Response

from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.texts import said
from freehold.kernel.members import CODE_SECONDS, Member, Members
from freehold.kernel.web.powers import ROLE_MEANINGS, ROLE_NAMES, Role
from freehold.kernel.web.visit import Undo, Visit, acts, shows

PATH = "/settings/people"
INVITED = (Role.DECIDER, Role.FINANCE, Role.AUDITOR)


@dataclass
class Codes:
    """Codes that were just made, until they are shown once."""

    made: list[tuple[str, str]] = field(default_factory=list)
    """(name, code)"""

    def close(self) -> None:
        """Forget them."""
        self.made.clear()


def people(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Everybody, with their roles."""
    codes = visit.kept(Codes)
    shown = [] if visit.live else codes.made
    codes.made = codes.made if visit.live else []
    return visit.show(
        "people.html",
        error=error,
        codes=shown,
        hours=CODE_SECONDS // 3600,
        people=visit.host.part(Members).everybody(),
        now=visit.node.now(),
        roles=[(role.value, ROLE_NAMES[role], ROLE_MEANINGS[role]) for role in INVITED],
        role_names=ROLE_NAMES,
        typed={"person": visit.form.text("person", 200), "role": visit.form.text("role", 40)},
    )


def add(visit: Visit) -> Response:
    """Invite somebody."""
    try:
        name = visit.form.text("person", 200)
        code = visit.host.part(Members).add(name, role_of(visit))
    except FreeholdError as error:
        return people(visit, error)
    visit.kept(Codes).made.append((name, code))
    return visit.go(PATH)


def role_of(visit: Visit) -> Role:
    """The role that was chosen. Raises `InvalidInput`."""
    try:
        return Role(visit.form.text("role", 40))
    except ValueError:
        raise InvalidInput(said("no role is chosen"), hint=said("Choose one.")) from None


def change(visit: Visit) -> Response:
    """Give somebody another role."""
    found, role = _meant(visit), role_of(visit)
    before = {"person": found.name, "role": found.role.value}
    visit.require_last(before)
    visit.host.part(Members).change(found.name, role)
    done = said("Changed. Whoever was logged in under this name has to log in again.")
    undo = Undo(f"{PATH}/role", fields=before, after={**before, "role": role.value})
    return visit.go(PATH, done, undo=undo)


def reset(visit: Visit) -> Response:
    """A new code for somebody who lost a password."""
    found = _meant(visit)
    visit.kept(Codes).made.append((found.name, visit.host.part(Members).reset(found.name)))
    return visit.go(PATH)


def remove(visit: Visit) -> Response:
    """Take somebody's log-in away."""
    found = _meant(visit)
    visit.host.part(Members).remove(found.name)
    return visit.go(PATH, said("Removed. What they did stays in the trail."))


def _meant(visit: Visit) -> Member:
    return visit.host.part(Members).named(visit.form.text("person", 200))


PAGES = [
    shows(PATH, people),
    acts(PATH, add, words=said("Invited somebody")),
    acts(f"{PATH}/role", change, words=said("Changed somebody's role"), back=PATH),
    acts(f"{PATH}/reset", reset, words=said("Made a code for a new password"), back=PATH),
    acts(f"{PATH}/remove", remove, words=said("Removed somebody's log-in"), back=PATH),
]
