"""The table of who sees what, as far as bytes can tell: what real nodes serve, keep and prove after a run and a call."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import node_tables
import numpy as np
import pytest
from inference_world import Shop
from node_world import Party, World, run_job

from freehold.chain import deployments
from freehold.core.signing import parse_envelope
from freehold.features.data import catalogue
from freehold.features.data.publishing import open_table
from freehold.features.data.rules import table as tables
from freehold.kernel import custody, logbook
from freehold.kernel.evidence import proving
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.verify import verify

ROOT = Path(__file__).resolve().parents[2]
ASKED = "90731.25"
"""A cell of the question that nothing else here would write."""


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def sold(shop: Shop) -> tuple[Party, dict[str, Any]]:
    """A buyer and the answer it paid for."""
    buyer = shop.buyer()
    rows = [[ASKED, *("0.5" for _ in range(shop.width - 1))]]
    return buyer, buyer.buyer.predict(shop.model.id, rows)


@pytest.fixture(scope="module")
def evidence(shop: Shop, sold: tuple[Party, dict[str, Any]]) -> dict[str, bytes]:
    buyer, answer = sold
    buyer.services.countersigner.flush(shop.builder.account)
    logbook.anchor(shop.builder.node)
    return dict(proving.evidence(buyer.services, receipt_of(answer)).files)


def receipt_of(answer: dict[str, Any]) -> str:
    return str(parse_envelope(answer["receipt"]).document.id)


def asset_of(owner: Party) -> str:
    """The table that it has on offer."""
    (envelope,) = catalogue.offered(owner.node)
    return str(envelope.document.id)


def trained_on(shop: Shop) -> list[bytes]:
    """Every owner's rows in the two forms in which something here would write them: JSON and canonical bytes."""
    found = []
    for owner in shop.owners:
        table, _ = open_table(owner.node, asset_of(owner))
        for row in np.asarray(table.features):
            found += [",".join(map(str, row.tolist())).encode(), row.astype("<i8").tobytes()]
    return found


def kept(party: Party) -> bytes:
    """All that a node's database holds, as whoever runs it reads it."""
    with sqlite3.connect(f"file:{party.home / 'node.sqlite'}?mode=ro", uri=True) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        cells = [
            cell for name in names for row in connection.execute(f"SELECT * FROM {name}") for cell in row
        ]
    return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)


def anywhere(needles: list[bytes], *places: bytes) -> list[bytes]:
    return [needle for needle in needles for place in places if needle in place]


def test_no_row_leaves_its_owner_and_a_store_sees_noise(shop, evidence):
    rows = trained_on(shop)
    opened = [tables.canonical_bytes(open_table(owner.node, asset_of(owner))[0]) for owner in shop.owners]
    assert len(anywhere(rows, *opened)) == len(rows) // 2 > 50
    stores = [
        blob.read_bytes()
        for owner in shop.owners
        for blob in (owner.home / "blobs").rglob("*")
        if blob.is_file()
    ]
    assert stores
    databases = [kept(party) for party in (*shop.owners, shop.builder)]
    assert anywhere(rows, *stores, *databases, *evidence.values()) == []


def test_evidence_holds_updates_test_rows_and_columns_and_of_a_call_two_hashes(shop, sold, evidence):
    buyer, answer = sold
    rounds = json.loads(evidence["training/rounds.json"])
    assert all(one["update"] for number in rounds for one in number["revealed"].values())
    test = json.loads(evidence["training/test.json"])
    assert test["columns"] == list(shop.model.schema_["columns"])
    assert len(test["features"]) == len(test["labels"]) > 0
    shown = [",".join(map(str, row)).encode() for row in test["features"]]
    assert anywhere(shown, evidence["training/test.json"]) == anywhere(shown, kept(shop.builder)) == shown
    everything = b"".join(evidence.values())
    assert ASKED.encode() not in everything
    assert b'"outputs"' not in everything
    written = json.loads(evidence[f"documents/{receipt_of(answer)}.json"])
    assert {"request", "channel", "cumulative_units"} <= set(written["document"]["evidence"])
    for party in (buyer, shop.builder, *shop.owners):
        assert party.name.encode() in everything


def test_a_seller_reads_the_question_and_keeps_its_hash_and_the_answer(shop, sold):
    buyer, answer = sold
    sellers = kept(shop.builder)
    assert ASKED.encode() not in sellers
    assert json.dumps(answer["outputs"], separators=(",", ":"), sort_keys=True).encode() in sellers
    # the buyer's node held the question while the call was open, and let go of it
    assert ASKED.encode() not in kept(buyer)


def test_a_buyer_keeps_what_it_bought_under_a_key_and_not_the_question(shop):
    buyer = shop.buyer("keyed")
    rows = [[ASKED, *("0.25" for _ in range(shop.width - 1))]]
    unkeyed = buyer.buyer.predict(shop.model.id, rows)
    assert b'"outputs"' not in kept(buyer)
    keyed = buyer.buyer.predict(shop.model.id, rows, key="mine")
    assert keyed["outputs"] == unkeyed["outputs"]
    assert json.dumps(keyed["outputs"], separators=(",", ":"), sort_keys=True).encode() in kept(buyer)
    assert ASKED.encode() not in kept(buyer)


def test_anyone_reads_columns_and_counts_in_the_catalogue_and_no_more(shop):
    rows = trained_on(shop)
    for owner in shop.owners:
        said = httpx.get(f"{owner.url}/catalogue", trust_env=False).content
        (asset,) = json.loads(said)["assets"]
        schema = asset["document"]["schema"]
        assert set(schema) == {"columns", "label", "rows"}
        document = httpx.get(f"{owner.url}/documents/{asset_of(owner)}", trust_env=False).content
        assert anywhere(rows, said, document) == []


def test_a_log_says_ids_and_types_and_grants_and_receipts_are_not_public(shop, sold):
    node = shop.builder.node
    with node.store.log() as log:
        entries = [json.loads(log.entry(index)) for index in range(log.size())]
    assert {frozenset(entry) for entry in entries} == {frozenset({"id", "type"})}
    for entry in entries:
        answered = httpx.get(f"{shop.builder.url}/documents/{entry['id']}", trust_env=False).status_code
        assert answered == (404 if entry["type"] in ("grant", "receipt") else 200), entry


def test_no_contract_has_a_place_for_a_text():
    """Accounts, numbers and hashes: no event can carry a name, a column or a row."""
    seen = set()
    for name in deployments.names():
        for part in deployments.artifact(name).abi:
            if part["type"] == "event" and part["name"] != "EIP712DomainChanged":
                seen |= {field["type"] for field in part["inputs"]}
    assert seen <= {"address", "bool", "bytes32", "uint64", "uint256"}


def test_readme_and_page_say_one_table():
    tables_of = [
        [
            line
            for line in (ROOT / page).read_text().splitlines()
            if line.startswith("| ") and line.count("|") == 12
        ]
        for page in ("README.md", "docs/who-sees-what.md")
    ]
    assert len(tables_of[0]) == 13
    assert tables_of[0] == tables_of[1]


def test_a_version_is_erased_by_its_file_and_the_rest_goes_on(shop, sold, evidence):
    owner = shop.owners[0]
    content = httpx.get(f"{owner.url}/documents/{asset_of(owner)}", trust_env=False).json()["document"][
        "content"
    ]
    (owner.home / "blobs" / content["blob"]).unlink()
    with pytest.raises(custody.DataLost):
        open_table(owner.node, asset_of(owner))
    assert custody.missing(owner.node)
    buyer, before = sold
    rows = [[ASKED, *("0.5" for _ in range(shop.width - 1))]]
    assert buyer.buyer.predict(shop.model.id, rows)["outputs"] == before["outputs"]
    assert verify(Bundle(evidence)).verdict == "holds"


def test_exact_updates_are_in_evidence_that_any_account_is_given(world):
    """The exception in every cell of the first column: they are for named builders, and evidence is for all."""
    builder, owner, stranger = (world.party(name) for name in ("bldr", "exact", "curious"))
    owner.publish(node_tables.make(60, seed=3), reveals="update", holders=[builder.account])
    job, _ = run_job(builder, [owner], rounds=1, level="update")
    stranger.knows(builder)
    shown = stranger.services.peers.ask(builder.account, "/peer/model-evidence", {"model": job["model"]})
    files = Bundle.from_json(shown).files
    (only,) = json.loads(files["training/rounds.json"])
    assert json.loads(files["training/plan.json"])["noise"]["sigma"] == 0
    assert only["revealed"][owner.account]["update"]
