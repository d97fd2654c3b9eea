"""One receipt: what it says, what it is worth as proof, and checking it for real."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response, StreamingResponse

from freehold.core.documents import Receipt
from freehold.core.errors import FreeholdError, InvalidDocument, NotFound
from freehold.core.signing import Envelope
from freehold.features.proof.pages.uses import anchored_size
from freehold.features.proof.sentences import sentence
from freehold.features.proof.verifications import TITLES, Verifications, zipped
from freehold.kernel import logbook, uses
from freehold.kernel.node import Node
from freehold.kernel.people import name_of, readable
from freehold.kernel.web.paying import anchor_fee
from freehold.kernel.web.visit import Visit, acts, shows


def receipt(visit: Visit) -> Response:
    """Everything about one receipt."""
    node, receipt_id = visit.node, _found(visit)
    use = _use(node, receipt_id)
    anchored = anchored_size(node)
    verification = visit.kept(Verifications).get(receipt_id)
    failure = verification.named_failure if verification else None
    envelope = _read(node, receipt_id)
    vouched = anchored is not None and use.position < anchored
    return visit.show(
        "receipt.html",
        use=use,
        said=sentence(node, use),
        anchored=vouched,
        anchored_size=anchored,
        detail=_detail(node, envelope) if envelope else None,
        inclusion=_inclusion(node, use.position),
        verification=verification,
        findings=[(one, readable(node, one.detail)) for one in verification.findings] if verification else [],
        failed_words=readable(node, failure.detail) if failure else "",
        titles=TITLES,
        fee=anchor_fee(node)
        if use.provider == node.account and anchored is not None and not vouched
        else None,
    )


def verify(visit: Visit) -> Response:
    """Begin checking; with `anchor`, the log is anchored first, which was agreed to by pressing that button."""
    receipt_id = _found(visit)
    if visit.form.text("anchor") == "yes":
        logbook.anchor(visit.node)
    visit.kept(Verifications).begin(visit.host, receipt_id)
    return visit.go(f"/uses/{receipt_id}#verified")


def evidence(visit: Visit) -> Response:
    """The evidence of a verified receipt as a zip."""
    receipt_id = _found(visit)
    known = visit.kept(Verifications).get(receipt_id)
    if known is None or known.bundle is None:
        raise NotFound("there is no evidence to download yet", hint="Press Verify first.")
    folder = f"evidence-{receipt_id[2:12]}"
    headers = {"content-disposition": f'attachment; filename="{folder}.zip"'}
    return StreamingResponse(zipped(known.bundle, folder), media_type="application/zip", headers=headers)


def _found(visit: Visit) -> str:
    return visit.node.store.resolve(visit.params["receipt"], "receipt")


def _use(node: Node, receipt_id: str) -> uses.Use:
    found = uses.one(node, receipt_id)
    if found is None:
        raise NotFound("that receipt is not in this log", hint="Look at Who used it.")
    return found


def _read(node: Node, receipt_id: str) -> Envelope | None:
    """The stored receipt; None where it is not what was logged, which verifying then says."""
    try:
        envelope = node.store.get(receipt_id)
    except (InvalidDocument, FreeholdError):
        return None
    return envelope if envelope.document.id == receipt_id else None


def _detail(node: Node, envelope: Envelope) -> dict[str, Any]:
    document = envelope.document
    assert isinstance(document, Receipt)
    return {
        "body": document,
        "provider": name_of(node, document.provider),
        "holder": name_of(node, document.holder),
        "money": [{"who": _payee(node, line.account), "units": line.delta_units} for line in document.money],
        "signatures": [{**one.model_dump(), "who": name_of(node, one.signer)} for one in envelope.signatures],
        "complete": envelope.is_complete,
    }


def _payee(node: Node, account: str) -> str:
    return name_of(node, account) if len(account) == 42 else "everybody whose data made the model"


def _inclusion(node: Node, position: int) -> dict[str, Any]:
    with node.store.log() as log:
        size = log.size()
        path = log.inclusion_proof(position, size)
    return {"size": size, "path": ["0x" + item.hex() for item in path]}


PAGES = [
    shows("/uses/{receipt}", receipt),
    acts("/uses/{receipt}/verify", verify),
    shows("/uses/{receipt}/evidence", evidence),
]
