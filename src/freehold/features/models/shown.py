"""Models as lists and pages show them: their scores, whose data made them, what their pool holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Claim
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.features.data import finding, schemas
from freehold.features.models import releasing, wire
from freehold.features.models.rules import worth
from freehold.kernel.feature import Question
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.registry import everything
from freehold.kernel.shape import Shape

_RUN = re.compile(r"0x[0-9a-f]{64}")


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
    """The newest of this node, and the newest of others: neither crowds out the other."""
    found = finding.own_and_others(node, "model")
    return [{**finding.describe(node, one), "serving": is_on_sale(node, one.id)} for one in found]


def is_on_sale(node: Node, model_id: str) -> bool:
    """Whether this node answers for a model."""
    return any(everything().ask(node, OnSale(model_id)))


def model(node: Node, model_id: str) -> dict[str, Any]:
    """One model with its contributors, metrics and pool."""
    asset = node.asset(model_id)
    if asset.asset_kind != "model":
        raise InvalidInput(f"{asset.name} is a {asset.asset_kind}, not a model")
    held = pool(node, asset)
    return described(node, asset) | ({"pool": held} if held else {})


def described(node: Node, asset: Asset) -> dict[str, Any]:
    """A model with what is known of it without asking the chain."""
    run = str(asset.schema_.get("run"))
    contributions = releasing.claims_of(node, "contribution", run, asset.owner)
    found: dict[str, Any] = finding.describe(node, asset)
    found |= {
        "metrics": metrics(asset),
        "run": run if _RUN.fullmatch(run) else None,
        "recipe": _as(wire.RecipeShown, asset.schema_.get("recipe")),
    }
    found["serving"] = is_on_sale(node, asset.id)
    if contributions:
        found |= _measured(node, asset, contributions[0], releasing.releases_of(node, asset))
    return found


def right_answers(asset: Asset) -> int | None:
    """Of ten thousand test rows, as its owner measured; None of what is no model, or says nothing that can be read."""
    said = metrics(asset) if asset.asset_kind == "model" else None
    return said["correct"] * 10_000 // said["rows"] if said else None


def pool(node: Node, asset: Asset) -> dict[str, Any] | None:
    """What its pool took in and paid out; None where its release is not known here. Raises Unavailable."""
    if not releasing.releases_of(node, asset):
        return None
    _, root, _, total_in, paid_out = node.chain.read("Revenue", "poolOf", releasing.pool_of(asset))
    return {
        "id": "0x" + releasing.pool_of(asset).hex(),
        "split_root": "0x" + bytes(root).hex(),
        "in_units": total_in,
        "paid_out_units": paid_out,
        "held_units": total_in - paid_out,
    }


def metrics(asset: Asset) -> dict[str, Any] | None:
    """Scores of a released model with their intervals; None for what an earlier Freehold measured otherwise."""
    written = asset.schema_.get("metrics")
    names = set(wire.Scores.model_fields) - {"rows"}
    if not isinstance(written, dict) or not {*names, "test_rows"} <= written.keys():
        return None
    said = _as(wire.Scores, {name: written[name] for name in names} | {"rows": written["test_rows"]})
    if said is None or said["rows"] == 0 or said["auc_ppm"] > worth.PPM:
        return None
    rows, right = said["rows"], said["correct"]
    if right > rows:
        return None
    # the interval is widest where the rarer label is ranked, so that is what it is taken for
    positives = rows - said["majority_correct"] if 0 < said["majority_correct"] < rows else 0
    return {
        **said,
        "accuracy_bps": list(worth.interval_bps(right, rows)),
        "auc_bps": list(worth.auc_interval_bps(said["auc_ppm"], positives, rows))
        if positives
        else [0, 10_000],
    }


def _as(shape: type[Shape], written: Any) -> dict[str, Any] | None:
    """What somebody wrote, where it has the form of its answer; None where it cannot be read."""
    try:
        shape.model_validate_json(canonical_bytes(written))
    except (FreeholdError, ValidationError):
        return None
    return dict(written)


def _measured(node: Node, asset: Asset, claim: Claim, releases: list[Claim]) -> dict[str, Any]:
    """What each owner brought, what it cost its rows, and what would change without it."""
    release = releases[0].statement if releases else {}
    known = next(iter(everything().ask(node, RunOf(asset))), KnownRun())
    try:
        contribution = _contributions(node, asset, claim, set(release.get("silent", [])), known)
    except (KeyError, TypeError, ValueError):
        # measured by an earlier Freehold, in another way, or in a form that nobody knows
        return {}
    earlier = release.get("earlier", [])
    readable = isinstance(earlier, list) and all(
        isinstance(one, str) and _RUN.fullmatch(one) for one in earlier
    )
    found: dict[str, Any] = {"contribution": contribution, "earlier_runs": earlier if readable else []}
    if known.privacy:
        found["privacy"] = dict(known.privacy)
    return found


def _contributions(
    node: Node, asset: Asset, claim: Claim, silent: set[str], known: KnownRun
) -> list[dict[str, Any]]:
    """Raises: KeyError, TypeError, ValueError: the claim cannot be read."""
    statement = claim.statement
    values, errors = ([int(one) for one in statement[name]] for name in ("values", "errors"))
    total = sum(max(0, value) for value in values)
    found = [
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
            statement["accounts"], statement["shares_bps"], values, errors, _rows(node, asset), strict=True
        )
    ]
    for one in found:
        wire.Contribution.model_validate(one)
    return found


def _rows(node: Node, asset: Asset) -> list[int | None]:
    sources = [node.asset(item.asset) if node.store.has(item.asset) else None for item in asset.derived_from]
    return [schemas.said(source).rows if source else None for source in sources]


def sources(node: Node, asset: Asset) -> list[dict[str, Any]]:
    """What it was made from, as its signed description says: each part's share, and whose it is where that is known."""
    found = []
    for one in asset.derived_from:
        known = finding.describe(node, node.asset(one.asset)) if node.store.has(one.asset) else None
        found.append({"id": one.asset, "known": known, "share_bps": one.weight})
    return sorted(found, key=lambda row: -int(row["share_bps"]))
