"""One spelling for everything, plain files only: what two readers could read apart is refused by both."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_ledger import CHAIN_ID, CONTRACTS
from evidence_verdicts import EXAMPLES, broken, verdict, verify_standalone
from evidence_world import DOMAIN, World, person

from freehold.core.canonical import canonical_bytes, parse
from freehold.core.ids import sha256_hex
from freehold.core.signing import document_digest, sign_digest
from freehold.kernel.evidence.bundle import Bundle, InvalidBundle
from freehold.kernel.evidence.manifest import PATH, sign_files

FREEHOLD = str(Path(sys.executable).with_name("freehold"))
CHAIN, START = "chain.json", "training/start.json"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(scope="module")
def world():
    made = World()
    made.honest = made.build()
    return made


def resigned(world, files):
    files = {path: data for path, data in files.items() if path != PATH}
    key = person("builder").key
    return sign_files(files, world.subject, chain_id=CHAIN_ID, contracts=CONTRACTS, key=key, issued_at=1)


def edited(world, path, change):
    value = parse(world.honest.files[path])
    change(value)
    return resigned(world, world.honest.files | {path: canonical_bytes(value)})


RAW = {
    "Infinity": b"Infinity",
    "NaN": b"NaN",
    "minus zero": b"-0",
    "a float for one": b"1.0",
    "an exponent": b"1e0",
    "a leading zero": b"01",
    "beyond exact": b"9007199254740992",
    "a key twice": b'{"a":1,"a":1}',
    "keys out of order": b'{"b":1,"a":1}',
    "keys sorted by code point": '{"\uffff":1,"\U00010000":1}'.encode(),
    "an escape for a letter": b'"\\u0061"',
    "half a surrogate": b'"\\ud800"',
    "nested too deeply": b"[" * 40 + b"]" * 40,
    "nested beyond any stack": b"[" * 100_000 + b"]" * 100_000,
    "no UTF-8": b'"\xff"',
    "a byte order mark": b"\xef\xbb\xbf1",
}


@pytest.mark.parametrize("name", RAW)
def test_a_value_that_readers_read_apart_is_refused(world, name):
    files = world.honest.files | {START: b'{"grants":' + RAW[name] + b"}"}
    assert broken(resigned(world, files)) == [("manifest.files", START)]


def test_keys_are_sorted_as_utf_16_by_both():
    """RFC 8785 puts U+10000 before U+FFFF, which code points do not."""

    def odd(fields, name):
        more = {"bounds": {"\uffff": 1, "\U00010000": 2}} if name == "ada" else {}
        return fields | {"schema_": fields["schema_"] | more}

    assert broken(World({"asset": odd}).build()) == []


SLOTS = {
    "a leading zero": lambda slot: "0x0" + slot[2:],
    "upper case": lambda slot: "0x" + slot[2:].upper(),
    "upper prefix": lambda slot: "0X" + slot[2:],
    "decimal": lambda slot: str(int(slot, 16)),
    "underscores": lambda slot: slot[:6] + "_" + slot[6:],
    "a number": lambda slot: int(slot, 16) % 2**50,
    "blank": lambda slot: slot + " ",
    "sign": lambda slot: "+" + slot,
}


@pytest.mark.parametrize("name", SLOTS)
def test_a_storage_slot_has_one_spelling(world, name):
    def change(value):
        one = value["accounts"][0]["storage"][0]
        one["slot"] = SLOTS[name](one["slot"])

    assert broken(edited(world, CHAIN, change)) == [("chain.state", CHAIN)]


def proof_in_capitals(value):
    nodes = value["accounts"][0]["proof"]
    nodes[0] = "0x" + nodes[0][2:].upper()


def address_in_capitals(value):
    value["accounts"][0]["address"] = "0x" + value["accounts"][0]["address"][2:].upper()


def header_with_a_blank(value):
    value["header"] = value["header"][:4] + " " + value["header"][4:]


def hash_in_capitals(value):
    value["block_hash"] = "0x" + value["block_hash"][2:].upper()


def slot_twice(value):
    value["accounts"][0]["storage"].append(value["accounts"][0]["storage"][0])


def more_in_a_slot(value):
    value["accounts"][0]["storage"][0]["value"] = "0x1"


def more_in_an_account(value):
    value["accounts"][0]["balance"] = "0x1"


def more_in_a_proof(value):
    value["note"] = 1


def true_for_a_number(value):
    value["block_number"] = True


def another_number(value):
    value["block_number"] += 1


PROOFS = (
    proof_in_capitals,
    address_in_capitals,
    header_with_a_blank,
    hash_in_capitals,
    slot_twice,
    more_in_a_slot,
    more_in_an_account,
    more_in_a_proof,
    true_for_a_number,
    another_number,
)


@pytest.mark.parametrize("change", PROOFS, ids=lambda change: change.__name__)
def test_a_chain_proof_has_one_spelling(world, change):
    assert broken(edited(world, CHAIN, change)) == [("chain.state", CHAIN)]


def other_parity(raw):
    return raw[:64] + bytes([55 - raw[64]])


def zero_based(raw):
    return raw[:64] + bytes([raw[64] - 27])


def high_s(raw):
    return raw[:32] + (ORDER - int.from_bytes(raw[32:64])).to_bytes(32) + bytes([55 - raw[64]])


def high_s_same_parity(raw):
    return high_s(raw)[:64] + raw[64:]


def without_parity(raw):
    return raw[:64]


def with_chain_id(raw):
    return raw[:64] + bytes([35 + 2 * 100 + raw[64] - 27])


FORMS = (other_parity, zero_based, high_s, high_s_same_parity, without_parity, with_chain_id)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_signature_has_one_form(world, form):
    for path, check in ((PATH, "manifest.signature"), (world.path("answer"), "documents.signatures")):
        value = parse(world.honest.files[path])
        for one in value["signatures"]:
            one["signature"] = "0x" + form(bytes.fromhex(one["signature"][2:])).hex()
        files = world.honest.files | {path: canonical_bytes(value)}
        bundle = Bundle(files) if path == PATH else resigned(world, files)
        assert broken(bundle) == [(check, path)]


LITERAL = {
    "true for a version": {"version": True},
    "version left out": {"version": None},
    "description left out": {"description": None},
    "a default spelled out": {"terms": {"holders": []}},
    "within": {"content": {"blob": False}},
}


@pytest.mark.parametrize("name", LITERAL)
def test_a_document_says_all_its_fields_in_their_form(world, name):
    """Signed as it stands: its id is the hash of what stands there, and not of what it is read as."""
    model = world.named["model"]
    body = dict(model.body)
    for field, value in LITERAL[name].items():
        if value is None:
            del body[field]
        else:
            body[field] = {**body[field], **value} if isinstance(value, dict) else value
    data = canonical_bytes(body)
    twin = type(model).model_construct(**dict(model))
    twin.__dict__["body"], twin.__dict__["id"] = body, sha256_hex(data)
    signature = sign_digest(person("builder").key, document_digest(twin, "owner", DOMAIN))
    one = {"role": "owner", "signer": model.owner, "signature": "0x" + signature.hex()}
    path = f"documents/{twin.id}.json"
    found = broken(
        resigned(world, world.honest.files | {path: canonical_bytes({"document": body, "signatures": [one]})})
    )
    assert found == [("documents.ids", path)]


# what lies in the directory


def linked_file(folder):
    (folder / CHAIN).rename(folder.parent / CHAIN)
    (folder / CHAIN).symlink_to(folder.parent / CHAIN)


def linked_folder(folder):
    (folder / "logs").rename(folder.parent / "logs")
    (folder / "logs").symlink_to(folder.parent / "logs")


def pipe(folder):
    os.mkfifo(folder / "more.json")


def pipe_in_place(folder):
    (folder / CHAIN).unlink()
    os.mkfifo(folder / CHAIN)


def device(folder):
    (folder / CHAIN).unlink()
    (folder / CHAIN).symlink_to("/dev/zero")


def listening(folder):
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)
        server.bind("s.json")
        os.chdir(here)


def folder_for_a_file(folder):
    (folder / "more.json").mkdir()


def folder_in_place(folder):
    (folder / CHAIN).unlink()
    (folder / CHAIN).mkdir()


def another_name(folder):
    (folder / "notes.txt").write_text("x")


def hidden(folder):
    (folder / ".notes.json").write_text("{}")


def too_deep(folder):
    (folder / "a/b/c/d").mkdir(parents=True)
    (folder / "a/b/c/d/e.json").write_text("{}")


def empty_and_too_deep(folder):
    (folder / "a/b/c/d").mkdir(parents=True)


def too_many_folders(folder):
    for number in range(10_000):
        (folder / f"documents/z{number}").mkdir()


KINDS = (
    linked_file,
    linked_folder,
    pipe,
    pipe_in_place,
    device,
    listening,
    folder_for_a_file,
    folder_in_place,
    another_name,
    hidden,
    too_deep,
    empty_and_too_deep,
    too_many_folders,
)


@pytest.mark.parametrize("change", KINDS, ids=lambda change: change.__name__)
def test_only_plain_files_are_evidence(world, tmp_path, change):
    folder = tmp_path / "evidence"
    world.honest.write(folder)
    change(folder)
    assert verify_standalone.main([str(folder)]) == 2
    with pytest.raises(InvalidBundle):
        Bundle.read(folder)
    if change in {pipe_in_place, linked_folder}:
        for command in ([sys.executable, str(EXAMPLES / "verify_standalone.py")], [FREEHOLD, "verify"]):
            done = subprocess.run([*command, folder], capture_output=True, timeout=60, check=False)
            assert done.returncode == 2, (command, done.stdout, done.stderr)


@pytest.mark.parametrize("number", range(40))
def test_both_read_the_same_trees(tmp_path, number):
    dice, folder = random.Random(f"tree {number}"), tmp_path / "evidence"
    folder.mkdir()
    for _ in range(dice.randint(1, 4)):
        parts = [dice.choice(["a", "b-1", "c" * 80]) for _ in range(dice.randint(1, 4))]
        if dice.random() < 0.3:
            parts[-1] = dice.choice(["A", "-", ".a", "c" * 81, "é", "a\n"])
        place = folder.joinpath(*parts)
        if dice.random() < 0.5:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.with_name(f"{place.name}.json").write_text("{}")
    try:
        package = Bundle.read(folder).files
    except InvalidBundle:
        package = None
    try:
        standalone = verify_standalone.read_files(folder)
    except SystemExit:
        standalone = None
    assert package == standalone


def test_a_directory_that_is_not_there(tmp_path):
    for command in ([sys.executable, str(EXAMPLES / "verify_standalone.py")], [FREEHOLD, "verify"]):
        done = subprocess.run([*command, tmp_path / "none"], capture_output=True, check=False)
        assert done.returncode == 4


# checkpoints


def signed_twice(text):
    return text + text.split("\n\n")[1]


def signed_by_a_stranger_first(text):
    body, line = text.split("\n\n")
    return f"{body}\n\n\N{EM DASH} somebody {'A' * 92}\n{line}"


def with_an_extension(text):
    return text.replace("\n\n", "\nmore\n\n")


def zeros_before_the_size(text):
    lines = text.split("\n")
    return "\n".join([lines[0], "0" + lines[1], *lines[2:]])


CHECKPOINTS = (signed_twice, signed_by_a_stranger_first, with_an_extension, zeros_before_the_size)


@pytest.mark.parametrize("form", CHECKPOINTS, ids=lambda form: form.__name__)
def test_a_checkpoint_has_one_form(world, form):
    path = f"logs/{person('ada').account}.json"

    def change(value):
        value["checkpoint"] = form(value["checkpoint"])

    assert broken(edited(world, path, change))[0] == ("logs.checkpoints", path)


def test_honest_evidence_holds(world):
    assert verdict(world.honest) == "holds"
