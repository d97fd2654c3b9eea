"""What answers on the node's port: a locked door until the keys are open, then the node.

A console (any ASGI application that a caller mounts) is reachable in both states under `/console`; it is
how a person without a terminal opens the door. The node knows nothing else about it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from freehold.core.errors import FreeholdError, InvalidInput, Unavailable
from freehold.kernel import reading
from freehold.kernel.host import Host
from freehold.kernel.reading import KEYS_FILE
from freehold.kernel.settings import Settings
from freehold.vault.keystore import Keys

CONSOLE_PATH = "/console"
_ALWAYS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


class Room(Protocol):
    """An application that knows its owner."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""

    def knows(self, scope: Scope) -> bool:
        """Whether the head of a request shows that the owner asks; quick, and changes nothing."""


class NodeRoom(Room, Protocol):
    """The application of a node whose keys are open."""

    def vouch(self, scope: Scope) -> None:
        """Somebody known signed the head of a request; may block.

        Raises `InvalidSignature`, `InvalidPayment` and their kin: nobody did.
        """


Start = Callable[[Settings, str], tuple[Host, NodeRoom]]
"""Settings and passphrase to a running node and its application; on error nothing runs."""
Mount = Callable[["Door"], Room]
"""Makes the console of a node."""


class NodeLocked(Unavailable, code="node.locked"):
    """The node waits for its passphrase."""


class Door:
    """One node's application, before and after its keys are open."""

    def __init__(self, home: Path, settings: Settings, start: Start, mount: Mount | None = None) -> None:
        self.home, self.settings = home, settings
        self.host: Host | None = None
        self.asks_network = False
        """Whether the node is new and nobody said on which network it is to live."""
        self.opened = threading.Event()
        self.closing = threading.Event()
        """Set when the server begins to stop: long answers end."""
        self._start, self._lock = start, threading.Lock()
        self._node: NodeRoom | None = None
        self._console = mount(self) if mount else None

    @property
    def is_new(self) -> bool:
        """No keys were made here yet. Raises `KeystoreMissing`."""
        return reading.is_new(self.home)

    def open(self, passphrase: str, name: str = "", **network: str) -> None:
        """Start the node; nothing happens if it runs already and the passphrase is right.

        `network` are settings of the network that a new node is to live on.
        Raises `WrongPassphrase`. `InvalidInput`: it has no name yet and none is given. What starting raises.
        """
        with self._lock:
            if self.closing.is_set():
                raise NodeLocked("this node is stopping")
            if self.host is not None:
                self.check(passphrase)
                return
            chosen = self.settings.with_overrides(name=name or None, **network)
            if not chosen.name:
                raise InvalidInput("a new node needs a name", hint="Others see it. Give --name NAME.")
            self.host, self._node = self._start(chosen, passphrase)
            self.settings = chosen
            self.opened.set()

    def check(self, passphrase: str) -> None:
        """Whether the passphrase opens the keys of this home; 0.2 s of one core. Raises `WrongPassphrase`."""
        Keys.load(self.home / KEYS_FILE, passphrase)

    def close(self) -> None:
        """No more opening; what started is the caller's to stop."""
        self.closing.set()
        with self._lock:
            pass

    def knows(self, scope: Scope) -> bool:
        """Whether the owner asks: with the console's session there, with the API token elsewhere."""
        room = self._console if at_console(scope["path"]) else self._node
        return room is not None and room.knows(scope)

    def vouch(self, scope: Scope) -> None:
        """Somebody known signed the head of a request. Raises `NodeLocked`; as `NodeRoom.vouch`."""
        if self._node is None:
            raise _locked()
        self._node.vouch(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The console under its path, the node elsewhere; while locked, that it is locked."""
        path = scope.get("path", "")
        if self._console and at_console(path):
            await self._console(scope, receive, send)
        elif self._console and scope["type"] == "http" and path == "/" and _wants_page(scope):
            answer: Response = RedirectResponse(CONSOLE_PATH + "/", 303, _ALWAYS)
            await answer(scope, receive, send)
        elif self._node is not None:
            await self._node(scope, receive, send)
        elif scope["type"] == "http":
            locked = {"ok": True, "status": "locked"}
            answer = (
                JSONResponse(locked, headers=_ALWAYS) if path == "/healthz" else problem(_locked(), **_ALWAYS)
            )
            await answer(scope, receive, send)


def at_console(path: str) -> bool:
    """Whether an address is the console's."""
    return path == CONSOLE_PATH or path.startswith(CONSOLE_PATH + "/")


def _locked() -> NodeLocked:
    return NodeLocked("this node is locked", hint="Open its console and give the passphrase.")


def _wants_page(scope: Scope) -> bool:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    accepted = next((value for name, value in headers if name == b"accept"), b"")
    return scope["method"] in ("GET", "HEAD") and b"text/html" in accepted


def problem(error: FreeholdError, **headers: str) -> JSONResponse:
    """An error as RFC 9457 problem details, with when to come back where it knows."""
    if (seconds := error.fields.get("retry_after_seconds")) is not None:
        headers["retry-after"] = str(seconds)
    return JSONResponse(error.problem(), error.http_status, headers, "application/problem+json")
