"""The question of a new node on its first page: on which network it is to live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.core.errors import FreeholdError
from freehold.kernel.door import Door
from freehold.kernel.web.forms import Form
from freehold.shell import networks, practice

FIELDS = ("network", "rpc_url", "token")
_MOST = 2_000


@dataclass(frozen=True)
class Shared:
    """A practice network that another node's home has, as it is offered."""

    value: str
    home: str
    url: str


def offered(door: Door, form: Form) -> dict[str, Any] | None:
    """What the page shows; None where the network is known. Asks the practice networks that it names."""
    if not (door.is_new and door.asks_network):
        return None
    shared = [
        Shared(networks.SHARED + str(one.folder), str(one.folder.parent), one.url) for one in practice.found()
    ]
    typed = {name: form.fields.get(name, [""])[0][:_MOST] for name in FIELDS}
    # nodes of one network deal with each other, which two of one machine are there for
    usual = shared[0].value if shared else networks.OWN
    return {"shared": shared, **typed, "network": typed["network"] or usual}


def chosen(door: Door, form: Form) -> dict[str, str]:
    """Settings of the network that was chosen, which was looked at. Raises what is wrong with it."""
    if not (door.is_new and door.asks_network):
        return {}
    return networks.settings_of(
        form.text("network", _MOST) or networks.OWN, form.text("rpc_url", _MOST), form.text("token", 60)
    )


def looked_at(form: Form) -> tuple[networks.Network | None, FreeholdError | None]:
    """The network at the address that was typed, or what is wrong with it; nothing is made."""
    try:
        return networks.examine(form.text("rpc_url", _MOST), form.text("token", 60)), None
    except FreeholdError as error:
        return None, error
