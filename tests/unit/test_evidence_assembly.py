"""Who may show evidence, what is asked of the chain, and where contracts keep it."""

from __future__ import annotations

import pytest

from freehold.core.documents import Asset, Content, Grant, Receipt, Terms
from freehold.core.errors import InvalidDocument, InvalidInput
from freehold.core.signing import Envelope, account_of
from freehold.kernel.evidence import state
from freehold.kernel.evidence.manifest import (
    CONTRACTS,
    PATH,
    LogProofs,
    assemble,
    file_hashes,
    log_entry,
    parse_manifest,
    sign_files,
)
from freehold.kernel.evidence.reading import Broken

KEY, OTHER = b"\x01" * 32, b"\x02" * 32
ADDRESSES = {name: "0x" + f"{number:02d}" * 20 for number, name in enumerate(CONTRACTS, start=10)}
TOKEN = "0x" + "ab" * 20


def terms(**more):
    return Terms(purposes=("any",), actions=("infer",), expires_at=9, max_uses=1, token=TOKEN, **more)


def grant(**more):
    fields = {
        "issuer": account_of(KEY),
        "holder": account_of(OTHER),
        "asset": "0x" + "cd" * 32,
        "terms": terms(),
    }
    fields |= {"revocation_index": 515, "nonce": "0x" + "00" * 32, "issued_at": 1}
    return Grant(**(fields | more))


def receipt():
    fields = {"grant": grant().id, "action": "infer", "inputs": (), "output": "0x" + "ef" * 32, "sequence": 1}
    return Receipt(provider=account_of(KEY), holder=account_of(OTHER), issued_at=1, **fields)


def test_a_manifest_names_every_file_and_is_signed_by_a_side_of_the_receipt():
    files = {"chain.json": b"{}", "documents/0xab.json": b"[]"}
    made = sign_files(files, receipt(), chain_id=1, contracts=ADDRESSES, key=OTHER, issued_at=5)
    envelope = parse_manifest(made.json(PATH))
    assert envelope.document.body["statement"]["files"] == file_hashes(files)
    assert envelope.document.body["subject"] == receipt().id
    assert envelope.signatures[0].signer == account_of(OTHER)
    with pytest.raises(InvalidInput, match="owner of its model"):
        sign_files(files, receipt(), chain_id=1, contracts=ADDRESSES, key=b"\x03" * 32, issued_at=5)


def test_evidence_about_a_model_is_signed_by_its_owner():
    model = Asset(
        asset_kind="model",
        name="risk",
        owner=account_of(KEY),
        content=Content(commitment="0x" + "ab" * 32, media_type="x", size_bytes=1),
        schema_={"run": "0x" + "cd" * 32},
        terms=terms(),
        created_at=1,
    )
    made = sign_files({"chain.json": b"{}"}, model, chain_id=1, contracts=ADDRESSES, key=KEY, issued_at=5)
    assert parse_manifest(made.json(PATH)).document.body["subject"] == model.id
    with pytest.raises(InvalidInput, match="owner of its model"):
        sign_files({}, model, chain_id=1, contracts=ADDRESSES, key=OTHER, issued_at=5)


def test_assembly_needs_the_receipt_itself():
    options = {"logs": [], "files": {}, "chain_proof": {}, "chain_id": 1, "contracts": ADDRESSES}
    with pytest.raises(InvalidInput, match="not among"):
        assemble(receipt(), envelopes=[], key=KEY, issued_at=1, **options)
    made = assemble(receipt(), envelopes=[Envelope(receipt(), ())], key=KEY, issued_at=1, **options)
    assert set(made.files) == {PATH, "chain.json", f"documents/{receipt().id}.json"}


@pytest.mark.parametrize(
    "value", [None, {}, {"document": {}, "signatures": []}, {"document": {}, "signatures": [{}]}]
)
def test_what_is_no_manifest_is_refused(value):
    with pytest.raises(InvalidDocument):
        parse_manifest(value)


def test_a_manifest_without_one_of_the_contracts_is_refused():
    short = {name: address for name, address in ADDRESSES.items() if name != "Revenue"}
    with pytest.raises(ValueError, match="Revenue"):
        sign_files({}, receipt(), chain_id=1, contracts=short, key=KEY, issued_at=1)


def test_log_files_are_in_the_order_of_the_log():
    log = LogProofs("0xab", "note", (("0x02", 7, (b"\x01",)), ("0x01", 3, ())))
    assert log.to_json()["proofs"] == [
        {"id": "0x01", "index": 3, "proof": []},
        {"id": "0x02", "index": 7, "proof": ["0x01"]},
    ]
    assert log_entry("0xab", "grant") == b'{"id":"0xab","type":"grant"}'


def test_only_what_is_needed_is_asked_of_the_chain():
    free, sold = grant(), grant(terms=terms(price_units=5), revocation_index=600)
    used = grant(terms=terms(price_units=5, price_per="use"), revocation_index=513)
    wanted = dict(state.needed([free, used, receipt()], ["0x" + "77" * 20], ["0x" + "88" * 32], 1, ADDRESSES))
    assert set(wanted) == {ADDRESSES["LogAnchors"], ADDRESSES["Revocations"], ADDRESSES["Revenue"]}
    # bits 513 and 515 are in one word, 600 as well
    assert [len(slots) for slots in wanted.values()] == [2, 2, 1]
    of_run = grant(run="0x" + "99" * 32)
    wanted = dict(state.needed([of_run, of_run], [], [], 1, ADDRESSES))
    assert wanted[ADDRESSES["Timestamps"]] == [state.stamp_slot("0x" + "99" * 32)]
    wanted = dict(state.needed([sold], [], [], 1, ADDRESSES))
    assert wanted[ADDRESSES["Market"]] == [state.purchase_slot(sold, 1, ADDRESSES["Market"])]


def test_slots_of_other_keys_differ():
    accounts = ["0x" + f"{number:040x}" for number in range(1, 20)]
    slots = [slot for account in accounts for slot in state.anchor_slots(account)]
    slots += [state.revocation_slot(account, index) for account in accounts for index in (0, 256, 512)]
    assert len(set(slots)) == len(slots)
    assert state.revocation_slot(accounts[0], 255) == state.revocation_slot(accounts[0], 0)


def test_a_broken_file_says_which():
    error = Broken("chain.json", "is cut")
    assert (error.file, error.problem()["fields"], error.exit_code) == (
        "chain.json",
        {"file": "chain.json"},
        9,
    )
