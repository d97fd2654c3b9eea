"""Pages of uses: complete, in order, filtered, and each read from an index however many there are."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
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
from freehold.kernel.uses import Filter

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


def walked(node: Any, wanted: Filter, limit: int) -> list[uses.Use]:
    """Every page, one after the other."""
    found: list[uses.Use] = []
    before = uses.NEWEST
    while page := uses.page(node, wanted, before, limit):
        found += page
        before = page[-1].place
    return found


def test_pages_together_are_everything_that_fits(node: Any) -> None:
    made = filled(node, 120)
    choices = itertools.product(
        ["", THINGS[0]], ["", PARTIES[0], PARTIES[2]], ["", "infer"], [0, 1_000 + DAY]
    )
    for asset, who, action, since in choices:
        fitting = [
            one
            for one in made
            if asset in ("", one.inputs[0])
            and who in ("", one.provider, one.holder)
            and action in ("", one.action)
            and one.issued_at >= since
        ]
        found = walked(node, Filter(asset, who, action, since), 7)
        assert [use.id for use in found] == [one.id for one in fitting[::-1]]
    newest = uses.page(node, Filter(), limit=1)[0]
    last = made[-1]
    assert (newest.action, newest.round) == (last.action, last.evidence.get("round"))
    rounds = [use.round for use in walked(node, Filter(action="train"), 50)]
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
        uses.page(node, Filter(), limit=201)
    with pytest.raises(InvalidInput):
        uses.choices(node, "id; DROP TABLE receipts")


@pytest.mark.parametrize(
    "fixed", [{}, {"asset": THINGS[0]}, {"provider": PARTIES[0]}, {"holder": PARTIES[1]}, {"action": "infer"}]
)
def test_a_page_is_read_in_order_from_an_index(tmp_path: Path, fixed: dict[str, str]) -> None:
    """No whole table is read and nothing is sorted: that is what keeps a page cheap."""
    store = Store(opening.for_writing(tmp_path, ""))
    asked: list[str] = []
    with store.reading() as connection:
        connection.set_trace_callback(asked.append)  # type: ignore[attr-defined]
    uses._rows(SimpleNamespace(store=store), fixed, 0, uses.NEWEST, 50)  # type: ignore[arg-type]
    with store.reading() as connection:
        connection.set_trace_callback(None)  # type: ignore[attr-defined]
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + asked[-1]).fetchall()]
    store.close()
    assert all(step.startswith("SEARCH") for step in plan), plan
    assert f"receipts_by_{next(iter(fixed), 'time')}" in plan[0]
