"""What people of one node may do in its console: four powers, and the roles that have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from freehold.core.errors import NotAllowed
from freehold.core.texts import Text, said


class Power(StrEnum):
    """A kind of act."""

    LOOK = "look"
    """See everything, check evidence, take it along; changes nothing that others see."""
    DECIDE = "decide"
    """What is offered, to whom, on which terms; and an end to it."""
    PAY = "pay"
    """What takes money or collects it."""
    MANAGE = "manage"
    """The node itself: settings, people, peers, backup."""


class Role(StrEnum):
    """What somebody is to this node."""

    OWNER = "owner"
    """Who has the node's passphrase."""
    DECIDER = "decider"
    FINANCE = "finance"
    AUDITOR = "auditor"


POWERS: Mapping[Role, frozenset[Power]] = {
    Role.OWNER: frozenset(Power),
    Role.DECIDER: frozenset({Power.LOOK, Power.DECIDE}),
    Role.FINANCE: frozenset({Power.LOOK, Power.PAY}),
    Role.AUDITOR: frozenset({Power.LOOK}),
}
ROLE_NAMES: Mapping[Role, Text] = {
    Role.OWNER: said("Owner"),
    Role.DECIDER: said("Decider"),
    Role.FINANCE: said("Finance"),
    Role.AUDITOR: said("Auditor"),
}
ROLE_MEANINGS: Mapping[Role, Text] = {
    Role.OWNER: said("May do everything; logs in with the node's passphrase."),
    Role.DECIDER: said("Decides what is offered, to whom and on which terms. Cannot pay."),
    Role.FINANCE: said("Pays and collects. Cannot decide what is offered."),
    Role.AUDITOR: said("Looks at everything, checks it and takes evidence along. Changes nothing."),
}
WHO: Mapping[Power, Text] = {
    Power.LOOK: said("Everybody who has a log-in here can do it."),
    Power.DECIDE: said("The owner of this node can do it, or somebody whose role is decider."),
    Power.PAY: said("The owner of this node can do it, or somebody whose role is finance."),
    Power.MANAGE: said("Only the owner of this node can do it."),
}


class NoPower(NotAllowed, code="console.power"):
    """Somebody's role does not have the power that an act needs; `power` says which."""

    @classmethod
    def to(cls, power: Power) -> NoPower:
        """The refusal of an act."""
        return cls(said("your role does not allow this"), hint=WHO[power], power=power.value)


@dataclass(frozen=True)
class Person:
    """Who acts in the console."""

    name: str
    """As the owner wrote it; empty for the owner."""
    role: Role
    id: str = ""
    """Empty for the owner."""

    @property
    def powers(self) -> frozenset[Power]:
        """What the role allows."""
        return POWERS[self.role]


OWNER = Person("", Role.OWNER)


@dataclass(frozen=True)
class May:
    """What a page offers to whom it is shown."""

    decide: bool
    pay: bool
    manage: bool

    @classmethod
    def of(cls, person: Person) -> May:
        """By the powers of a person."""
        return cls(*(power in person.powers for power in (Power.DECIDE, Power.PAY, Power.MANAGE)))
