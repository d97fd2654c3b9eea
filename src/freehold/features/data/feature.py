"""Data: a table is looked at, sealed, published on its owner's terms, and found by others."""

from __future__ import annotations

from typing import Any

from freehold.chain.errors import ContractReverted
from freehold.core.ids import keyed_id
from freehold.core.texts import said
from freehold.features.data import catalogue, finding, licence, offering, publishing, wire
from freehold.features.data.drafts import Drafts
from freehold.features.data.pages import datasets, found, market, publish, usual
from freehold.features.identity import peers
from freehold.features.identity.peers import CatalogueRead, PeerReplaced
from freehold.kernel import listed
from freehold.kernel.account import Account, Once
from freehold.kernel.feature import Aim, Card, Feature, FirstStep
from freehold.kernel.host import Host
from freehold.kernel.listed import Shown
from freehold.kernel.web.places import Place, Tab


def _publish(host: Host, asked: wire.Publish) -> dict[str, Any]:
    warnings: list[str] = []
    envelope = publishing.publish(host.node, asked, warn=warnings.append)
    asset = finding.describe(host.node, host.node.asset(envelope.document.id))
    return {"asset": asset, "warnings": warnings}


def _search(host: Host, asked: wire.Search) -> dict[str, Any]:
    # what others offer by now would stand before the next page, or take it away
    unreachable = [] if asked.before else peers.refresh(host)
    finding.require_known(host.node, asked.kind)
    found = finding.search(host.node, asked.q, asked.kind, limit=asked.limit, before=asked.before)
    return {"assets": found, "unreachable": unreachable, "earlier": found.earlier}


def _own(host: Host, asked: wire.ListAssets) -> dict[str, Any]:
    found = finding.own(host.node, limit=asked.limit, before=asked.before)
    return {"assets": found, "earlier": found.earlier}


def _has_published(host: Host) -> bool:
    return bool(listed.assets(host.node, kind="dataset", owner=host.node.account, limit=1))


def _registered(node: Account, args: tuple[Any, ...]) -> bool:
    """By this account, whoever owns it since."""
    try:
        owner = node.chain.read("Assets", "ownerOf", int.from_bytes(keyed_id(node.account, args[0]), "big"))
    except ContractReverted:
        return False
    return int(str(owner), 16) != 0


_ONCE = {"Assets.register": Once(("AlreadyRegistered",), _registered)}

FEATURE = Feature(
    name="data",
    about="A table is looked at, sealed, published on its owner's terms, and found by others.",
    needs=("identity", "privacy"),
    once=_ONCE,
    operations=(
        wire.INSPECT.does(
            lambda host, asked: publishing.inspect(host.node, licence.checked(host.node, asked))
        ),
        wire.PUBLISH.does(_publish),
        wire.SEARCH.does(_search),
        wire.ASSETS.does(_own),
        wire.WITHDRAW.does(lambda host, asked: offering.change(host.node, asked.asset, offering.withdraw)),
        wire.OFFER.does(lambda host, asked: offering.change(host.node, asked.asset, offering.offer_again)),
        wire.DECIDE.does(lambda host, asked: offering.decide(host.node, asked)),
        wire.USUAL.does(lambda host, _: licence.usual(host.node).model_dump()),
        wire.SET_USUAL.does(lambda host, asked: licence.set_usual(host.node, asked).model_dump()),
    ),
    catalogue=(catalogue.said,),
    finders={
        "asset": finding.find,
        "dataset": lambda host, text: finding.find(host, text, "dataset"),
        "model": lambda host, text: finding.find(host, text, "model"),
    },
    listens={CatalogueRead: catalogue.keep, PeerReplaced: catalogue.forget_offers},
    answers={Shown: lambda node, question: finding.describe(node, question.asset)},
    first_steps=(
        FirstStep(
            (Aim.SHARE,),
            10,
            said("Publish a table: say who may use it, for what and at which price."),
            "/publish",
            said("Publish a table"),
            _has_published,
        ),
    ),
    cards=(Card("settings_usual.html", usual.card, 10, "/settings"),),
    parts=(lambda host: Drafts(host.node),),
    pages=(*usual.PAGES, *publish.PAGES, *market.PAGES, *datasets.PAGES),
    sections=datasets.SECTIONS,
    searches=(found.search,),
    tabs=(Tab(Place.MARKET, "/market", said("Data"), 10),),
)
