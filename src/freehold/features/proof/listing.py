"""Receipts, lineage and log as lists and pictures show them, folded from documents."""

from __future__ import annotations

from typing import Any

from freehold.core.errors import NotFound
from freehold.core.texts import said
from freehold.features.proof.wire import ReceiptRow
from freehold.kernel import listed, logbook, uses
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.shape import alike


def find_receipt(node: Node, text: str) -> str:
    """A receipt by its shortened id, the newest answer's by the word "last". Raises NotFound, Ambiguous."""
    if text != "last":
        return node.store.resolve(text, "receipt")
    newest = uses.newest(node, "infer")
    if newest is None:
        raise NotFound(
            said("no answer was bought or sold here yet"),
            hint=said("Call predict first; receipts of training are listed."),
        )
    return newest


def receipts(node: Node, limit: int, before: str = "") -> dict[str, Any]:
    """The newest receipts in which this party is on either side, oldest first; older ones with `before`."""
    anchored, oldest = logbook.anchored_if_known(node), None
    if before:
        oldest = uses.one(node, find_receipt(node, before))
        if oldest is None:
            raise NotFound(
                said("that receipt is not in this node's log"), hint=said("Name one that is listed.")
            )
    newest = uses.latest(node, limit + 1, oldest)
    found = [
        {
            **alike(ReceiptRow, use),
            "provider_name": known_as(node, use.provider),
            "holder_name": known_as(node, use.holder),
            "anchored": None if anchored is None else use.position < anchored,
        }
        for use in reversed(newest[:limit])
    ]
    earlier = newest[limit - 1].id if len(newest) > limit else ""
    return {"receipts": found, "earlier": earlier, "total": node.store.counted("receipt")}


def lineage(node: Node, text: str) -> dict[str, Any]:
    """From an asset or receipt back to the data: nodes and edges of the picture."""
    try:
        document_id = listed.find(node, text)
        receipt = None
    except NotFound:
        receipt = node.receipt(find_receipt(node, text))
        document_id = receipt.inputs[0]
    asset = node.asset(document_id)
    nodes, edges = [{**listed.shown(node, asset), "weight": 10_000}], []
    for source in asset.derived_from:
        if node.store.has(source.asset):
            described = listed.shown(node, node.asset(source.asset))
        else:
            described = {"id": source.asset, "kind": "dataset", "name": source.asset[:10], "owner_name": ""}
        nodes.append({**described, "weight": source.weight})
        edges.append({"from": source.asset, "to": asset.id, "role": source.role, "weight": source.weight})
    if receipt is not None:
        nodes.append(
            {
                "id": receipt.id,
                "kind": "receipt",
                "name": receipt.action,
                "owner_name": known_as(node, receipt.holder),
            }
        )
        edges.append({"from": asset.id, "to": receipt.id, "role": "answer", "weight": 10_000})
    return {"nodes": nodes, "edges": edges, "calls": node.store.counted("receipt", "infer")}
