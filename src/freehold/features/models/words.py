"""Words that models add to documents."""

from __future__ import annotations

from freehold.kernel.words import ActionWord, AssetKind, ClaimKind

ASSET_KINDS = (AssetKind("model", "a model published"),)
ACTIONS = (ActionWord("derive", "derived something from {}"),)
CLAIM_KINDS = (
    ClaimKind(
        "release",
        "model asset",
        "a model released",
        "`{run, pool, split_root, shares: [{account, shares}], agreements: [claim ids], silent: [accounts],"
        " earlier: [runs that the grants list]}`",
        fields=("run", "pool", "split_root", "shares", "agreements", "silent", "earlier"),
        names=("agreements",),
    ),
)
