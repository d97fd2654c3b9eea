"""Signed HTTP requests between nodes: a profile of RFC 9421 with Ed25519, from its registry of algorithms.

Covered at least: method, the whole target, and the digest of the body (RFC 9530). Parameters: `created`,
`keyid` (the sender's account) and `nonce` must be there; `alg`, `expires` and `tag` are understood. The receiver
keeps nonces for the time in which `created` is accepted, so that a captured request is worth nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import Any

import http_sf
from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from freehold.core.errors import InvalidSignature
from freehold.core.signature_base import Component, Request, signature_base

COMPONENTS = ("@method", "@authority", "@path", "@query", "content-digest")
"""What this node's own requests cover."""
_USUAL: tuple[Component, ...] = tuple((one, {}) for one in COMPONENTS)
TAG = "freehold"
"""Marks the signature that counts where a request carries several; alone, a signature needs no tag."""
MAX_SKEW_SECONDS = 60
"""How far `created` may lie from the receiver's clock, and how long nonces are remembered."""
MAX_FIELD_BYTES = 4_096
MAX_SIGNATURES = 4
MAX_COMPONENTS = 24
_TARGETS = ({"@target-uri"}, {"@authority", "@path", "@query"}, {"@authority", "@request-target"})
_PARAMS: dict[str, type] = {
    "created": int,
    "expires": int,
    "keyid": str,
    "nonce": str,
    "alg": str,
    "tag": str,
}
_ACCOUNT = re.compile(r"0x[0-9a-f]{40}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_PROFILE = (
    "Peer requests carry Signature-Input and Signature (RFC 9421); see docs/reference/signed-requests.md."
)


@dataclass(frozen=True)
class Stamp:
    """Who signed, when and once."""

    account: str
    created_at: int
    nonce: str


@dataclass(frozen=True)
class Signed:
    """A signature as a request carries it; nothing is verified yet."""

    stamp: Stamp
    components: tuple[Component, ...]
    params: dict[str, Any]
    signature: bytes


def content_digest(body: bytes) -> str:
    """The RFC 9530 header value, SHA-256."""
    return http_sf.ser({"sha-256": hashlib.sha256(body).digest()})


def sign_request(
    request: Request,
    stamp: Stamp,
    seed: bytes,
    *,
    components: tuple[Component, ...] = _USUAL,
    label: str = "sig",
    **params: Any,
) -> dict[str, str]:
    """Headers to add; `seed` is the sender's 32-byte Ed25519 log key, `params` are further parameters."""
    digest = content_digest(request.body)
    if request.field("content-digest") is None:
        request = replace(request, fields=(*request.fields, ("content-digest", digest)))
    said: dict[str, Any] = {
        "created": stamp.created_at,
        "keyid": stamp.account,
        "alg": "ed25519",
        "nonce": stamp.nonce,
    }
    said |= params
    member: Any = (list(components), said)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(signature_base(request, components, said))
    return {
        "content-digest": digest,
        "signature-input": http_sf.ser({label: member}),
        "signature": http_sf.ser({label: signature}),
    }


def read(request: Request) -> Signed:
    """The one signature of a request that is meant for a node.

    Raises `InvalidSignature`: there is none, or more than one, or it is not of this profile.
    """
    inputs, signatures = (_dictionary(request, name) for name in ("signature-input", "signature"))
    if len(inputs) > MAX_SIGNATURES:
        raise InvalidSignature(f"a request carries at most {MAX_SIGNATURES} signatures")
    tags = {label: member[1].get("tag") for label, member in inputs.items() if isinstance(member[0], list)}
    meant = [label for label, tag in tags.items() if tag == TAG] or [
        label for label, tag in tags.items() if tag is None
    ]
    if not meant:
        raise InvalidSignature("the request is not signed", hint=_PROFILE)
    if len(meant) > 1:
        raise InvalidSignature("the request has several signatures", hint=f'Give one of them tag="{TAG}".')
    value = signatures.get(meant[0], (None,))[0]
    if not isinstance(value, bytes) or len(value) != 64:
        raise InvalidSignature("the request has no Ed25519 signature of that label", hint=_PROFILE)
    items, params = inputs[meant[0]]
    return Signed(_stamp(params), _components(items), params, value)


def verify(request: Request, signed: Signed, public_key: bytes, now: int, *, has_body: bool = True) -> Stamp:
    """Check digest, time and signature; before the body is there, without it, what the headers claim is its digest.

    The caller rejects a nonce it has seen. Raises `InvalidSignature`: saying which of the three failed.
    """
    if has_body:
        _require_digest(request)
    stamp = signed.stamp
    if abs(now - stamp.created_at) > MAX_SKEW_SECONDS:
        raise InvalidSignature(
            f"the request was signed {abs(now - stamp.created_at)} seconds from now",
            hint="Set both clocks; at most 60 seconds apart are accepted.",
            skew_seconds=stamp.created_at - now,
        )
    if now > signed.params.get("expires", now):
        raise InvalidSignature("the signature has expired", hint="Sign the request anew.")
    base = signature_base(request, signed.components, signed.params)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signed.signature, base)
    except (BadSignature, ValueError):
        raise InvalidSignature(
            "the request signature is wrong", hint="Is the sender's party document current?"
        ) from None
    return stamp


def _dictionary(request: Request, name: str) -> dict[str, Any]:
    """A header as a structured dictionary (RFC 9651), each member with its parameters."""
    value = request.field(name) or ""
    if len(value) > MAX_FIELD_BYTES:
        raise InvalidSignature(f"{name} is too long", hint=f"At most {MAX_FIELD_BYTES} bytes.")
    try:
        found: Any = http_sf.parse(value.encode("ascii"), tltype="dictionary", on_duplicate_key=_refuse_twice)
    except (ValueError, TypeError, OverflowError):
        raise InvalidSignature(f"{name} is not a structured dictionary (RFC 9651)", hint=_PROFILE) from None
    return {key: item if isinstance(item, tuple) else (item, {}) for key, item in found.items()}


def _refuse_twice(key: str, where: str) -> None:
    raise ValueError(key, where)


def _stamp(params: dict[str, Any]) -> Stamp:
    wrong = [name for name, value in params.items() if type(value) is not _PARAMS.get(name)]
    missing = {"created", "keyid", "nonce"} - set(params)
    if wrong or missing:
        named = ", ".join(sorted(name[:40] for name in (*wrong, *missing)))
        raise InvalidSignature(
            f"signature parameters are missing, unknown or of a wrong type: {named}", hint=_PROFILE
        )
    if params.get("alg", "ed25519") != "ed25519":
        raise InvalidSignature("the signature is of another algorithm than ed25519", hint=_PROFILE)
    if not _ACCOUNT.fullmatch(params["keyid"]) or not _NONCE.fullmatch(params["nonce"]):
        raise InvalidSignature(
            "keyid must be an account, nonce 16 to 64 letters, digits, - and _", hint=_PROFILE
        )
    return Stamp(account=params["keyid"], created_at=params["created"], nonce=params["nonce"])


def _components(items: list[Any]) -> tuple[Component, ...]:
    pairs = [item if isinstance(item, tuple) else (item, {}) for item in items]
    if len(pairs) > MAX_COMPONENTS or not all(type(name) is str for name, _ in pairs):
        raise InvalidSignature(f"a signature covers at most {MAX_COMPONENTS} components, each a string")
    whole = {name for name, flags in pairs if set(flags) <= {"sf", "bs"}}
    if "@method" not in whole or "content-digest" not in whole or not any(one <= whole for one in _TARGETS):
        raise InvalidSignature(f"the signature must cover {', '.join(COMPONENTS)}")
    return tuple(pairs)


def _require_digest(request: Request) -> None:
    """Every digest known here is right, and there is one (RFC 9530)."""
    said = _dictionary(request, "content-digest")
    known = {name: said[name][0] for name in _DIGESTS if name in said}
    if not known:
        raise InvalidSignature(
            "the body has no digest that is known here", hint="Send sha-256 in Content-Digest."
        )
    for name, value in known.items():
        if not isinstance(value, bytes) or not hmac.compare_digest(
            value, _DIGESTS[name](request.body).digest()
        ):
            raise InvalidSignature("the body is not the one that was signed")
