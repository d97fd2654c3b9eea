"""What the kernel itself answers, registered as a feature does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freehold.core.errors import FreeholdError, InvalidInput
from freehold.kernel import ceiling, countersigning, custody, logbook, status, wire
from freehold.kernel.feature import Feature, PeerCall
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.operation import Request


def _proofs(host: Host, _: str, body: dict[str, object]) -> object:
    ids = body.get("ids")
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        raise InvalidInput("ids is a list of document ids")
    return logbook.proofs(host.node, ids, may_anchor=False)


def _gas(host: Host, _: Request) -> dict[str, int]:
    return {name.removeprefix("gas:"): used for name, used in host.node.store.states("gas:").items()}


def _spending(host: Host, _: Request) -> dict[str, Any]:
    ceiling.reconcile(host.node)
    return ceiling.overview(host.node)


def _limit(host: Host, asked: wire.Limits) -> dict[str, Any]:
    ceiling.limit(host.node, **asked.model_dump())
    return ceiling.overview(host.node)


def _notices(node: Node) -> Iterator[FreeholdError]:
    """Another chain, a log that must not grow, data that is gone."""
    yield from filter(None, (node.continuity.other, node.continuity.stopped))
    yield from custody.missing(node)


FEATURE = Feature(
    name="kernel",
    about="A party with keys, store, log, chain and peers.",
    operations=(
        wire.STATUS.does(lambda host, _: status.status(host)),
        wire.WORK.does(lambda host, _: status.work(host)),
        wire.LOG.does(lambda host, _: logbook.shown(host.node)),
        wire.ANCHOR.does(lambda host, _: logbook.anchor(host.node)),
        wire.GAS.does(_gas),
        wire.SPENDING.does(_spending),
        wire.LIMIT.does(_limit),
    ),
    peer_calls=(
        PeerCall(
            "/countersign",
            lambda host, sender, body: countersigning.accept(host.node, sender, body.get("receipts")),
            large=True,
        ),
        PeerCall("/proofs", _proofs, heavy=True),
    ),
    notices=(_notices,),
)
