"""Pages of uses: complete, in order, filtered, and each read from an index however many there are."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from freehold.core.documents import MoneyLine, Receipt
from freehold.core.errors import InvalidInput
from freehold.core.ids import NO_HASH
from freehold.core.signing import Envelope
from freehold.features.proof import lists
from freehold.kernel import uses
from freehold.kernel.databases import opening
from freehold.kernel.selecting import Wanted
from freehold.kernel.store import Store

PARTIES = ["0x" + f"{number:02x}" * 20 for number in range(1, 5)]
THINGS = ["0x" + f"{number:02x}" * 32 for number in range(1, 4)]
DAY = 86_400


@pytest.fixture
def node(tmp_path: Path, database_url: str) -> Iterator[Any]:
    """What `uses` takes of a node: its database and account."""
    store = Store(opening.for_writing(tmp_path, database_url))
    yield SimpleNamespace(store=store, account=PARTIES[0])
    store.close()


def filled(node: Any, number: int) -> list[Receipt]:
    """Receipts, oldest first; several of one moment."""
    draw, made = random.Random(5), []
    for sequence in range(1, number + 1):
        holder = draw.choice(PARTIES)
        units = draw.choice([0, 5])
        money = (MoneyLine(account=holder, delta_units=-units, reason="x"), MoneyLine(account=PARTIES[0], delta_units=units, reason="x")) if units else ()  # fmt: skip
        action = draw.choice(["train", "infer"])
        made.append(
            Receipt(
                grant=NO_HASH,
                action=action,
                provider=PARTIES[0],
                holder=holder,
                inputs=(draw.choice(THINGS),),
                output=NO_HASH,
                money=money,
                evidence={"round": sequence % 2} if action == "train" else {},
                sequence=sequence,
                issued_at=1_000 + sequence // 3 * 3_600,
            )
        )
    with node.store.transaction() as tx:
        for one in made:
            tx.put(Envelope(one, ()))
    return made


def walked(node: Any, filters: dict[str, str], limit: int) -> list[uses.Use]:
    """Every page, one after the other."""
    wanted = replace(
        uses.NEWEST_FIRST, filters={name: one for name, one in filters.items() if one}, limit=limit
    )
    found: list[uses.Use] = []
    while True:
        page = uses.listed(node, wanted)
        found += page.rows
        if not page.next:
            return found
        wanted = replace(wanted, after=page.next)


def test_pages_together_are_everything_that_fits(node: Any) -> None:
    made = filled(node, 120)
    choices = itertools.product(
        ["", THINGS[0]], ["", PARTIES[0], PARTIES[2]], ["", "infer"], ["", str(1_000 + DAY)]
    )
    for asset, who, action, since in choices:
        fitting = [
            one
            for one in made
            if asset in ("", one.inputs[0])
            and who in ("", one.provider, one.holder)
            and action in ("", one.action)
            and one.issued_at >= int(since or 0)
        ]
        found = walked(node, {"thing": asset, "who": who, "action": action, "since": since}, 7)
        assert [use.id for use in found] == [one.id for one in fitting[::-1]]
    (newest,) = uses.latest(node, 1)
    last = made[-1]
    assert (newest.action, newest.round) == (last.action, last.evidence.get("round"))
    rounds = [use.round for use in walked(node, {"action": "train"}, 50)]
    assert rounds == [one.evidence["round"] for one in made[::-1] if one.action == "train"]
    assert 0 in rounds, "the comparison of rows is a round like the others"
    assert newest.units == sum(max(line.delta_units, 0) for line in last.money)
    assert uses.one(node, last.id) == newest


def test_choices_counts_and_days(node: Any) -> None:
    made = filled(node, 60)
    assert uses.choices(node, "asset") == sorted({one.inputs[0] for one in made})
    assert uses.choices(node, "holder") == sorted({one.holder for one in made})
    asked = [one for one in made if one.action == "infer" and one.inputs[0] == THINGS[1]]
    assert uses.count(node, THINGS[1], "infer")[0] == len(asked)
    paid = [one for one in made if one.holder == PARTIES[0] and one.money and one.issued_at >= 5_000]
    assert sum(row[1] for row in uses.spent_by_day(node, 5_000)) == len(paid)
    assert lists.entries(SimpleNamespace(node=node), Wanted(limit=2)).rows[0]["id"] == made[-1].id
    with pytest.raises(InvalidInput):
        uses.choices(node, "id; DROP TABLE receipts")


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Any]:
    """A node whose database says how it goes through its rows."""
    store = Store(opening.for_writing(tmp_path, ""))
    yield SimpleNamespace(store=store, account=PARTIES[0])
    store.close()


def plan_of(node: Any, **asked: Any) -> list[str]:
    """How the database goes through the page of a list."""
    queries: list[str] = []
    with node.store.reading() as connection:
        connection.set_trace_callback(queries.append)
    uses.listed(node, **asked)
    with node.store.reading() as connection:
        connection.set_trace_callback(None)
        page = next(one for one in queries if "ORDER BY" in one)
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {page}").fetchall()]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("filters", [{}, {"thing": THINGS[0]}, {"action": "infer"}, {"since": "5"}])
def test_a_page_is_read_in_order_from_an_index(
    on_sqlite: Any, filters: dict[str, str], *, together: bool
) -> None:
    """No whole table is read and nothing is sorted: that is what keeps a page cheap."""
    plan = plan_of(on_sqlite, wanted=replace(uses.NEWEST_FIRST, filters=filters), together=together)
    index = "receipts_newest_by" if together else "receipts_by"
    column = "asset" if "thing" in filters else "action" if "action" in filters else "time"
    assert f"INDEX {index}_{column}" in plan[0]
    assert not any("TEMP B-TREE" in step for step in plan), plan


def test_what_fits_often_is_found_by_time_and_what_fits_seldom_by_its_index(on_sqlite: Any) -> None:
    filled(on_sqlite, uses.MOST_COUNTED + 200)
    often = replace(uses.NEWEST_FIRST, filters={"who": PARTIES[0]})
    assert not any("TEMP B-TREE" in step for step in plan_of(on_sqlite, wanted=often))
    found = uses.listed(on_sqlite, often)
    assert (found.total, found.counted) == (None, uses.MOST_COUNTED)
    seldom = replace(uses.NEWEST_FIRST, filters={"who": PARTIES[1]})
    assert any("receipts_by_holder" in step for step in plan_of(on_sqlite, wanted=seldom))
    assert uses.listed(on_sqlite, seldom).total == uses.listed(on_sqlite, replace(seldom, limit=7)).total


def test_of_like_uses_the_newest_stands_for_all_and_they_are_counted(node: Any) -> None:
    made = filled(node, 90)
    found = uses.listed(node, uses.NEWEST_FIRST, together=True).rows
    newest = {one.action: one for one in made}
    assert [use.id for use in found] == [
        one.id for one in sorted(newest.values(), key=lambda one: one.sequence, reverse=True)
    ]
    runs = uses.runs(node, [(use.grant, use.action) for use in found])
    for action, one in newest.items():
        of = [each for each in made if each.action == action]
        assert runs[one.grant, action].times == len(of)
    # what is kept again, such as with the other side's signature, is no other use
    with node.store.transaction() as tx:
        tx.put(Envelope(made[3], ()))
    assert [use.id for use in uses.listed(node, uses.NEWEST_FIRST, together=True).rows] == [
        use.id for use in found
    ]
    for thing in THINGS:
        on = [each for each in made if each.inputs[0] == thing]
        assert uses.total(node, thing)[0] == len(on)
        assert uses.count(node, thing, "infer")[0] == sum(each.action == "infer" for each in on)
