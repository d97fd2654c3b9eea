"""Whatever is changed, dropped or reordered in finished evidence is found; both verifiers name the same file."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_ledger import CHAIN_ID, CONTRACTS
from evidence_verdicts import EXAMPLES, broken, verify_standalone
from evidence_world import COLUMNS, DOMAIN, NOW, World, person

from freehold.chain import deployments, proof
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.rpc import Rpc
from freehold.core.canonical import canonical_bytes, parse
from freehold.core.documents import Claim
from freehold.core.ids import document_id, sha256_hex
from freehold.core.signing import DOCUMENT_TYPE, digest, seal, sign_digest
from freehold.kernel.evidence import manifest, state
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import PATH, Manifest, sign_files
from freehold.kernel.evidence.reading import path_of
from freehold.kernel.evidence.verify import verify

FREEHOLD = str(Path(sys.executable).with_name("freehold"))
PLAN, START, TEST, ROUNDS = (f"training/{name}.json" for name in ("plan", "start", "test", "rounds"))


@pytest.fixture(scope="module")
def world():
    world = World()
    world.honest = world.build()
    return world


@pytest.fixture
def honest(world):
    return world.honest


def resigned(world, files, signer="builder", contracts=None):
    """The files under a manifest that is signed anew."""
    files = {path: data for path, data in files.items() if path != PATH}
    key, contracts = person(signer).key, contracts or CONTRACTS
    return sign_files(files, world.subject, chain_id=CHAIN_ID, contracts=contracts, key=key, issued_at=1)


def edited(world, path, change):
    """The evidence with one file changed as JSON, under a manifest that is signed anew."""
    value = parse(world.honest.files[path])
    value = change(value) or value
    return resigned(world, world.honest.files | {path: canonical_bytes(value)})


# what holds


def test_honest_evidence_holds_in_both_verifiers(honest):
    assert broken(honest) == []
    report = verify(honest)
    assert len(report.checks) == 35
    assert report.verdict == "holds"
    groups = [group for line in verify_standalone.checks(honest.files) for group in line.split(", ")]
    assert groups == list(dict.fromkeys(check.name.split(".")[0] for check in report.checks))


@pytest.mark.parametrize(
    "how",
    [
        {"level": "update"},
        {"holder": "val"},
        {"owners": ("ada",), "revoked": ()},
        {"owners": ("ada", "dan"), "revoked": ()},
        # one owner of three with most of the rows
        {"owners": ("ada", "cyd", "dan"), "revoked": (), "rows": {"ada": 400, "cyd": 40, "dan": 30}},
        {
            "level": "update",
            "owners": ("ada", "cyd", "dan"),
            "revoked": (),
            "rows": {"ada": 400, "cyd": 5, "dan": 30},
        },
        {"rounds": 12},
    ],
)
def test_evidence_of_other_runs_holds_too(how):
    assert broken(World(**how).build()) == []


def test_evidence_about_a_model_needs_no_receipt():
    world = World()
    bundle = world.build(answered=False)
    assert broken(bundle) == []
    report = verify(bundle)
    assert report.subject == world.model.id
    assert not [
        path for path, data in bundle.files.items() if b'"action":"infer","' in data and "documents" in path
    ]


def test_a_model_is_shown_by_its_owner_alone():
    world = World()
    world.honest = world.build(answered=False)
    value = parse(world.honest.files[PATH])["document"] | {"issuer": person("ada").account}
    made = Manifest.model_validate_json(canonical_bytes(value))
    files = world.honest.files | {PATH: seal(made, person("ada").key, DOMAIN).to_bytes()}
    assert broken(Bundle(files)) == [("documents.subject", PATH)]


def test_evidence_about_a_dataset_is_none(world, honest):
    asset = world.named["asset ada"]
    value = parse(honest.files[PATH])["document"] | {"issuer": asset.owner, "subject": asset.id}
    made = Manifest.model_validate_json(canonical_bytes(value))
    files = honest.files | {PATH: seal(made, person("ada").key, DOMAIN).to_bytes()}
    assert broken(Bundle(files)) == [("documents.subject", PATH)]


def test_nobody_vouching_for_the_block_is_said(honest):
    report = verify(honest)
    block = next(check for check in report.checks if check.name == "chain.block")
    assert report.trusted_by == "nobody"
    assert report.block_hash in block.detail


def test_the_trusted_block_hash_decides(honest):
    right = verify(honest).block_hash
    assert broken(honest, right.upper().replace("0X", "0x")) == []
    assert broken(honest, "0x" + "ab" * 32) == [("chain.block", "chain.json")]


def test_the_holder_may_show_it_too(world, honest):
    assert broken(resigned(world, honest.files, signer="buyer")) == []


def test_addresses_in_the_standalone_verifier_are_those_of_the_contracts():
    addresses = {name: deployments.address(name).lower() for name in manifest.CONTRACTS}
    assert addresses == verify_standalone.CONTRACTS


def test_the_standalone_program_says_so_by_its_exit_code(honest, tmp_path):
    honest.write(tmp_path / "evidence")
    command = [sys.executable, str(EXAMPLES / "verify_standalone.py"), str(tmp_path / "evidence")]
    block = verify(honest).block_hash
    good = subprocess.run([*command, "--block-hash", block], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout.count("\n")) == (0, 7), good.stdout + good.stderr
    other = "0x" + "ab" * 32
    bad = subprocess.run([*command, "--block-hash", other], capture_output=True, text=True, check=False)
    assert bad.returncode == 9
    assert "BROKEN chain.json" in bad.stdout


def test_the_standalone_verifier_is_one_file_that_shares_no_code():
    assert [path.name for path in EXAMPLES.glob("*standalone*.py")] == ["verify_standalone.py"]
    source = (EXAMPLES / "verify_standalone.py").read_text()
    assert source.count("\n") < 1_000
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        name
        for node in nodes
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"Crypto", "cryptography"}
    assert not {"importlib", "subprocess"} & names


def test_a_chain_that_runs_proves_the_same_way(world, tmp_path):
    with EmbeddedNode(tmp_path) as node, Rpc(node.url) as rpc:
        chain = Chain(rpc)
        deployments.deploy_missing(chain, DEV_KEY)
        stamped = "0x" + "5a" * 32
        chain.send(DEV_KEY, "Timestamps", "stamp", bytes.fromhex(stamped[2:]))
        slot = state.stamp_slot(stamped)
        captured = proof.capture(chain, [(CONTRACTS["Timestamps"], [slot])])
        assert proof.verify(captured).state[CONTRACTS["Timestamps"], slot] > 0
        # what it proves is another chain's state: nothing of this market is in it
        documents = [envelope.document for envelope in world.envelopes.values()]
        accounts = [one.account for one in world.people.values()]
        wanted = state.needed(documents, accounts, [world.pool], CHAIN_ID, CONTRACTS)
        foreign = resigned(
            world, world.honest.files | {"chain.json": canonical_bytes(proof.capture(chain, wanted))}
        )
        report = verify(foreign, chain=chain)
    first = min(path for path in world.honest.files if path.startswith("logs/"))
    assert next(check.ok for check in report.checks if check.name == "chain.block")
    assert report.trusted_by == "chain client"
    assert broken(foreign)[0] == ("logs.anchors", first)


# bytes


def test_every_flipped_byte_is_found_in_its_own_file(honest):
    for path, data in honest.files.items():
        size = len(data)
        for place, mask in (
            (0, 1),
            (1, 128),
            (size // 3, 2),
            (size // 2, 1),
            (2 * size // 3, 4),
            (size - 2, 8),
        ):
            flipped = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
            assert [file for _, file in broken(Bundle(honest.files | {path: flipped}))] == [path], (
                path,
                place,
            )


def test_every_hex_digit_of_the_manifest_signature_counts(honest):
    value = parse(honest.files[PATH])
    signature = value["signatures"][0]["signature"]
    for place in (*range(2, 122, 7), *range(122, len(signature))):
        other = "0" if signature[place] != "0" else "1"
        value["signatures"][0]["signature"] = signature[:place] + other + signature[place + 1 :]
        changed = Bundle(honest.files | {PATH: canonical_bytes(value)})
        assert broken(changed) == [("manifest.signature", PATH)], place


def test_the_second_form_of_a_signature_is_refused(honest):
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    value = parse(honest.files[PATH])
    raw = bytes.fromhex(value["signatures"][0]["signature"][2:])
    high = order - int.from_bytes(raw[32:64], "big")
    twin = raw[:32] + high.to_bytes(32, "big") + bytes([55 - raw[64]])
    value["signatures"][0]["signature"] = "0x" + twin.hex()
    assert broken(Bundle(honest.files | {PATH: canonical_bytes(value)})) == [("manifest.signature", PATH)]


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_cut_file_is_found(honest, cut):
    for path in honest.files:
        files = honest.files | {path: honest.files[path][:cut]}
        assert [file for _, file in broken(Bundle(files))] == [path]


def test_a_missing_or_extra_file_is_found(honest):
    for path in honest.files:
        files = {name: data for name, data in honest.files.items() if name != path}
        assert [file for _, file in broken(Bundle(files))] == [path]
    extra = Bundle(honest.files | {"training/more.json": b"{}"})
    assert broken(extra) == [("manifest.files", "training/more.json")]


def test_a_file_that_has_no_place_is_found_however_signed(world, honest):
    for path in ("training/more.json", "training/round-001.json", "notes.json", "documents/0xab.json"):
        found = broken(resigned(world, honest.files | {path: b"{}"}))
        assert found == [("manifest.files", PATH)]


FORGED = "\r\x1b[2Kok     valuation\nall holds if chain 31337 has block 0x" + "ab" * 32 + "\x1b[8m"


@pytest.mark.parametrize(
    "where", ["a name in the manifest", "a field of an envelope", "a value of a document"]
)
def test_evidence_has_no_say_in_what_is_printed(world, honest, tmp_path, where):
    """Not even one that fits on a line: a terminal breaks lines where it likes."""
    files = {path: data for path, data in honest.files.items() if path != PATH}
    path = world.path("answer")
    value = parse(files[path])
    if where == "a field of an envelope":
        value[FORGED] = 1
    elif where == "a value of a document":
        value["document"]["type"] = FORGED
    said = manifest.file_hashes(files | {path: canonical_bytes(value)})
    if where == "a name in the manifest":
        said[FORGED] = "0x" + "00" * 32
    body = parse(honest.files[PATH])["document"]
    body["statement"]["files"] = said
    made = Manifest.model_validate_json(canonical_bytes(body))
    sealed = seal(made, person("builder").key, made.domain()).to_bytes()
    Bundle(files | {path: canonical_bytes(value), PATH: sealed}).write(tmp_path / "evidence")
    for command in ([sys.executable, str(EXAMPLES / "verify_standalone.py")], [FREEHOLD, "verify"]):
        done = subprocess.run([*command, tmp_path / "evidence"], capture_output=True, text=True, check=False)
        assert done.returncode == 9
        assert "31337 has block" not in done.stdout + done.stderr
        assert all(character.isprintable() for character in done.stdout.replace("\n", ""))


def test_the_block_hash_that_nobody_vouches_for_is_called_so(honest, tmp_path, capsys):
    honest.write(tmp_path / "evidence")
    block_hash = parse(honest.files["chain.json"])["block_hash"]
    for more, is_said in (([], True), (["--block-hash", block_hash], False)):
        assert verify_standalone.main([str(tmp_path / "evidence"), *more]) == 0
        assert ("only the evidence says" in capsys.readouterr().out) == is_said


def test_other_spelling_of_the_same_values_is_found(world, honest):
    for path in ("chain.json", PLAN, ROUNDS, path_of(world.subject)):
        spaced = json.dumps(parse(honest.files[path]), indent=1).encode()
        assert broken(resigned(world, honest.files | {path: spaced})) == [("manifest.files", path)]


def test_values_that_readers_read_apart_are_found(world, honest):
    for text in (b"1.5", b"NaN", b"9007199254740993", b"-0", b"Infinity", b"1e3"):
        found = broken(resigned(world, honest.files | {START: b'{"grants":' + text + b"}"}))
        assert found == [("manifest.files", START)], text


# what a party that shows the evidence could change, signing the manifest anew


def test_every_dropped_document_is_found(world, honest):
    for path in [path for path in honest.files if path.startswith("documents/")]:
        files = {name: data for name, data in honest.files.items() if name != path}
        assert broken(resigned(world, files)), path


def test_every_dropped_training_file_is_found(world, honest):
    for path in [path for path in honest.files if path.startswith("training/")]:
        files = {name: data for name, data in honest.files.items() if name != path}
        assert broken(resigned(world, files)), path


def test_owners_that_are_away_need_not_show_their_logs(world, honest):
    for name in world.logs.keys() - {"eve"}:
        path = f"logs/{person(name).account}.json"
        dropped = resigned(world, {file: data for file, data in honest.files.items() if file != path})
        # bob's shows that his grant was used before he revoked it, the builder's all that the builder said
        assert bool(broken(dropped)) == (name in {"bob", "builder"}), name
        # the chain need not prove its head either
        assert bool(broken(world.bundle(away=(name,)))) == (name in {"bob", "builder"}), name
    assert broken(world.bundle(away=("ada", "cyd", "dan", "buyer"))) == []


def test_a_document_left_out_with_its_proofs_is_found(world):
    for name in world.named:
        if name.startswith(("training_round", "receipt")) or name in {
            "answer",
            "party buyer",
            "party eve",
            "asset eve",
        }:
            continue
        bundle = world.bundle(without=(name,))
        assert broken(bundle), name


def test_a_forged_log_proof_is_found(world):
    path, other = (f"logs/{person(name).account}.json" for name in ("ada", "bob"))

    def sibling(value):
        value["proofs"][1]["proof"][0] = "0x" + "77" * 32

    def place(value):
        value["proofs"][1]["index"] ^= 1

    def length(value):
        value["proofs"][1]["proof"].append("0x" + "77" * 32)

    def beyond(value):
        value["proofs"][1]["index"] += 1 << len(value["proofs"][1]["proof"])

    def twice(value):
        value["proofs"].append(value["proofs"][1])

    def signature(value):
        start, digit, end = value["checkpoint"][:-12], value["checkpoint"][-12], value["checkpoint"][-11:]
        value["checkpoint"] = start + ("A" if digit != "A" else "B") + end

    def anothers(value):
        return parse(world.honest.files[other])

    for change in (sibling, place, length, beyond, twice):
        assert broken(edited(world, path, change))[0] == ("logs.inclusion", path), change
    for change in (signature, anothers):
        assert broken(edited(world, path, change))[0] == ("logs.checkpoints", path), change


def test_forged_state_is_found(world):
    def nodes(value):
        return next(nodes for one in value["accounts"] for item in one["storage"] if (nodes := item["proof"]))

    def leaf(value):
        nodes(value)[-1] = nodes(value)[-1][:-2] + "77"

    def root(value):
        nodes(value)[0] = nodes(value)[0][:-2] + "77"

    def cut(value):
        nodes(value).pop()

    def short(value):
        value["accounts"][0]["proof"].pop()

    def swapped(value):
        first, second = value["accounts"][:2]
        first["address"], second["address"] = second["address"], first["address"]

    def hashed(value):
        value["block_hash"] = "0x" + "77" * 32

    for change in (leaf, root, cut, short, swapped, hashed):
        assert broken(edited(world, "chain.json", change)) == [("chain.state", "chain.json")], change


def test_a_proof_with_less_or_more_than_needed_is_found(world):
    def more(value):
        value["accounts"][0]["storage"][0]["proof"].append("0xc0")

    def other(value):
        value["accounts"][0]["storage"][0]["slot"] = "0x5"

    assert broken(edited(world, "chain.json", more)) == [("chain.state", "chain.json")]
    assert {file for _, file in broken(edited(world, "chain.json", other))} == {"chain.json"}
    proven = parse(world.honest.files["chain.json"])["accounts"]
    for at, account in enumerate(proven):
        for place in range(len(account["storage"])):

            def less(value, at=at, place=place):
                value["accounts"][at]["storage"].pop(place)

            assert {file for _, file in broken(edited(world, "chain.json", less))} == {"chain.json"}


def test_a_stale_checkpoint_is_found(world):
    for name in world.logs.keys() - {"eve"}:
        log = world.logs[name]
        stale = world.bundle(log_sizes={name: log.store.size() - 1})
        assert broken(stale)[0] == ("logs.anchors", f"logs/{person(name).account}.json")


def test_contracts_of_ones_own_are_found(world, honest):
    for name in manifest.CONTRACTS:
        found = broken(resigned(world, honest.files, contracts=CONTRACTS | {name: "0x" + "66" * 20}))
        # documents are signed for Revocations; the manifest's own signature follows its statement
        assert found[0][0] == ("documents.signatures" if name == "Revocations" else "chain.contracts")


def test_a_document_under_anothers_name_is_found(world, honest):
    grants = sorted(world.path(name) for name in world.named if name.startswith("grant"))
    swapped = resigned(world, honest.files | {grants[0]: honest.files[grants[1]]})
    assert broken(swapped) == [("documents.ids", grants[0])]


def test_a_signature_left_out_doubled_or_moved_is_found(world):
    def one_side(signatures):
        signatures.pop()

    def doubled(signatures):
        signatures.append(signatures[0])

    def moved(signatures):
        first, second = signatures
        first["signature"], second["signature"] = second["signature"], first["signature"]

    for change in (one_side, doubled, moved):
        path = path_of(world.subject)
        found = broken(edited(world, path, lambda value: change(value["signatures"])))  # noqa: B023
        assert found == [("documents.signatures", path)]
        found = broken(edited(world, ROUNDS, lambda value: change(value[1]["receipts"][0]["signatures"])))  # noqa: B023
        assert found == [("documents.signatures", ROUNDS)]


def test_a_second_party_of_one_account_is_found(world, honest):
    twin = world.named["party ada"].body | {"name": "ada again"}
    name, data = sealed("ada", "self", twin)
    found = broken(resigned(world, honest.files | {f"documents/{name}.json": data}))
    assert found[0][0] == "documents.parties"


def test_a_third_party_cannot_show_it(honest):
    value = parse(honest.files[PATH])["document"] | {"issuer": person("ada").account}
    made = Manifest.model_validate_json(canonical_bytes(value))
    files = honest.files | {PATH: seal(made, person("ada").key, DOMAIN).to_bytes()}
    assert broken(Bundle(files)) == [("documents.subject", PATH)]


def first_revealed(rounds, number):
    return next(iter(rounds[number]["revealed"].values()))


ROUNDS_CHANGED = {
    "an update": lambda rounds: first_revealed(rounds, 2)["update"].__setitem__(0, 7),
    "a salt": lambda rounds: first_revealed(rounds, 2).update(salt="0x" + "00" * 16),
    "a salt in another form": lambda rounds: first_revealed(rounds, 2).update(salt="0x" + "00" * 17),
    "a sketch": lambda rounds: first_revealed(rounds, 0)["update"].__setitem__(9, 0),
    "a short update": lambda rounds: first_revealed(rounds, 2)["update"].pop(),
    "an update of truths": lambda rounds: first_revealed(rounds, 2).update(update=[True, False, True]),
    "an update of texts": lambda rounds: first_revealed(rounds, 2).update(update=["1", "2", "3"]),
    "a huge update": lambda rounds: first_revealed(rounds, 2)["update"].__setitem__(0, 2**53 - 1),
    "more than an update": lambda rounds: first_revealed(rounds, 2).update(more=1),
    "no updates": lambda rounds: rounds[2].update(revealed={}),
    "updates in a list": lambda rounds: rounds[2].update(revealed=[]),
    "an update of nobody": lambda rounds: rounds[2]["revealed"].update(
        {"0x" + "ab" * 20: first_revealed(rounds, 2)}
    ),
    "updates of another round": lambda rounds: rounds[2].update(revealed=rounds[1]["revealed"]),
}


@pytest.mark.parametrize("name", ROUNDS_CHANGED)
def test_changed_updates_are_found(world, name):
    def change(rounds):
        ROUNDS_CHANGED[name](rounds)

    assert broken(edited(world, ROUNDS, change)) == [("training.replay", ROUNDS)]


def test_rounds_of_another_shape_are_found(world):
    for change in (
        lambda rounds: {"rounds": rounds},
        lambda rounds: [*rounds, rounds[0]],
        lambda rounds: [{**rounds[0], "more": 1}, *rounds[1:]],
        lambda rounds: [{**rounds[0], "claim": rounds[0]["receipts"][0]}, *rounds[1:]],
        lambda rounds: [{**rounds[0], "receipts": [rounds[0]["claim"]]}, *rounds[1:]],
        lambda rounds: [[], *rounds[1:]],
        lambda rounds: 7,
    ):
        assert broken(edited(world, ROUNDS, change)) == [("documents.ids", ROUNDS)]


def test_a_changed_test_table_is_found(world):
    def cell(value):
        value["features"][0][0] += 1

    def label(value):
        value["labels"][0] ^= 1

    def columns(value):
        value["columns"].reverse()

    def flat(value):
        value["features"] = [cell for row in value["features"] for cell in row]

    def more(value):
        value["note"] = 1

    def short(value):
        value["labels"].pop()

    def true(value):
        value["labels"] = [bool(label) for label in value["labels"]]

    def huge(value):
        value["features"][0][0] = 10**15 + 1

    def text(value):
        value["features"][0][0] = "1"

    assert broken(edited(world, TEST, cell)) == [("valuation.test", TEST)]
    for change in (label, columns, flat, more, short, true, huge, text):
        assert broken(edited(world, TEST, change)) == [("training.replay", TEST)], change


def test_a_claim_of_ones_own_that_no_log_holds_is_found(world, honest):
    builder = person("builder")
    made_up = Claim(
        issuer=builder.account,
        claim_kind="test_commitment",
        about="0x" + "77" * 32,
        statement={},
        issued_at=1,
    )
    files = honest.files | {path_of(made_up): seal(made_up, builder.key, DOMAIN).to_bytes()}
    assert broken(resigned(world, files))[0] == ("logs.order", f"logs/{builder.account}.json")


# the standalone verifier does not validate fields, so what a document is must not depend on them


def sealed(signer, role, body):
    """An envelope over any fields at all, signed in one role."""
    subject = body[{"claim": "subject", "asset": "owner", "party": "account"}[body["type"]]]
    subject = "0x" + subject[2:].rjust(64, "0")
    name = document_id(body)
    value = digest(DOMAIN, DOCUMENT_TYPE, body["type"], role, subject, name)
    signature = {
        "role": role,
        "signer": person(signer).account,
        "signature": "0x" + sign_digest(person(signer).key, value).hex(),
    }
    return name, canonical_bytes({"document": body, "signatures": [signature]})


def test_a_claim_with_the_fields_of_a_receipt_is_none(world, honest):
    more = {
        "issuer": person("builder").account,
        "claim_kind": "x",
        "subject": world.subject.grant,
        "statement": {},
    }
    name, data = sealed("builder", "issuer", world.subject.body | {"type": "claim"} | more)
    value = parse(honest.files[PATH])["document"] | {"subject": name}
    files = honest.files | {f"documents/{name}.json": data}
    value["statement"]["files"][f"documents/{name}.json"] = sha256_hex(data)
    files[PATH] = sealed("builder", "issuer", value)[1]
    assert broken(Bundle(files)) == [("documents.ids", f"documents/{name}.json")]


def test_a_manifest_that_its_issuer_did_not_sign_is_found(honest):
    value = parse(honest.files[PATH])["document"] | {"type": "asset", "owner": person("ada").account}
    files = honest.files | {PATH: sealed("ada", "owner", value)[1]}
    assert broken(Bundle(files)) == [("manifest.signature", PATH)]


def test_ids_of_documents_are_hashes_of_their_bytes(honest):
    for path, data in honest.files.items():
        if path.startswith("documents/"):
            assert path == f"documents/{sha256_hex(canonical_bytes(parse(data)['document']))}.json"


def test_the_files_are_few_and_of_one_world(world, honest):
    # party, asset, grant, log of each owner; their agreements; the builder's and the buyer's own
    assert len(honest.files) <= 60
    assert tuple(parse(honest.files[TEST])["columns"]) == COLUMNS
    assert parse(honest.files[PATH])["document"]["issued_at"] == NOW
    assert set(parse(honest.files[START])["grants"]) == set(world.start.grants)
