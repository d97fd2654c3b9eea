"""How the written methods reach the node: what people typed becomes a request, and the answer a value."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Protocol

from freehold.kernel.client import NodeClient
from freehold.kernel.notebook import Rows
from freehold.kernel.operation import Operation


class Identified(Protocol):
    """A value that stands for a thing by its id."""

    @property
    def id(self) -> str:
        """Of the thing."""


class Performs:
    """A client of one node."""

    _client: NodeClient

    def _perform(self, operation: Operation[Any], /, **given: Any) -> Any:
        """What an operation answers, or the part of it that people want; lists as rows of a table.

        Raises `InvalidInput`: a value cannot be read. `NodeRefused`, `NodeNotRunning`.
        """
        # written methods give all that they were given, themselves too
        given.pop("self", None)
        answer = operation.read(self._client.perform(operation, operation.taken(given)))
        wanted = attrgetter(operation.gives)(answer) if operation.gives else answer
        return Rows(wanted) if isinstance(wanted, list) else wanted
