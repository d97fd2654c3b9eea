"""Words that models add to documents."""

from __future__ import annotations

from freehold.kernel.words import ActionWord, AssetKind, ClaimKind

ASSET_KINDS = (AssetKind("model", "What training made, sold by the answer."),)
ACTIONS = (ActionWord("infer", "asked it for an answer", pays="pool"),)
CLAIM_KINDS = (
    ClaimKind(
        "release",
        "model",
        "Released a model: the split of what it earns, who agreed to it and who was silent.",
        ("run", "pool", "split_root", "shares", "agreements", "silent", "earlier"),
        names=("agreements",),
    ),
)
