"""One process at a time writes in a home."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import BinaryIO

from freehold import plain_file
from freehold.core.errors import Conflict

LOCK_SECONDS = 1
"""How long the lock of a home is tried for: clients hold it for a moment when they look whether a node runs."""


class HomeInUse(Conflict, code="home.in_use"):
    """Another process runs this node."""


def lock(home: Path) -> BinaryIO:
    """Held while a node runs in the home, so that nothing else writes there; else HomeInUse.

    The address that a killed node left behind goes with it: who listens there now may be anybody, and clients
    take a home that is held for one where a node runs.
    """
    file = os.fdopen(plain_file.plain(home / "lock", write=True), "r+b")
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                file.close()
                raise HomeInUse(
                    f"a node already runs in {home}", hint="Stop it, or choose another --home."
                ) from None
            time.sleep(0.01)
    (home / "node.json").unlink(missing_ok=True)
    return file
