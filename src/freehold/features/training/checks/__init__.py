"""What a verifier repeats of a training run: its story, its steps, the worth of its data."""

from __future__ import annotations

from freehold.core.documents import Asset
from freehold.features.training.checks import run, story, training, valuation
from freehold.kernel.evidence.parts import Part


def _is_about(asset: Asset) -> bool:
    """Whether an asset is a model that names a run, whatever it writes there, or sources."""
    return asset.asset_kind == "model" and ("run" in asset.schema_ or bool(asset.derived_from))


EVIDENCE = Part(
    is_about=_is_about,
    files=(run.PLAN, run.START, run.ROUNDS, run.TEST),
    envelopes={run.ROUNDS: run.envelopes},
    read={run.ROUNDS: run.read},
    needs={"training": "logs", "valuation": "training"},
    steps=(
        ("training.claims", story.told),
        ("training.order", story.order),
        ("training.grants", training.grants),
        ("training.stamp", training.stamped),
        ("training.receipts", training.receipts),
        ("training.replay", training.replay),
        ("training.model", training.model),
        ("training.terms", training.terms),
        ("valuation.test", valuation.test_table),
        ("valuation.shares", valuation.shares),
        ("valuation.quality", valuation.quality),
        ("valuation.agreements", valuation.agreed),
        ("valuation.lineage", valuation.lineage),
        ("valuation.split", valuation.split),
    ),
    absent=("training.none", story.untold),
)
