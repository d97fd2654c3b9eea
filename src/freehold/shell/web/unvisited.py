"""The console before anybody came to it: most that come to a node are programs, so it is put together for the first who asks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from freehold.kernel.door import Door, Room

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class Unvisited:
    """Answers as the console does, which is loaded then."""

    def __init__(self, door: Door) -> None:
        self._door = door

    @cached_property
    def _console(self) -> Room:
        from freehold.shell.web import app  # noqa: PLC0415 - templates, translations and all pages

        return app.create(self._door)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await self._console(scope, receive, send)

    def knows(self, scope: Scope) -> bool:
        """Whether the owner asks."""
        return self._console.knows(scope)
