"""This party's log as others see it: checkpoints, anchors on chain, proofs for documents."""

from __future__ import annotations

import logging
from typing import Any

from freehold.core.errors import Conflict, FreeholdError, InvalidInput, NotFound, Unavailable
from freehold.core.ids import hash_bytes
from freehold.core.texts import Moment, said
from freehold.kernel.anchored_head import LogForked, own_head
from freehold.kernel.keeping import keeper, subjects
from freehold.kernel.keeping.keeper import Errand
from freehold.kernel.node import Node
from freehold.kernel.store import ANCHORED
from freehold.log.checkpoint import Checkpoint
from freehold.log.note import sign

MAX_PROOFS = 2_000
DUE = "anchor_due"
"""Kept while something in the log is to be anchored before `anchor_every_seconds` are over."""
_log = logging.getLogger("freehold")


class NotAnchored(Conflict, code="log.not_anchored"):
    """A document is newer than the last anchor, and anchoring costs a fee that nobody agreed to."""


def checkpoint(node: Node, size: int | None = None) -> str:
    """A signed checkpoint of the log at `size`, by default its present size.

    Raises `LogForked`: a signature would be the proof that this account's log contradicts itself.
    """
    if node.continuity.stopped is not None and node.continuity.stopped.code == LogForked.code:
        node.continuity.require_going()
    with node.store.log() as log:
        chosen = log.size() if size is None else size
        head = Checkpoint(origin=node.log_signer.key.name, size=chosen, root=log.root(chosen))
    return sign(head.format(), node.log_signer)


def anchor(node: Node, *, by_itself: bool = False) -> dict[str, Any]:
    """Put the log's present root on chain unless it is there already; `by_itself` within the day's gas.

    Gives `size`, `root` of what is anchored now and `gas` spent (0 if nothing was to do).
    Raises `LogForked`, `ChainLostState`: what is anchored contradicts this log; nothing was sent. `GasDaySpent`.
    """
    node.continuity.look()
    node.continuity.require_going()
    head = own_head(node)
    head.require()
    with node.store.log() as log:
        size = log.size()
        root = log.root(size)
    gas = 0
    if head.anchored_size < size:
        if by_itself:
            gas = keeper.send(node, Errand("LogAnchors", "anchor", (size, root), subject="log"))
        else:
            gas = node.send("LogAnchors", "anchor", size, root)
            subjects.clear(node, "LogAnchors.anchor", "log")
    remember_anchored(node, size)
    if node.store.state(DUE):
        with node.store.transaction() as tx:
            tx.delete(DUE)
    return {"size": size, "root": "0x" + root.hex(), "gas": gas}


def remember_anchored(node: Node, size: int) -> None:
    """Keep how much of the log this home knows to be anchored on its chain.

    Raises `OtherChain`: another answers now; nothing is kept. `ChainUnreachable`.
    """
    node.continuity.require_same()
    known = node.store.state(ANCHORED) or {"size": 0}
    if size > int(known["size"]):
        with node.store.transaction() as tx:
            tx.set(ANCHORED, {"size": size})


def anchor_soon(node: Node) -> None:
    """Something is in the log that others will have to prove: anchor it, at this owner's pace.

    Where the last anchor is younger than `anchor_least_seconds`, or the chain refuses, it is left due: `anchor_if_due`
    does it then, for all that came in meanwhile.
    """
    if not node.store.state(DUE):
        with node.store.transaction() as tx:
            tx.set(DUE, value=True)
    try:
        anchor_if_due(node)
    except FreeholdError as error:
        _log.warning("the log could not be anchored: %s", error.message)


def anchor_if_due(node: Node) -> bool:
    """Anchor the log if it has grown and the last anchor is old enough; says whether it was."""
    _, size, anchored_at = node.chain.read("LogAnchors", "headOf", node.account)
    with node.store.log() as log:
        grown = log.size() > int(size)
    settings = node.settings
    pauses = [settings.anchor_least_seconds] if node.store.state(DUE) else []
    pauses += [settings.anchor_every_seconds] if settings.anchor_every_seconds else []
    if not grown or not pauses or node.now() - int(anchored_at) < min(pauses):
        return False
    anchor(node, by_itself=True)
    return True


def anchored_size(node: Node) -> int:
    """Entries of this log that the chain vouches for."""
    _, size, _ = node.chain.read("LogAnchors", "headOf", node.account)
    return int(size)


def anchored_if_known(node: Node) -> int | None:
    """The same for those who only look; None while the chain does not answer."""
    try:
        return anchored_size(node)
    except Unavailable:
        return None


def shown(node: Node) -> dict[str, Any]:
    """This party's log: size, root, what is anchored, the signed checkpoint."""
    with node.store.log() as store:
        size, root = store.size(), store.root()
    return {
        "origin": node.log_signer.key.name,
        "key": str(node.log_signer.key),
        "size": size,
        "root": "0x" + root.hex(),
        "anchored": anchored_if_known(node),
        "checkpoint": checkpoint(node),
    }


def not_anchored(node: Node) -> NotAnchored:
    """Why something in this log cannot be proven yet, and when it is due to be anchored: `anchor_due_at`, Unix seconds."""
    every = node.settings.anchor_every_seconds
    how = said("Its owner can anchor it now: freehold log --anchor.")
    if not every:
        return NotAnchored(said("this log has entries that are not anchored yet"), hint=how)
    by = max(node.now(), int(node.chain.read("LogAnchors", "headOf", node.account)[2]) + every)
    return NotAnchored(
        said("this log has entries that are not anchored yet"),
        hint=said(
            "Its node is due to anchor it at {time}; ask again a minute later. {how}",
            time=Moment(by),
            how=how,
        ),
        anchor_due_at=by,
    )


def proofs(node: Node, document_ids: list[str], *, may_anchor: bool = True) -> dict[str, Any]:
    """What anyone needs to see that documents are in this log, at the anchored size.

    Anchors first where a document is newer than the last anchor and `may_anchor`. Revocations of grants among the
    documents come along: whoever proves a use has to show that it came first.
    Raises `NotFound`: a document is not in this log. `InvalidInput`: too many at once. `NotAnchored`.
    """
    node.continuity.require()
    if len(document_ids) > MAX_PROOFS:
        raise InvalidInput(
            f"at most {MAX_PROOFS:,} proofs at once, not {len(document_ids):,}", hint="Ask in parts."
        )
    revocations = [claim for item in document_ids for claim in node.store.find("claim", "revocation", item)]
    positions = {}
    for document_id in {*document_ids, *(claim.document.id for claim in revocations)}:
        hash_bytes(document_id)
        position = node.store.position(document_id)
        if position is None:
            raise NotFound(f"{document_id[:10]} is not in this log")
        positions[document_id] = position
    size = anchored_size(node)
    if positions and max(positions.values()) >= size:
        if not may_anchor:
            raise not_anchored(node)
        size = anchor(node)["size"]
    with node.store.log() as log:
        listed = [
            {
                "id": document_id,
                "index": position,
                "proof": ["0x" + item.hex() for item in log.inclusion_proof(position, size)],
            }
            for document_id, position in sorted(positions.items(), key=lambda item: item[1])
        ]
    return {
        "checkpoint": checkpoint(node, size),
        "proofs": listed,
        "revocations": [claim.to_json() for claim in revocations],
    }
