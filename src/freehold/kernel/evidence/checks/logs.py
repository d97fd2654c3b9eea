"""Did it happen in this order, and can the order no longer be changed?"""

from __future__ import annotations

import re
from typing import Any

from freehold.core.documents import Claim, Document, Grant, Receipt
from freehold.core.errors import FreeholdError
from freehold.core.texts import said
from freehold.kernel.evidence.manifest import log_entry
from freehold.kernel.evidence.reading import Broken, Evidence, blaming, log_path
from freehold.kernel.evidence.state import anchor_slots
from freehold.kernel.words import claim_kinds
from freehold.log.checkpoint import Checkpoint
from freehold.log.note import ED25519, VerifierKey, open_note
from freehold.log.tree import leaf_hash, verify_inclusion

_HASH = re.compile(r"0x[0-9a-f]{64}")


def checkpoints(evidence: Evidence) -> str:
    """Each log's checkpoint is signed with its party's log key and names that party's log."""
    for path in sorted(evidence.bundle.files):
        if not path.startswith("logs/"):
            continue
        account, value = path[len("logs/") : -len(".json")], evidence.json(path)
        if account in evidence.heads:
            continue
        if (
            not isinstance(value, dict)
            or set(value) != {"checkpoint", "proofs"}
            or not isinstance(value["checkpoint"], str)
        ):
            raise Broken(path, said("is not a checkpoint with proofs"))
        if account not in evidence.parties:
            raise Broken(path, said("is the log of a party that is not here"))
        with blaming(path):
            key = VerifierKey.parse(evidence.parties[account].log_key)
            note = open_note(value["checkpoint"], [key])
            head = Checkpoint.parse(note.text, origin=f"freehold/{account}")
        if (key.name, key.kind, note.ignored, head.extensions) != (head.origin, ED25519, (), ()):
            raise Broken(
                path, said("has more in its checkpoint than size, root and the signature of its own key")
            )
        if value["checkpoint"].count("\n") != 5:
            raise Broken(path, said("has a checkpoint that is signed more than once"))
        evidence.heads[account] = (head.size, head.root)
    return said("{n} logs, each signed with its log key", n=len(evidence.heads))


def anchors(evidence: Evidence) -> str:
    """Root and size of each checkpoint are the ones anchored on chain."""
    for account, (size, root) in evidence.heads.items():
        root_slot, size_slot = anchor_slots(account)
        if evidence.word("LogAnchors", root_slot) != int.from_bytes(root, "big"):
            raise Broken(log_path(account), said("has another root than the chain holds for this log"))
        if evidence.word("LogAnchors", size_slot) % 2**64 != size:
            raise Broken(log_path(account), said("has another size than the chain holds for this log"))
    return said("each root and size is the one anchored on chain")


def inclusion(evidence: Evidence) -> str:
    """Each document listed for a log is in it, at the position given."""
    count = 0
    for account, (size, root) in evidence.heads.items():
        path, proofs = log_path(account), evidence.json(log_path(account))["proofs"]
        if not isinstance(proofs, list):
            raise Broken(path, said("lists no proofs"))
        if account in evidence.logs:
            continue
        positions = evidence.logs[account] = {}
        for item in proofs:
            _include(evidence, path, item, positions, (size, root))
        count += len(positions)
    return said("{count} documents in their logs", count=count)


def _include(
    evidence: Evidence, path: str, item: Any, positions: dict[str, int], head: tuple[int, bytes]
) -> None:
    if not isinstance(item, dict) or set(item) != {"id", "index", "proof"} or type(item["index"]) is not int:
        raise Broken(path, said("holds a proof without id, index and hashes"))
    envelope = evidence.documents.get(item["id"]) if isinstance(item["id"], str) else None
    if envelope is None or item["id"] in positions:
        raise Broken(path, said("proves a document that is not here, or one twice"))
    if not isinstance(item["proof"], list) or not all(
        isinstance(text, str) and _HASH.fullmatch(text) for text in item["proof"]
    ):
        raise Broken(
            path,
            said(
                "holds what are no hashes to prove that {id} is in the log at {index}",
                id=item["id"][:10],
                index=str(item["index"]),
            ),
        )
    try:
        hashes = [bytes.fromhex(text[2:]) for text in item["proof"]]
        leaf = leaf_hash(log_entry(item["id"], envelope.document.body["type"]))
        verify_inclusion(leaf, item["index"], head[0], hashes, head[1])
    except FreeholdError as error:
        raise Broken(
            path,
            said(
                "does not prove that {id} is in the log at {index}",
                id=item["id"][:10],
                index=str(item["index"]),
            ),
        ) from error
    positions[item["id"]] = item["index"]


def order(evidence: Evidence) -> str:
    """Claims and grants are in their issuer's log, receipts in both sides' logs, after their grant.

    An owner that is away shows no log: then its grant and receipts are in the other side's, whose they are too,
    and its agreement stands by its signature.
    """
    for claim in evidence.of_type(Claim):
        if not claim_kinds()[claim.claim_kind].stands_alone or claim.issuer in evidence.logs:
            _require(evidence, claim, claim.issuer)
    for grant in evidence.of_type(Grant):
        _require(evidence, grant, evidence.keeper(grant))
    for receipt in evidence.of_type(Receipt):
        grant = evidence.get(receipt.grant, Grant, receipt)
        _require(evidence, receipt, evidence.keeper(receipt))
        if receipt.holder in evidence.logs:
            _require(evidence, receipt, receipt.holder)
        if receipt.provider == grant.issuer and evidence.index(grant) > evidence.index(receipt):
            raise Broken(evidence.place(receipt), said("stands before its grant in the issuer's log"))
    return said("every grant before its receipts")


def _require(evidence: Evidence, document: Document, account: str) -> None:
    if account not in evidence.logs:
        raise Broken(
            evidence.place(document),
            said("must be in the log of {account}, which is not here", account=account),
        )
    if document.id not in evidence.logs[account]:
        raise Broken(
            log_path(account),
            said("does not show {kind} {id}", kind=document.body["type"], id=document.id[:10]),
        )
