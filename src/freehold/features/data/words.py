"""Words that data adds to documents."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.kernel.words import ActionWord, AssetKind

ASSET_KINDS = (AssetKind("dataset", "a dataset published"),)
ACTIONS = (
    ActionWord("read", said("reading"), said("{who} read {what}"), said("You read {what}")),
    ActionWord("query", said("query"), said("{who} queried {what}"), said("You queried {what}")),
    ActionWord(
        "redistribute", said("passing on"), said("{who} passed {what} on"), said("You passed {what} on")
    ),
)
