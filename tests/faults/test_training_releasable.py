"""Nothing is paid for a model that nobody could be shown: every document of its run is one that anybody reads."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node_tables import LABEL, make
from node_world import BUDGET, Party, World, begin

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import MAX_DOCUMENT_BYTES, Claim, Grant, parse_document
from freehold.core.errors import InvalidDocument
from freehold.core.money import BPS
from freehold.features.data import publishing
from freehold.features.data.wire import Publish
from freehold.features.models import releasing
from freehold.features.models.rules.scaling import Scaling
from freehold.features.models.rules.split import MOST_EARLIER, earlier_runs
from freehold.features.training import kept
from freehold.features.training.wire import MAX_OWNERS, Order

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))
import verify_standalone

WIDEST = tuple(f"{i:03d}" + "字" * 253 for i in range(336))
"""Names that fill a dataset's document nearly, and the plan of a run on it more than that."""


def table(path: Path, rows: int) -> str:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerow([*WIDEST, LABEL])
        csv.writer(stream).writerows([[*(i * (j + 1) % 97 for j in range(336)), i % 2] for i in range(rows)])
    return str(path)


def test_a_run_whose_plan_is_no_document_is_refused_before_anybody_is_asked(world: World) -> None:
    owner, builder = world.party("owner"), world.party("builder")
    wide = Publish.of(path=table(owner.home / "t.csv", 30), label=LABEL, name="wide", price_units=5, **BUDGET)
    asset = publishing.publish(owner.node, wide).document
    assert MAX_DOCUMENT_BYTES - 5_000 < len(canonical_bytes(asset.body)) < MAX_DOCUMENT_BYTES
    builder.knows(owner)
    test = table(builder.home / "test.csv", 40)
    with pytest.raises(InvalidDocument, match="over the limit"):
        begin(builder, Order(assets=[asset.id], test=test, name="m", rounds=2, price_units=1_000))
    assert kept.jobs(builder.node) == {}


def test_what_nobody_would_read_is_not_signed(owner: Party) -> None:
    with pytest.raises(InvalidDocument, match="over the limit"):
        owner.node.claim("training_plan", "0x" + "11" * 32, {"plan": "x" * MAX_DOCUMENT_BYTES})
    asset = owner.publish(make(20, seed=3))
    with pytest.raises(InvalidDocument, match="asset_version"):
        owner.node.seal(asset.model_copy(update={"asset_version": 0}))


def test_a_model_is_tried_with_scores_and_shares_that_take_the_most_room(owner: Party) -> None:
    terms = owner.publish(make(20, seed=4)).terms
    sale = {"price_units": 1_000, "per": "call", "rows_per_call": 1_000, "round_to": 6}
    owners = {f"0x{i:040x}": f"0x{i:064x}" for i in range(MAX_OWNERS)}

    def trained(columns: tuple[str, ...]) -> Any:
        scaling, weights = (
            Scaling((0,) * len(columns), (1,) * len(columns)),
            np.zeros(len(columns) + 1, np.int64),
        )
        recipe = {"name": "logistic", "rounds": 3}
        return releasing.Trained(
            "", "m", sale, "", {}, {}, "0x" + "11" * 32, LABEL, columns, recipe, scaling, weights, owners
        )

    def size(columns: tuple[str, ...], shares: dict[str, int], scores: dict[str, int]) -> int:
        made = releasing._made(owner.node, trained(columns), terms, owners, shares, scores, owner.node.now())
        return len(canonical_bytes(made.body))

    ends = {"rows": 400, "correct": 300, "auc_ppm": 812_345, "brier_ppm": 123_456, "calibration_ppm": 12_345}
    columns = tuple(f"{i:04d}" + "x" * 250 for i in range(800))
    left = MAX_DOCUMENT_BYTES - size(columns, {}, {})
    columns += tuple(f"{i:04d}" + "y" * 249 for i in range(left // 256))
    # fits before it is trained, and not after
    assert (
        size(columns, {}, {}) <= MAX_DOCUMENT_BYTES < size(columns, dict.fromkeys(owners, BPS // 256), ends)
    )
    with pytest.raises(InvalidDocument, match="over the limit"):
        releasing.require_possible(owner.node, trained(columns), terms)
    releasing.require_possible(owner.node, trained(columns[:-10]), terms)


def test_a_release_is_read_whatever_earlier_runs_its_owners_list(owner: Party) -> None:
    asset = owner.publish(make(20, seed=5))
    word, ids = "0x" + "11" * 32, [f"0x{i:064x}" for i in range(64 * MAX_OWNERS)]
    grants = [
        Grant(
            issuer=owner.account, holder=owner.account, asset=asset.id, terms=asset.terms, revocation_index=i,
            nonce=word, issued_at=1, earlier_runs=tuple(ids[i::MAX_OWNERS]),
        )
        for i in range(MAX_OWNERS)
    ]  # fmt: skip
    statement = {
        "run": word, "pool": word, "split_root": word,
        "shares": [{"account": owner.account, "shares": BPS}] * MAX_OWNERS,
        "agreements": [word] * MAX_OWNERS, "silent": [], "earlier": earlier_runs(grants),
    }  # fmt: skip
    assert statement["earlier"] == ids[:MOST_EARLIER]
    parse_document(
        Claim(issuer=owner.account, claim_kind="release", about=word, statement=statement, issued_at=1).body
    )
    assert verify_standalone.MOST_EARLIER == MOST_EARLIER


@pytest.fixture(scope="module")
def owner(world: World) -> Party:
    return world.party("owner")
