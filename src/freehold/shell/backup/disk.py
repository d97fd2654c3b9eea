"""Failures of the disk as errors a person can act on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from freehold.core.errors import InvalidInput
from freehold.kernel.databases.errors import StorageFailed
from freehold.vault.blobs import FULL, StorageFull


@contextmanager
def failures(act: str) -> Iterator[None]:
    """Around all that `act` ("write the backup") does on disk: StorageFull, StorageFailed or InvalidInput (a path)."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageFailed(
            f"cannot {act}: {error}", hint="Check disk space; run freehold doctor."
        ) from error
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(
                f"there is no room to {act}", hint="Free some space, then try again."
            ) from error
        where = f" ({error.filename})" if error.filename else ""
        raise InvalidInput(
            f"cannot {act}: {error.strerror}{where}", hint="Check the path and its permissions."
        ) from error
