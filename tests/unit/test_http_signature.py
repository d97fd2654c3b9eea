"""A signed request is one thing to signer and receiver: whatever could be read two ways is refused."""

import base64
import hashlib
from dataclasses import replace

import http_sf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold.core import origins
from freehold.core.errors import InvalidSignature
from freehold.core.http_signature import (
    COMPONENTS,
    Request,
    Stamp,
    content_digest,
    read,
    sign_request,
    verify,
)
from freehold.core.signature_base import signature_base

SEED, NOW = b"\x07" * 32, 1_000
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
ACCOUNT, NONCE = "0x" + "ab" * 20, "n" * 20
STAMP = Stamp(ACCOUNT, NOW, NONCE)
PLAIN = Request(
    "POST",
    "north.example",
    "/peer/hello",
    "",
    b'{"a":1}',
    "https",
    (("content-type", "application/json"), ("x-plain", "1")),
)
USUAL = [(name, {}) for name in COMPONENTS]
PARAMS = {"created": NOW, "keyid": ACCOUNT, "alg": "ed25519", "nonce": NONCE}


def signed(request=PLAIN, components=USUAL, params=PARAMS, label="sig", **fields) -> Request:
    """A request with a true signature over whatever is asked for, however unusual."""
    given = {
        "content-digest": content_digest(request.body),
        **{k.replace("_", "-"): v for k, v in fields.items()},
    }
    request = replace(request, fields=(*request.fields, *given.items()))
    signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(signature_base(request, components, params))
    return also(request, ("signature-input", http_sf.ser({label: (list(components), params)})), ("signature", http_sf.ser({label: signature})))  # fmt: skip


def also(request, *fields) -> Request:
    return replace(request, fields=(*request.fields, *fields))


def without(request, name) -> Request:
    return replace(request, fields=tuple(one for one in request.fields if one[0] != name))


def accepted(request, now=NOW) -> Stamp:
    return verify(request, read(request), PUBLIC, now)


def refused(request, reason=None, now=NOW):
    with pytest.raises(InvalidSignature, match=reason):
        accepted(request, now)


def test_what_this_node_sends_is_accepted_and_is_as_it_always_was():
    headers = sign_request(PLAIN, STAMP, SEED)
    assert headers["signature-input"] == (
        'sig=("@method" "@authority" "@path" "@query" "content-digest");created=1000;'
        f'keyid="{ACCOUNT}";alg="ed25519";nonce="{NONCE}"'
    )
    assert accepted(also(PLAIN, *headers.items())) == STAMP


@pytest.mark.parametrize(
    "request_",
    [
        signed(label="anything-else"),
        signed(params={key: value for key, value in PARAMS.items() if key != "alg"}),
        signed(params={**PARAMS, "tag": "freehold", "expires": NOW}),
        signed(components=[("@target-uri", {}), ("content-digest", {}), ("@method", {})]),
        signed(components=[("@authority", {}), ("@request-target", {}), ("content-digest", {"sf": True}), ("@method", {})]),
        signed(components=[*USUAL, ("content-type", {}), ("content-type", {"bs": True}), ("content-digest", {"key": "sha-256"})]),
        signed(replace(PLAIN, query="a=1&b=%20x"), components=[*USUAL, ("@query-param", {"name": "b"})]),
        signed(content_digest=f"md5=:{base64.b64encode(b'no such').decode()}:, {content_digest(PLAIN.body)}"),
        signed(content_digest=http_sf.ser({"sha-512": hashlib.sha512(PLAIN.body).digest(), "sha-256": hashlib.sha256(PLAIN.body).digest()})),
        also(signed(), ("signature-input", 'proxy=("@method");created=1;tag="their-app"'), ("signature", "proxy=:AAAA:")),
        also(signed(params={**PARAMS, "tag": "freehold"}), ("signature-input", 'proxy=("@method");created=1'), ("signature", "proxy=:AAAA:")),
    ],
    ids=range(11),
)  # fmt: skip
def test_other_signers_of_the_same_standard_are_understood(request_):
    assert accepted(request_) == STAMP


def test_a_name_is_signed_in_one_spelling_with_the_schemes_own_port_left_out():
    for said in ("https://North.Example:443", "https://north.example", "HTTPS://NORTH.EXAMPLE.:0443/"):
        origin = origins.parse(said)
        assert accepted(signed(replace(PLAIN, authority=origin.authority, scheme=origin.scheme))) == STAMP
        assert origin.authority == PLAIN.authority


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"method": "PUT"}, "signature is wrong"),
        ({"method": "post"}, "signature is wrong"),
        ({"authority": "evil.example"}, "signature is wrong"),
        ({"authority": "north.example:8443"}, "signature is wrong"),
        ({"path": "/peer/grants"}, "signature is wrong"),
        ({"path": "/peer/hell%6f"}, "signature is wrong"),
        ({"path": "//peer/hello"}, "signature is wrong"),
        ({"query": "x=1"}, "signature is wrong"),
        ({"body": b'{"a":2}'}, "body is not the one"),
    ],
    ids=range(9),
)
def test_each_covered_part_counts(changed, reason):
    refused(replace(signed(), **changed), reason)


def test_the_scheme_counts_where_the_whole_target_is_covered():
    request = signed(components=[("@target-uri", {}), ("content-digest", {}), ("@method", {})])
    refused(replace(request, scheme="http"), "signature is wrong")


@pytest.mark.parametrize("left_out", COMPONENTS)
def test_nothing_may_be_left_uncovered(left_out):
    refused(signed(components=[one for one in USUAL if one[0] != left_out]), "must cover")


WRONG_PARAMS = {
    "no created": ({"created": None}, "created"),
    "text for created": ({"created": "1000"}, "created"),
    "a truth for created": ({"created": True}, "created"),
    "no nonce": ({"nonce": None}, "nonce"),
    "a short nonce": ({"nonce": "x"}, "nonce"),
    "a long nonce": ({"nonce": "x" * 65}, "nonce"),
    "a nonce with a colon": ({"nonce": "0xab:" + "x" * 20}, "nonce"),
    "no keyid": ({"keyid": None}, "keyid"),
    "another keyid": ({"keyid": "0xAB" * 10}, "keyid"),
    "another algorithm": ({"alg": "hmac-sha256"}, "algorithm"),
    "another tag": ({"tag": "their-app"}, "not signed"),
    "an unknown parameter": ({"role": "admin"}, "role"),
    "text for expires": ({"expires": "2000"}, "expires"),
    "expired": ({"expires": NOW - 1}, "expired"),
}


@pytest.mark.parametrize("wrong", WRONG_PARAMS)
def test_each_parameter_counts(wrong):
    changed, reason = WRONG_PARAMS[wrong]
    params = {key: value for key, value in {**PARAMS, **changed}.items() if value is not None}
    refused(signed(params=params), reason)


@pytest.mark.parametrize("now", [NOW - 61, NOW + 61])
def test_the_clock_counts(now):
    refused(signed(), "seconds from now", now)


UNKNOWN = {
    "an unknown derived component": ("@client-ip", {}),
    "one of answers": ("@status", {}),
    "a request's in a request": ("@method", {"req": True}),
    "a trailer": ("content-type", {"tr": True}),
    "an unknown flag": ("content-type", {"x": 1}),
    "bytes of a member": ("content-digest", {"bs": True, "key": "sha-256"}),
}


@pytest.mark.parametrize("one", UNKNOWN)
def test_unknown_components_are_refused_even_if_truly_signed(one):
    covered = http_sf.ser({"sig": ([*USUAL, UNKNOWN[one]], PARAMS)})
    request = without(signed(), "signature-input")
    refused(also(request, ("signature-input", covered)), "unknown here")


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        (("x-absent", {}), "lacks"),
        (("content-digest", {"key": "sha-1"}), "structured"),
        (("x-plain", {"sf": True}), "structured"),
        (("@method", {}), "twice"),
        (("@query-param", {"name": "a"}), "exactly once"),
    ],
    ids=range(5),
)
def test_a_component_that_is_absent_or_ambiguous_is_refused(component, reason):
    request = signed(replace(PLAIN, query="a=1&a=2"))
    covered = http_sf.ser({"sig": ([*USUAL, component], PARAMS)})
    refused(also(without(request, "signature-input"), ("signature-input", covered)), reason)


TWO_READINGS = {
    "two signatures of ours": also(signed(), ("signature-input", 'b=("@method");created=1'), ("signature", "b=:AAAA:")),
    "a label twice": also(signed(), ("signature-input", signed().field("signature-input"))),
    "a signature twice": also(signed(), ("signature", signed().field("signature"))),
    "a parameter twice": also(without(signed(), "signature-input"), ("signature-input", signed().field("signature-input") + ";created=1000")),
    "a digest twice": also(signed(), ("content-digest", content_digest(b"other"))),
    "no label of that signature": also(without(signed(), "signature"), ("signature", f"b={signed().field('signature')[4:]}")),
    "an item for a list": also(without(signed(), "signature-input"), ("signature-input", "sig=1;created=1000")),
    "a token for a signature": also(without(signed(), "signature"), ("signature", "sig=abc")),
    "no structured field": also(without(signed(), "signature-input"), ("signature-input", "sig=(")),
    "letters beyond ASCII": also(without(signed(), "signature-input"), ("signature-input", 'sig=("é")')),
    "a date beyond time": also(without(signed(), "signature-input"), ("signature-input", "sig=();created=@999999999999999")),
    "much too long": also(without(signed(), "signature-input"), ("signature-input", "sig=(" + '"a" ' * 3_000 + ")")),
    "many labels": also(signed(), *(("signature-input", f'x{number}=("a");tag="t"') for number in range(9))),
    "many components": also(without(signed(), "signature-input"), ("signature-input", "sig=(" + '"a" ' * 99 + ")" + signed().field("signature-input").partition(")")[2])),
}  # fmt: skip


@pytest.mark.parametrize("one", TWO_READINGS)
def test_what_reads_two_ways_or_none_is_refused(one):
    refused(TWO_READINGS[one])


def test_no_digest_that_is_known_is_no_digest_and_each_known_one_must_be_right():
    refused(signed(content_digest="md5=:AAAA:"), "no digest")
    refused(signed(content_digest=f"{content_digest(PLAIN.body)}, sha-512=:AAAA:"), "not the one")
    refused(signed(content_digest="sha-256"), "not the one")


def test_a_field_cannot_smuggle_a_line_into_what_is_signed():
    request = also(PLAIN, ("x-a", 'b\n"@method": GET'), ("content-digest", content_digest(PLAIN.body)))
    with pytest.raises(InvalidSignature, match="line break"):
        signature_base(request, [("x-a", {})], PARAMS)
    with pytest.raises(InvalidSignature, match="ASCII"):
        signature_base(also(PLAIN, ("x-a", "é")), [("x-a", {})], PARAMS)
