"""One use, whatever is used: a training round, a prediction, a query, a job, a licence of a picture.

    one after the other, for one grant and whatever else a kind names:
        answered before under this key?   the stored answer, and nothing counts
        does the grant stand?             for this holder, action, run and so many rows
        do the work                       where it fails, nothing is kept
        in one transaction:
            does the grant still stand?   used up or taken back meanwhile: nothing is given
            the grant in the log          one that comes with its only use is signed now
            the receipt                   signed by its provider, in the log
            the count                     one more use, at its price
            the charge                    what the kind takes beside money, and keeps with it
            the answer                    under its key, for whoever asks again
    then its holder countersigns (`countersigning`)

Kinds differ in the work, in whom the money reaches and in what is charged beside it. A crash leaves the whole of a
use or nothing of it, so asking again under the same key is always right: it is answered once and charged once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from freehold.core.canonical import canonical_object
from freehold.core.documents import Action, Asset, Grant, MoneyLine, Receipt
from freehold.kernel import pending
from freehold.kernel.node import Node
from freehold.kernel.rights.check import Standing, require_usable, use_price
from freehold.kernel.rights.standing import authorise, revocations
from freehold.kernel.store import REVOCATIONS, AlreadyAnswered, MustWait, Transaction

KEEPING_SECONDS = 0.1
"""That it takes to keep a use, of which its signature is a part."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """What is asked for, by whom, under which grant, and whom its price reaches."""

    key: str
    """Whoever asks again under it asks for this very use."""
    request: str
    """Hash or name of what is asked; the same key with another is refused."""
    grant: Grant | Callable[[int, int], Grant]
    """What it is used under. Where a payment stands for consent, what makes the grant of this one use, out of its
    revocation index and the time."""
    asset: Asset
    holder: str
    """Account that asks."""
    action: Action
    run: str | None = None
    rows: int = 1
    """How many are charged, where each has its price."""
    payee: str = ""
    """Account or pool that the price reaches; the grant's issuer where nothing is said."""
    reason: str = "use"
    """What the money lines say."""
    epsilon_micro: int = 0
    """Of all uses under the grant together; the receipt of the first says it."""
    evidence: Mapping[str, str | int] = field(default_factory=dict)
    standing: Callable[[], Standing]
    """How the grant stands, asked when it is this use's turn."""
    alone: tuple[str, ...] = ()
    """What else, besides the grant, serves one use at a time (a run, a channel)."""


@dataclass(frozen=True)
class Done:
    """Work that was done, and not given to anybody yet."""

    output: str
    """Hash that the receipt names."""
    answer: Mapping[str, bytes]
    """What the holder gets besides the receipt: canonical JSON by name."""
    charge: Callable[[Transaction, Receipt, bytes], None] = lambda *_: None
    """Takes what is charged beside money and keeps what belongs to the use, given its receipt and answer; what it
    raises undoes the use."""


Work = Callable[[int], Done]
"""Does what was asked for; given the time at which the grant was found to stand, which dates grant and receipt."""


def perform(node: Node, use: Use, work: Work) -> bytes:
    """The answer to a use, in canonical JSON with its receipt: made now, or the one that was given before.

    Raises `AlreadyAnswered`: the key was for another request. `NotAllowed` and its kin: the grant does not allow it.
    `NotFound`: the grant was forgotten meanwhile. Whatever the work raises.
    """
    with ExitStack() as turns:
        for name in (*use.alone, use.grant.id if isinstance(use.grant, Grant) else use.key):
            turns.enter_context(_turn(node, name))
        known = _answered(node, use)
        if known is not None:
            return known
        standing = use.standing()
        _require_usable(use, _granted(use, 0, standing), standing)
        done = work(standing.now)
        # the chain is asked before the database is held, not by the signature within
        node.continuity.require(KEEPING_SECONDS)
        with node.store.transaction() as tx:
            grant, uses = _authorised(node, tx, use, standing)
            receipt = _receipt(use, grant, done.output, uses, standing.now)
            envelope = node.seal(receipt, "provider")
            answer = canonical_object({**done.answer, "receipt": envelope.to_bytes()})
            tx.put(envelope)
            tx.count_use(grant.id, use_price(grant, use.rows))
            done.charge(tx, receipt, answer)
            tx.answer(use.key, use.request, answer)
        return answer


@contextmanager
def _turn(node: Node, name: str) -> Iterator[None]:
    lock = node.exclusive(name)
    if not node.store.is_together:
        with lock:
            yield
        return
    # whoever has it may wait for the database, which this thread holds
    if not lock.acquire(blocking=False):
        raise MustWait
    try:
        yield
    finally:
        lock.release()


def money_lines(payer: str, payee: str, price_units: int, reason: str) -> tuple[MoneyLine, ...]:
    """What a use moves, if it costs anything."""
    if not price_units:
        return ()
    return (
        MoneyLine(account=payer, delta_units=-price_units, reason=reason),
        MoneyLine(account=payee, delta_units=price_units, reason=reason),
    )


def _answered(node: Node, use: Use) -> bytes | None:
    known = node.store.answered(use.key)
    if known is None:
        return None
    if known[0] != use.request:
        raise AlreadyAnswered("another request was answered under this key", hint="Ask for that one.")
    return known[1]


def _granted(use: Use, index: int, standing: Standing) -> Grant:
    return use.grant if isinstance(use.grant, Grant) else use.grant(index, standing.now)


def _require_usable(use: Use, grant: Grant, standing: Standing) -> None:
    require_usable(
        grant, use.asset, standing, holder=use.holder, action=use.action, run=use.run, rows=use.rows
    )


def _authorised(node: Node, tx: Transaction, use: Use, standing: Standing) -> tuple[Grant, int]:
    """The grant, in the log from its first use on, and how often it was used before.

    What may have changed during the work is looked at again: no receipt stands behind a revocation in the log.
    """
    if not isinstance(use.grant, Grant):
        grant = _granted(use, tx.next_number(REVOCATIONS), standing)
        pending.befriend(tx, grant.holder)
        tx.put(node.seal(grant))
        return grant, 0
    grant = use.grant
    uses, spent_units = node.store.uses(grant.id)
    revoked = bool(revocations(node, grant))
    _require_usable(use, grant, replace(standing, uses=uses, spent_units=spent_units, revoked=revoked))
    authorise(node, tx, grant.id)
    return grant, uses


def _receipt(use: Use, grant: Grant, output: str, uses: int, at: int) -> Receipt:
    rows = {"rows": use.rows} if grant.terms.per == "row" else {}
    return Receipt(
        grant=grant.id,
        action=use.action,
        provider=grant.issuer,
        holder=grant.holder,
        inputs=(use.asset.id,),
        output=output,
        money=money_lines(grant.holder, use.payee or grant.issuer, use_price(grant, use.rows), use.reason),
        epsilon_micro=0 if uses else use.epsilon_micro,
        evidence={**use.evidence, **rows},
        sequence=uses + 1,
        issued_at=at,
    )
