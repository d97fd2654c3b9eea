"""Documents: one id for one content, signatures that count in one place, errors that name the field."""

import json

import coincurve
import pytest

from freehold.core.canonical import InvalidJson, canonical_bytes, parse
from freehold.core.documents import Asset, Content, Grant, MoneyLine, Receipt, Share, Terms, parse_document
from freehold.core.errors import InvalidDocument, InvalidSignature, NotAllowed
from freehold.core.ids import Ambiguous, document_id, resolve
from freehold.core.signing import (
    Domain,
    Envelope,
    check,
    parse_envelope,
    public_account,
    read_envelope,
    recover,
    seal,
    sign,
    sign_digest,
)
from freehold.core.terms import TermsConflict, meet, require_within

KEY, OTHER_KEY = b"\x01" * 32, b"\x02" * 32
ACCOUNT = public_account(coincurve.PrivateKey(KEY).public_key.format(compressed=False))
OTHER = public_account(coincurve.PrivateKey(OTHER_KEY).public_key.format(compressed=False))
TOKEN = "0x" + "11" * 20
HASH = "0x" + "ab" * 32
DOMAIN = Domain("Freehold", 31337, "0x" + "33" * 20)


def terms(**changes):
    fields = {
        "purposes": ("research",),
        "actions": ("train",),
        "expires_at": 100,
        "max_uses": 5,
        "token": TOKEN,
    }
    return Terms(**{**fields, **changes})


def asset(**changes):
    fields = {
        "asset_kind": "dataset",
        "name": "ward 3",
        "owner": ACCOUNT,
        "content": Content(commitment=HASH, media_type="text/csv", size_bytes=3),
        "schema_": {"columns": ["a"], "label": "y", "rows": 2},
        "terms": terms(),
        "created_at": 5,
    }
    return Asset(**{**fields, **changes})


def receipt(**changes):
    fields = {
        "grant": HASH,
        "action": "infer",
        "provider": ACCOUNT,
        "holder": OTHER,
        "inputs": (HASH,),
        "output": HASH,
        "sequence": 1,
        "issued_at": 7,
    }
    return Receipt(**{**fields, **changes})


def test_the_id_is_the_hash_of_the_canonical_bytes_and_survives_a_round_trip():
    document = asset()
    assert document.id == document_id(document.body)
    assert parse_document(json.loads(json.dumps(document.body))).id == document.id
    # pinned: a change here changes the id of every document ever made
    assert document.id == "0x19bf2b02f5c9e99b14135235396c33c3cf1146534ba41c7c15c309d44f84096b"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"owner": "0x12"}, "owner"),
        ({"owner": ACCOUNT.upper()}, "owner"),
        ({"asset_kind": "Song"}, "asset_kind"),
        ({"created_at": 1.5}, None),
        ({"created_at": "5"}, "created_at"),
        ({"extra": 1}, "extra"),
        ({"name": ""}, "name"),
        ({"created_at": -1}, "created_at"),
    ],
)
def test_a_wrong_field_is_named(change, field):
    with pytest.raises((InvalidDocument, InvalidJson)) as caught:
        parse_document({**asset().body, **change})
    if field:
        assert field in str(caught.value)


def test_a_receipt_whose_money_does_not_balance_is_refused():
    lines = (
        MoneyLine(account=OTHER, delta_units=-5, reason="price"),
        MoneyLine(account=ACCOUNT, delta_units=4, reason="price"),
    )
    body = {**receipt().body, "money": [line.model_dump() for line in lines]}
    with pytest.raises(InvalidDocument, match="sum to zero"):
        parse_document(body)


def test_a_split_that_does_not_sum_to_the_whole_is_refused():
    body = {**terms().body, "split": [Share(account=ACCOUNT, share_bps=9_999).model_dump()]}
    with pytest.raises(InvalidDocument, match="10,000"):
        parse_document(body)


def test_a_signature_counts_for_one_document_role_chain_and_contract():
    envelope = seal(asset(), KEY, DOMAIN)
    check(envelope, DOMAIN)
    check(read_envelope(envelope.to_bytes()), DOMAIN)
    for other in (Domain("Freehold", 1, DOMAIN.contract), Domain("Freehold", 31337, TOKEN)):
        with pytest.raises(InvalidSignature):
            check(envelope, other)
    with pytest.raises(InvalidSignature):
        check(Envelope(asset(name="ward 4"), envelope.signatures), DOMAIN)
    swapped = envelope.signatures[0].model_copy(update={"role": "issuer"})
    with pytest.raises(InvalidSignature):
        check(Envelope(envelope.document, (swapped,)), DOMAIN)


def test_both_sides_must_sign_a_receipt_and_neither_can_sign_for_the_other():
    document = receipt()
    one = Envelope(document, (sign(document, "provider", KEY, DOMAIN),))
    check(one, DOMAIN, partial=True)
    with pytest.raises(InvalidSignature, match="holder"):
        check(one, DOMAIN)
    with pytest.raises(InvalidSignature):
        sign(document, "holder", KEY, DOMAIN)
    both = one.with_signature(sign(document, "holder", OTHER_KEY, DOMAIN))
    check(both, DOMAIN)
    assert both.is_complete


def test_the_second_valid_form_of_a_signature_is_refused():
    value = bytes(range(32))
    signature = sign_digest(KEY, value)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    assert recover(value, signature) == ACCOUNT
    with pytest.raises(InvalidSignature, match="high"):
        recover(value, signature[:32] + high + bytes([55 - signature[64]]))
    for broken in (b"", signature[:64], signature + b"\0", bytes(65), b"\xff" * 64 + b"\x1b"):
        with pytest.raises(InvalidSignature):
            recover(value, broken)


def test_a_contract_signature_counts_only_if_the_contract_says_so():
    document = asset(owner=TOKEN)
    signature = sign(asset(), "owner", KEY, DOMAIN).model_copy(update={"signer": TOKEN})
    envelope = Envelope(document, (signature,))
    check(envelope, DOMAIN, contract=lambda account, _digest, _signature: account == TOKEN)
    with pytest.raises(InvalidSignature):
        check(envelope, DOMAIN, contract=lambda *_: False)
    with pytest.raises(InvalidSignature):
        check(envelope, DOMAIN)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1.0}',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": 9007199254740993}',
        b"[" * 1_000 + b"]" * 1_000,
        b"[" * 100_000,
        b'"\\ud800"',
        b"\xff",
        b"",
        b'{"a": 1' + b"0" * 5_000 + b"}",
    ],
)
def test_json_outside_the_exact_value_space_is_refused(text):
    with pytest.raises(InvalidJson):
        parse(text)


def test_canonical_json_refuses_floats_wherever_they_hide():
    for value in (1.5, {"a": [float("nan")]}, [1e300], {1: 2}, b"bytes", {"a": {1, 2}}):
        with pytest.raises(InvalidJson):
            canonical_bytes(value)


def test_ids_can_be_shortened_while_unique():
    ids = ["0xabcd" + "0" * 60, "0xabce" + "0" * 60]
    assert resolve("ABCD", ids, "grant") == ids[0]
    with pytest.raises(Ambiguous):
        resolve("abcd", [*ids, "0xabcd1" + "0" * 59], "grant")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purposes": ("other", "research")}, "purposes"),
        ({"actions": ("infer", "train")}, "actions"),
        ({"expires_at": 101}, "expires_at"),
        ({"max_uses": 6}, "max_uses"),
        ({"price_units": 4}, "price_units"),
        ({"price_per": "use", "price_units": 5}, "price_per"),
        ({"token": "0x" + "22" * 20}, "token"),
        ({"duties": ()}, "duties"),
        ({"not_before": 1}, "not_before"),
        ({"reveals": "update", "holders": (ACCOUNT,)}, "reveals"),
        ({"epsilon_run_micro": 1_000_001}, "epsilon_run_micro"),
        ({"epsilon_life_micro": 4_000_001}, "epsilon_life_micro"),
        ({"holders": ()}, "holders"),
        ({"holders": (OTHER,)}, "holders"),
        ({"holders": tuple(sorted((ACCOUNT, OTHER)))}, "holders"),
    ],
)
def test_a_grant_beyond_its_terms_is_refused_by_field(change, field):
    given = {
        "price_units": 5,
        "duties": ("delete-after",),
        "not_before": 2,
        "reveals": "noised",
        "epsilon_run_micro": 1_000_000,
        "epsilon_life_micro": 4_000_000,
        "holders": (ACCOUNT,),
    }
    parent, same = terms(**given), terms(**given)
    require_within(same, parent)
    child = same.model_copy(update=change)
    with pytest.raises(NotAllowed, match=field):
        require_within(child, parent)


def test_terms_without_anything_in_common_say_what_is_missing():
    with pytest.raises(TermsConflict, match="purpose"):
        meet(terms(), terms(purposes=("sale",)))
    with pytest.raises(TermsConflict, match="time"):
        meet(terms(expires_at=10), terms(not_before=10))
    with pytest.raises(TermsConflict, match="holder"):
        meet(terms(holders=(ACCOUNT,)), terms(holders=(OTHER,)))


def grant(**changes):
    fields = {
        "issuer": ACCOUNT,
        "holder": OTHER,
        "asset": HASH,
        "terms": terms(),
        "revocation_index": 0,
        "nonce": HASH,
        "issued_at": 1,
    }
    return Grant(**{**fields, **changes})


OLD = {
    "terms": {
        "type": "terms", "version": 1, "purposes": ["research"], "actions": ["train"], "not_before": 0,
        "expires_at": 100, "max_uses": 5, "price_units": 0, "price_per": "grant", "token": TOKEN, "split": [],
        "duties": [],
    },
    "grant": {
        "type": "grant", "version": 1, "issuer": ACCOUNT, "holder": OTHER, "asset": HASH,
        "spend_cap_units": 0, "parent": None, "revocation_index": 0, "nonce": HASH, "issued_at": 1,
    },
}  # fmt: skip
"""Bodies as they were signed before terms and grants had more fields."""


def test_documents_signed_before_there_were_more_fields_keep_body_id_and_signature():
    old = {**OLD["grant"], "terms": OLD["terms"]}
    document = parse_document(old)
    assert document == grant()
    assert document.body == old
    assert document.id == document_id(old)
    # pinned: a change here changes the id of every grant ever given
    assert document.id == "0x0b41f35b7aa4d1a44972d49ecdb72f06140d9ca8e3c8cea2e85f109916616200"
    assert (document.run, document.earlier_runs) == (None, ())
    assert (document.terms.reveals, document.terms.epsilon_run_micro, document.terms.holders) == (
        "answers", 0, (),
    )  # fmt: skip
    envelope = Envelope(document, (sign(document, "issuer", KEY, DOMAIN),))
    check(read_envelope(envelope.to_bytes()), DOMAIN)
    stored = parse_document({**asset().body, "terms": OLD["terms"]})
    assert stored.id == asset().id


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: terms(epsilon_life_micro=5), {"epsilon_life_micro": 5}),
        (
            lambda: terms(epsilon_run_micro=5, epsilon_life_micro=5, reveals="noised"),
            {"epsilon_run_micro": 5, "epsilon_life_micro": 5, "reveals": "noised"},
        ),
        (lambda: terms(holders=(ACCOUNT,)), {"holders": [ACCOUNT]}),
        (lambda: grant(run=HASH), {"run": HASH}),
        (lambda: grant(run=HASH, earlier_runs=(HASH,)), {"run": HASH, "earlier_runs": [HASH]}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_later_field_stands_in_the_body_where_it_says_something(made, said):
    document = made()
    plain = terms() if document.type == "terms" else grant()
    assert {name: value for name, value in document.body.items() if name not in plain.body} == said
    assert document.id != plain.id
    assert parse_document(json.loads(json.dumps(document.body))).id == document.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon_run_micro": 2, "epsilon_life_micro": 1},
        {"epsilon_life_micro": 100_000_001},
        {"epsilon_life_micro": -1},
        {"epsilon_life_micro": 1.0},
        {"reveals": "update"},
        {"reveals": "everything"},
        {"holders": [OTHER, ACCOUNT] if OTHER > ACCOUNT else [ACCOUNT, OTHER]},
        {"holders": [ACCOUNT, ACCOUNT]},
        {"holders": ["0x12"]},
    ],
    ids=str,
)
def test_terms_whose_privacy_contradicts_itself_are_no_terms(wrong):
    with pytest.raises((InvalidDocument, InvalidJson)):
        parse_document({**OLD["terms"], **wrong})


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("spelled", {**OLD["terms"], "reveals": "answers"}, "reveals"),
        ("true for one", {**OLD["terms"], "version": True}, "version"),
        ("version left out", {k: v for k, v in OLD["terms"].items() if k != "version"}, "version"),
        ("duties left out", {k: v for k, v in OLD["terms"].items() if k != "duties"}, "duties"),
        ("within", {**asset().body, "terms": {**OLD["terms"], "holders": []}}, "terms"),
    ],
    ids=str,
)
def test_a_document_is_received_in_the_form_in_which_it_is_hashed(name, value, field):
    """Else its id were not the hash of what was received, and one content had two ids."""
    del name
    with pytest.raises(InvalidDocument) as refused:
        parse_document(value)
    assert refused.value.fields["field"] == field


@pytest.mark.parametrize(
    "spelling", [str.upper, lambda text: text[2:], lambda text: text[:10] + " " + text[10:]]
)
def test_a_signature_is_spelled_in_one_way(spelling):
    value = seal(asset(), KEY, DOMAIN).to_json()
    value["signatures"][0]["signature"] = spelling(value["signatures"][0]["signature"])
    with pytest.raises(InvalidDocument):
        parse_envelope(value)


def test_a_grant_is_about_its_asset():
    assert grant().subject() == HASH
    assert grant().signers() == {"issuer": ACCOUNT}
