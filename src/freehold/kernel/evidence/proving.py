"""Proving: gather the public evidence of one receipt from all parties, and check evidence from anyone."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from freehold.core.documents import Asset, Receipt
from freehold.core.errors import (
    Conflict,
    FreeholdError,
    InvalidInput,
    NewerFormat,
    NoLineage,
    NotAllowed,
    Unavailable,
    VerificationFailed,
)
from freehold.core.texts import Moment, Text, said
from freehold.kernel import listed
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.collecting import gathered, require_possible
from freehold.kernel.evidence.parts import part_about
from freehold.kernel.evidence.verify import NO_LINEAGE, Check, Report, verify
from freehold.kernel.host import Host
from freehold.kernel.limits import Busy
from freehold.kernel.logbook import NotAnchored
from freehold.kernel.node import Node
from freehold.kernel.peers import Peers

MOST_COMPARED = 10_000
"""Models looked at for the weights of one without lineage."""
MOST_KEPT = 8
"""Evidence held in memory."""
MOST_FAILURES = 1_000
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 3_600.0
RETRY_SECONDS = 2
FAR_SECONDS = 2**35
"""No moment that another node names is later: it is shown as a date."""


class Gathering:
    """Evidence made because others ask: once for all who ask, and after a failure not again before a pause is over.

    Gathering asks every owner of a model's data. While one of them is away, strangers could otherwise have the
    others asked again and again in this node's name. Who asks for what is being gathered waits at home, not here:
    a turn that waits for owners is one that nobody else has. Usable from several threads.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        # each has a heavy turn for as long as the owners take; the rest of the turns are for work of this node
        self._most = max(1, node.settings.heavy_requests_at_once // 2)
        self._making: set[str] = set()
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._failed: OrderedDict[str, tuple[float, float, str]] = OrderedDict()

    def get(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was made under this name, or is made now.

        Raises `Busy`: it is being made, or enough others are. `Unavailable`: it failed a moment ago. `fields` of both
        say when to ask again. What `make` raises.
        """
        known = self._begin(name)
        if known is not None:
            return known
        try:
            made = make()
        except NotAnchored:
            # found out before anybody is asked, and over with the owner's next anchor
            raise
        except FreeholdError as error:
            self._fail(name, error)
            raise
        else:
            with self._lock:
                self._failed.pop(name, None)
                self._kept[name] = made
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return made
        finally:
            with self._lock:
                self._making.discard(name)

    def _begin(self, name: str) -> dict[str, Any] | None:
        """What is known, or None: then it is the caller's to make."""
        with self._lock:
            known = self._known(name)
            if known is None:
                if name in self._making or len(self._making) >= self._most:
                    raise Busy(
                        said("evidence is being gathered"),
                        hint=said("Wait as Retry-After says, then ask again."),
                        retry_after_seconds=RETRY_SECONDS,
                    )
                self._making.add(name)
            return known

    def _known(self, name: str) -> dict[str, Any] | None:
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        until, _, why = self._failed.get(name, (0.0, 0.0, ""))
        wait = until - self._clock()
        if wait > 0:
            raise Unavailable(
                said("this evidence could not be gathered a moment ago: {why}", why=why),
                hint=said("Ask again as Retry-After says: everybody concerned has to be there."),
                retry_after_seconds=max(1, round(wait)),
            )
        return None

    def _fail(self, name: str, error: FreeholdError) -> None:
        with self._lock:
            _, pause, _ = self._failed.pop(name, (0.0, 0.0, ""))
            pause = min(LONGEST_PAUSE_SECONDS, 2 * pause or FIRST_PAUSE_SECONDS)
            self._failed[name] = (self._clock() + pause, pause, error.message[:200])
            while len(self._failed) > MOST_FAILURES:
                self._failed.popitem(last=False)


def give_evidence(host: Host, sender: str, body: dict[str, Any]) -> dict[str, Any]:
    """Evidence for the other side of a receipt.

    Raises `NotAllowed`: the sender is not named in the receipt. `NotAnchored`: asking never makes this node pay.
    """
    receipt = host.node.receipt(str(body.get("receipt")))
    if sender not in (receipt.provider, receipt.holder):
        raise NotAllowed("evidence of a receipt goes to its two sides", hint="They may pass it on to anyone.")
    node, peers, asset = host.node, host.peers, _sold(host.node, receipt)
    require_possible(node, asset, receipt)

    def gather() -> dict[str, Any]:
        bundle, report = gathered(node, peers, asset, receipt, may_anchor=False)
        require(report)
        return bundle.to_json()

    return host.part(Gathering).get(receipt.id, gather)


def evidence(host: Host, receipt_id: str) -> Bundle:
    """Evidence of a receipt, made here by its provider or fetched from it; checked either way. Nothing is sent.

    Raises `NotAnchored`: the provider's log is not. `Unavailable`: a party whose proofs are needed does not answer.
    `VerificationFailed`: it does not hold.
    """
    bundle, report = collected(host, receipt_id)
    require(report)
    return bundle


def collected(host: Host, receipt_id: str) -> tuple[Bundle, Report]:
    """As `evidence`, with what the checks found instead of an error where one fails.

    Raises `Unavailable`, `NotAnchored`.
    """
    node = host.node
    receipt = node.receipt(receipt_id)
    if receipt.action == "train":
        raise InvalidInput(
            "evidence starts from an inference receipt", hint="Choose a receipt of action infer."
        )
    if receipt.provider == node.account:
        bundle, report = gathered(node, host.peers, _sold(node, receipt), receipt, may_anchor=False)
        return bundle, verify(bundle, chain=node.chain, must_be_final=False) if report.ok else report
    host.countersigner.flush(receipt.provider)
    try:
        answer = host.peers.ask(receipt.provider, "/peer/evidence", {"receipt": receipt.id}, timeout=120)
    except Conflict as error:
        if error.fields.get("peer_code") != NotAnchored.code:
            raise
        seller = node.party_of(receipt.provider).name
        by = error.fields.get("anchor_due_at")
        why = said("the log of {seller} has entries that are not anchored yet", seller=seller)
        if type(by) is not int or not 0 <= by < FAR_SECONDS:
            raise NotAnchored(why, hint=error.hint) from None
        hint = said(
            "Its node is due to anchor it at {time}; ask again a minute later, or ask {seller} to do it now.",
            time=Moment(by),
            seller=seller,
        )
        raise NotAnchored(why, hint=hint, anchor_due_at=by) from None
    bundle = Bundle.from_json(answer)
    # made a moment ago, of what logs and chain hold now
    return bundle, verify(bundle, chain=node.chain, must_be_final=False)


def require(report: Report) -> None:
    """Raise for a report that is not ok.

    Raises `VerificationFailed`: naming the first check that failed. `NoLineage`. `NewerFormat`: this program cannot
    tell.
    """
    for item in report.checks:
        if item.is_newer:
            hint = said("Update Freehold: nothing is wrong with the evidence for that.")
            raise NewerFormat(_told(item), hint=hint, check=item.name, file=item.file)
        if not item.ok:
            raise VerificationFailed(_told(item), check=item.name, file=item.file)
    if report.verdict == "no_lineage":
        raise NoLineage(NO_LINEAGE, hint=said("Ask its seller for the evidence of the run that made it."))


def _told(item: Check) -> Text:
    return said("{file} {detail}", file=item.file, detail=item.detail)


def give_model_evidence(host: Host, body: dict[str, Any]) -> dict[str, Any]:
    """Evidence of a model released here, for whoever thinks of buying its answers: as kept at its release.

    Raises `NotFound`: no such model was released here.
    """
    asset = host.node.asset(str(body.get("model")))
    kept = host.node.store.state(f"model_evidence:{asset.id}")
    if kept is None:
        node, peers = host.node, host.peers
        require_possible(node, asset, None)
        kept = host.part(Gathering).get(asset.id, lambda: keep_evidence(node, peers, asset, may_anchor=False))
    found: dict[str, Any] = kept
    return found


def keep_evidence(node: Node, peers: Peers, asset: Asset, *, may_anchor: bool) -> dict[str, Any]:
    """Gather the evidence of a model while its owners are there, and keep it for those who ask.

    Raises `NotFound`: the model was not released here. `Unavailable`, `VerificationFailed`.
    """
    bundle, report = gathered(node, peers, asset, None, may_anchor=may_anchor)
    require(report)
    with node.store.transaction() as tx:
        tx.set(f"model_evidence:{asset.id}", bundle.to_json())
    return bundle.to_json()


def require_lineage(node: Node, peers: Peers, asset: Asset, *, without_lineage: bool = False) -> None:
    """Before a model is paid for the first time: its owners' split is what anybody computes, and its pool's.

    A model that names no run has no split to check: it is paid for only where the buyer said so, `without_lineage`.
    Raises `NoLineage`, `VerificationFailed`: nothing is paid. `Unavailable`.
    """
    if part_about(asset) is None:
        if not without_lineage:
            raise _no_lineage(node, asset)
        return
    if node.store.state(f"trusted:{asset.id}"):
        return
    answer = peers.ask(asset.owner, "/peer/model-evidence", {"model": asset.id}, timeout=120)
    bundle = Bundle.from_json(answer)
    report = verify(bundle, chain=node.chain)
    require(report)
    if report.subject != asset.id:
        raise VerificationFailed(
            said("the evidence is about another model than {name}", name=asset.name),
            hint=said("Nothing was paid."),
        )
    with node.store.transaction() as tx:
        tx.set(f"trusted:{asset.id}", {"block": report.block_hash, "at": node.now()})


def _no_lineage(node: Node, asset: Asset) -> NoLineage:
    """The refusal, naming models with a lineage that have the very same weights, where such are known here."""
    same = [
        one
        for one in islice(_models(node), MOST_COMPARED)
        if part_about(one) and one.content.commitment == asset.content.commitment
    ]
    why = said(
        "nothing shows where {name} came from: it names no training run. Nothing was paid", name=asset.name
    )
    if same:
        why = said(
            "nothing shows where {name} came from: it names no training run; its weights are those of {other}, which has"
            " one. Nothing was paid",
            name=asset.name,
            other=same[0].name,
        )
    return NoLineage(
        why,
        hint=said(
            "Buy it without lineage only if you trust its seller: --without-lineage, or without_lineage."
        ),
        model=asset.id,
        same_as=[one.id for one in same],
    )


def _models(node: Node) -> Iterator[Asset]:
    """Known models, the newest first."""
    before = ""
    while page := listed.assets(node, kind="model", before=before):
        yield from page
        before = page[-1].id


def _sold(node: Node, receipt: Receipt) -> Asset:
    return node.asset(node.grant(receipt.grant).asset)
