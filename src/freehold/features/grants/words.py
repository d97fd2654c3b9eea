"""Words that grants add to documents."""

from __future__ import annotations

from freehold.kernel.words import ClaimKind

CLAIM_KINDS = (
    ClaimKind("revocation", "grant", "Took back a grant: its bit is set in Revocations.", ("index",)),
)
