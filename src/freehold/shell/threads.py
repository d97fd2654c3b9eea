"""Threads that libraries would begin by themselves: none, unless the environment says otherwise."""

from __future__ import annotations

import os

ALGEBRA = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""By which the linear algebra under numpy is told how many to take; it reads them once, when it is loaded."""


def none_besides() -> None:
    """Let numpy work in the thread that asks it, where the environment has no number for it. Before numpy is loaded.

    The matrices are small and several processes work at once: more threads take up to a sixth more of the processors and
    are no sooner done (`bench/training.py`). No result depends on how many there are.
    """
    if not any(name in os.environ for name in ALGEBRA):
        os.environ.update(dict.fromkeys(ALGEBRA, "1"))
