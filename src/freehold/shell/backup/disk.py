"""Failures of the disk as errors a person can act on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from freehold.core import causes
from freehold.core.texts import said
from freehold.kernel.databases.errors import StorageFailed


@contextmanager
def failures(act: str) -> Iterator[None]:
    """Around all that `act` ("write the backup") does on disk: StorageFailed, or as `core.causes.of` says."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageFailed(
            said("cannot {act}: {error}", act=act, error=error),
            hint=said("Check disk space; run freehold doctor."),
        ) from error
    except OSError as error:
        raise causes.of(error, act) from error
