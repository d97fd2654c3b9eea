"""Proof: who used what, where a thing came from, the log, and evidence for a stranger."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.features.proof import listing, wire
from freehold.features.proof.pages import asset, lineage, log, uses, verify
from freehold.features.proof.uploads import Uploads
from freehold.kernel import trail
from freehold.kernel.evidence import proving
from freehold.kernel.evidence.proving import Gathering
from freehold.kernel.feature import Aim, Card, Feature, FirstStep, PeerCall
from freehold.kernel.web.places import Place, Tab

FEATURE = Feature(
    name="proof",
    about="Who used what, where a thing came from, the log, and evidence for a stranger.",
    operations=(
        wire.RECEIPTS.does(lambda host, asked: listing.receipts(host.node, asked.limit, asked.before)),
        wire.RECEIPT.does(lambda host, asked: host.node.store.get(asked.receipt_id).to_json()),
        wire.LINEAGE.does(lambda host, asked: listing.lineage(host.node, asked.document_id)),
        wire.EVIDENCE.does(lambda host, asked: proving.evidence(host, asked.receipt).to_json()),
    ),
    parts=(lambda host: Gathering(host.node), lambda host: Uploads(host.node)),
    finders={"receipt": lambda host, text: listing.find_receipt(host.node, text)},
    peer_calls=(
        PeerCall("/evidence", proving.give_evidence, heavy=True),
        PeerCall(
            "/model-evidence", lambda host, _, body: proving.give_model_evidence(host, body), heavy=True
        ),
    ),
    cards=(Card("home_uses.html", uses.latest, 20),),
    sections=asset.SECTIONS,
    searches=(asset.search,),
    pages=(*uses.PAGES, *lineage.PAGES, *log.PAGES, *verify.PAGES),
    first_steps=(
        FirstStep(
            (Aim.AUDIT,),
            10,
            said("Check the log against itself and against the network."),
            "/log",
            said("Look at the log"),
            lambda host: trail.has(host.node, log.CHECKED),
        ),
        FirstStep(
            (Aim.AUDIT,),
            20,
            said("Verify a use: who did what, by whose leave, for how much."),
            "/uses",
            said("Look at uses"),
            lambda host: trail.has(host.node, uses.VERIFIED),
        ),
    ),
    tabs=(
        Tab(Place.TRUST, "/uses", said("Uses"), 10),
        Tab(Place.TRUST, "/lineage", said("Lineage"), 20),
        Tab(Place.TRUST, "/log", said("Log"), 30),
        Tab(Place.TRUST, "/verify", said("Verify"), 60),
    ),
)
