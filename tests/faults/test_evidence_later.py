"""Evidence of a later time: what a verifier does not know it keeps apart, and what it must know it leaves to others."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_grammar import Files, bases, sealed
from evidence_verdicts import EXAMPLES, verdict, verify_standalone
from evidence_world import EXPIRES, NOW, World, person

from freehold.core.canonical import canonical_bytes, parse
from freehold.core.documents import Asset, Content
from freehold.core.errors import NewerFormat
from freehold.core.ids import sha256_hex
from freehold.kernel.evidence import parts, proving
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import PATH, file_hashes
from freehold.kernel.evidence.verify import verify
from freehold.kernel.words import known

FREEHOLD = str(Path(sys.executable).with_name("freehold"))
ROUNDS = "training/rounds.json"
BASES = {base.name: base for base in bases()}


def signed(files: Files, **more) -> Bundle:
    """The files under a manifest of the builder that names them all; `more` changes what the manifest says."""
    files = dict(files)
    value = parse(files.pop(PATH))
    body = value["document"]
    body["statement"] |= {"files": file_hashes(files)} | more.pop("statement", {})
    body |= {"issuer": person("builder").account} | more
    sealed(value)
    return Bundle(files | {PATH: canonical_bytes(value)})


def add(files: Files, body) -> str:
    """Put one more document there, signed by whoever must."""
    shown = {"document": body, "signatures": []}
    sealed(shown)
    path = f"documents/{sha256_hex(canonical_bytes(body))}.json"
    files[path] = canonical_bytes(shown)
    return path


def documents(files: Files, kind: str):
    found = [parse(data)["document"] for path, data in files.items() if path.startswith("documents/")]
    return [copy.deepcopy(body) for body in found if body["type"] == kind]


def without(files: Files, body) -> Files:
    return {path: data for path, data in files.items() if sha256_hex(canonical_bytes(body)) not in path}


def later_document(files: Files, kind: str) -> Bundle:
    body = documents(files, kind)[0]
    files = without(files, body)
    add(files, body | {"version": 2, "more": {"of": "it"}})
    return signed(files)


def later_round(files: Files) -> Bundle:
    value = parse(files[ROUNDS])
    value[1]["receipts"][0]["document"]["version"] = 3
    return signed(files | {ROUNDS: canonical_bytes(value)})


def later_terms(files: Files) -> Bundle:
    body = documents(files, "grant")[0]
    files = without(files, body)
    add(files, body | {"terms": body["terms"] | {"version": 2, "per": "token"}})
    return signed(files)


LATER = {
    **{kind: lambda files, kind=kind: later_document(files, kind) for kind in ("asset", "claim", "party")},
    "round": later_round,
    "terms": later_terms,
    "manifest": lambda files: signed(files, version=2),
    "manifest of another form": lambda files: signed(
        files, version=2, statement={"root": "0x12", "files": 7}
    ),
    "critical claims": lambda files: signed(files, statement={"critical": ["claim_kind.vote"]}),
    "critical part": lambda files: signed(files, statement={"critical": ["part.compute", "part.training"]}),
}


@pytest.mark.parametrize("name", sorted(LATER))
def test_what_is_later_is_neither_good_nor_bad(name):
    made = LATER[name](BASES["answer"].files)
    assert verdict(made) == "newer"
    report = verify(made)
    assert not report.ok
    assert [check.ok for check in report.checks if check.is_newer] == [False]
    with pytest.raises(NewerFormat) as caught:
        proving.require(report)
    assert caught.value.exit_code == 12
    assert "Update" in caught.value.hint


@pytest.mark.parametrize("date", [NOW, EXPIRES])
def test_what_names_something_unknown_is_not_held_against_it(date):
    """An agent of a later program, with whatever date and terms that means, and a grant of it."""

    def end(world):
        ada = world.people["ada"]
        agent = Asset(
            asset_kind="agent",
            name="helpful",
            owner=ada.account,
            content=Content(commitment="0x" + "22" * 32, media_type="x", size_bytes=1),
            schema_={},
            terms=world.terms("infer"),
            created_at=date,
        )
        world.keep("agent", agent, ada)
        world.grant("agent", ada, world.builder, agent, terms=world.terms("infer", "train"))

    assert verdict(World(tweak={"end": end}).build()) == "holds"


@pytest.mark.parametrize("altered", [False, True], ids=["its own signature", "another's"])
def test_a_manifest_whose_signer_is_of_a_later_version_is_looked_at_all_the_same(altered):
    """The key of a later party stands where nobody here looks for it: the signature names it."""
    files = dict(BASES["answer"].files)
    account = person("builder").account
    party = next(body for body in documents(files, "party") if body["account"] == account)
    later = {name: value for name, value in party.items() if name != "account_key"}
    later |= {"version": 2, "keys": [party["account_key"]]}
    files = without(files, party)
    name = f"documents/{sha256_hex(canonical_bytes(later))}.json"
    made = signed(files | {name: canonical_bytes({"document": later, "signatures": []})})
    assert verdict(made) == "newer"
    value = parse(made.files[PATH])
    signature = value["signatures"][0]["signature"]
    if altered:
        value["document"]["issued_at"] += 1
    else:
        value["signatures"][0]["signature"] = signature[:-2] + ("1c" if signature.endswith("1b") else "1b")
    assert verdict(Bundle(made.files | {PATH: canonical_bytes(value)})) == "fails"


@pytest.mark.parametrize("name", ["claim", "manifest", "critical part"])
def test_both_programs_exit_with_12_and_say_why(name, tmp_path):
    LATER[name](BASES["answer"].files).write(tmp_path / "evidence")
    for command in ([sys.executable, str(EXAMPLES / "verify_standalone.py")], [FREEHOLD, "verify"]):
        done = subprocess.run([*command, tmp_path / "evidence"], capture_output=True, text=True, check=False)
        assert done.returncode == 12, done.stdout + done.stderr
        assert "NEWER" in done.stdout
        assert not any(word in done.stdout for word in ("holds", "BROKEN", "FAILED", "NOT"))
    done = subprocess.run(
        [FREEHOLD, "verify", tmp_path / "evidence", "--json"], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["verdict"] == "newer"


def test_what_is_altered_is_altered_whatever_its_version():
    files = BASES["answer"].files
    body = documents(files, "claim")[0]
    path = f"documents/{sha256_hex(canonical_bytes(body))}.json"
    shown = parse(files[path])
    shown["document"]["version"] = 2
    assert verdict(Bundle(files | {path: canonical_bytes(shown)})) == "fails"


@pytest.mark.parametrize("version", [0, -1, True, "2", None, 1.5, [2]], ids=repr)
def test_what_is_no_later_version_is_malformed(version):
    files = BASES["answer"].files
    body = documents(files, "claim")[0]
    files = without(files, body)
    body["version"] = version
    text = json.dumps({"document": body, "signatures": []}, sort_keys=True, separators=(",", ":"))
    path = f"documents/0x{'ab' * 32}.json"
    assert verdict(signed(files | {path: text.encode()})) == "fails"


def test_what_is_known_may_be_critical():
    said = sorted(["action.infer", "asset_kind.model", "claim_kind.release", "part.training"])
    assert verdict(signed(BASES["answer"].files, statement={"critical": said})) == "holds"
    for wrong in ([], said[::-1], said * 2, "part.training", None):
        assert verdict(signed(BASES["answer"].files, statement={"critical": wrong})) == "fails"


STRANGE = {
    "claim": {"claim_kind": "vote", "issued_at": 2**53 - 1, "statement": {"<b>": "<script>"}},
    "receipt": {"action": "teleport", "sequence": 10**9, "issued_at": 1},
    "asset": {"asset_kind": "agent", "created_at": 2**53 - 1},
}


@pytest.mark.parametrize("base", sorted(BASES))
def test_documents_of_unknown_kinds_change_no_verdict_and_are_shown(base, tmp_path, capsys):
    files = dict(BASES[base].files)
    for kind, fields in STRANGE.items():
        for body in documents(files, kind)[:1]:
            add(files, body | fields)
    added = len(files) - len(BASES[base].files)
    assert added >= 2
    made = signed(files)
    assert verdict(made, BASES[base].block_hash) == BASES[base].verdict
    (said,) = [check for check in verify(made).checks if check.name == "documents.unknown"]
    assert said.detail.startswith(f"{added} documents are of kinds unknown to this program")
    assert "claim_kind.vote" in said.detail or "asset_kind.agent" in said.detail
    assert "<" not in said.detail
    made.write(tmp_path / "evidence")
    verify_standalone.main([str(tmp_path / "evidence")])
    shown = capsys.readouterr().out
    assert f"unread {added} documents of kinds unknown here" in shown
    assert "<" not in shown


def test_a_document_of_an_unknown_kind_must_still_be_signed():
    files = dict(BASES["answer"].files)
    path = add(files, documents(files, "claim")[0] | STRANGE["claim"])
    shown = parse(files[path])
    shown["signatures"][0]["signature"] = "0x" + "11" * 64 + "1b"
    assert verdict(signed(files | {path: canonical_bytes(shown)})) == "fails"


@pytest.mark.parametrize(("document", "field"), [("model", "asset_kind"), ("answer", "action")])
def test_evidence_about_something_unknown_is_left_to_later_programs(document, field):
    def changed(fields, name, *_):
        return fields | {field: "vote"} if name in (document, "buyer") else fields

    world = World({"asset": changed} if field == "asset_kind" else {"receipt": changed})
    world.build()
    assert verdict(world.bundle()) == "newer"


def test_an_unknown_kind_does_not_stand_for_one_that_must_be_there():
    files = BASES["answer"].files
    for body in documents(files, "claim"):
        if body["claim_kind"] in ("release", "training_plan", "agreement"):
            changed = without(files, body)
            add(changed, body | {"claim_kind": "vote"})
            assert verdict(signed(changed)) == "fails", body["claim_kind"]


def test_terms_may_allow_what_nobody_here_knows():
    def more(fields, name):
        terms = fields["terms"]
        return fields | {"terms": terms.model_copy(update={"actions": (*terms.actions, "vote")})}

    world = World({"asset": more})
    assert verdict(world.build()) == "holds"


def test_both_verifiers_know_the_same_words():
    assert known() | parts.names() == verify_standalone.KNOWN | {"part.training"}
