"""Words that data adds to documents."""

from __future__ import annotations

from freehold.kernel.words import ActionWord, AssetKind

ASSET_KINDS = (AssetKind("dataset", "A table, published by its commitment."),)
ACTIONS = (
    ActionWord("read", "read it"),
    ActionWord("query", "queried it"),
    ActionWord("derive", "derived from it"),
    ActionWord("redistribute", "passed it on"),
)
