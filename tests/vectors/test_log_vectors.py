"""The project's own log vectors, and the smallest published ones: present in every checkout."""

import json
import sqlite3
from pathlib import Path

import pytest
from own_tables import log_tables

from freehold.log import note, tree
from freehold.log.checkpoint import Checkpoint
from freehold.log.store import LogStore

DATA = Path(__file__).parent / "data" / "log"
OURS = json.loads((DATA / "log.json").read_text())
PUBLISHED = json.loads((DATA / "published.json").read_text())


@pytest.fixture
def log():
    connection = sqlite3.connect(":memory:")
    log_tables(connection)
    store = LogStore(connection)
    store.extend(bytes.fromhex(entry) for entry in OURS["entries_hex"])
    yield store
    connection.close()


def test_published_roots():
    leaves = [tree.leaf_hash(bytes.fromhex(data)) for data in PUBLISHED["leaf_inputs_hex"]]
    roots = [tree.root_from_leaves(leaves[:size]).hex() for size in range(len(leaves) + 1)]
    assert roots == PUBLISHED["root_by_tree_size_hex"]


def test_published_note():
    assert note.open_note(PUBLISHED["note"], [PUBLISHED["vkey"]]).text == "This is an example message.\n"
    with pytest.raises(note.NoteNotSigned):
        note.open_note(PUBLISHED["note"].replace("example message", "exemplary message"), [PUBLISHED["vkey"]])


def test_roots_and_proofs(log):
    assert [log.root(size).hex() for size in range(log.size() + 1)] == OURS["roots_hex"]
    for case in OURS["inclusion"]:
        proof = log.inclusion_proof(case["index"], case["size"])
        assert [value.hex() for value in proof] == case["proof_hex"]
    for case in OURS["consistency"]:
        proof = log.consistency_proof(case["old_size"], case["new_size"])
        assert [value.hex() for value in proof] == case["proof_hex"]


def test_signed_checkpoint_and_cosignature(log):
    signer = note.Signer.from_seed(OURS["log_vkey"].partition("+")[0], bytes.fromhex(OURS["log_seed_hex"]))
    assert str(signer.key) == OURS["log_vkey"]
    signed = note.sign(Checkpoint(signer.key.name, log.size(), log.root()).format(), signer)
    assert signed == OURS["note"]
    witness = note.Signer.from_seed(
        OURS["witness_vkey"].partition("+")[0],
        bytes.fromhex(OURS["witness_seed_hex"]),
        kind=note.COSIGNATURE_V1,
    )
    text = note.parse_note(signed).text
    assert signed + witness.line(text, time=OURS["witness_time"]) == OURS["cosigned_note"]
    opened = note.open_note(OURS["cosigned_note"], [OURS["log_vkey"], OURS["witness_vkey"]])
    assert list(opened.verified.values()) == [None, OURS["witness_time"]]
