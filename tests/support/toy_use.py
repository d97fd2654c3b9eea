"""A kind of use that is in no feature: a copy of a text, licensed by the copy. It needs the kernel alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Response

from freehold.core.documents import Asset, Content, Document, Grant, Terms
from freehold.core.ids import NO_HASH, sha256_hex
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.rights.standing import standing
from freehold.kernel.use import Done, Use, perform

D = TypeVar("D", bound=Document)
PRICE = 7
HOLDER, PAYEE = "0x" + "0c" * 20, "0x" + "0d" * 20


def offered(node: Node, price_units: int = PRICE) -> Asset:
    """A text of this node's, at a price for each copy."""
    terms = Terms(
        purposes=("reading",),
        actions=("redistribute",),
        not_before=0,
        expires_at=2**40,
        max_uses=1_000,
        token=node.token,
        price_units=price_units,
        price_per="use",
    )
    asset = Asset(
        asset_kind="dataset",
        name="a text",
        owner=node.account,
        content=Content(commitment=NO_HASH, media_type="text/plain", size_bytes=5),
        schema_={},
        terms=terms,
        created_at=node.now(),
    )
    with node.store.transaction() as tx:
        tx.put(node.seal(asset), public=True)
    return asset


def granted(node: Node, asset: Asset, *, uses: int = 1_000, **more: Any) -> Grant:
    """A grant of so many copies."""
    terms = changed(asset.terms, max_uses=uses)
    with node.store.transaction() as tx:
        grant = Grant(
            **{
                "issuer": node.account,
                "holder": HOLDER,
                "asset": asset.id,
                "terms": terms,
                "spend_cap_units": uses * PRICE,
                "revocation_index": tx.next_number("revocation_index"),
                "nonce": "0x" + secrets.token_hex(32),
                "issued_at": node.now(),
                **more,
            }
        )
        tx.put(node.seal(grant))
    return grant


def changed(document: D, **fields: Any) -> D:
    """The same document with other fields, checked anew."""
    return type(document)(
        **{**{name: getattr(document, name) for name in type(document).model_fields}, **fields}
    )


def copy(
    node: Node,
    asset: Asset,
    grant: Grant,
    number: int,
    work: Callable[[], None] = lambda: None,
    *,
    made: Callable[[int, int], Grant] | None = None,
    **more: Any,
) -> bytes:
    """The copy of that number, once; each takes one sheet of paper."""

    def done(_: int) -> Done:
        work()

        def charge(tx: Any, *_: Any) -> None:
            tx.next_number("paper")

        return Done(sha256_hex(b"hello"), {"text": b'"hello"'}, charge)

    use = Use(
        **{
            "key": f"copy:{grant.id}:{number}",
            "request": str(number),
            "grant": made or grant,
            "asset": asset,
            "holder": grant.holder,
            "action": "redistribute",
            "payee": PAYEE,
            "standing": lambda: standing(node, grant),
            **more,
        }
    )
    return perform(node, use, done)


def router(host: Host) -> APIRouter:
    """`POST /toy` for a node that is to be killed at it."""
    routes = APIRouter()

    @routes.post("/toy")
    def toy(asked: Annotated[dict[str, Any], Body()]) -> Response:
        node = host.node
        made = copy(node, node.asset(asked["asset"]), node.grant(asked["grant"]), asked["number"])
        return Response(made)

    return routes
