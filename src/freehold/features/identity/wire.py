"""Identity: what its operations ask and answer."""

from __future__ import annotations

from typing import Annotated

from freehold.core.documents import Party
from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Account, Shape
from freehold.kernel.surface import ARGUMENT

GROUPS = {"peers": "Other nodes whose catalogues you search."}


class PartyMet(Shape):
    """A peer whose catalogue is searched from now on; `freehold peers add` prints `party` alone."""

    party: Party
    """Its party document."""


class PeerKnown(Shape):
    """A node that this one looks at."""

    url: str
    """Its address."""
    account: Account | None
    """Who was met there; null before anybody was."""
    name: str
    """As it calls itself; may be empty."""
    in_settings: bool
    """Whether the settings name it, which count until the next start."""


class Peers(Shape):
    """Nodes that this one looks at."""

    peers: list[PeerKnown]
    """By their addresses."""


class PeerForgotten(Shape):
    """A node that is looked at no more."""

    url: str
    """Its address."""
    until_restart: bool
    """Whether it stays on the list until the next start, for the settings named it."""


class Meet(Request):
    """Meet another node, and search its catalogue from now on."""

    url: Annotated[str, ARGUMENT]
    """Address of the other node."""


class ListPeers(Nothing):
    """List the nodes whose catalogues are searched."""


class Forget(Request):
    """Search another node's catalogue no more.

    What came of its offers stays. One that the settings name is taken out of config.toml.
    """

    url: Annotated[str, ARGUMENT]
    """Address of the other node."""


MEET = Operation(
    "peers.add",
    Meet,
    PartyMet,
    "/peers",
    Effect.CHANGES,
    method="meet",
    gives="party.account",
    example="http://127.0.0.1:7401",
)
PEERS = Operation("peers.list", ListPeers, Peers, "/peers", Effect.READS, gives="peers", example="")
FORGET = Operation(
    "peers.forget",
    Forget,
    PeerForgotten,
    "/peers/forget",
    Effect.CHANGES,
    method="forget_peer",
    example="http://127.0.0.1:7401",
)
OPERATIONS = (MEET, PEERS, FORGET)
