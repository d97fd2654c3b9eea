"""What other nodes ask of this one. Every request is signed, fresh and answered once per nonce."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from freehold.core import origins
from freehold.core.canonical import MOST_VALUES, parse
from freehold.core.documents import Document, Party
from freehold.core.errors import InvalidDocument, InvalidInput, InvalidSignature, NotFound, Unavailable
from freehold.core.http_signature import MAX_SKEW_SECONDS, Stamp, read, verify
from freehold.core.origins import Origin
from freehold.core.signature_base import Request as SignedRequest
from freehold.core.signing import Envelope, parse_envelope
from freehold.kernel import pending
from freehold.kernel.feature import PeerCall
from freehold.kernel.host import Host
from freehold.kernel.http.bodies import MAX_BODY_BYTES, most_values, require_partner
from freehold.kernel.limits import RateLimited
from freehold.kernel.naming import own_names
from freehold.kernel.node import Node
from freehold.kernel.operation import Waiting
from freehold.kernel.registry import Registry, everything
from freehold.log.note import VerifierKey


class Replayed(InvalidSignature, code="peer.replayed"):
    """The request was answered before."""


class UnknownParty(InvalidSignature, code="peer.unknown"):
    """The sender has not introduced itself."""


async def raw_body(request: Request) -> bytes:
    """The bytes as sent; the application has bounded them."""
    return await request.body()


RawBody = Annotated[bytes, Depends(raw_body)]


def read_body(raw: bytes, most: int = MOST_VALUES) -> dict[str, Any]:
    """A JSON object of exact values. Raises `InvalidInput`."""
    value = parse(raw, max_bytes=MAX_BODY_BYTES, most_values=most)
    if not isinstance(value, dict):
        raise InvalidInput("the body must be a JSON object")
    return value


def router(host: Host, registry: Registry) -> APIRouter:
    """Signed routes; a body is parsed after its signature is checked, so that a stranger's costs one hash."""
    node = host.node
    routes = APIRouter(prefix="/peer")

    def hello(request: Request, raw: RawBody) -> dict[str, Any]:
        envelope = parse_envelope(read_body(raw).get("party"))
        _authenticate(host, request, raw, envelope)
        node.accept_party(envelope)
        return {"account": node.account}

    routes.post("/hello")(hello)
    for call in registry.every("peer_calls"):
        routes.post(call.path)(_signed(host, call))
    return routes


def _signed(host: Host, call: PeerCall) -> Callable[..., Any]:
    def endpoint(request: Request, response: Response, raw: RawBody) -> Any:
        sender = _authenticate(host, request, raw)
        most = most_values(request.url.path, partner=bool(request.state.partner))
        answer = call.act(host, sender, read_body(raw, most))
        if isinstance(answer, Waiting):
            response.status_code = 202
            return answer.answer
        return answer

    return endpoint


def _seen(host: Host, stamp: Stamp, *, partner: bool) -> bool:
    """Whether a request was here before; asking is to cost a stranger's host no byte of disk."""
    node, expires_at = host.node, stamp.created_at + 2 * MAX_SKEW_SECONDS
    now, name = node.now(), f"{stamp.account}:{stamp.nonce}"
    if partner:
        return host.nonces.holds(stamp.account, stamp.nonce) or node.store.seen_nonce(name, expires_at, now)
    if stamp.created_at > now and node.store.seen_nonce(name, expires_at, now, most=pending.MOST_AHEAD):
        return True
    return host.nonces.seen(stamp.account, stamp.nonce, stamp.created_at, expires_at, now)


def _as_signed(request: Request, raw: bytes, names: tuple[Origin, ...]) -> tuple[SignedRequest, bool]:
    """The request under the name its sender must have meant, and whether its Host says that name too.

    The name is one of this node's own, never what a header says: a request captured by one node must be worth
    nothing at another that also knows the sender, and a proxy may send a Host of its own.
    """
    host = request.headers.get("host", "")
    spoken = next((one for one in names if origins.authority(host, one.scheme) == one.authority), None)
    meant = spoken or names[0]
    fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    path, query = request.scope.get("raw_path") or request.url.path.encode(), request.scope["query_string"]
    signed = SignedRequest(
        request.method,
        meant.authority,
        path.decode("latin-1"),
        query.decode("latin-1"),
        raw,
        meant.scheme,
        fields,
    )
    return signed, spoken is not None


def _authenticate(host: Host, request: Request, raw: bytes, introduced: Envelope | None = None) -> str:
    """The account that signed the request, once; it may be one that introduces itself with it.

    Raises `UnknownParty`, `InvalidSignature`, `RateLimited`, `Replayed`.
    """
    stamp = _proven(host.node, request, raw, introduced.document if introduced else None)
    if introduced is not None:
        host.node.check_party(introduced)
    request.state.peer = stamp.account
    try:
        host.callers.require(stamp.account)
    except RateLimited:
        host.tally.refusal("peer")
        raise
    with host.node.store.reading() as connection:
        partner = pending.is_partner(connection, stamp.account)
    request.state.partner = stamp.account if partner else ""
    if _seen(host, stamp, partner=partner):
        raise Replayed("this request was received before", hint="Sign a new one with a fresh nonce.")
    return stamp.account


def vouch(node: Node, request: Request) -> None:
    """A known party signed what the head says, so its body, whose digest that names, may be large.

    Raises `UnknownParty`, `InvalidSignature`, `TooLarge`.
    """
    stamp, length = _proven(node, request, None), int(request.headers["content-length"])
    # notes a purchase, if need be, so that the values of its body are bounded as a partner's
    require_partner(length, partner=everything().has_dealt(node, stamp.account))


def _proven(node: Node, request: Request, raw: bytes | None, introduced: Document | None = None) -> Stamp:
    """Who signed the request; without a body, what its head claims of that is believed."""
    names = own_names(node.party_document(), node.settings)
    signed, is_spoken = _as_signed(request, raw or b"", names)
    signature = read(signed)
    party = _sender(node, signature.stamp.account, introduced)
    try:
        key = VerifierKey.parse(party.log_key).public
        return verify(signed, signature, key, node.now(), has_body=raw is not None)
    except InvalidSignature as error:
        if not is_spoken and not error.fields:
            error.hint = (
                f"This node is {names[0].authority}: sign for that. Peers use the endpoint of the party document; "
                "set endpoint where a proxy stands before the node."
            )
        raise


def _sender(node: Node, claimed: str, introduced: Document | None) -> Party:
    if isinstance(introduced, Party) and claimed != introduced.account:
        raise InvalidSignature("the request is signed by another party than it introduces")
    if isinstance(introduced, Party):
        return introduced
    if introduced is not None:
        raise InvalidDocument("a party document was expected")
    try:
        return node.party_of(claimed)
    except (Unavailable, NotFound):
        raise UnknownParty(
            "this node does not know the sender", hint="POST the party document to /peer/hello first."
        ) from None
