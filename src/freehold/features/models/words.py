"""Words that models add to documents."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.kernel.words import ACCOUNT, COUNT, ID, ActionWord, AssetKind, ClaimKind, many, record

ASSET_KINDS = (AssetKind("model", said("a model published"), said("Model")),)
ACTIONS = (
    ActionWord(
        "derive",
        said("something made of it"),
        lambda who, what: said("{who} made something of {what}", who=who, what=what),
        lambda what: said("You made something of {what}", what=what),
    ),
)
CLAIM_KINDS = (
    ClaimKind(
        "release",
        "model asset",
        said("a model released"),
        "`{run, pool, split_root, shares: [{account, shares}], agreements: [claim ids], silent: [accounts],"
        " earlier: [runs that the grants list, of these the first 3,000 in order]}`",
        fields={
            "run": ID,
            "pool": ID,
            "split_root": ID,
            "shares": many(record(account=ACCOUNT, shares=COUNT)),
            "agreements": many(ID),
            "silent": many(ACCOUNT),
            "earlier": many(ID),
        },
        names=("agreements",),
    ),
)
