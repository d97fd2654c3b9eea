"""The log: its size, its last anchor, its newest entries, anchoring now, and checking it."""

from __future__ import annotations

from functools import partial
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from freehold.core.errors import FreeholdError, Unavailable
from freehold.core.texts import said
from freehold.features.proof import lists
from freehold.features.proof.pages.uses import Names, sentence
from freehold.kernel import logbook, uses, words
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.web.paying import anchor_fee
from freehold.kernel.web.powers import Power
from freehold.kernel.web.tables import Column, Empty, Filter, Found, Listed, Table, Tag, Wanted
from freehold.kernel.web.visit import Visit, acts, shows
from freehold.kernel.web.words import capitalise, ident, problem
from freehold.log import tree

CHECKED = said("Checked the log")
FULL_CHECK_ENTRIES = 200_000
"""Up to this size every stored hash is computed again; that many take about two seconds."""
_LINKS = {"receipt": "/uses/{}", "asset": "/assets/{}"}
KINDS = {
    "party": said("who you are"),
    "asset": said("something published"),
    "grant": said("access given or obtained"),
    "receipt": said("a use"),
    "claim": said("a statement"),
}


def log(visit: Visit) -> Response:
    """Where the log stands."""
    node = visit.node
    head = _head(node)
    with node.store.log() as store:
        size, root = store.size(), store.root()
    return visit.show(
        "log.html",
        size=size,
        root_hash="0x" + root.hex(),
        key=str(node.log_signer.key),
        checkpoint=logbook.checkpoint(node),
        head=head,
        entries=_entries(visit, head),
        found=visit.session.kept.get("log_check"),
    )


def _entries(visit: Visit, head: dict[str, int] | None) -> Listed:
    """All of them, a page at a time."""

    def state(row: dict[str, Any]) -> Tag | None:
        if head is None:
            return None
        vouched = row["position"] < head["size"]
        return Tag(said("vouched for"), "good") if vouched else Tag(said("not vouched for yet"))

    return Table(
        said("Entries of the log"),
        (
            Column(
                "position",
                said("Entry"),
                lambda row: row["position"] + 1,
                csv=lambda row: row["position"] + 1,
            ),
            Column("said", said("What"), lambda row: row["said"], csv=lambda row: _plain(row["said"])),
            Column("id", said("ID"), lambda row: ident(row["id"]), csv=lambda row: row["id"]),
            Column(
                "state", said("By the network"), state, csv=lambda row: (found := state(row)) and found.word
            ),
        ),
        partial(_page, visit.host),
        filters=(Filter("type", said("What"), said("everything"), tuple(KINDS.items())),),
        empty=Empty(
            said("The log is empty"),
            said("Publish a table, and its first entries stand here."),
            "/publish",
            said("Publish a table"),
        ),
        prefix="entry",
    ).shown(visit)


def _plain(text: object) -> str:
    """What a cell says, without its markup."""
    return text.striptags() if isinstance(text, Markup) else str(text)


def _head(node: Node) -> dict[str, int] | None:
    """Size and time of the last anchor, 0 where there is none; None while the chain does not answer."""
    try:
        _, size, at = node.chain.read("LogAnchors", "headOf", node.account)
    except Unavailable:
        return None
    return {"size": int(size), "at": int(at)}


def _page(host: Host, wanted: Wanted) -> Found[dict[str, Any]]:
    """A page of them, each with what it says."""
    found, names = lists.entries(host, wanted), Names(host.node)
    known = uses.by_id(host.node, [row["id"] for row in found.rows if row["type"] == "receipt"])

    def entry(row: dict[str, Any]) -> dict[str, Any]:
        use = known.get(row["id"])
        text = sentence(names, use) if use else _said(row["type"], row["kind"])
        return {**row, "said": text, "link": _LINKS.get(row["type"], "").format(row["id"])}

    return found.map(entry)


def _said(type_: str, kind: str) -> str:
    of_type = capitalise(KINDS.get(type_, type_))
    if type_ not in ("asset", "claim"):
        return of_type
    known = words.asset_kinds().get(kind) if type_ == "asset" else words.claim_kinds().get(kind)
    if known:
        return capitalise(known.said)
    return said("{what} of a kind unknown to this program: {kind}", what=of_type, kind=kind)


def check(visit: Visit) -> Response:
    """Check the log against itself and against what the chain holds of it."""
    lines = []
    try:
        lines.append(("good", _check_whole(visit.node)))
        lines += _check_anchor(visit.node)
    except FreeholdError as error:
        lines.append(("bad", problem(error)))
    visit.session.kept["log_check"] = {"lines": lines, "at": visit.node.now()}
    return visit.go("/log#check")


def _check_whole(node: Node) -> str:
    with node.store.log() as store:
        size = store.size()
        if size <= FULL_CHECK_ENTRIES:
            store.verify()
            return said.many(
                "The only entry was read and its hash computed again: it agrees.",
                "All {n} entries were read and every hash computed again: they agree.",
                n=size,
            )
        store.root()
    return said("The log has {n} entries; its newest hashes agree. A whole check: freehold doctor", n=size)


def _check_anchor(node: Node) -> list[tuple[str, str]]:
    """The anchored head is an earlier state of this very log. Raises Unavailable, ConsistencyNotProven."""
    head, size, _ = node.chain.read("LogAnchors", "headOf", node.account)
    old = int(size)
    if not old:
        text = said("The network was never told of it, so there is nothing to compare it with.")
        return [("open", text)]
    with node.store.log() as store:
        now = store.size()
        if old > now:
            text = said(
                "The network vouches for {old} entries, and this log has only {now}: an old backup was restored.",
                old=old,
                now=now,
            )
            return [("bad", text)]
        root, path = store.root(), store.consistency_proof(old, now)
    tree.verify_consistency(old, now, bytes(head), root, path)
    if now == old:
        text = said(
            "The {old} entries that the network vouches for are still the first of this log, unchanged; nothing was"
            " added since.",
            old=old,
        )
        return [("good", text)]
    text = said.many(
        "The {old} entries that the network vouches for are still the first of this log, unchanged; one was added"
        " since.",
        "The {old} entries that the network vouches for are still the first of this log, unchanged; {n} were added"
        " since.",
        n=now - old,
        old=old,
    )
    return [("good", text)]


def ask_anchor(visit: Visit) -> Response:
    """What anchoring does and costs."""
    node = visit.node
    with node.store.log() as store:
        size = store.size()
    head = _head(node)
    if head is None:
        raise Unavailable(said("the chain does not answer"), hint=said("Try again in a moment."))
    return visit.show("anchor.html", size=size, fresh=size - head["size"], fee=anchor_fee(node))


def anchor(visit: Visit) -> Response:
    """Anchor now."""
    done = logbook.anchor(visit.node)
    if not done["gas"]:
        return visit.go("/log", said("Everything was vouched for already."))
    text = said.many(
        "Done: the network now vouches for one entry.",
        "Done: the network now vouches for {n} entries.",
        n=done["size"],
    )
    return visit.go("/log", text)


PAGES = [
    shows("/log", log),
    acts("/log/check", check, needs=Power.LOOK, words=CHECKED),
    shows("/log/anchor", ask_anchor),
    acts("/log/anchor", anchor, needs=Power.PAY, words=said("Had the network vouch for the log")),
]
