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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from freehold.core import money
from freehold.core.errors import InvalidInput
from freehold.kernel.cli.options import millionths
from freehold.kernel.client import NodeClient
from freehold.kernel.notebook import Rows
from freehold.kernel.performing import Identified
from freehold.shell.library.answers import (
    asset_of,
    made,
)
from freehold.shell.library.operations import Operations
from freehold.shell.library.permissions import GrantPending, Permissions, given
from freehold.shell.library.values import (
    Asset,
    Check,
    Evidence,
    Inspection,
    Verification,
)

__all__ = ["GrantPending", "Node", "connect", "verify"]

PathLike = str | Path
Bounds = Mapping[str, tuple[float, float]]
"""Column -> (low, high)."""


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

    # what is here

    def meet(self, url: str) -> str:
        """Search another node's catalogue from now on; returns its account."""
        return str(self._client.post("/api/peers", {"url": url})["party"]["account"])

    # data

    def inspect(
        self,
        path: PathLike,
        label: str,
        *,
        positive: str | None = None,
        subject: str | None = None,
        rows_each: int | None = None,
        bounds: Bounds | None = None,
        epsilon: str | float | None = None,
        epsilon_life: str | float | None = None,
    ) -> Inspection:
        """What publishing a CSV or Parquet table would find, and what its epsilon means; nothing is changed."""
        asked = given(
            path=_file(path),
            label=label,
            positive=positive,
            **_counted(subject, rows_each, bounds, epsilon, epsilon_life),
        )
        return made(Inspection, self._client.post("/api/inspect", asked))

    def publish(
        self,
        path: PathLike,
        label: str,
        *,
        price: str = "0",
        name: str | None = None,
        description: str | None = None,
        positive: str | None = None,
        purposes: Sequence[str] | None = None,
        max_uses: int | None = None,
        days: int | None = None,
        approval: str | None = None,
        subject: str | None = None,
        rows_each: int | None = None,
        bounds: Bounds | None = None,
        epsilon: str | float | None = None,
        epsilon_life: str | float | None = None,
        reveals: str | None = None,
        holders: Sequence[str] | None = None,
    ) -> Asset:
        """Offer a table on your terms; it is sealed in the node's vault and never leaves it.

        `price` is dollars as text, for each grant. With `approval="ask"` you decide every request for a
        grant (`requests`). A run may cost a row `epsilon`, all runs together `epsilon_life`; of each
        `subject` (a column) `rows_each` rows count. `bounds` are (low, high) of every column. With
        `reveals="update"` the accounts in `holders` get exact updates, from which rows can be rebuilt.
        Raises `NodeRefused` (table.invalid) if the table cannot be trained on.
        """
        asked = given(
            path=_file(path),
            label=label,
            positive=positive,
            name=name,
            description=description,
            price_units=money.units(price),
            purposes=None if purposes is None else list(purposes),
            max_uses=max_uses,
            days=days,
            approval=approval,
            reveals=reveals,
            holders=None if holders is None else list(holders),
            **_counted(subject, rows_each, bounds, epsilon, epsilon_life),
        )
        return asset_of(self._client.post("/api/publish", asked)["asset"])

    def search(self, text: str = "", *, kind: str = "") -> Rows[Asset]:
        """What this node and its peers offer; `kind` is dataset, model or empty for both."""
        return Rows(asset_of(one) for one in self._client.get("/api/search", q=text, kind=kind)["assets"])

    # proof

    def evidence(self, receipt: str | Identified, directory: PathLike) -> Evidence:
        """Write the public files that prove one answer into a new directory; "last" is the newest answer."""
        from freehold.kernel.evidence.bundle import Bundle  # noqa: PLC0415

        bundle = Bundle.from_json({"files": self.evidence_files(receipt).files})
        target = Path(directory).expanduser()
        bundle.write(target)
        return Evidence(str(target), len(bundle.files), sum(map(len, bundle.files.values())))


def _counted(
    subject: str | None,
    rows_each: int | None,
    bounds: Bounds | None,
    epsilon: str | float | None,
    epsilon_life: str | float | None,
) -> dict[str, Any]:
    """How rows count and what they may cost, as the control API takes it."""
    return given(
        subject=subject,
        rows_each=rows_each,
        bounds=None if bounds is None else {name: [*pair] for name, pair in bounds.items()},
        epsilon_run_micro=None if epsilon is None else millionths(str(epsilon)),
        epsilon_life_micro=None if epsilon_life is None else millionths(str(epsilon_life)),
    )


def _file(path: PathLike) -> str:
    return str(Path(path).expanduser().resolve())
