"""Words that data adds to documents."""

from __future__ import annotations

from freehold.kernel.words import ActionWord, AssetKind

ASSET_KINDS = (AssetKind("dataset", "a dataset published"),)
ACTIONS = (
    ActionWord("read", "read {}"),
    ActionWord("query", "queried {}"),
    ActionWord("redistribute", "passed {} on"),
)
