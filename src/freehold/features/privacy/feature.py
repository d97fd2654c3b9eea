"""Privacy: what training costs the rows of this node, never more than was promised."""

from __future__ import annotations

from freehold.kernel.feature import Feature

FEATURE = Feature(
    name="privacy",
    about="What training costs the rows of this node, never more than was promised.",
    needs=("identity",),
)
