"""Whatever is changed, dropped, reordered or made up is found, and both verifiers name the same file."""

from __future__ import annotations

import ast
import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_world import CAP, EXPIRES, PRICE, World, replay

from freehold.chain import deployments, proof
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.rpc import Rpc
from freehold.core.canonical import canonical_bytes, parse
from freehold.core.documents import MoneyLine
from freehold.core.ids import document_id, sha256_hex
from freehold.core.signing import sign_digest
from freehold.core.typed_data import DOCUMENT_TYPE, digest
from freehold.evidence import state
from freehold.evidence.assemble import sign_files
from freehold.evidence.bundle import Bundle
from freehold.evidence.manifest import CONTRACTS, PATH
from freehold.evidence.reading import path_of
from freehold.evidence.verify import verify

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.append(str(EXAMPLES))
import verify_standalone  # noqa: E402


@contextlib.contextmanager
def chain_at(directory):
    with EmbeddedNode(directory) as node, Rpc(node.url) as rpc:
        chain = Chain(rpc)
        deployments.deploy_missing(chain, DEV_KEY)
        yield chain


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    with chain_at(tmp_path_factory.mktemp("chain")) as chain:
        yield chain


@pytest.fixture(scope="module")
def world(chain):
    world = World(chain)
    world.honest = world.build()
    return world


@pytest.fixture
def honest(world):
    return world.honest


def alone(bundle, trusted=None):
    """The first file that the standalone verifier finds broken, None where all holds."""
    try:
        for _ in verify_standalone.checks(bundle.files, trusted):
            pass
    except Exception:  # noqa: BLE001 - as the program does: whatever evidence breaks on is a fault of its file
        return verify_standalone.E.file
    return None


def broken(bundle, trusted=None):
    """(check, file) of every failure; of the first, both verifiers must name the same file."""
    report = verify(bundle, replay=replay, trusted_block_hash=trusted)
    package = [(check.name, check.file) for check in report.checks if not check.ok]
    assert report.ok == (not package)
    assert alone(bundle, trusted) == (package[0][1] if package else None), package
    return package


def document(world, pick):
    """The file of the first document for which `pick` holds."""
    return next(path_of(item.document) for item in world.envelopes.values() if pick(item.document.body))


def claim(world, kind, nth=0):
    return [
        path_of(e.document) for e in world.envelopes.values() if e.document.body.get("claim_kind") == kind
    ][nth]


def resigned(world, files, signer="builder", contracts=None):
    """The files under a manifest that is signed anew."""
    files = {path: data for path, data in files.items() if path != PATH}
    key = world.people[signer].key
    contracts = contracts or world.contracts
    return sign_files(
        files, world.main, chain_id=world.chain.chain_id, contracts=contracts, key=key, issued_at=1
    )


def edited(world, path, change):
    """The evidence with one file changed as JSON, under a manifest that is signed anew."""
    files = dict(world.honest.files)
    value = parse(files[path])
    value = change(value) or value
    return resigned(world, files | {path: canonical_bytes(value)})


# what holds


def test_honest_evidence_holds_in_both_verifiers(world, honest, chain):
    assert broken(honest) == []
    report = verify(honest, replay=replay, chain=chain)
    assert (report.ok, report.trusted_by) == (True, "chain client")
    assert len(report.checks) == 27
    groups = [group for line in verify_standalone.checks(honest.files) for group in line.split(", ")]
    assert groups == list(dict.fromkeys(check.name.split(".")[0] for check in report.checks))


def test_nobody_vouching_for_the_block_is_said(honest):
    report = verify(honest, replay=replay)
    block = next(check for check in report.checks if check.name == "chain.block")
    assert report.trusted_by == "nobody"
    assert report.block_hash in block.detail


def test_the_trusted_block_hash_decides(honest):
    right = verify(honest, replay=replay).block_hash
    assert broken(honest, right.upper().replace("0X", "0x")) == []
    assert broken(honest, "0x" + "ab" * 32) == [("chain.block", "chain.json")]


def test_the_holder_may_show_it_too(world, honest):
    assert broken(resigned(world, honest.files, signer="buyer")) == []


def test_a_grant_revoked_after_its_use_still_stands(chain):
    assert broken(World(chain).build(revoke="after")) == []


def test_addresses_in_the_standalone_verifier_are_those_of_the_contracts():
    addresses = {name: deployments.address(name).lower() for name in CONTRACTS}
    assert addresses == verify_standalone.CONTRACTS


def test_the_standalone_program_says_so_by_its_exit_code(honest, tmp_path):
    honest.write(tmp_path / "evidence")
    command = [sys.executable, str(EXAMPLES / "verify_standalone.py"), str(tmp_path / "evidence")]
    block = verify(honest, replay=replay).block_hash
    good = subprocess.run([*command, "--block-hash", block], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout.count("\n")) == (0, 6), good.stdout + good.stderr
    bad = subprocess.run([*command, "--block-hash", "0x00"], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "BROKEN chain.json" in bad.stdout


def test_the_standalone_verifier_is_one_short_file_that_shares_no_code():
    assert [path.name for path in EXAMPLES.glob("*standalone*.py")] == ["verify_standalone.py"]
    source = (EXAMPLES / "verify_standalone.py").read_text()
    assert source.count("\n") < 300
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        name
        for node in nodes
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"Crypto", "cryptography"}
    assert not {"importlib", "subprocess"} & names


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
    assert broken(Bundle(honest.files | {"training/more.json": b"{}"})) == [
        ("manifest.files", "training/more.json")
    ]


def test_other_spelling_of_the_same_values_is_found(world, honest):
    for path in ("chain.json", "training/plan.json", world.main and path_of(world.main)):
        spaced = json.dumps(parse(honest.files[path]), indent=1).encode()
        assert broken(resigned(world, honest.files | {path: spaced})) == [("manifest.files", path)]


# what a party that shows the evidence could change, signing the manifest anew


def test_a_dropped_training_receipt_is_found(world):
    gone = next(
        item.document
        for item in world.envelopes.values()
        if item.document.body.get("evidence", {}).get("round") == 1
    )
    assert broken(world.bundle(without=(gone.id,))) == [("training.receipts", claim(world, "training_round"))]
    files = {path: data for path, data in world.honest.files.items() if path != path_of(gone)}
    provider = f"logs/{gone.provider}.json"
    first = min(provider, f"logs/{gone.holder}.json")
    assert broken(resigned(world, files))[0] == ("logs.inclusion", first)


def test_statistics_without_a_receipt_are_found(world):
    gone = next(
        item.document
        for item in world.envelopes.values()
        if item.document.body.get("evidence", {}) == {"round": 0}
    )
    assert broken(world.bundle(without=(gone.id,))) == [("training.receipts", claim(world, "training_plan"))]


def test_a_forged_log_proof_is_found(world):
    path = f"logs/{world.people['ada'].account}.json"
    other = f"logs/{world.people['bob'].account}.json"

    def sibling(value):
        value["proofs"][1]["proof"][0] = "0x" + "77" * 32

    def place(value):
        value["proofs"][1]["index"] ^= 1

    def length(value):
        value["proofs"][1]["proof"].append("0x" + "77" * 32)

    def beyond(value):
        value["proofs"][1]["index"] += 1 << len(value["proofs"][1]["proof"])

    def signature(value):
        start, digit, end = value["checkpoint"][:-12], value["checkpoint"][-12], value["checkpoint"][-11:]
        value["checkpoint"] = start + ("A" if digit != "A" else "B") + end

    def anothers(value):
        return parse(world.honest.files[other])

    for change in (sibling, place, length, beyond):
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


def test_a_dropped_grant_asset_or_party_is_found(world):
    for kind, check in (
        ("grant", "logs.order"),
        ("asset", "grants.terms"),
        ("party", "documents.signatures"),
    ):
        gone = next(item.document for item in world.envelopes.values() if item.document.body["type"] == kind)
        found = broken(world.bundle(without=(gone.id,)))
        assert check in [name for name, _ in found], (kind, found)


def test_a_stale_checkpoint_is_found(world):
    for name, person in world.people.items():
        stale = world.bundle(log_sizes={name: person.log.size() - 1})
        assert broken(stale)[0] == ("logs.anchors", f"logs/{person.account}.json")


def test_a_left_out_log_is_found(world, honest):
    for name in ("ada", "builder"):
        files = {p: d for p, d in honest.files.items() if p != f"logs/{world.people[name].account}.json"}
        assert "logs.order" in [check for check, _ in broken(resigned(world, files))]
    # the buyer need not run a log
    buyer = f"logs/{world.people['buyer'].account}.json"
    assert broken(resigned(world, {p: d for p, d in honest.files.items() if p != buyer})) == []


def test_another_chains_state_is_found(world, honest, tmp_path):
    with chain_at(tmp_path) as other:
        documents = [item.document for item in world.envelopes.values()]
        accounts = [person.account for person in world.people.values()]
        wanted = state.needed(documents, accounts, world.pools, other.chain_id, world.contracts)
        foreign = proof.capture(other, wanted)
    bundle = resigned(world, honest.files | {"chain.json": canonical_bytes(foreign)})
    found = broken(bundle)
    assert found[0] == ("logs.anchors", min(path for path in honest.files if path.startswith("logs/")))
    right = verify(honest, replay=replay).block_hash
    assert broken(bundle, right) == [("chain.block", "chain.json")]


def test_contracts_of_ones_own_are_found(world, honest):
    for name in CONTRACTS:
        contracts = world.contracts | {name: "0x" + "66" * 20}
        found = broken(resigned(world, honest.files, contracts=contracts))
        # documents are signed for Revocations; the manifest's own signature follows its statement
        assert found[0][0] == ("documents.signatures" if name == "Revocations" else "chain.contracts")


def test_a_proof_with_less_or_more_than_needed_is_found(world):
    def less(value):
        value["accounts"][0]["storage"].pop()

    def more(value):
        value["accounts"][0]["storage"][0]["proof"].append("0xc0")

    def other(value):
        value["accounts"][0]["storage"][0]["slot"] = "0x5"

    assert {file for _, file in broken(edited(world, "chain.json", less))} == {"chain.json"}
    assert broken(edited(world, "chain.json", more)) == [("chain.state", "chain.json")]
    assert {file for _, file in broken(edited(world, "chain.json", other))} == {"chain.json"}


def test_a_document_under_anothers_name_is_found(world, honest):
    grants = sorted(
        path_of(e.document) for e in world.envelopes.values() if e.document.body["type"] == "grant"
    )
    swapped = resigned(world, honest.files | {grants[0]: honest.files[grants[1]]})
    assert broken(swapped) == [("documents.ids", grants[0])]


def test_a_signature_left_out_doubled_or_moved_is_found(world):
    path = path_of(world.main)

    def one_side(value):
        value["signatures"].pop()

    def doubled(value):
        value["signatures"].append(value["signatures"][0])

    def moved(value):
        first, second = value["signatures"]
        first["signature"], second["signature"] = second["signature"], first["signature"]

    for change in (one_side, doubled, moved):
        assert broken(edited(world, path, change)) == [("documents.signatures", path)]


def test_a_third_party_cannot_show_it(world, honest):
    ada = world.people["ada"]
    value = parse(honest.files[PATH])["document"]
    from freehold.core.signing import seal
    from freehold.evidence.manifest import Manifest

    manifest = Manifest.model_validate_json(canonical_bytes(value | {"issuer": ada.account}))
    files = honest.files | {PATH: seal(manifest, ada.key, manifest.domain()).to_bytes()}
    assert broken(Bundle(files)) == [("documents.subject", PATH)]


def test_a_changed_training_file_is_found(world):
    first, second = "training/round-001.json", "training/round-002.json"

    def weight(value):
        next(iter(value["updates"].values()))[0][0] += 1

    def hashed(value):
        value["models_hash"] = "0x" + "00" * 32

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

    def statistics(value):
        value["statistics"][0]["rows"] += 1

    assert broken(edited(world, first, weight)) == [("training.replay", first)]
    assert broken(edited(world, second, hashed)) == [("training.replay", second)]
    assert broken(edited(world, "training/plan.json", statistics)) == [
        ("training.replay", "training/plan.json")
    ]
    for change in (cell, label):
        found = broken(edited(world, "training/test.json", change))
        assert found == [("valuation.test", "training/test.json")]
    for change in (columns, flat, more, short, true):
        found = broken(edited(world, "training/test.json", change))
        assert found == [("training.replay", "training/test.json")], change


def test_swapped_round_files_are_found(world, honest):
    first, second = "training/round-001.json", "training/round-002.json"
    swapped = resigned(world, honest.files | {first: honest.files[second], second: honest.files[first]})
    assert broken(swapped) == [("training.replay", first)]


def test_a_claim_of_ones_own_that_no_log_holds_is_found(world, honest):
    from freehold.core.documents import Claim
    from freehold.core.signing import seal

    builder = world.people["builder"]
    made_up = Claim(
        issuer=builder.account,
        claim_kind="test_commitment",
        about="0x" + "77" * 32,
        statement={},
        issued_at=1,
    )
    files = honest.files | {path_of(made_up): seal(made_up, builder.key, world.domain).to_bytes()}
    assert broken(resigned(world, files))[0] == ("logs.order", f"logs/{builder.account}.json")


# the standalone verifier does not validate fields, so what a document is must not depend on them


def sealed(world, signer, role, body):
    """An envelope over any fields at all, signed in one role."""
    subject = body[{"claim": "subject", "asset": "owner"}[body["type"]]]
    subject = "0x" + subject[2:].rjust(64, "0")
    name = document_id(body)
    value = digest(world.domain, DOCUMENT_TYPE, body["type"], role, subject, name)
    person = world.people[signer]
    signature = {
        "role": role,
        "signer": person.account,
        "signature": "0x" + sign_digest(person.key, value).hex(),
    }
    return name, canonical_bytes({"document": body, "signatures": [signature]})


def test_a_claim_with_the_fields_of_a_receipt_is_none(world, honest):
    builder = world.people["builder"].account
    more = {"issuer": builder, "claim_kind": "x", "subject": world.main.grant, "statement": {}}
    name, data = sealed(world, "builder", "issuer", world.main.body | {"type": "claim"} | more)
    manifest = parse(honest.files[PATH])["document"] | {"subject": name}
    files = honest.files | {f"documents/{name}.json": data}
    manifest["statement"]["files"][f"documents/{name}.json"] = sha256_hex(data)
    files[PATH] = sealed(world, "builder", "issuer", manifest)[1]
    assert not verify(Bundle(files), replay=replay).ok
    assert alone(Bundle(files)) == PATH


def test_a_manifest_that_its_issuer_did_not_sign_is_found(world, honest):
    ada = world.people["ada"].account
    manifest = parse(honest.files[PATH])["document"] | {"type": "asset", "owner": ada}
    files = honest.files | {PATH: sealed(world, "ada", "owner", manifest)[1]}
    assert broken(Bundle(files)) == [("manifest.signature", PATH)]


# what parties that sign, log and anchor everything could do together


def money(units):
    return (
        MoneyLine(account="0x" + "88" * 20, delta_units=-units, reason="use"),
        MoneyLine(account="0x" + "99" * 20, delta_units=units, reason="use"),
    )


CAPPED = {"request": "0x" + "22" * 32, "channel": "0x" + "33" * 32}
COLLUSIONS = {
    "price of the receipt": ({"receipt": {"money": money(PRICE)}}, "receipts.money", "receipt"),
    "nothing paid": ({"receipt": {"money": ()}}, "receipts.money", "receipt"),
    "over the cap": (
        {"receipt": {"evidence": CAPPED | {"cumulative_units": CAP + 1}}},
        "receipts.money",
        "receipt",
    ),
    "more uses than paid for": ({"receipt": {"sequence": CAP // PRICE + 1}}, "receipts.money", "receipt"),
    "too many uses": ({"receipt": {"sequence": 51}}, "receipts.use", "receipt"),
    "too late": ({"receipt": {"issued_at": EXPIRES}}, "receipts.use", "receipt"),
    "other action": ({"receipt": {"action": "train"}}, "receipts.use", "receipt"),
    "other input": ({"receipt": {"inputs": ("0x" + "55" * 32,)}}, "receipts.use", "receipt"),
    "delegated": ({"grant": {"parent": "0x" + "55" * 32}}, "grants.terms", "grant"),
    "revoked before": ({"revoke": "before"}, "revocation.standing", "grant"),
    "revoked on chain only": ({"revoke": "silently"}, "revocation.standing", "grant"),
    "not bought": ({"buy": False}, "grants.bought", "sold"),
    "test chosen late": ({"commit_late": True}, "training.order", "test_commitment"),
    "rounds reordered": ({"swap_rounds": True}, "training.order", "training_round"),
    "update nobody signed": ({"no_receipt": (1, 0)}, "training.receipts", "training_round"),
    "update forged": ({"forge_round": 1}, "training.receipts", "training_round"),
    "other model": ({"mask": 1}, "training.model", "model"),
    "other purposes": ({"model_terms": {"purposes": ("research", "sale")}}, "training.terms", "model"),
    "longer than agreed": ({"model_terms": {"expires_at": EXPIRES + 1}}, "training.terms", "model"),
    "another action": ({"actions": ("infer", "redistribute")}, "training.terms", "model"),
    "lineage inflated": (
        {"steal_bps": 100, "honest_weights": False, "honest_claim": True},
        "valuation.lineage",
        "model",
    ),
    "share inflated": ({"steal_bps": 100}, "valuation.shares", "contribution"),
    "paid by other shares": ({"steal_bps": 100, "honest_claim": True}, "valuation.split", "release"),
    "pool with another split": ({"other_pool": True}, "valuation.split", "release"),
}


def culprit(world, what):
    if what == "receipt":
        return path_of(world.main)
    if what == "grant":
        return f"documents/{world.main.grant}.json"
    if what == "sold":
        return document(
            world, lambda body: body["type"] == "grant" and body["terms"]["price_units"] == 5_000_000
        )
    if what == "model":
        return document(world, lambda body: body.get("asset_kind") == "model")
    if what == "test_commitment":
        # the first claim that stands in the wrong place after it
        return claim(world, "training_plan")
    return claim(world, what)


@pytest.mark.parametrize("name", COLLUSIONS)
def test_collusion_is_found_by_the_check_made_for_it(chain, name):
    tweak, check, what = COLLUSIONS[name]
    world = World(chain)
    assert broken(world.build(**tweak))[0] == (check, culprit(world, what))


JUNK = {
    "test_commitment": ({}, {"commitment": []}),
    "training_plan": ({}, {"plan": {"owners": 7}, "owners": [None]}),
    "training_round": ({}, {"record": {"number": None, "update_hashes": 3}}),
    "test_opening": ({}, {"commitment": 1, "salt": 2}),
    "contribution": ({}, {"accounts": {}, "utilities": "many", "shares_bps": None}),
    "release": ({}, {"shares": [{"account": [], "shares": True}], "run": 1, "pool": 2, "split_root": 3}),
}


@pytest.mark.parametrize("kind", JUNK)
def test_a_claim_that_makes_no_sense_is_named_not_tripped_over(chain, kind):
    for statement in JUNK[kind]:
        world = World(chain)
        world.junk = {kind: lambda _, made_up=statement: made_up}
        found = broken(world.build())
        claims = [
            path_of(e.document) for e in world.envelopes.values() if e.document.body.get("claim_kind") == kind
        ]
        assert len(found) == 1, (found, statement)
        assert found[0][1] in claims, (found, statement)
        assert found[0][0].split(".")[0] in {"training", "valuation"}


def swapped_grants(said):
    first, second, *rest = said["owners"]
    return said | {"owners": [first | {"grant": second["grant"]}, second | {"grant": first["grant"]}, *rest]}


MISSTATED = {
    "owners in another order": ("training_plan", lambda said: said | {"owners": said["owners"][::-1]}),
    "another owner's grant": ("training_plan", swapped_grants),
    "another plan": ("training_plan", lambda said: said | {"plan": said["plan"] | {"label": "well"}}),
    "another round": ("training_round", lambda said: {"record": said["record"] | {"number": 7}}),
    "another opening": ("test_opening", lambda said: said | {"commitment": "0x" + "77" * 32}),
    "no salt": ("test_opening", lambda said: said | {"salt": "0x77"}),
    "another run": ("release", lambda said: said | {"run": "0x" + "77" * 32}),
    "another pool": ("release", lambda said: said | {"pool": "0x" + "77" * 32}),
    "another root": ("release", lambda said: said | {"split_root": "0x" + "77" * 32}),
}


@pytest.mark.parametrize("name", MISSTATED)
def test_a_claim_that_misstates_one_thing_is_found(chain, name):
    kind, change = MISSTATED[name]
    world = World(chain)
    world.junk = {kind: change}
    assert broken(world.build())[0][1] == claim(world, kind)


def test_wider_terms_than_the_assets_are_found(chain):
    for more in (
        {"price_units": PRICE - 1},
        {"max_uses": 51},
        {"expires_at": EXPIRES + 1},
        {"actions": ("infer", "train")},
        {"purposes": ("research", "sale")},
    ):
        world = World(chain)
        plain = {"price_units": PRICE, "price_per": "use"} | {k: v for k, v in more.items() if k != "actions"}
        terms = world.terms(more.get("actions", ("infer",)), **plain)
        found = broken(world.build(grant={"terms": terms, "spend_cap_units": CAP}))
        assert found[0] == ("grants.terms", culprit(world, "grant")), more


def test_ids_of_documents_are_hashes_of_their_bytes(honest):
    for path, data in honest.files.items():
        if path.startswith("documents/"):
            assert path == f"documents/{sha256_hex(canonical_bytes(parse(data)['document']))}.json"
