"""Log-ins of people besides the owner, and the codes with which they choose a password: checked, slowed, noted."""

from __future__ import annotations

from freehold.core import look_alikes
from freehold.core.errors import InvalidInput
from freehold.core.texts import said
from freehold.kernel import trail
from freehold.kernel.door import NodeLocked
from freehold.kernel.host import Host
from freehold.kernel.members import Member, Members, WrongLogIn
from freehold.kernel.trail import Outcome
from freehold.kernel.web.forms import Form
from freehold.kernel.web.powers import Person
from freehold.shell.web.sessions import AttemptsByName
from freehold.vault import passphrases


class Joining:
    """What one console remembers of them: how fast passwords and codes may be tried."""

    def __init__(self) -> None:
        self._passwords, self._codes = AttemptsByName(), AttemptsByName()

    def log_in(self, host: Host, name: str, password: str) -> Member:
        """Who has this name and password. Raises `WrongLogIn`, `TooManyAttempts`."""
        members = host.part(Members)
        try:
            member = self._passwords.make(look_alikes.spelled(name), lambda: members.log_in(name, password))
        except WrongLogIn:
            known = members.by_name(name)
            failed(host, known.person if known else None)
            raise
        trail.note(host.node, member.person, said("Logged in"))
        return member

    def redeem(self, host: Host | None, form: Form) -> Member:
        """Choose a password with a code. Raises `WrongCode`, `WeakPassphrase`, `TooManyAttempts`."""
        if host is None:
            raise NodeLocked(said("this node is locked"), hint=said("Ask its owner to open it first."))
        name, code, password = form.text("person", 200), form.secret("code"), form.secret("password")
        require_bounded(password)
        if form.secret("again") != password:
            raise InvalidInput(
                said("the two passwords differ"), hint=said("Nothing was kept. Type both again.")
            )
        members = host.part(Members)
        member = self._codes.make(
            look_alikes.spelled(name), lambda: members.redeem(name, code[:200], password)
        )
        trail.note(host.node, member.person, said("Chose a password"))
        return member


def failed(host: Host, who: Person | None) -> None:
    """Note a log-in that failed; None is a name that nobody has."""
    trail.note(host.node, who, said("Failed to log in"), outcome=Outcome.REFUSED, seldom=True)


def require_bounded(passphrase: str) -> None:
    """Refuse what would take long. Raises `InvalidInput`."""
    if len(passphrase.encode()) > passphrases.MOST_BYTES:
        raise InvalidInput(
            said("a passphrase has at most {n} bytes", n=passphrases.MOST_BYTES),
            hint=said("Type a shorter one."),
        )
