"""Ordering a training run: what the builder asks for, checked before anything is started or bought."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import InvalidDocument, InvalidInput, NotAllowed
from freehold.core.terms import meet
from freehold.node import asking
from freehold.node.node import Node
from freehold.node.publishing import open_table, seal_table
from freehold.training import coalitions
from freehold.training import table as tables
from freehold.training.logistic import Recipe


@dataclass(frozen=True)
class Order:
    """What the builder asked for."""

    assets: tuple[str, ...]
    test: Path
    name: str
    recipe: Recipe
    price_units: int
    """Price of one prediction."""
    max_calls: int = 1_000_000
    positive: str | None = None
    purpose: str | None = None


def begin(node: Node, order: Order) -> str:
    """Check the order, commit the test table to the vault, keep the job. Returns its id.

    The same order again, while owners who decide by hand are still asked for it, is the same job.

    Raises:
        InvalidInput, InvalidTable, NotFound, TermsConflict: nothing was started.
    """
    assets, table = check(node, order)
    columns, label = tuple(table.columns), table.label
    wanted = {
        "name": order.name,
        "assets": [asset.id for asset in assets],
        "columns": list(columns),
        "label": label,
        "recipe": order.recipe.to_json(),
        "price_units": order.price_units,
        "max_calls": order.max_calls,
        "purpose": order.purpose,
        "test_rows": table.rows,
    }
    waiting = _waiting(node, wanted, table)
    if waiting:
        return waiting
    salt = secrets.token_bytes(32)
    job_id = "0x" + secrets.token_hex(32)
    commitment = "0x" + tables.commitment(table, salt).hex()
    job = {
        "id": job_id,
        "step": "grants",
        **wanted,
        "test_commitment": commitment,
        "started_at": node.now(),
    }
    with node.store.transaction() as tx:
        sealed = seal_table(node, tx, table, salt)
        tx.set(f"sealed:{job_id}", asdict(sealed))
        tx.set(f"job:{job_id}", job)
    return job_id


def check(node: Node, order: Order) -> tuple[list[Asset], tables.Table]:
    """What the order names, by owner, and the test table; nothing is kept.

    Raises:
        InvalidInput, InvalidTable, NotFound, TermsConflict.
    """
    assets = sorted((node.asset(asset_id) for asset_id in order.assets), key=lambda asset: asset.owner)
    _check_assets(assets)
    first = assets[0].schema_
    columns, label = tuple(first["columns"]), str(first["label"])
    return assets, tables.read(order.test, label, positive=order.positive, expected=columns)


def _waiting(node: Node, wanted: dict[str, Any], table: tables.Table) -> str:
    """The id of a job of the same order whose owners have not all agreed yet; else empty."""
    for job_id in sorted({row["job"] for row in asking.overview(node) if row["job"]}):
        job = node.store.state(f"job:{job_id}")
        same = job and job["step"] == "grants" and all(job[name] == value for name, value in wanted.items())
        if same and tables.canonical_bytes(open_table(node, job_id)[0]) == tables.canonical_bytes(table):
            return job_id
    return ""


def _check_assets(assets: list[Asset]) -> None:
    if not 1 <= len(assets) <= coalitions.MAX_OWNERS:
        raise InvalidInput(f"choose 1 to {coalitions.MAX_OWNERS} datasets", hint="Find them with search.")
    if len({asset.owner for asset in assets}) != len(assets):
        raise InvalidInput("two of the datasets have one owner", hint="Choose one dataset of each owner.")
    for asset in assets:
        if asset.asset_kind != "dataset":
            raise InvalidInput(f"{asset.name} is a {asset.asset_kind}, not a dataset", owner=asset.owner)
        _check_schema(asset)
        if any(asset.schema_.get(key) != assets[0].schema_.get(key) for key in ("columns", "label")):
            raise InvalidInput(
                f"{asset.name} has other columns than {assets[0].name}",
                hint="All tables need the same columns in the same order, and the same label.",
                owner=asset.owner,
            )
    inherited = reduce(meet, (asset.terms for asset in assets))
    missing = {"train", "infer"} - set(inherited.actions)
    if missing:
        raise NotAllowed(f"the owners' terms together do not allow to {' and '.join(sorted(missing))}")


def _check_schema(asset: Asset) -> None:
    """What an asset says of its table is of the right types; it comes from anyone."""
    columns, label, rows = (asset.schema_.get(key) for key in ("columns", "label", "rows"))
    texts = [label, *columns] if isinstance(columns, list) and columns else [None]
    if not all(isinstance(text, str) for text in texts) or type(rows) is not int:
        raise InvalidDocument(
            f"{asset.name} does not say which columns, label and rows it has", owner=asset.owner
        )
