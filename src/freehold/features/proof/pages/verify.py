"""Verifying: a receipt or model of this node, or evidence that somebody brought."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response, StreamingResponse

from freehold.core.errors import NotFound
from freehold.core.texts import said
from freehold.features.proof.examining import examine_model
from freehold.features.proof.pages.uses import Names, sentence
from freehold.features.proof.uploads import Uploaded, Uploads
from freehold.features.proof.verifications import TITLES, Verification, Verifications, zipped
from freehold.kernel import listed, uses
from freehold.kernel.node import Node
from freehold.kernel.people import readable
from freehold.kernel.web.formats import tr
from freehold.kernel.web.forms import MAX_NAME
from freehold.kernel.web.powers import Power
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.web.words import plain

MOST_SHOWN = 5
_ANSWERS = replace(uses.NEWEST_FIRST, filters={"action": "infer"}, limit=MOST_SHOWN, counted=False)
_KEPT = "uploaded_evidence"


def page(visit: Visit) -> Response:
    """What can be verified, and what came of the last upload."""
    node, uploaded, names = visit.node, visit.session.kept.get(_KEPT), Names(visit.node)
    own = listed.assets(node, kind="model", owner=node.account, limit=MOST_SHOWN)
    others = listed.assets(node, kind="model", others=True, limit=MOST_SHOWN)
    return visit.show(
        "verify.html",
        uploaded=uploaded,
        **findings(node, uploaded),
        answers=[(use, sentence(names, use)) for use in uses.listed(node, _ANSWERS).rows],
        models=[listed.shown(node, one) for one in (*own[::-1], *others[::-1])],
    )


def findings(node: Node, one: Verification | Uploaded | None) -> dict[str, Any]:
    """What a page says of checks that were made: accounts by their names, and the first that failed."""
    failure = one.named_failure if one else None
    return {
        "findings": [(found, readable(node, found.detail)) for found in one.findings] if one else [],
        "failed_words": readable(node, failure.detail) if failure else "",
        "titles": TITLES,
    }


def upload(visit: Visit) -> Response:
    """Begin checking what was brought."""
    sent = visit.form.upload
    if sent is None or not sent.size_bytes:
        if sent is not None:
            sent.close()
        return visit.go("/verify", said("Choose a zip first."), "warn")
    visit.session.kept[_KEPT] = visit.host.part(Uploads).take_in(sent, visit.person.id)
    return visit.go("/verify#uploaded")


def report(visit: Visit) -> Response:
    """What was found, as a text to keep."""
    uploaded = visit.session.kept.get(_KEPT)
    if not isinstance(uploaded, Uploaded) or not uploaded.done:
        raise NotFound(said("there is no report yet"), hint=said("Choose a zip and have it checked first."))
    lines = "\n".join(_lines(uploaded)) + "\n"
    headers = {"content-disposition": 'attachment; filename="verification-report.txt"'}
    return Response(lines, headers=headers, media_type="text/plain; charset=utf-8")


_VERDICTS = {
    "good": said("HOLDS"),
    "bad": said("DOES NOT HOLD"),
    "open": said("HOLDS AS FAR AS IT COULD BE CHECKED"),
}
_MARKS = {"good": said("ok"), "bad": said("FAILED"), "open": said("open")}


def _lines(uploaded: Uploaded) -> list[str]:
    at = datetime.fromtimestamp(uploaded.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    found, unknown = uploaded.report, said("not known")
    head = (
        said("File: {name}", name=plain(uploaded.name, MAX_NAME)),
        said("Checked: {time}", time=at),
        said("Verdict: {verdict}", verdict=_VERDICTS[uploaded.verdict]),
        said("About: {id}", id=found.get("subject") or unknown),
        said(
            "Network: {id}, block {hash}",
            id=str(found.get("chain_id") or unknown),
            hash=found.get("block_hash") or unknown,
        ),
    )
    return [
        *map(tr, head),
        "",
        *(
            f"{tr(_MARKS[one.outcome]):<8}{one.name:<22} {plain(one.file, 200)}{' ' if one.file else ''}{plain(one.detail, 600)}"
            for one in uploaded.findings
        ),
    ]


def model(visit: Visit) -> Response:
    """One model's evidence."""
    node = visit.node
    asset = _model(visit)
    verification = visit.kept(Verifications).get(asset.id)
    return visit.show(
        "verify_model.html", model=asset, verification=verification, **findings(node, verification)
    )


def verify_model(visit: Visit) -> Response:
    """Begin checking it."""
    asset = _model(visit)
    visit.kept(Verifications).begin(visit.host, asset.id, examine_model)
    return visit.go(f"/verify/{asset.id}#verified")


def model_evidence(visit: Visit) -> Response:
    """Its evidence as a zip."""
    asset = _model(visit)
    known = visit.kept(Verifications).get(asset.id)
    if known is None or known.bundle is None:
        raise NotFound(said("there is no evidence to download yet"), hint=said("Press Verify first."))
    folder = f"evidence-{asset.id[2:12]}"
    headers = {"content-disposition": f'attachment; filename="{folder}.zip"'}
    return StreamingResponse(zipped(known.bundle, folder), media_type="application/zip", headers=headers)


def _model(visit: Visit) -> Any:
    asset = visit.node.asset(visit.node.store.resolve(visit.params["model"], "asset"))
    if asset.asset_kind != "model":
        raise NotFound(said("only models have evidence of their own"), hint=said("Verify one of its uses."))
    return asset


PAGES = [
    shows("/verify", page),
    acts(
        "/verify", upload, needs=Power.LOOK, takes_file=True, words=said("Checked evidence"), back="/verify"
    ),
    shows("/verify/report", report),
    shows("/verify/{model}", model),
    acts("/verify/{model}", verify_model, needs=Power.LOOK, words=said("Verified a model")),
    shows("/verify/{model}/evidence", model_evidence),
]
