"""What a process that may hold keys does first: no core dumps, no look into its memory, private files."""

from __future__ import annotations

import os
import resource
import sys

PRIVATE_UMASK = 0o077
_PR_SET_DUMPABLE = 4
"""From linux/prctl.h."""


def confine() -> None:
    """Keep this process's memory and the files it makes from other users, and from other programs of this one.

    No core is written however the process ends (also none piped to a crash reporter, which a limit of 0
    alone would not stop), other processes of the same user cannot read its memory or environment, and
    files that libraries create are readable by their owner only. Children that run another program begin
    with the limit and the umask and confine themselves again.
    """
    os.umask(PRIVATE_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        from ctypes import CDLL  # noqa: PLC0415

        CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def is_root() -> bool:
    """Whether this process may do anything on the machine, which a node never needs."""
    return os.geteuid() == 0
