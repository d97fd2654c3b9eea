"""Freehold from Python: `import freehold; node = freehold.connect("~/.freehold")`.

A `Node` is the running node of a home (`freehold up`), driven through its control API; `verify` checks
evidence and needs no node. Everything returned is a frozen value, of the shapes in `wire` of kernel and features. Errors are
those of `freehold.core.errors`: `Unavailable` if no node runs, `NodeRefused` with the node's own code
and hint otherwise.

>>> import freehold
>>> freehold.connect("/no/such/home")
Traceback (most recent call last):
    ...
freehold.kernel.client.NodeNotRunning: no node is running in /no/such/home
"""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import NoReturn, Self

from freehold.core.errors import InvalidInput
from freehold.kernel.client import NodeClient
from freehold.shell.cli.shapes import Verification
from freehold.shell.library.operations import Operations

__all__ = ["Node", "connect", "verify"]


def connect(home: str | Path = "~/.freehold") -> Node:
    """The running node of a home; `NodeNotRunning` where `freehold up` was not said."""
    node = Node(NodeClient.of(home))
    node.status()
    return node


def verify(
    directory: str | Path, *, rpc_url: str | None = None, block_hash: str | None = None
) -> Verification:
    """Check evidence offline, trusting no node; true if it holds.

    Everything hangs on the hash of one block: compare it with a chain of yours (`rpc_url`) or with a hash
    you know. Raises `NotFound` where there is no evidence.
    """
    from freehold.shell.cli.verify import checked  # noqa: PLC0415 - loads the whole node

    return checked(directory, rpc_url, block_hash)


class Node(Operations):
    """One running node. Assets and models can be named by id, shortened id or name.

    Safe to use from several threads, and on both sides of a fork. `close`, or the end of a `with` block, closes its connections.
    """

    def __init__(self, client: NodeClient) -> None:
        self._client = client
        # a notebook lives longer than a command
        weakref.finalize(self, client.close)

    def close(self) -> None:
        """Close its connections; the node itself goes on."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise InvalidInput(
            "a Node cannot be pickled or copied: its connections are of this process",
            hint="Call freehold.connect(home) in the process that uses it.",
        )

    def __repr__(self) -> str:
        return f"Node({self._client.url!r})"
