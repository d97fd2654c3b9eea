"""Signed HTTP requests between nodes: RFC 9421 with Ed25519 over a fixed set of components.

Covered: method, authority, path, query and the RFC 9530 digest of the body; parameters `created`,
`keyid` (the sender's account), `nonce` and `alg`. The receiver keeps nonces for the time in which
`created` is accepted, so that a captured request is worth nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from freehold.core.errors import InvalidSignature

COMPONENTS = ("@method", "@authority", "@path", "@query", "content-digest")
MAX_SKEW_SECONDS = 60
"""How far `created` may lie from the receiver's clock, and how long nonces are remembered."""
_INPUT = re.compile(
    r"^sig=(?P<params>\((?P<components>[^)]{0,200})\);created=(?P<created>[0-9]{1,12})"
    r';keyid="(?P<keyid>0x[0-9a-f]{40})";alg="ed25519";nonce="(?P<nonce>[A-Za-z0-9_-]{16,64})")$'
)
_SIGNATURE = re.compile(r"^sig=:(?P<value>[A-Za-z0-9+/]{86}==):$")


@dataclass(frozen=True)
class Request:
    """What is signed of an HTTP request."""

    method: str
    authority: str
    """Host and port, lower case."""
    path: str
    query: str
    """Without the question mark."""
    body: bytes


@dataclass(frozen=True)
class Stamp:
    """Who signed, when and once."""

    account: str
    created_at: int
    nonce: str


def content_digest(body: bytes) -> str:
    """The RFC 9530 header value, SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signature_base(request: Request, params: str, digest: str | None = None) -> bytes:
    """The RFC 9421 section 2.5 signature base for the covered components; `digest` stands for the body's."""
    values = {
        "@method": request.method.upper(),
        "@authority": request.authority.lower(),
        "@path": request.path,
        "@query": f"?{request.query}",
        "content-digest": content_digest(request.body) if digest is None else digest,
    }
    lines = [f'"{name}": {values[name]}' for name in COMPONENTS]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode()


def sign_request(request: Request, stamp: Stamp, seed: bytes) -> dict[str, str]:
    """Headers to add; `seed` is the sender's 32-byte Ed25519 log key."""
    covered = " ".join(f'"{name}"' for name in COMPONENTS)
    params = (
        f'({covered});created={stamp.created_at};keyid="{stamp.account}";alg="ed25519";nonce="{stamp.nonce}"'
    )
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(signature_base(request, params))
    return {
        "content-digest": content_digest(request.body),
        "signature-input": f"sig={params}",
        "signature": f"sig=:{base64.b64encode(signature).decode()}:",
    }


def read_stamp(headers: Mapping[str, str]) -> tuple[Stamp, str, bytes]:
    """Sender, signature parameters and signature out of untrusted headers; nothing is verified yet.

    Raises:
        InvalidSignature: a header is missing or not of this profile.
    """
    found = _INPUT.match(headers.get("signature-input", ""))
    signature = _SIGNATURE.match(headers.get("signature", ""))
    if found is None or signature is None:
        raise InvalidSignature(
            "the request is not signed", hint="Peer requests carry Signature-Input and Signature (RFC 9421)."
        )
    if found["components"] != " ".join(f'"{name}"' for name in COMPONENTS):
        raise InvalidSignature(f"the signature must cover {', '.join(COMPONENTS)}")
    stamp = Stamp(account=found["keyid"], created_at=int(found["created"]), nonce=found["nonce"])
    return stamp, found["params"], base64.b64decode(signature["value"])


def verify_request(request: Request, headers: Mapping[str, str], public_key: bytes, now: int) -> Stamp:
    """Check digest, time and signature. The caller rejects a nonce it has seen.

    Raises:
        InvalidSignature: saying which of the three failed.
    """
    read_stamp(headers)
    if not hmac.compare_digest(headers.get("content-digest", ""), content_digest(request.body)):
        raise InvalidSignature("the body is not the one that was signed")
    return verify_head(request, headers, public_key, now)


def verify_head(request: Request, headers: Mapping[str, str], public_key: bytes, now: int) -> Stamp:
    """Check time and signature before the body is there: over the digest that the headers claim of it.

    Raises:
        InvalidSignature: saying which of the two failed.
    """
    stamp, params, signature = read_stamp(headers)
    if abs(now - stamp.created_at) > MAX_SKEW_SECONDS:
        raise InvalidSignature(
            f"the request was signed {abs(now - stamp.created_at)} seconds from now",
            hint="Set both clocks; at most 60 seconds apart are accepted.",
            skew_seconds=stamp.created_at - now,
        )
    try:
        base = signature_base(request, params, headers.get("content-digest", ""))
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, base)
    except (BadSignature, ValueError):
        raise InvalidSignature(
            "the request signature is wrong", hint="Is the sender's party document current?"
        ) from None
    return stamp
