"""Parts of libraries that this program has no use for, and that the libraries would load to find that out."""

from __future__ import annotations

import sys

PARTS = ("httpx._main", "pydantic.v1", "cffi")
"""A command of httpx's own, with all that it takes to draw on a terminal; the models of an older pydantic, for which the
web framework looks in each type; a compiler of C's declarations, where ctypes calls the same hash function as quickly.
Each of these libraries does without, where a part cannot be imported."""


def leave_out() -> None:
    """Keep them from being loaded in this process, for programs of ours alone: others may have a use for them."""
    for name in PARTS:
        # what the import system takes for a module that is not there
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
