"""Our signature bases and signatures against `http-message-signatures`, in both directions, over made-up requests."""

from datetime import UTC, datetime

import http_message_signatures as theirs
import http_sf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import algorithms
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core import origins
from freehold.core.http_signature import Stamp, content_digest, read, sign_request, verify
from freehold.core.signature_base import Request, signature_base

SEED = b"\x07" * 32
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
ACCOUNT = "0x" + "ab" * 20
WORD = st.text("abcXYZ019-._~", min_size=1, max_size=8)
VALUE = st.text("abc XYZ=,;:/\"'()[]{}!#$", max_size=20)
REQUESTS = st.builds(
    dict,
    method=st.sampled_from(["POST", "GET", "PUT", "M-SEARCH"]),
    host=st.sampled_from(["North.Example", "127.0.0.1", "[::1]", "[2001:db8::0]", "xn--bcher-kva.example"]),
    port=st.sampled_from(["", ":80", ":443", ":7400"]),
    scheme=st.sampled_from(["http", "https"]),
    path=st.lists(st.one_of(WORD, st.sampled_from(["%20", "%C3%BC", "a%2Fb"])), max_size=3),
    query=st.lists(st.tuples(WORD, st.one_of(WORD, st.sampled_from(["a+b", "%26", ""]))), max_size=3),
    body=st.binary(max_size=40),
    fields=st.lists(st.tuples(st.sampled_from(["x-a", "x-b", "date"]), VALUE), max_size=4),
)
PARAMS = st.fixed_dictionaries(
    {"created": st.integers(1, 1_700_000_000), "nonce": st.text("abcXYZ019-_", min_size=16, max_size=64)},
    optional={"expires": st.integers(2**34, 2**35), "tag": st.just("freehold")},
)


class Keys(theirs.HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id):
        return PRIVATE.public_key()

    def resolve_private_key(self, key_id):
        return PRIVATE


class Lines:
    """Header lines as their library wants them: every line of `items()`, and a mapping when it signs."""

    def __init__(self, lines):
        self.lines = list(lines)

    def items(self):
        return list(self.lines)

    def __iter__(self):
        return iter(name for name, _ in self.lines)

    def __contains__(self, name):
        return any(known == name.lower() for known, _ in self.lines)

    def __setitem__(self, name, value):
        self.lines = [one for one in self.lines if one[0] != name.lower()] + [(name.lower(), value)]

    def __delitem__(self, name):
        self.lines = [one for one in self.lines if one[0] != name.lower()]


class Message:
    def __init__(self, method, url, lines):
        self.method, self.url, self.headers = method, url, Lines(lines)


def both(made) -> tuple[Request, str]:
    """One request as we have it, and the URL that theirs has, in its spelling."""
    origin = origins.parse(f"{made['scheme']}://{made['host']}{made['port']}")
    path = "".join(f"/{part}" for part in made["path"])
    query = "&".join(f"{name}={value}" for name, value in made["query"])
    # how a host is spelled is for whoever builds a URL; theirs keeps it, and drops the port and capitals as we do
    host = f"[{origin.host}]" if ":" in origin.host else made["host"]
    url = f"{made['scheme']}://{host}{made['port']}{path}{'?' + query if query else ''}"
    fields = tuple(made["fields"])
    return Request(made["method"], origin.authority, path, query, made["body"], origin.scheme, fields), url


def covered(made) -> list[tuple[str, dict]]:
    """As many components as the request has."""
    once = [name for name, _ in made["query"] if [one for one, _ in made["query"]].count(name) == 1]
    names = [
        ("@method", {}),
        ("@authority", {}),
        ("@path", {}),
        ("@query", {}),
        ("content-digest", {}),
        ("@scheme", {}),
    ]
    names += [
        ("@request-target", {}),
        ("content-digest", {"key": "sha-256"}),
        ("content-digest", {"sf": True}),
    ]
    for name in sorted({name for name, _ in made["fields"]}):
        names += [(name, {}), (name, {"bs": True})]
    return names + [("@query-param", {"name": name}) for name in once]


@settings(max_examples=300, deadline=None)
@given(REQUESTS, PARAMS)
def test_they_verify_what_we_sign_and_build_the_same_base(made, params):
    request, url = both(made)
    components = tuple(covered(made))
    more = {name: value for name, value in params.items() if name in ("expires", "tag")}
    stamp = Stamp(ACCOUNT, params["created"], params["nonce"])
    headers = sign_request(request, stamp, SEED, components=components, **more)
    lines = (*request.fields, *headers.items())
    verifier = theirs.HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Keys())
    (found,) = verifier.verify(Message(made["method"], url, lines), max_age=None, body=request.body)
    theirs_base = "\n".join(f"{name}: {value}" for name, value in found.covered_components.items())
    whole = Request(**{**vars(request), "fields": lines})
    signed = read(whole)
    assert signature_base(whole, signed.components, signed.params).decode() == theirs_base
    assert verify(whole, signed, PUBLIC, params["created"]) == stamp


@settings(max_examples=200, deadline=None)
@given(REQUESTS, PARAMS)
def test_we_verify_what_they_sign(made, params):
    request, url = both(made)
    message = Message(made["method"], url, request.fields)
    message.headers["content-digest"] = content_digest(request.body)
    signer = theirs.HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Keys())
    signer.sign(
        message,
        key_id=ACCOUNT,
        created=datetime.fromtimestamp(params["created"], UTC),
        nonce=params["nonce"],
        tag=params.get("tag"),
        use_existing_digest=True,
        covered_component_ids=[http_sf.ser(one) for one in covered(made)],
    )
    whole = Request(
        **{**vars(request), "fields": tuple((name, value) for name, value in message.headers.items())}
    )
    assert verify(whole, read(whole), PUBLIC, params["created"]).nonce == params["nonce"]
