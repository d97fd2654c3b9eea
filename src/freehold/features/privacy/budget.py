"""The privacy budget of lines: what training runs have cost their rows, never more than was promised.

A run is charged whole, in the transaction of the caller, before anything of it is given; noise adds up
in rho (zero-concentrated differential privacy), and the epsilon of the sum must stay within the line's. The
store has one writer at a time, so no two charges see the same sum, and a crash keeps whole charges only.

    reserve (a grant is made) -> charge (training begins), or it lapses after RESERVE_SECONDS

At level `update` nothing is summed, for no epsilon bounds exact updates, but the run is kept in the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.core import epsilons
from freehold.core.connection import Connection
from freehold.core.errors import Conflict, NotAllowed
from freehold.features.privacy import lines
from freehold.features.privacy.lines import Promise, PromiseBroken
from freehold.features.privacy.rules import privacy
from freehold.features.privacy.wire import MOST_LINES, BudgetLine, BudgetRun
from freehold.kernel.continuity import RESTORED
from freehold.kernel.node import Node
from freehold.kernel.shape import alike
from freehold.kernel.store import Transaction

RESERVE_SECONDS = 300
"""How long room is kept for a run that was agreed to and has not begun."""
MOST_EARLIER = 64
MOST_SHOWN = 20
"""Assets and runs of one line in an overview: the newest."""
CLOSED = "budget_closed"
"""State: number of the newest line whose budget counts as spent, since nobody knows what was spent of it."""


class BudgetSpent(NotAllowed, code="privacy.spent"):
    """The run does not fit into what is left; `fields` say `left_micro` and `wanted_micro` of epsilon."""


class BudgetUnknown(NotAllowed, code="privacy.restored"):
    """The home was restored, and its owner has not said what was spent since the backup."""


class NoBudget(NotAllowed, code="privacy.none"):
    """The dataset was published before there were privacy budgets."""


def charge(
    node: Node, tx: Transaction, asset_id: str, run: str, rho_nano: int, epsilon_micro: int, holder: str
) -> None:
    """Take a run's whole cost from every line of its asset, once however often it is asked.

    Raises NoBudget, BudgetSpent; PromiseBroken: exact updates (`rho_nano` 0) of rows promised never to give
    any; Conflict: the run was charged with another cost.
    """
    connection = tx.connection
    open_lines = _open(node, connection, asset_id, run, rho_nano)
    for promise in open_lines:
        _require_fits(promise, _spent(connection, promise.line), rho_nano)
    for promise in open_lines:
        connection.execute(
            "INSERT INTO privacy_spent VALUES (?, ?, ?, ?, ?, ?, ?)",
            (promise.line, run, rho_nano, epsilon_micro, holder, asset_id, node.now()),
        )
        connection.execute("DELETE FROM privacy_reserved WHERE line = ? AND run = ?", (promise.line, run))


def reserve(node: Node, tx: Transaction, asset_id: str, run: str, rho_nano: int) -> None:
    """Keep room for a run for RESERVE_SECONDS; again from now if it had some. Raises as `charge`."""
    connection, now = tx.connection, node.now()
    connection.execute("DELETE FROM privacy_reserved WHERE until <= ?", (now,))
    for promise in _open(node, connection, asset_id, run, rho_nano):
        _require_fits(promise, _taken(connection, promise.line, now, run), rho_nano)
        if rho_nano:
            connection.execute(
                "INSERT INTO privacy_reserved VALUES (?, ?, ?, ?) ON CONFLICT (line, run) DO UPDATE"
                " SET rho_nano = excluded.rho_nano, until = excluded.until",
                (promise.line, run, rho_nano, now + RESERVE_SECONDS),
            )


def release(tx: Transaction, run: str) -> None:
    """Give back what was kept for a run that nothing came of."""
    tx.connection.execute("DELETE FROM privacy_reserved WHERE run = ?", (run,))


def require_room(node: Node, asset_id: str, rho_nano: int, run: str = "") -> None:
    """A run, not counted itself, would fit beside those charged and those reserved. Raises as `charge`."""
    with node.store.reading() as connection:
        for promise in _open(node, connection, asset_id, run, rho_nano):
            _require_fits(promise, _taken(connection, promise.line, node.now(), run), rho_nano)


def earlier_runs(node: Node, asset_id: str) -> list[str]:
    """The newest runs charged on any line of the asset, oldest first; then those that were granted and not begun."""
    own = "line IN (SELECT line FROM privacy_lines WHERE asset = ?)"
    with node.store.reading() as connection:
        found = connection.execute(
            f"SELECT run FROM privacy_spent WHERE {own}"  # noqa: S608 - fixed text
            " GROUP BY run ORDER BY max(at) DESC, run DESC LIMIT ?",
            (asset_id, MOST_EARLIER),
        ).fetchall()
        granted = connection.execute(
            f"SELECT run FROM privacy_reserved WHERE {own} GROUP BY run ORDER BY min(until), run",  # noqa: S608 - fixed text
            (asset_id,),
        ).fetchall()
    begun = [str(row[0]) for row in found][::-1]
    return [*begun, *(str(row[0]) for row in granted if str(row[0]) not in begun)][-MOST_EARLIER:]


def overview(node: Node, *, asset_id: str = "", limit: int = MOST_LINES) -> list[dict[str, Any]]:
    """Every line, newest first, or those of one asset: promised, spent, left, and for what.

    `left_micro` is the epsilon of the largest run that still fits. Costs add up more slowly than their
    epsilons, so it is more than the difference of promised and spent.
    """
    with node.store.reading() as connection:
        if asset_id:
            chosen = lines.of(connection, asset_id)[:limit]
        else:
            chosen = lines.chosen(connection, "ORDER BY number DESC LIMIT ?", limit)
        return [_shown(node, connection, promise) for promise in chosen]


def spent(node: Node, asset_id: str) -> tuple[int, int] | None:
    """(spent, promised) epsilon of the asset's fullest line, in millionths; None where it has no budget."""
    with node.store.reading() as connection:
        found = [
            (
                privacy.epsilon_micro(_spent(connection, promise.line), promise.delta_exponent),
                promise.epsilon_life_micro,
            )
            for promise in lines.of(connection, asset_id)
        ]
    return max(found, key=lambda one: one[0] / max(1, one[1]), default=None)


def epsilon_left(promise: Promise, rho_spent: int) -> int:
    """Epsilon, in millionths, of the largest run that still fits."""
    delta_exponent = promise.delta_exponent
    left = max(0, privacy.rho_nano_for(promise.epsilon_life_micro, delta_exponent) - rho_spent)
    rounded_up = privacy.epsilon_micro(left, delta_exponent)
    fits = privacy.rho_nano_for(rounded_up, delta_exponent) <= left
    return rounded_up if fits else rounded_up - 1


def _shown(node: Node, connection: Connection, promise: Promise) -> dict[str, Any]:
    spent = _spent(connection, promise.line)
    epsilon = privacy.epsilon_micro(spent, promise.delta_exponent)
    runs = connection.execute(
        f"SELECT {', '.join(BudgetRun.model_fields)} FROM privacy_spent WHERE line = ?"  # noqa: S608 - fixed names
        " ORDER BY at DESC, run DESC LIMIT ?",
        (promise.line, MOST_SHOWN),
    ).fetchall()
    count, exact = connection.execute(
        "SELECT count(*), coalesce(sum(CASE WHEN rho_nano = 0 THEN 1 ELSE 0 END), 0) FROM privacy_spent"
        " WHERE line = ?",
        (promise.line,),
    ).fetchone()
    return {
        **alike(BudgetLine, promise),
        "assets": _assets(node, connection, promise.line),
        "spent_micro": epsilon,
        "left_micro": 0 if _is_closed(node, promise) else epsilon_left(promise, spent),
        # before anything was answered there is no delta to add
        "guess_ppm": privacy.guess_ppm(epsilon, promise.delta_exponent) if epsilon else 500_000,
        "guess_life_ppm": privacy.guess_ppm(promise.epsilon_life_micro, promise.delta_exponent),
        "run_count": int(count),
        "exact_runs": int(exact),
        "runs": [dict(zip(BudgetRun.model_fields, run, strict=True)) for run in runs],
    }


def _assets(node: Node, connection: Connection, line: str) -> list[dict[str, Any]]:
    found = connection.execute(
        "SELECT asset FROM privacy_lines LEFT JOIN documents ON id = asset WHERE line = ?"
        " ORDER BY rowid DESC LIMIT ?",
        (line, MOST_SHOWN),
    ).fetchall()
    return [{"id": row[0], "name": node.asset(row[0]).name} for row in found if node.store.has(row[0])]


def _open(node: Node, connection: Connection, asset_id: str, run: str, rho_nano: int) -> list[Promise]:
    """Lines of an asset to which the run was not charged yet, of whose budgets it is known what is left."""
    found = lines.of(connection, asset_id)
    if not found:
        raise NoBudget(
            "this dataset was published before there were privacy budgets",
            hint="Its owner can publish it again, with one.",
            asset=asset_id,
        )
    left = [one for one in found if not _is_charged(connection, one.line, run, rho_nano)]
    _require_known(node, left)
    return left


def _is_charged(connection: Connection, line: str, run: str, rho_nano: int) -> bool:
    known = connection.execute(
        "SELECT rho_nano FROM privacy_spent WHERE line = ? AND run = ?", (line, run)
    ).fetchone()
    if known is not None and known[0] != rho_nano:
        raise Conflict("this run was charged with another cost", hint="Plan a new run.", run=run)
    return known is not None


def _spent(connection: Connection, line: str) -> int:
    found = connection.execute(
        "SELECT coalesce(sum(rho_nano), 0) FROM privacy_spent WHERE line = ?", (line,)
    ).fetchone()
    return int(found[0])


def _taken(connection: Connection, line: str, now: int, run: str) -> int:
    found = connection.execute(
        "SELECT coalesce(sum(rho_nano), 0) FROM privacy_reserved WHERE line = ? AND until > ? AND run <> ?",
        (line, now, run),
    ).fetchone()
    return _spent(connection, line) + int(found[0])


def _is_closed(node: Node, promise: Promise) -> bool:
    return promise.number <= int(node.store.state(CLOSED, 0))


def _require_known(node: Node, promises_made: Iterable[Promise]) -> None:
    """What a restored home does not know, it must not assume to be nothing. Raises BudgetUnknown, BudgetSpent."""
    restored = node.store.state(RESTORED)
    if restored is None:
        return
    for promise in promises_made:
        if _is_closed(node, promise):
            raise BudgetSpent(
                "the privacy budget of these rows counts as spent, because this home was restored from a backup",
                hint="Data with other rows has a budget of its own.",
                line=promise.line,
                left_micro=0,
            )
        if restored["budget"] == "unknown" and promise.number <= restored["lines"]:
            raise unknown(promise.line)


def unknown(line: str = "") -> BudgetUnknown:
    """What a restored home says until its owner has spoken."""
    return BudgetUnknown(
        "this home was restored from a backup and does not know what was spent of the privacy budget since",
        hint="Its owner stops the node and says it: freehold adopt",
        **({"line": line} if line else {}),
    )


def _require_fits(promise: Promise, taken: int, rho_nano: int) -> None:
    if not rho_nano:
        if promise.reveals != "update":
            raise PromiseBroken(
                f"exact updates were asked for, of rows promised that answers are {promise.reveals}",
                hint="Plan a noised run.",
                line=promise.line,
            )
        return
    after = privacy.epsilon_micro(taken + rho_nano, promise.delta_exponent)
    if after <= promise.epsilon_life_micro:
        return
    left = epsilon_left(promise, taken)
    wanted = privacy.epsilon_micro(rho_nano, promise.delta_exponent)
    hint = (
        f"A run of at most {epsilons.rough(left)} still fits."
        if left >= 10_000
        else "Nothing can be added for the same rows; data with other rows has a budget of its own."
    )
    raise BudgetSpent(
        f"a run with an epsilon of {epsilons.rough(wanted)} does not fit into the"
        f" {epsilons.text(promise.epsilon_life_micro)} that was promised about these rows in all",
        hint=hint,
        line=promise.line,
        left_micro=left,
        wanted_micro=wanted,
    )
