"""Published transparency-log vectors: every case gets the verdict in its file."""

import hashlib
import json
import sqlite3
from base64 import b64decode
from pathlib import Path

import pytest
from bundles import decode_bundle
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key
from own_tables import log_tables

from freehold.core.errors import VerificationFailed
from freehold.log import note, tiles, tree
from freehold.log.checkpoint import Checkpoint
from freehold.log.store import LogStore

PUBLISHED = Path(__file__).resolve().parents[2] / ".." / "shared" / "vectors" / "tlog"

if not PUBLISHED.is_dir():
    pytest.skip(
        "the published transparency-log vectors are not beside the repository", allow_module_level=True
    )


def load(name):
    return json.loads((PUBLISHED / name).read_text())


def cases(name):
    return [
        pytest.param(case, id=f"{case['file']}#{n}")
        for n, case in enumerate(load(f"merkle/{name}.json")["cases"])
    ]


def from_the_start(name):
    """The cases of subtrees that start at leaf 0; others are not offered."""
    return [case for case in cases(name) if not case.values[0]["start"]]


def decoded(case, *names):
    return [b64decode(case[name] or "") for name in names]


def judge(case, check, *arguments):
    proof = [b64decode(value) for value in case["proof"] or []]
    if case["wantErr"]:
        with pytest.raises(VerificationFailed):
            check(*arguments, proof)
    else:
        check(*arguments, proof)


def included(leaf, index, size, root, proof):
    tree.verify_inclusion(leaf, index, size, proof, root)


@pytest.mark.parametrize("case", cases("inclusion"))
def test_inclusion(case):
    leaf, root = decoded(case, "leafHash", "root")
    judge(case, included, leaf, case["leafIdx"], case["treeSize"], root)


# Among these are three with both sizes 0; here, too, a proof from the empty tree is refused.
@pytest.mark.parametrize("case", cases("consistency"))
def test_consistency(case):
    old, new = decoded(case, "root1", "root2")
    judge(case, tree.verify_consistency, case["size1"], case["size2"], old, new)


@pytest.mark.parametrize("case", from_the_start("subtreeinclusion"))
def test_subtree_inclusion(case):
    leaf, root = decoded(case, "leafHash", "root")
    judge(case, included, leaf, case["leafIdx"], case["end"], root)


@pytest.mark.parametrize("case", from_the_start("subtreeconsistency"))
def test_subtree_consistency(case):
    old, new = decoded(case, "root1", "root2")
    if not case["end"]:
        # This set accepts an empty subtree against any root, while the plain set refuses size 0. We refuse.
        case = case | {"wantErr": True}
    judge(case, tree.verify_consistency, case["end"], case["size"], old, new)


def test_known_roots():
    known = load("rfc6962_known_roots.json")
    leaves = [tree.leaf_hash(bytes.fromhex(data)) for data in known["leaf_inputs_hex"]]
    for size, root in enumerate(known["root_by_tree_size_hex"]):
        assert tree.root_from_leaves(leaves[:size]).hex() == root
    for level, row in enumerate(known["complete_subtree_hashes_by_level_hex"]):
        for index, value in enumerate(row):
            assert tree.root_from_leaves(leaves[index << level : (index + 1) << level]).hex() == value
    for case in known["hasher"]:
        want = bytes.fromhex(case["want"])
        match case["what"]:
            case "leaf":
                assert tree.leaf_hash(bytes.fromhex(case["data_hex"])) == want
            case "node":
                assert (
                    tree.node_hash(bytes.fromhex(case["left_hex"]), bytes.fromhex(case["right_hex"])) == want
                )
            case "empty tree root":
                assert want == tree.EMPTY_ROOT


@pytest.mark.parametrize("size", range(10))
def test_static_log(size):
    folder = PUBLISHED / "tessera_log"
    opened = note.open_note(
        (folder / f"checkpoint.{size}").read_bytes(), [(folder / "vkey").read_text().strip()]
    )
    checkpoint = Checkpoint.parse(opened.text, origin="example.com/log/testdata")
    assert checkpoint.size == size
    if not size:
        assert checkpoint.root == tree.EMPTY_ROOT
        return
    bundle = (folder / tiles.TileAddress(None, 0, size).path).read_bytes()
    connection = sqlite3.connect(":memory:")
    log_tables(connection)
    log = LogStore(connection)
    log.extend(decode_bundle(bundle, size))
    assert log.root() == checkpoint.root
    assert log.tile(0, 0, size) == (folder / tiles.TileAddress(0, 0, size).path).read_bytes()
    assert log.entries_tile(0, size) == bundle
    connection.close()


def test_c2sp_examples():
    examples = load("c2sp_examples.json")
    for case in examples["cases"]:
        opened = note.open_note(case["note"], [case["vkey"]])
        assert str(next(iter(opened.verified))) == case["vkey"]
    parsed = note.parse_note(examples["format_only"][0]["text"])
    assert Checkpoint.parse(parsed.text).size == 20852163
    path, _, _, full = examples["tiles"]
    assert tiles.encode_index(path["tile_index"]) == path["encoded"]
    assert (
        full["full_tile_hashes"],
        full["full_tile_bytes"],
    ) == (tiles.TILE_WIDTH, tiles.TILE_WIDTH * tree.HASH_BYTES)


def test_c2sp_cosignature_message():
    """The exact bytes of the published example are what a cosignature signs."""
    message = load("c2sp_examples.json")["format_only"][1]["signed_message"]
    text = message.split("\n", 2)[2]
    signer = note.Signer.from_seed("witness.example.com/w1", b"s" * 32, kind=note.COSIGNATURE_V1)
    line = note.parse_note(note.sign(text, signer, time=1679315147)).signatures[0]
    key = ed25519.Ed25519PublicKey.from_public_bytes(signer.key.public)
    key.verify(line.signature[8:], message.encode())


def rekor():
    return [pytest.param(case, id=case["file"]) for case in load("rekor_entries.json")["cases"]]


@pytest.mark.parametrize("case", rekor())
def test_rekor_entry(case):
    assert case["expect"] == {
        "inclusion": True,
        "checkpoint_matches_proof": True,
        "checkpoint_signature": True,
    }
    leaf = tree.leaf_hash(b64decode(case["leaf_data_b64"]))
    proof = [b64decode(value) for value in case["proof_b64"]]
    root = b64decode(case["root_b64"])
    tree.verify_inclusion(leaf, case["index"], case["tree_size"], proof, root)
    parsed = note.parse_note(case["checkpoint"])
    checkpoint = Checkpoint.parse(parsed.text)
    assert (checkpoint.size, checkpoint.root) == (case["tree_size"], root)
    assert any(verifies(case, parsed, line) for line in parsed.signatures)


def verifies(case, parsed, line):
    """These logs predate verifier keys: the key is given as SPKI, the id not always by the formula."""
    spki = b64decode(case["log_public_key_spki_b64"])
    key = load_der_public_key(spki)
    if isinstance(key, ed25519.Ed25519PublicKey):
        named = note.VerifierKey(line.name, note.ED25519, key.public_bytes_raw())
        try:
            named.verify(parsed.text, line.signature)
        except note.NoteNotSigned:
            return False
        return True
    if line.key_id != hashlib.sha256(spki).digest()[:4]:
        return False
    try:
        key.verify(line.signature, parsed.text.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
