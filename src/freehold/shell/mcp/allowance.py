"""What an assistant may do, as its owner said when the server was started, and nobody can widen from inside."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freehold.core.errors import InvalidInput, NotAllowed
from freehold.core.money import dollars
from freehold.kernel.operation import Effect, Operation
from freehold.kernel.surface import LocalFile

LIMIT = "at_most_units"
"""Field of a request that says how much an operation may take."""


class AssistantNotAllowed(NotAllowed):
    """The server for assistants was started without permission for that."""

    code = "mcp.not_allowed"


@dataclass
class Allowance:
    """Limits of one server, for all of its clients together and until it ends."""

    most_units: int = 0
    """Dollars that all calls together may take; 0 is none."""
    reads_only: bool = False
    """Whether nothing at all may be changed."""
    folder: Path | None = None
    """Where files may be read from; None is nowhere."""
    taken_units: int = 0
    """What calls so far were allowed to take."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def offers(self, operation: Operation[Any]) -> bool:
        """Whether a tool for the operation is shown at all."""
        if operation.personal:
            return False
        if operation.effect is Effect.SPENDS:
            return not self.reads_only and self.most_units > 0
        return operation.effect is Effect.READS or not self.reads_only

    def grant(self, operation: Operation[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        """The request as it may be sent; what it may take counts from now on.

        Raises:
            AssistantNotAllowed, InvalidInput: nothing was sent.
        """
        if not self.offers(operation):
            raise AssistantNotAllowed(
                f"{operation.method} is not offered by this server",
                hint="Its owner decides that when starting it.",
            )
        request = dict(asked)
        for name, one in operation.fields.items():
            if isinstance(one.surface, LocalFile) and request.get(name) is not None:
                request[name] = self._readable(request[name])
        if operation.effect is Effect.SPENDS:
            request[LIMIT] = self._reserve(request.get(LIMIT))
        return request

    def give_back(self, request: Mapping[str, Any]) -> None:
        """A call took nothing."""
        with self._lock:
            self.taken_units -= int(request.get(LIMIT) or 0)

    def _reserve(self, wanted: Any) -> int:
        if type(wanted) is not int or wanted < 0:
            raise InvalidInput(
                f"{LIMIT} says how much this call may take, in millionths of a dollar",
                hint="Ask for the cost first, then give that.",
            )
        with self._lock:
            left = self.most_units - self.taken_units
            if wanted > left:
                raise AssistantNotAllowed(
                    f"this call may take {dollars(wanted)}, and {dollars(left)} of {dollars(self.most_units)} is left",
                    hint="Ask for less, or ask the owner to start the server with a higher --max.",
                    left_units=left,
                )
            self.taken_units += wanted
        return wanted

    def _readable(self, said: Any) -> str:
        """The file's real path, within the folder; links count as what they lead to."""
        if self.folder is None:
            raise AssistantNotAllowed(
                "this server may read no files", hint="Its owner names a folder with --files DIR."
            )
        folder = self.folder.expanduser().resolve()
        path = (folder / str(said)).resolve()
        if not path.is_relative_to(folder):
            raise AssistantNotAllowed(
                "that file is outside the folder this server may read", hint=f"Files are read from {folder}."
            )
        return str(path)
