"""What an asset says of its rows and columns may be anything: it is shown as unknown, and ends no list, page or plan."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from node_tables import make
from node_world import TOKEN, Party, World
from test_node_words import page

from freehold.core.documents import Asset, Content, Terms
from freehold.core.errors import FreeholdError, InvalidDocument
from freehold.core.signing import Envelope
from freehold.features.data import catalogue, schemas
from freehold.features.data.pages import market
from freehold.features.identity.peers import CatalogueRead
from freehold.features.models.pages import lists
from freehold.features.proof.pages import lineage
from freehold.features.training.pages import train
from freehold.shell.web.pages import assets

WRONG: dict[str, dict[str, Any]] = {
    "rows-text": {"rows": "many"},
    "columns-number": {"columns": 5, "rows": -1},
    "columns-lists": {"columns": [["a"]], "rows": True},
    "rows-each-null": {"rows_each": None},
    "label-object": {"label": {}, "subject": 1, "rows_each": "x"},
    "nothing": {},
}
MODEL: dict[str, Any] = {"recipe": [1], "run": {"a": 1}, "metrics": [], "columns": 7, "label": 5}
METRICS = dict.fromkeys(
    ("test_rows", "correct", "majority_correct", "single_correct", "brier_ppm", "calibration_ppm"), 1
)


def sealed(owner: Party, kind: str, name: str, schema: dict[str, Any]) -> Envelope:
    node = owner.node
    terms: dict[str, Any] = {"purposes": ("training",), "actions": ("train",), "max_uses": 10}
    if kind == "model":
        terms |= {"actions": ("infer",), "purposes": ("inference",), "price_per": "use", "price_units": 5}
    return node.seal(
        Asset(
            asset_kind=kind,
            name=name,
            owner=node.account,
            content=Content(commitment="0x" + "11" * 32, media_type="text/csv", size_bytes=5),
            schema_=schema,
            terms=Terms(expires_at=2**40, token=node.token, **terms),
            created_at=node.now(),
        )
    )


@pytest.fixture(scope="module")
def kept(world: World) -> tuple[Party, Party, dict[str, Envelope]]:
    """A node that holds such assets of another, as one that read a catalogue with an earlier program."""
    victim, hostile = world.party("victim"), world.party("hostile")
    victim.publish(make(24, seed=1))
    made = {name: sealed(hostile, "dataset", name, schema) for name, schema in WRONG.items()}
    made["model"] = sealed(hostile, "model", "model", MODEL)
    made["scores"] = sealed(hostile, "model", "scores", {"metrics": {**METRICS, "auc_ppm": 2_000_000}})
    made["rounds"] = sealed(hostile, "model", "rounds", {"recipe": {"rounds": "x"}, "metrics": METRICS})
    with victim.node.store.transaction() as tx:
        for envelope in made.values():
            tx.put(envelope, logged=False)
    return victim, hostile, made


def api(party: Party, path: str) -> dict[str, Any]:
    answer = httpx.get(
        f"{party.url}/api{path}", headers={"authorization": f"Bearer {TOKEN}"}, timeout=60, trust_env=False
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_every_list_shows_all_the_same(kept: tuple[Party, Party, dict[str, Envelope]]) -> None:
    victim, _, made = kept
    found = {one["id"]: one for one in api(victim, "/search")["assets"]}
    assert len(found) == len(made) + 1
    odd = found[made["columns-number"].document.id]
    assert (odd["rows"], odd["columns"], odd["label"], odd["rows_each"]) == (None, None, None, 1)
    assert found[made["rows-each-null"].document.id]["rows_each"] is None
    assert {one["name"] for one in api(victim, "/models")["models"]} == {"model", "scores", "rounds"}
    for name in ("model", "scores", "rounds"):
        shown = api(victim, f"/models/{made[name].document.id}")
        assert (shown["metrics"], shown["recipe"], shown["run"]) == (None, None, None)


def test_every_page_shows_all_the_same(kept: tuple[Party, Party, dict[str, Envelope]]) -> None:
    victim, _, made = kept
    for overview in (market.overview, lists.overview, lists.market, lineage.overview, train.choose):
        assert "</html>" in page(victim, overview)
    for name in WRONG:
        shown = page(victim, assets.overview, asset=made[name].document.id)
        assert '>Rows</p><p class="figure-value">—</p>' in shown
        page(victim, assets.facet, asset=made[name].document.id, facet="lineage")
    for name in ("model", "scores", "rounds"):
        assert name in page(victim, assets.overview, asset=made[name].document.id)
        page(victim, assets.facet, asset=made[name].document.id, facet="lineage")


def test_a_catalogue_that_holds_such_an_asset_keeps_the_others(
    kept: tuple[Party, Party, dict[str, Envelope]],
) -> None:
    victim, hostile, _ = kept
    good = sealed(hostile, "dataset", "good", {"rows": 4, "columns": ["a"], "label": "b"})
    odd = sealed(hostile, "dataset", "odd", {"rows": "few"})
    read = CatalogueRead(
        hostile.url, hostile.account, {"assets": [odd.to_json(), good.to_json()], "asks_first": []}
    )
    catalogue.keep(victim.node, read)
    assert victim.node.store.has(good.document.id)
    assert not victim.node.store.has(odd.document.id)


@pytest.mark.parametrize("name", WRONG)
def test_nothing_is_planned_with_it(kept: tuple[Party, Party, dict[str, Envelope]], name: str) -> None:
    asset = kept[2][name].document
    assert isinstance(asset, Asset)
    with pytest.raises(InvalidDocument):
        schemas.table(asset)
    with pytest.raises(FreeholdError):
        schemas.columns(asset)
