"""Signature bases and signatures of RFC 9421, and Content-Digest of RFC 9530, as published."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from freehold.core.http_signature import content_digest
from freehold.core.signature_base import Request, component_value, signature_base

DATA = json.loads((Path(__file__).parent / "data" / "rfc9421.json").read_text())
REQUEST = Request(
    **{**DATA["request"], "body": DATA["request"]["body"].encode(), "fields": tuple(map(tuple, DATA["request"]["fields"]))}
)  # fmt: skip
FIELDS = replace(REQUEST, fields=tuple(map(tuple, DATA["fields"]["lines"])))


def based(case) -> bytes:
    return signature_base(REQUEST, [(name, {}) for name in case["components"]], case["params"])


def test_b_2_5_hmac():
    case = DATA["hmac_sha256"]
    made = hmac.digest(base64.b64decode(case["key"]), based(case), "sha256")
    assert base64.b64encode(made).decode() == case["signature"]


def test_b_2_6_ed25519():
    case = DATA["ed25519"]
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(case["public_key"]))
    key.verify(base64.b64decode(case["signature"]), based(case))


@pytest.mark.parametrize(("name", "flags", "value"), DATA["values"], ids=range(len(DATA["values"])))
def test_derived_components(name, flags, value):
    assert component_value(REQUEST, name, flags) == value


@pytest.mark.parametrize(
    ("name", "flags", "value"), DATA["fields"]["values"], ids=range(len(DATA["fields"]["values"]))
)
def test_fields(name, flags, value):
    assert component_value(FIELDS, name, flags) == value


def test_content_digest():
    assert hashlib.sha512(REQUEST.body).digest() == base64.b64decode(REQUEST.field("content-digest")[9:-1])
    assert content_digest(REQUEST.body) == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
