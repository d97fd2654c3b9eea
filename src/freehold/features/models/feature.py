"""Models: released with shares for those whose data made them, and a pool that nobody can redirect."""

from __future__ import annotations

from functools import partial
from typing import Any

from freehold.core.ids import keyed_id
from freehold.core.texts import said
from freehold.features.data.catalogue import OfferForgotten
from freehold.features.data.lists import RightAnswers
from freehold.features.identity.peers import CatalogueRead
from freehold.features.models import releasing, shown, telling, wire
from freehold.features.models.pages import lists, model
from freehold.kernel import listed
from freehold.kernel.account import Account, Once
from freehold.kernel.feature import Action, Aim, Feature, FirstStep, PeerCall
from freehold.kernel.host import Host
from freehold.kernel.listed import Stands
from freehold.kernel.recurring import PAYMENTS_SECONDS, Piece
from freehold.kernel.web.places import Place, Tab


def _recurring(host: Host) -> tuple[Piece, ...]:
    tell = partial(releasing.tell_owners, host.node, host.peers)
    return (Piece("shares", "tell owners of models their shares", PAYMENTS_SECONDS, tell),)


def _released(node: Account, args: tuple[Any, ...]) -> bool:
    """With these very shares."""
    model, owners, shares = args
    token_id = int.from_bytes(keyed_id(node.account, model), "big")
    held = node.chain.read_many([("ModelShares", "balanceOf", (owner, token_id)) for owner in owners])
    supply = int(node.chain.read("ModelShares", "totalSupply", token_id))
    return [int(one) for one in held] == list(shares) and supply == sum(shares)


def _pool_open(node: Account, args: tuple[Any, ...]) -> bool:
    """With this very token and split."""
    model, token, root, total = args
    found = node.chain.read("Revenue", "poolOf", keyed_id(node.account, model))
    return (str(found[0]).lower(), bytes(found[1]), int(found[2])) == (str(token).lower(), root, total)


FEATURE = Feature(
    name="models",
    about="Released models: shares for those whose data made them, and a pool that nobody can redirect.",
    needs=("payments",),
    operations=(
        wire.LIST.does(lambda host, _: {"models": shown.models(host.node)}),
        wire.SHOW.does(lambda host, asked: shown.model(host.node, asked.model)),
    ),
    once={
        "ModelShares.release": Once(("AlreadyReleased",), _released),
        "Revenue.open": Once(("PoolExists",), _pool_open),
    },
    peer_calls=(
        PeerCall(
            "/releases",
            lambda host, sender, body: releasing.accept_release(host.node, sender, body),
            heavy=True,
        ),
    ),
    recurring=(_recurring,),
    actions=(Action("derive", "makes something of it, such as a model", ("dataset", "model")),),
    catalogue=(telling.said,),
    listens={CatalogueRead: telling.keep, OfferForgotten: telling.forget},
    pages=lists.PAGES,
    answers={
        Stands: model.standing,
        RightAnswers: lambda _, asked: shown.right_answers(asked.asset),
    },
    heads=(model.HEAD,),
    sections=model.SECTIONS,
    tabs=(
        Tab(Place.ASSETS, "/models", said("Models"), 20),
        Tab(Place.MARKET, "/market/models", said("Models"), 20),
    ),
    first_steps=(
        FirstStep(
            (Aim.BUILD,),
            35,
            said("Train a model."),
            "/market",
            said("Choose data"),
            lambda host: bool(listed.assets(host.node, kind="model", owner=host.node.account, limit=1)),
        ),
    ),
)
