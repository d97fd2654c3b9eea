"""What this node may spend: a ceiling for each act and for any 24 hours, counted before anything is signed.

A payment is one EIP-3009 authorization. Its row is written before the authorization is signed, and the token
lets its nonce happen once, so a repetition is never counted twice and `kill -9` never loses a payment: a row
counts until the chain says that it was mined, or that it cannot be mined any more; this machine's clock says
neither, and until then no row shrinks.

The day is the last 24 hours by this machine's clock. A clock that is set back empties nothing: a row that
seems to lie ahead counts like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.chain.answers import read_number
from freehold.chain.errors import RpcError
from freehold.core.errors import Conflict, NotAllowed
from freehold.core.ids import hash_bytes
from freehold.core.money import DECIMALS, typed, unasked
from freehold.core.texts import Units, said
from freehold.core.times import DAY_SECONDS
from freehold.kernel import settings as settings_file
from freehold.kernel.node import Node
from freehold.kernel.store import Transaction
from freehold.vault import home_folder

VALID_SECONDS = 3_600
"""How long a signed payment can be mined; after that its money is free again if it was not."""
MOST_SHOWN = 50
GAS = {"deposit": 154_000, "purchase": 135_000}
"""About what one transaction of a kind takes (`bench/gas.json`); what this node last paid goes before it."""
_UNASKED = "one act"
"""The limit of an act where its owner said what a day may take, and nothing of one act."""
IN_ALL = "max_total"
_TOGETHER = ("spend_per_day_micro", IN_ALL)
"""Limits of several acts, of which earlier ones take their part."""
_WORDS = {
    "spend_per_act_micro": (
        said("for one act"),
        said("Raise it: freehold spending --per-act DOLLARS, or in the console under Money, Limits."),
    ),
    "spend_per_day_micro": (
        said("in 24 hours"),
        said("Raise it: freehold spending --per-day DOLLARS, or in the console under Money, Limits."),
    ),
    "--max": (said("for one act"), said("Give a larger --max.")),
    IN_ALL: (said("in all"), said("Give a larger max_total.")),
}
_CALLS = {"deposit": "Channels.openWithAuthorization", "purchase": "Market.buyWithAuthorization"}


class SpendingUnset(NotAllowed, code="spending.unset"):
    """Nothing says yet what this node may spend; `fields` say what the act would take."""


class SpendingRefused(NotAllowed, code="spending.over"):
    """The act would take more than the owner allows; `fields` say which limit and what is left of it."""


class PriceChanged(Conflict, code="price.changed"):
    """The price is not the one that was shown."""


@dataclass(frozen=True)
class Act:
    """One thing the owner asked for: a call, a grant, a training job with all its grants."""

    id: str
    at_most_units: int | None = None
    """Most that its owner allows for it, where it was said; the settings' ceilings count besides."""
    in_all_units: int | None = None
    """Most that all acts of this account may take together, ever, where it was said."""


@dataclass(frozen=True)
class Payment:
    """Money about to leave the wallet."""

    nonce: str
    """Of its authorization, 32 bytes hex."""
    units: int
    purpose: str
    """deposit, top-up, grant or call."""
    about: str
    """Id of the asset it is for."""


@dataclass(frozen=True)
class Room:
    """What limits leave for an act."""

    units: int
    limit: str
    """The one that leaves least, as an owner would name it."""


def require_limit(node: Node, act: Act, units: int, **shown: int) -> None:
    """Something limits the act, and it does not take more than one act may.

    Raises `SpendingUnset`, `SpendingRefused`.
    """
    limits = _limits(node, act)
    if units and not limits:
        deposit = shown.get("deposit_units", 0)
        told = said("this takes {units} and nothing says yet what this node may spend", units=Units(units))
        if deposit:
            told = said(
                "this takes {units}, and {deposit} set aside for this and later calls, and nothing says yet what this node may spend",
                units=Units(units),
                deposit=Units(deposit),
            )
        raise SpendingUnset(
            told,
            hint=said(
                "Allow it this once: --max {units}. Or for good, in any 24 hours: freehold spending --per-day {day}{home}",
                units=typed(units),
                day=str(max(5, -(-max(units, deposit) // 10**DECIMALS))),
                home=home_folder.option(node.home),
            ),
            units=units,
            **shown,
        )
    for name, most in limits.items():
        if name not in _TOGETHER and units > most:
            raise _over(name, most, units, most)


def require_agreed(act: Act, units: int) -> None:
    """An act's price is not more than its owner allows for it, also where a deposit already holds it.

    Raises `SpendingRefused`.
    """
    if act.at_most_units is not None and units > act.at_most_units:
        raise _over("--max", act.at_most_units, units, act.at_most_units)


def taken(node: Node, act: Act) -> int:
    """What an act has paid, or may still pay."""
    with node.store.transaction() as tx:
        return _sum(tx, "act = ?", act.id)


def set_aside(node: Node, act: Act) -> int:
    """What an act moved from the wallet into a channel."""
    with node.store.transaction() as tx:
        return _sum(tx, "state = 'spent' AND purpose IN ('deposit', 'top-up') AND act = ?", act.id)


def require_shown(units: int, shown_units: int | None) -> None:
    """What an act takes is not more than the owner was shown. Raises `PriceChanged`."""
    if shown_units is not None and units > shown_units:
        raise PriceChanged(
            said("this now takes {units}; {shown} was shown", units=Units(units), shown=Units(shown_units)),
            hint=said("Nothing was paid. Look again, and decide anew."),
            units=units,
            shown_units=shown_units,
        )


def room(node: Node, act: Act, units: int, nonce: str = "") -> Room:
    """What an act that needs at least `units` may take now, the payment of that nonce aside.

    Raises `SpendingUnset`, `SpendingRefused`.
    """
    require_limit(node, act, units)
    with node.store.transaction() as tx:
        return _room(node, tx, act, nonce)


def require_affordable(node: Node, act: Act, units: int) -> None:
    """Limits leave as much for an act that pays later; whether they still do is asked again at each payment.

    Raises `SpendingUnset`, `SpendingRefused`.
    """
    found = room(node, act, units) if units else Room(0, "")
    if units > found.units and reconcile(node):
        found = room(node, act, units)
    if units > found.units:
        raise _over(found.limit, _limits(node, act)[found.limit], units, found.units)


def reserve(node: Node, act: Act, payment: Payment) -> int:
    """Count a payment before it is signed; returns the time (Unix seconds) until which it may be valid.

    The same payment again is counted once, at its largest sum and newest time.
    Raises `SpendingUnset`, `SpendingRefused`: nothing may be signed.
    """
    require_limit(node, act, payment.units)
    now, head = node.now(), chain_time(node)
    # a clock that is far ahead must not make it valid for years; where nobody sends, the newest block may be old
    until = max(min(now, _following_time(node, head) + VALID_SECONDS), head) + VALID_SECONDS
    try:
        _count(node, act, payment, now, until, "reserved")
    except SpendingRefused:
        if not reconcile(node):
            raise
        _count(node, act, payment, now, until, "reserved")
    return until


def spend(node: Node, act: Act, payment: Payment) -> None:
    """Count a payment that takes effect by a signature alone, before it is signed. As `reserve`."""
    require_limit(node, act, payment.units)
    _count(node, act, payment, node.now(), 0, "spent")


def mined(node: Node, nonce: str) -> None:
    """The chain has a payment."""
    with node.store.transaction() as tx:
        _note(tx, nonce, "spent")


def reconcile(node: Node) -> int:
    """Ask the chain what became of payments whose sender did not see it; returns how many are free again."""
    rows = node.store.rows("SELECT nonce, until FROM payments WHERE state = 'reserved'")
    if not rows:
        return 0
    # read first: what is not used by then and no longer valid by then will never be
    clock = deep_time(node)
    freed = 0
    for nonce, until in rows:
        if node.chain.read(node.dollar, "authorizationState", node.account, hash_bytes(nonce)):
            found = "spent"
        elif clock >= until:
            found, freed = "void", freed + 1
        else:
            continue
        with node.store.transaction() as tx:
            # one that was signed anew meanwhile is valid for longer
            _note(tx, nonce, found, until)
    return freed


def limit(node: Node, **chosen: int | None) -> None:
    """Set the ceilings in micro-dollars (0 is none), for now and for every later start."""
    given = {name: value for name, value in chosen.items() if value is not None}
    kept = settings_file.load(node.home).with_overrides(**given)
    node.settings = node.settings.with_overrides(**given)
    settings_file.save(node.home, kept, *given)


def overview(node: Node) -> dict[str, Any]:
    """Ceilings, what the last 24 hours took of them, and the newest payments."""
    with node.store.transaction() as tx:
        spent = _sum(tx, "at > ?", node.now() - DAY_SECONDS)
        rows = tx.connection.execute(
            "SELECT at, purpose, about, units, state FROM payments ORDER BY at DESC, nonce LIMIT ?",
            (MOST_SHOWN,),
        ).fetchall()
    per_day = node.settings.spend_per_day_micro
    return {
        "spend_per_act_micro": node.settings.spend_per_act_micro,
        "spend_per_day_micro": per_day,
        "spent_units": spent,
        "left_units": max(0, per_day - spent) if per_day else None,
        "payments": [
            dict(zip(("at", "purpose", "about", "units", "state"), row, strict=True)) for row in rows
        ],
    }


def gas(node: Node, kind: str) -> int:
    """About what one transaction of a kind takes."""
    return node.usual_gas(_CALLS[kind], GAS[kind])


def _limits(node: Node, act: Act) -> dict[str, int]:
    """By name: each limit that counts for an act, in units. A unit is a micro-dollar."""
    per_act, per_day = node.settings.spend_per_act_micro, node.settings.spend_per_day_micro
    told = per_act or act.at_most_units is not None
    found = {
        "spend_per_act_micro": per_act or None,
        _UNASKED: unasked(per_day) if per_day and not told else None,
        "spend_per_day_micro": per_day or None,
        "--max": act.at_most_units,
        IN_ALL: act.in_all_units,
    }
    return {name: value for name, value in found.items() if value is not None}


def _room(node: Node, tx: Transaction, act: Act, nonce: str) -> Room:
    taken = {
        "spend_per_day_micro": _sum(tx, "at > ? AND nonce <> ?", node.now() - DAY_SECONDS, nonce),
        IN_ALL: _sum(tx, "nonce <> ?", nonce),
        "act": _sum(tx, "act = ? AND nonce <> ?", act.id, nonce),
    }
    left = {name: most - taken.get(name, taken["act"]) for name, most in _limits(node, act).items()}
    name = min(left, key=lambda one: left[one])
    return Room(max(0, left[name]), name)


def _count(node: Node, act: Act, payment: Payment, now: int, until: int, state: str) -> None:
    with node.store.transaction() as tx:
        known = tx.connection.execute(
            "SELECT units, until, state, at FROM payments WHERE nonce = ?", (payment.nonce,)
        ).fetchone()
        units = payment.units
        if known and known[2] != "void":
            # what was signed for another sum was mined, or still can be, in place of this
            units = max(units, int(known[0]))
        if known and known[2] == "spent":
            if units == known[0]:
                return
            state = "spent"
        free = _room(node, tx, act, payment.nonce)
        if units > free.units:
            raise _over(free.limit, _limits(node, act)[free.limit], units, free.units)
        tx.connection.execute(
            "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (nonce) DO UPDATE SET"
            " act = excluded.act, units = excluded.units, at = excluded.at, until = excluded.until,"
            " state = excluded.state",
            (
                payment.nonce, act.id, payment.purpose, payment.about, units,
                max(now, int(known[3]) if known else 0), until, state,
            ),
        )  # fmt: skip


def _sum(tx: Transaction, where: str, *values: object) -> int:
    row = tx.connection.execute(
        f"SELECT coalesce(sum(units), 0) FROM payments WHERE state <> 'void' AND {where}",  # noqa: S608 - fixed
        values,
    ).fetchone()
    return int(row[0])


def _note(tx: Transaction, nonce: str, state: str, until: int | None = None) -> None:
    tx.connection.execute(
        "UPDATE payments SET state = ? WHERE nonce = ? AND (until = ? OR ? = 'spent')",
        (state, nonce, until or 0, state),
    )


def in_all(node: Node) -> int:
    """What this account ever paid, or may still pay."""
    with node.store.transaction() as tx:
        return _sum(tx, "units > 0")


def chain_time(node: Node) -> int:
    """Of the newest block, Unix seconds."""
    return _time(node, "latest")


def deep_time(node: Node) -> int:
    """Of the newest block that is as deep as the network asks: no block before it gives way to another any more.

    What is valid until then and not used will never be.
    """
    return _time(node, hex(node.chain.deep_number()))


def _following_time(node: Node, head: int) -> int:
    """Of the block that would follow now, by the chain's own clock; the newest block's where it says none."""
    try:
        return max(head, _time(node, "pending"))
    except (RpcError, TypeError, KeyError):
        return head


def _time(node: Node, block: str) -> int:
    return read_number(node.chain.rpc.call("eth_getBlockByNumber", block, False)["timestamp"])


def _over(name: str, most: int, units: int, left: int) -> SpendingRefused:
    if name == _UNASKED:
        what = said("for one act that nothing was said of")
        how = said(
            "Allow it this once: --max {units}. Or say what one act may take: freehold spending --per-act DOLLARS.",
            units=typed(units),
        )
    else:
        what, how = _WORDS[name]
    return SpendingRefused(
        said(
            "this takes {units}; at most {most} {what} are allowed, {left} of it left",
            units=Units(units),
            most=Units(most),
            what=what,
            left=Units(left),
        ),
        hint=said("Nothing was paid. {advice}", advice=how),
        limit=name,
        most_units=most,
        left_units=left,
        units=units,
    )
