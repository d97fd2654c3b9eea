"""Nodes that this one looks at: who was met at which address, and reading what each says there.

A peer is the party that was met at its address first, until the owner adds the address again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.core import origins
from freehold.core.errors import FreeholdError, NotFound
from freehold.core.texts import said
from freehold.kernel import settings
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.people import known_as
from freehold.kernel.registry import everything
from freehold.kernel.store import PEERS, Transaction

MAX_CATALOGUE_BYTES = 8 * 1024 * 1024
_MET = "met:"


@dataclass(frozen=True)
class CatalogueRead:
    """A peer said what it offers; whoever keeps some of it checks it first, or refuses all of it."""

    url: str
    account: str
    """Whose node answered."""
    answer: Any
    """Its JSON."""


@dataclass(frozen=True)
class PeerReplaced:
    """The owner added an address again and another party answers there; told while that is written."""

    account: str
    """Who was met there before; empty if nobody was."""
    tx: Transaction


def add(host: Host, url: str, account: str = "") -> dict[str, Any]:
    """Meet another node and remember where it is; of `account`, where one is named. Raises PeerChanged."""
    node, url = host.node, str(origins.parse(url))
    party = host.peers.meet(url, account)
    kept, before = dict(node.store.state(PEERS, {})), _met(node, url)
    with node.store.transaction() as tx:
        tx.set(PEERS, {**kept, url: party.account})
        tx.set(f"{_MET}{url}", party.account)
        if before != party.account:
            everything().tell(node, PeerReplaced(before, tx))
    read(host, url, party.account)
    return party.body


def forget(node: Node, url: str) -> dict[str, Any]:
    """Look at a node no more; the settings' own count until the next start. Raises NotFound, InvalidInput."""
    spelled = origins.spelled(url)
    if spelled not in known(node):
        raise NotFound(
            said("no peer at {url} is known here", url=url[:80]),
            hint=said("List them with: freehold peers list"),
        )
    kept = {one: who for one, who in node.store.state(PEERS, {}).items() if origins.spelled(one) != spelled}
    with node.store.transaction() as tx:
        tx.set(PEERS, kept)
        tx.delete(f"{_MET}{spelled}")
    written = settings.load(node.home)
    if spelled in written.peers:
        left = tuple(one for one in written.peers if one != spelled)
        settings.save(node.home, written.with_overrides(peers=left))
    return {"url": spelled, "until_restart": spelled in node.settings.peers}


def known(node: Node) -> list[str]:
    """URLs of the nodes this one looks at, from settings and `peers add`."""
    return sorted({*node.settings.peers, *map(origins.spelled, node.store.state(PEERS, {}))})


def overview(node: Node) -> list[dict[str, Any]]:
    """Each of them, and who was met there."""
    rows = []
    for url in known(node):
        account = _met(node, url) or None
        name = known_as(node, account) if account else ""
        rows.append({"url": url, "account": account, "name": name, "in_settings": url in node.settings.peers})
    return rows


def refresh(host: Host) -> list[dict[str, str]]:
    """Read the catalogues of all peers; says which did not answer, and why."""
    node, failed = host.node, []
    for url in known(node):
        try:
            before = _met(node, url)
            party = host.peers.meet(url, before)
            if not before:
                with node.store.transaction() as tx:
                    tx.set(f"{_MET}{url}", party.account)
            read(host, url, party.account)
        except FreeholdError as error:
            failed.append({"url": url, "reason": error.message})
    return failed


def read(host: Host, url: str, account: str) -> None:
    """Read the catalogue of the node of `account`."""
    answer = host.peers.get(url, "/catalogue", most_bytes=MAX_CATALOGUE_BYTES)
    everything().tell(host.node, CatalogueRead(url, account, answer))


def _met(node: Node, url: str) -> str:
    """The account that was met at a peer's address; empty if none was."""
    added = {origins.spelled(one): who for one, who in node.store.state(PEERS, {}).items()}
    return str(node.store.state(f"{_MET}{url}") or added.get(url, ""))
