"""Models as lists and pages show them: their scores, whose data made them, what their pool holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.core.documents import Asset, Claim
from freehold.core.errors import InvalidInput
from freehold.features.data import finding
from freehold.features.models import releasing
from freehold.features.models.rules import scores
from freehold.features.models.wire import Scores
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.registry import everything


@dataclass(frozen=True)
class OnSale(Question[bool]):
    """Whether this node answers for a model."""

    model: str


@dataclass(frozen=True)
class KnownRun:
    """What this node knows of the run that a model came from."""

    privacy: Mapping[str, Any] | None = None
    """What it cost the rows; None where it has not seen the plan."""
    away: Mapping[str, int] = field(default_factory=dict)
    """Account -> rounds without it."""
    without: Mapping[str, int] = field(default_factory=dict)
    """Account -> right answers of the model without its updates."""


@dataclass(frozen=True)
class RunOf(Question[KnownRun]):
    """From which run a model came, and what is known of it here."""

    asset: Asset


def models(node: Node) -> list[dict[str, Any]]:
    """Every known model."""
    return [{**item, "serving": is_on_sale(node, item["id"])} for item in finding.search(node, "", "model")]


def is_on_sale(node: Node, model_id: str) -> bool:
    """Whether this node answers for a model."""
    return any(everything().ask(node, OnSale(model_id)))


def model(node: Node, model_id: str) -> dict[str, Any]:
    """One model with its contributors, metrics and pool."""
    asset = node.asset(model_id)
    if asset.asset_kind != "model":
        raise InvalidInput(f"{asset.name} is a {asset.asset_kind}, not a model")
    run = str(asset.schema_.get("run"))
    contributions = _claims(node, "contribution", run, asset.owner)
    releases = _claims(node, "release", asset.id, asset.owner)
    found: dict[str, Any] = finding.describe(node, asset)
    found |= {"metrics": _metrics(asset), "run": run, "recipe": asset.schema_.get("recipe")}
    found["serving"] = is_on_sale(node, asset.id)
    if contributions:
        found |= _measured(node, asset, contributions[0], releases)
    if releases:
        _, root, _, total_in, paid_out = node.chain.read("Revenue", "poolOf", releasing.pool_of(asset))
        found["pool"] = {
            "id": "0x" + releasing.pool_of(asset).hex(),
            "split_root": "0x" + bytes(root).hex(),
            "in_units": total_in,
            "paid_out_units": paid_out,
            "held_units": total_in - paid_out,
        }
    return found


def _metrics(asset: Asset) -> dict[str, Any] | None:
    """Scores of a released model with their intervals; None for what an earlier Freehold measured otherwise."""
    said = asset.schema_.get("metrics")
    names = set(Scores.model_fields) - {"rows"}
    if not isinstance(said, dict) or not all(type(said.get(name)) is int for name in {*names, "test_rows"}):
        return None
    rows, right = said["test_rows"], said["correct"]
    if not 0 <= right <= rows or not rows:
        return None
    # the interval is widest where the rarer label is ranked, so that is what it is taken for
    positives = rows - said["majority_correct"] if 0 < said["majority_correct"] < rows else 0
    return {
        **{name: said[name] for name in names},
        "rows": rows,
        "accuracy_bps": list(scores.interval_bps(right, rows)),
        "auc_bps": list(scores.auc_interval_bps(said["auc_ppm"], positives, rows))
        if positives
        else [0, 10_000],
    }


def _measured(node: Node, asset: Asset, claim: Claim, releases: list[Claim]) -> dict[str, Any]:
    """What each owner brought, what it cost its rows, and what would change without it."""
    statement = claim.statement
    if "values" not in statement:
        # measured by an earlier Freehold, in another way
        return {}
    values, errors = ([int(one) for one in statement[name]] for name in ("values", "errors"))
    total = sum(max(0, value) for value in values)
    release = releases[0].statement if releases else {}
    known = next(iter(everything().ask(node, RunOf(asset))), KnownRun())
    silent = release.get("silent", [])
    found: dict[str, Any] = {
        "contribution": [
            {
                "account": account,
                "name": known_as(node, account),
                "share_bps": share,
                "value_ppm": value * 1_000_000 // total if total else 0,
                "error_ppm": error * 1_000_000 // total if total else 0,
                "agreed": account not in silent,
                "away": known.away.get(account, 0),
                "without_correct": known.without.get(account),
                "rows": rows,
            }
            for account, share, value, error, rows in zip(
                statement["accounts"],
                statement["shares_bps"],
                values,
                errors,
                _rows(node, asset),
                strict=True,
            )
        ],
        "earlier_runs": release.get("earlier", []),
    }
    if known.privacy:
        found["privacy"] = dict(known.privacy)
    return found


def _rows(node: Node, asset: Asset) -> list[int | None]:
    sources = [node.asset(item.asset) if node.store.has(item.asset) else None for item in asset.derived_from]
    return [source.schema_.get("rows") if source else None for source in sources]


def _claims(node: Node, kind: str, subject: str, issuer: str) -> list[Claim]:
    documents = [item.document for item in node.store.find("claim", kind, subject)]
    return [item for item in documents if isinstance(item, Claim) and item.issuer == issuer]
