"""Words that grants add to documents."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.kernel.words import COUNT, ClaimKind

CLAIM_KINDS = (
    ClaimKind(
        "revocation",
        "grant",
        said("access taken back"),
        "by its issuer: `{index}`: the bit set in Revocations",
        fields={"index": COUNT},
    ),
)
