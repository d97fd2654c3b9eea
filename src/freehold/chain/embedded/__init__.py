"""A small Ethereum node in one process and one SQLite file: the local chain, and the test EVM.

It speaks JSON-RPC over HTTP on loopback (chain id 31337, Prague rules by py-evm), makes a block as
soon as a transaction waits, and reopens after `kill -9` with the same block hashes.

    store    rows of one database, one commit a block
    tries    Merkle-Patricia tries, written once a block
    accounts the state that a block works on
    machine  the one door to py-evm, over `state`; `interpreter` is its loop, with the commonest instructions in place
    ledger   how blocks are made, read and rewound
    budget   how long anything may compute; `turns` says whose turn it is, and who keeps how much in memory
    methods  the JSON-RPC methods; `edge` puts them on HTTP, `server` starts and stops it all
    heads    that subscribers who ask for it hear of a block before anybody is answered what shows it

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from freehold.chain.embedded import EmbeddedNode
>>> with EmbeddedNode(Path(mkdtemp())) as node:
...     node.url.startswith("http://127.0.0.1:")
True
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded import precompiles
from freehold.chain.embedded.keys import DEV_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from freehold.chain.embedded.server import EmbeddedNode

__all__ = ["DEV_KEY", "EmbeddedNode", "serving"]

precompiles.defer()

_SWITCH_SECONDS = 0.001


@contextmanager
def serving(home: Path, port: int, *, allow_origins: Iterable[str] = ()) -> Iterator[EmbeddedNode]:
    """The chain of a directory, in a process that does little else."""
    import gc  # noqa: PLC0415 - only the serving process needs these
    import sys  # noqa: PLC0415

    # what is loaded stays: looking through it for garbage takes a fifth of the start, and time later
    gc.disable()
    # what answers waits for no more than a moment behind each call that computes
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    from freehold.chain.embedded.server import EmbeddedNode  # noqa: PLC0415 - loads py-evm

    try:
        with EmbeddedNode(home, port, allow_origins=allow_origins) as node:
            gc.freeze()
            gc.set_threshold(20_000, 20, 20)
            gc.enable()
            yield node
    finally:
        sys.setswitchinterval(before)
        gc.enable()


def __getattr__(name: str) -> Any:
    """Load the server, and with it py-evm, only when it is wanted."""
    if name == "EmbeddedNode":
        from freehold.chain.embedded.server import EmbeddedNode  # noqa: PLC0415

        return EmbeddedNode
    raise AttributeError(name)
