"""What somebody wants to do first, and the first steps of that, each done or not as the node has it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from freehold.core.errors import InvalidInput
from freehold.core.texts import Text, said
from freehold.kernel import listed, reading
from freehold.kernel.feature import Aim, FirstStep
from freehold.kernel.host import Host
from freehold.kernel.registry import everything
from freehold.kernel.web.visit import Visit, acts

STATE = "console:first"
"""State: the chosen `Aim`; `SKIPPED` where nobody wants to be led."""
SKIPPED = "skipped"
AIMS: dict[Aim, tuple[Text, Text]] = {
    Aim.SHARE: (said("Share data"), said("Offer a table, and be paid for its use.")),
    Aim.BUILD: (said("Train a model"), said("On data of others, where it lies.")),
    Aim.BUY: (said("Ask a model"), said("Pay by the answer.")),
    Aim.AUDIT: (said("Check"), said("See and prove what happened.")),
    Aim.RUN: (said("Run this node"), said("Backup, address, health.")),
}
"""What it is called, and what it is."""
STEPS = (
    FirstStep(
        (Aim.SHARE, Aim.BUILD, Aim.RUN),
        40,
        said("Make a backup, and keep it on another machine."),
        "/backup",
        said("Make a backup"),
        lambda host: bool(reading.last_backup(host.node.home)),
    ),
    FirstStep(
        (Aim.BUILD, Aim.BUY),
        15,
        said("Say what may be spent in a day."),
        "/limits",
        said("Set a limit"),
        lambda host: bool(host.node.settings.spend_per_day_micro or host.node.settings.spend_per_act_micro),
    ),
    FirstStep(
        (Aim.RUN,),
        20,
        said("Say under which address others reach this node."),
        "/settings",
        said("Set the address"),
        lambda host: bool(host.node.settings.endpoint),
    ),
    FirstStep(
        (Aim.RUN,),
        30,
        said("See that database, network, log and disk are well."),
        "/health",
        said("Look"),
        lambda host: host.readiness.soon().ready,
    ),
)


@dataclass(frozen=True)
class Begun:
    """The list of somebody who chose."""

    aim: Aim
    steps: list[tuple[FirstStep, bool]]
    """Each, and whether it is done."""

    @property
    def left(self) -> int:
        """How many are not done."""
        return sum(not done for _, done in self.steps)


def begun(host: Host) -> Begun | None:
    """The list at Home; None where nothing was chosen, it was put away, or all of it is done."""
    chosen = host.node.store.state(STATE)
    if chosen not in set(Aim):
        return None
    aim = Aim(chosen)
    steps = sorted(
        (one for one in (*STEPS, *everything().every("first_steps")) if aim in one.aims),
        key=lambda one: one.order,
    )
    found = Begun(aim, [(one, one.done(host)) for one in steps])
    return found if found.left else None


def asks(host: Host) -> bool:
    """Whether nobody has chosen yet, nor skipped the question."""
    return host.node.store.state(STATE) is None and not listed.assets(
        host.node, owner=host.node.account, limit=1
    )


def choose(visit: Visit) -> Response:
    """Keep the choice; skipping is one, too."""
    chosen = visit.form.text("aim", 40)
    if chosen not in {*Aim, SKIPPED}:
        raise InvalidInput(said("that is no choice"), hint=said("Choose one of those shown."))
    with visit.node.store.transaction() as tx:
        tx.set(STATE, chosen)
    return visit.go("/settings" if visit.form.text("from", 20) == "settings" else "/")


PAGES = [acts("/first", choose, words=said("Chose what to do first"))]
