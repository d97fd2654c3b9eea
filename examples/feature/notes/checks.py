"""What a verifier repeats of evidence about an asset of kind `note`: here, that it says something."""

from __future__ import annotations

from freehold.core.documents import Asset
from freehold.kernel.evidence.parts import Part
from freehold.kernel.evidence.reading import Broken, Evidence


def _is_about(asset: Asset) -> bool:
    return asset.asset_kind == "note"


def _described(evidence: Evidence) -> str:
    """A note without a description shows nothing."""
    asset = evidence.asset()
    if not asset.description:
        raise Broken(evidence.place(asset), "is a note that says nothing")
    return "the note says something"


EVIDENCE = Part(is_about=_is_about, steps=(("notes.text", _described),))
