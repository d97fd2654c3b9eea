"""What is on offer: this node's assets for others, and those of its peers, as their catalogues say them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from freehold.core.documents import Asset
from freehold.core.errors import InvalidDocument, NewerFormat
from freehold.core.signing import Envelope, parse_envelope
from freehold.features.data import schemas
from freehold.features.data.offering import (
    ASKS_FIRST,
    approval_of,
    offer_again,
    set_approval,
    withdraw,
)
from freehold.features.data.wire import Approval
from freehold.features.identity.peers import CatalogueRead, PeerReplaced
from freehold.kernel import pending
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.store import OFF_OFFER, Transaction

MAX_CATALOGUE = 1_000
_said: WeakKeyDictionary[Node, tuple[list[Any], dict[str, Any]]] = WeakKeyDictionary()
"""What each node said last, and of which assets."""


@dataclass(frozen=True)
class OfferForgotten:
    """Another's offer that nothing came of is let go; told while that is written."""

    asset: str
    tx: Transaction


def offered(node: Node) -> list[Envelope]:
    """The newest assets of this node that are on offer, oldest first."""
    return [node.store.get(asset_id) for asset_id, _ in _on_offer(node)]


def said(node: Node) -> dict[str, Any]:
    """Its part of `/catalogue`, made once for as long as the same is on offer: anyone may ask, however often."""
    rows = _on_offer(node)
    if node not in _said or _said[node][0] != rows:
        assets = [node.store.get(asset_id).to_json() for asset_id, _ in rows]
        _said[node] = rows, {"assets": assets, "asks_first": [asset_id for asset_id, asks in rows if asks]}
    return _said[node][1]


def _on_offer(node: Node) -> list[Any]:
    """(id, whether its owner is asked first) of each."""
    rows = node.store.rows(
        "SELECT id, EXISTS (SELECT 1 FROM state WHERE state.name = ? || assets.id) FROM assets WHERE public = ?"
        " AND NOT EXISTS (SELECT 1 FROM state WHERE state.name = ? || assets.id) ORDER BY rowid DESC LIMIT ?",
        ASKS_FIRST,
        True,
        OFF_OFFER,
        MAX_CATALOGUE,
    )
    return rows[::-1]


def keep(node: Node, read: CatalogueRead) -> None:
    """Keep a peer's assets, each its own and checked, or none; what it shows no more is off offer.

    Raises InvalidDocument, InvalidSignature, TooMuch.
    """
    offers, asks_first = list(_offers(read)), _listed(read, "asks_first", [])
    news = [(envelope, asset) for envelope, asset in offers if _is_news(node, envelope)]
    # what is said in a form that nothing here reads is of no use
    unread = {asset.id for _, asset in news if schemas.unreadable(asset)}
    fresh = [envelope for envelope, asset in news if asset.id not in unread]
    shown = {asset.id: asset.created_at for _, asset in offers}
    heard: dict[str, Approval] = {}
    if read.account != node.account:
        every: dict[str, Approval] = {one: "ask" if one in asks_first else "automatic" for one in shown}
        heard = {
            one: how for one, how in every.items() if one not in unread and how != approval_of(node, one)
        }
    turned = _turned(node, read, shown)
    with node.store.transaction() as tx:
        for envelope in fresh:
            tx.put(envelope, logged=False)
            pending.add(tx, pending.ASSETS, envelope.document.id, read.account, len(envelope.to_bytes()))
        for asset_id, chosen in heard.items():
            set_approval(tx, asset_id, chosen)
        for asset_id, off in turned.items():
            (withdraw if off else offer_again)(tx, asset_id)
        # last, so that nothing is left of what goes
        while oldest := pending.surplus(tx.connection, pending.ASSETS, read.account):
            _forget(node, tx, oldest)


def _offers(read: CatalogueRead) -> Iterator[tuple[Envelope, Asset]]:
    for value in _listed(read, "assets", None):
        try:
            envelope = parse_envelope(value)
        except NewerFormat:
            # for later programs; what else its owner offers stays as good as it was
            continue
        if not isinstance(envelope.document, Asset) or envelope.document.owner != read.account:
            raise InvalidDocument(f"{read.url} offers something that is not an asset of its own")
        yield envelope, envelope.document


def _turned(node: Node, read: CatalogueRead, shown: dict[str, int]) -> dict[str, bool]:
    """Assets of a peer that are off offer by now, or on offer again: a catalogue is all that its owner offers.

    One that is full leaves out what is older than anything in it.
    """
    if read.account == node.account:
        return {}
    since = min(shown.values()) if len(read.answer["assets"]) == MAX_CATALOGUE and shown else 0
    rows = node.store.rows(
        "SELECT id, EXISTS (SELECT 1 FROM state WHERE state.name = ? || assets.id) FROM assets WHERE owner = ?",
        OFF_OFFER,
        read.account,
    )
    turned = {str(asset_id): not was for asset_id, was in rows if bool(was) == (asset_id in shown)}
    return {one: off for one, off in turned.items() if not (off and node.asset(one).created_at < since)}


def _listed(read: CatalogueRead, name: str, otherwise: list[Any] | None) -> list[Any]:
    values = read.answer.get(name, otherwise) if isinstance(read.answer, dict) else None
    if not isinstance(values, list) or len(values) > MAX_CATALOGUE:
        raise InvalidDocument(f"{read.url} has no readable catalogue")
    return values


def _is_news(node: Node, envelope: Envelope) -> bool:
    """Whether an asset is not here yet; checked, unless it is here with these signatures."""
    known = node.store.get(envelope.document.id) if node.store.has(envelope.document.id) else None
    if known is None or known.signatures != envelope.signatures:
        node.check(envelope)
    return known is None


def forget_offers(node: Node, replaced: PeerReplaced) -> None:
    """What nothing came of goes with the party whose address is another's now."""
    offers = replaced.tx.connection.execute(
        "SELECT name FROM pending WHERE kind = ? AND party = ?", (pending.ASSETS.kind, replaced.account)
    ).fetchall()
    for (asset_id,) in offers:
        _forget(node, replaced.tx, str(asset_id))


def _forget(node: Node, tx: Transaction, asset_id: str) -> None:
    """A catalogue that goes on changing keeps its newest offers here, and those that something came of."""
    pending.remove(tx, pending.ASSETS.kind, asset_id)
    come_of_it = "SELECT 1 FROM documents WHERE about = ? LIMIT 1"
    if tx.connection.execute(come_of_it, (asset_id,)).fetchone() is None:
        tx.forget(asset_id)
        set_approval(tx, asset_id, "automatic")
        offer_again(tx, asset_id)
        everything().tell(node, OfferForgotten(asset_id, tx))
