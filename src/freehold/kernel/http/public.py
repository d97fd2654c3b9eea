"""What anyone may read: who this is, what is on offer, and the log (C2SP tlog-tiles paths)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from freehold.chain import deployments
from freehold.core.errors import NotFound
from freehold.core.version import VERSION
from freehold.kernel import logbook
from freehold.kernel.node import Node
from freehold.kernel.registry import Registry
from freehold.log.store import NotInLog
from freehold.log.tiles import TILE_WIDTH, TileAddress

_TILE_HEADERS = {"cache-control": "public, max-age=31536000, immutable"}


def router(node: Node, registry: Registry) -> APIRouter:
    """Routes that read only."""
    routes = APIRouter()

    @routes.get("/.well-known/freehold.json")
    def about() -> dict[str, Any]:
        return {
            "party": node.party.to_json(),
            "chain_id": node.chain_id,
            "contracts": {name: node.contract(name) for name in deployments.names()},
            "software": f"freehold/{VERSION}",
        }

    @routes.get("/healthz")
    def health() -> dict[str, Any]:
        return {"ok": True}

    @routes.get("/catalogue")
    def offers() -> dict[str, Any]:
        return {name: value for say in registry.every("catalogue") for name, value in say(node).items()}

    @routes.get("/documents/{document_id}")
    def document(document_id: str) -> dict[str, Any]:
        if not node.store.is_public(document_id):
            raise NotFound("no public document of that id is here")
        return node.store.get(document_id).to_json()

    @routes.get("/log/checkpoint", response_class=PlainTextResponse)
    def checkpoint() -> str:
        return logbook.checkpoint(node)

    @routes.get("/log/tile/{path:path}")
    def tile(path: str) -> Response:
        address = TileAddress.parse(f"tile/{path}")
        with node.store.log() as log:
            # a partial tile of a log that has grown since is still what a client of an older size asks for
            if address.level is None:
                content = log.entries_tile(address.index, address.width)
            else:
                content = log.tile(address.level, address.index, address.width)
        if not content:
            raise NotInLog("the log has no such tile")
        headers = _TILE_HEADERS if address.width == TILE_WIDTH else {}
        return Response(content, media_type="application/octet-stream", headers=headers)

    return routes
