"""Grants: permissions, asked for, given within terms or by hand, paid, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freehold.core.documents import Asset
from freehold.core.errors import NotAllowed
from freehold.core.texts import said
from freehold.features.grants import asking, consent, granting, requests, unused, wire
from freehold.features.grants.hearing import EVERY_SECONDS, Hearing
from freehold.features.grants.pages import access, datasets
from freehold.features.grants.pages import requests as requests_page
from freehold.kernel import listed
from freehold.kernel.account import USED, Account, Once
from freehold.kernel.feature import Aim, Card, Feature, FirstStep, PeerCall, Reminder
from freehold.kernel.host import Host
from freehold.kernel.listed import Stands
from freehold.kernel.operation import Waiting
from freehold.kernel.recurring import Piece
from freehold.kernel.registry import everything
from freehold.kernel.rights.check import Offer
from freehold.kernel.web.places import Place, Tab
from freehold.kernel.words import require_action


def _issue(host: Host, sender: str, body: dict[str, object]) -> object:
    answer = granting.issue(host.node, sender, body)
    return Waiting(answer) if "status" in answer else answer


def _list(host: Host, asked: wire.ListGrants) -> dict[str, Any]:
    found = granting.overview(host.node, limit=asked.limit, before=asked.before)
    return {"grants": found, "earlier": found.earlier}


def _require_use(asset: Asset, action: str) -> None:
    """Such a grant would permit something, before anything is asked or paid. Raises NotAllowed."""
    known = everything().actions
    if action in known and asset.asset_kind not in known[action].kinds:
        runs = any(one.plans for one in known.values() if asset.asset_kind in one.kinds)
        raise NotAllowed(
            said(
                "{name} is a {asset_kind}, which is not there to {action}: the grant would permit nothing",
                name=asset.name,
                asset_kind=asset.asset_kind,
                action=action,
            ),
            hint="Order a run: it asks for its own grants, by its plan." if runs else "Ask for another use.",
            field="action",
        )


def _obtain(host: Host, asked: wire.AskGrant) -> dict[str, Any] | Waiting:
    wanted = asked.model_dump(exclude={"asset", "action"})
    asset, action = host.node.asset(asked.asset), require_action(asked.action)
    _require_use(asset, action)
    try:
        grant = granting.obtain(host.node, host.peers, asset, action, **wanted)
    except (asking.GrantWaiting, asking.GrantCountered) as pending:
        (request,) = pending.fields["asked"]
        return Waiting({"status": request["state"], "asked": request})
    return granting.describe(host.node, grant)


def _take(host: Host, asked: wire.TakeOffer) -> dict[str, Any]:
    taken = granting.take(host, asked.request_id, asked.at_most_units, offer=asked.offer or "")
    return granting.describe(host.node, taken)


def _remind(host: Host) -> Iterator[Reminder]:
    """Requests to decide, and offers that owners made."""
    for row in requests.waiting(host.node, MOST_REMINDED):
        text = said("{who} asks to use {what}.", who=row["holder_name"], what=row["asset_name"])
        key = f"request:{row['id']}"
        yield Reminder(text, f"/requests/{row['id']}", said("Decide"), key, "request", row["asked_at"])
    for asked in asking.answered(host.node, MOST_REMINDED):
        yield from _answered(asked)


def _answered(asked: dict[str, Any]) -> Iterator[Reminder]:
    """What an owner said to a request of this node."""
    named = {"who": asked["owner_name"], "what": asked["asset_name"]}
    # another answer to the same request is another thing
    answer = (asked["offer"] or {}).get("id") or asked["ask_again_at"]
    key, at = f"asked:{asked['id']}:{asked['state']}:{answer}", asked["asked_at"]
    if asked["state"] == "countered":
        text = said("{who} offers you other terms for {what}.", **named)
        yield Reminder(text, f"/asked/{asked['id']}/take", said("See the offer"), key, "offer", at)
    elif asked["state"] == "agreed":
        text = said("{who} agrees to your request for {what}. It waits for your payment.", **named)
        yield Reminder(text, f"/asked/{asked['id']}/pay", said("See the price"), key, "offer", at)
    elif asked["state"] == "refused":
        text = said("{who} refused your request for {what}: {why}", **named, why=asked["reason"] or "—")
        yield Reminder(
            text, f"/asked/{asked['id']}", said("See what you can do"), key, "refusal", at, closable=True
        )


def _recurring(host: Host) -> tuple[Piece, ...]:
    """Owners that decide by hand are asked again."""
    about = "hear what owners say to requests"
    return (Piece("requests", about, EVERY_SECONDS, lambda: host.part(Hearing).look()),)


def _revoked(node: Account, args: tuple[Any, ...]) -> bool:
    return bool(node.chain.read("Revocations", "isRevoked", node.account, args[0]))


def _bought(node: Account, args: tuple[Any, ...]) -> bool:
    offer = Offer(*args[0]).digest(node.chain_id, node.contract("Market"))
    return bool(node.chain.read("Market", "purchasedAt", offer))


MOST_REMINDED = 100
"""Requests that the inbox counts one by one."""
_ONCE = {
    "Revocations.revoke": Once(("AlreadyRevoked",), _revoked),
    "Market.buy": Once(("AlreadyBought",), _bought),
    "Market.buyWithAuthorization": Once(("AlreadyBought", USED), _bought),
}

FEATURE = Feature(
    name="grants",
    about="Permissions: asked for, given within terms or by hand, paid, taken back.",
    needs=("data",),
    once=_ONCE,
    operations=(
        wire.LIST.does(_list),
        wire.ASK.does(_obtain),
        wire.REVOKE.does(lambda host, asked: granting.revoke(host.node, asked.grant_id)),
        wire.REQUESTS.does(
            lambda host, _: {"requests": requests.overview(host.node), "asked": asking.overview(host.node)}
        ),
        wire.ACCEPT.does(lambda host, asked: {"request": consent.accept(host.node, asked.request_id)}),
        wire.COUNTER.does(lambda host, asked: {"request": consent.counter(host.node, asked)}),
        wire.REFUSE.does(
            lambda host, asked: {"request": consent.refuse(host.node, asked.request_id, asked.reason)}
        ),
        wire.TAKE.does(_take),
        wire.DROP.does(lambda host, asked: {"asked": granting.drop(host, asked.request_id)}),
    ),
    peer_calls=(
        PeerCall("/grants", _issue),
        PeerCall("/withdraw", lambda host, sender, body: consent.withdraw(host.node, sender, body)),
    ),
    partners=(unused.has_dealt,),
    parts=(Hearing,),
    recurring=(_recurring,),
    finders={
        "grant": lambda host, text: granting.find(host.node, text),
        "request": lambda host, text: requests.find(host.node, text),
    },
    first_steps=(
        FirstStep(
            (Aim.SHARE,),
            35,
            said("Give access for the first time, by your terms or by your word."),
            "/requests",
            said("See requests"),
            lambda host: bool(listed.grants(host.node, issuer=host.node.account, limit=1)),
        ),
        FirstStep(
            (Aim.BUILD,),
            32,
            said("Get access to somebody's data."),
            "/market",
            said("Look at the market"),
            lambda host: bool(listed.grants(host.node, holder=host.node.account, limit=1)),
        ),
    ),
    reminders=(_remind,),
    cards=(
        Card("inbox_requests.html", requests_page.waiting, 10, "/inbox", shows=("request",)),
        Card("inbox_lately.html", requests_page.lately, 20, "/inbox"),
    ),
    pages=(*datasets.PAGES, *access.PAGES, *requests_page.PAGES),
    answers={Stands: access.standing},
    heads=(access.HEAD,),
    sections=access.SECTIONS,
    searches=(access.search,),
    tabs=(Tab(Place.ASSETS, "/data", said("Data"), 10, also=("/publish", "/access")),),
    topics={"requests": lambda host: requests.count_waiting(host.node)},
)
