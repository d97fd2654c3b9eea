"""Freehold from Python: `import freehold; node = freehold.connect("~/.freehold")`.

A `Node` is the running node of a home (`freehold up`), driven through its control API; `verify` checks
evidence and needs no node. Everything returned is a frozen value of `freehold.shell.library.values`. Errors are
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
from typing import Self

from freehold.core.errors import InvalidInput
from freehold.kernel.client import NodeClient
from freehold.kernel.notebook import Rows
from freehold.kernel.performing import Identified
from freehold.shell.library.operations import Operations
from freehold.shell.library.permissions import GrantPending, Permissions
from freehold.shell.library.values import (
    Check,
    Evidence,
    Verification,
)

__all__ = ["GrantPending", "Node", "connect", "verify"]

PathLike = str | Path


def connect(home: PathLike = "~/.freehold") -> Node:
    """The running node of a home.

    Raises:
        NodeNotRunning: start it with `freehold up`.
    """
    node = Node(_Connection.of(Path(home)))
    node.status()
    return node


def verify(directory: PathLike, *, rpc_url: str | None = None, block_hash: str | None = None) -> Verification:
    """Check evidence offline, trusting no node; true if it holds.

    Everything hangs on the hash of one block: compare it with a chain of yours (`rpc_url`) or with a hash
    you know. Raises `NotFound` where there is no evidence.
    """
    from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415
    from freehold.kernel.evidence.verify import verify as check  # noqa: PLC0415

    if rpc_url is not None and block_hash is not None:
        raise InvalidInput("give rpc_url or block_hash, not both")
    bundle = Bundle.read(Path(directory).expanduser())
    if rpc_url is None:
        report = check(bundle, trusted_block_hash=block_hash)
    else:
        from freehold.chain.client import Chain  # noqa: PLC0415
        from freehold.chain.rpc import Rpc  # noqa: PLC0415

        with Rpc(rpc_url) as rpc:
            report = check(bundle, chain=Chain(rpc))
    checks = Rows(Check(one.name, one.ok, one.file, one.detail) for one in report.checks)
    return Verification(
        report.ok, report.verdict, report.chain_id, report.block_hash, report.trusted_by, checks
    )


class _Connection(NodeClient):
    """The control API's client with an end: a notebook lives longer than a command."""

    @classmethod
    def of(cls, home: Path) -> Self:
        """The node of a home."""
        found = super().of(home)
        assert isinstance(found, cls)
        return found

    def close(self) -> None:
        """Close what is open."""
        self._client.close()


class Node(Permissions, Operations):
    """One running node. Assets and models can be named by id, shortened id or name.

    Safe to use from several threads. `close`, or the end of a `with` block, closes its connections.
    """

    _client: _Connection

    def __init__(self, client: _Connection) -> None:
        self._client = client
        weakref.finalize(self, client.close)

    def close(self) -> None:
        """Close its connections; the node itself goes on."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Node({self._client.url!r})"

    # proof

    def evidence(self, receipt: str | Identified, directory: PathLike) -> Evidence:
        """Write the public files that prove one answer into a new directory; "last" is the newest answer."""
        from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415

        bundle = Bundle.from_json({"files": self.evidence_files(receipt).files})
        target = Path(directory).expanduser()
        bundle.write(target)
        return Evidence(str(target), len(bundle.files), sum(map(len, bundle.files.values())))
