"""What an assistant may do, as its owner said when the server was started, and nobody can widen from inside."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from freehold.core.errors import InvalidInput
from freehold.core.money import dollars
from freehold.kernel.operation import LIMIT, Effect, Operation
from freehold.kernel.surface import LocalFile
from freehold.shell.mcp.folder import AssistantNotAllowed, Folder


@dataclass
class Allowance:
    """Limits of one server, for all of its clients together and until it ends."""

    most_units: int = 0
    """Dollars that all calls together may take; 0 is none."""
    reads_only: bool = False
    """Whether nothing at all may be changed."""
    folder: Folder | None = None
    """Where files may be read from; None is nowhere."""
    only: frozenset[str] = frozenset()
    """The tools that may be offered at all; empty is all of them."""
    taken_units: int = 0
    """What calls so far were allowed to take."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def powers(self) -> str:
        """Stands for these limits: other limits, another text."""
        folder = str(self.folder.path) if self.folder else None
        limits = [self.most_units, self.reads_only, folder, sorted(self.only)]
        return hashlib.sha256(json.dumps(limits).encode()).hexdigest()[:16]

    def offers(self, operation: Operation[Any]) -> bool:
        """Whether a tool for the operation is shown at all."""
        if operation.personal or (self.only and operation.method not in self.only):
            return False
        if operation.effect is Effect.SPENDS:
            return not self.reads_only and self.most_units > 0
        return operation.effect is Effect.READS or not self.reads_only

    def require(self, operation: Operation[Any], asked: Mapping[str, Any]) -> None:
        """AssistantNotAllowed unless it is offered, InvalidInput where it spends and does not say how much at most."""
        if not self.offers(operation):
            raise AssistantNotAllowed(
                f"{operation.method} is not offered by this server",
                hint="Its owner decides that when starting it.",
            )
        wanted = asked.get(LIMIT)
        if operation.effect is Effect.SPENDS and (type(wanted) is not int or wanted < 0):
            raise InvalidInput(
                f"{LIMIT} says how much this call may take, in millionths of a dollar",
                hint="Ask for the cost first, then give that.",
            )

    @contextmanager
    def granted(self, operation: Operation[Any], asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """A checked request as it may be sent, with copies of its files for as long as the block lasts.

        What it may take counts from here on, for good: neither a failure nor silence says that nothing was signed.
        Where a file or the limit stands in the way, this raises, and nothing counts.
        """
        request = dict(asked)
        with ExitStack() as copies:
            for name, one in operation.fields.items():
                said = request.get(name)
                if isinstance(one.surface, LocalFile) and said is not None and one.surface.is_path(said):
                    if self.folder is None:
                        raise AssistantNotAllowed(
                            "this server may read no files", hint="Its owner names a folder with --files DIR."
                        )
                    request[name] = copies.enter_context(self.folder.copy(said))
            if operation.effect is Effect.SPENDS:
                self._reserve(request[LIMIT])
            yield request

    def _reserve(self, wanted: int) -> None:
        with self._lock:
            left = self.most_units - self.taken_units
            if wanted > left:
                raise AssistantNotAllowed(
                    f"this call may take {dollars(wanted)}, and {dollars(left)} of {dollars(self.most_units)} is left",
                    hint="Ask for less, or ask the owner to start the server with a higher --max.",
                    left_units=left,
                )
            self.taken_units += wanted
