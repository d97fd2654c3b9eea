"""Words that data adds to documents."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.kernel.words import ActionWord, AssetKind

ASSET_KINDS = (AssetKind("dataset", said("a dataset published"), said("Dataset")),)
ACTIONS = (
    ActionWord(
        "read",
        said("reading"),
        lambda who, what: said("{who} read {what}", who=who, what=what),
        lambda what: said("You read {what}", what=what),
    ),
    ActionWord(
        "query",
        said("query"),
        lambda who, what: said("{who} queried {what}", who=who, what=what),
        lambda what: said("You queried {what}", what=what),
    ),
    ActionWord(
        "redistribute",
        said("passing on"),
        lambda who, what: said("{who} passed {what} on", who=who, what=what),
        lambda what: said("You passed {what} on", what=what),
    ),
)
