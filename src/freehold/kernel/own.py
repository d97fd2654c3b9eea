"""What the kernel itself answers, registered as a feature does it."""

from __future__ import annotations

from freehold.core.errors import InvalidInput
from freehold.kernel import countersigning, logbook
from freehold.kernel.feature import Feature, PeerCall
from freehold.kernel.host import Host


def _proofs(host: Host, _: str, body: dict[str, object]) -> object:
    ids = body.get("ids")
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        raise InvalidInput("ids is a list of document ids")
    return logbook.proofs(host.node, ids, may_anchor=False)


OWN = Feature(
    name="kernel",
    about="A party with keys, store, log, chain and peers.",
    peer_calls=(
        PeerCall(
            "/countersign",
            lambda host, sender, body: countersigning.accept(host.node, sender, body.get("receipts")),
            large=True,
        ),
        PeerCall("/proofs", _proofs, heavy=True),
    ),
)
