"""What waits, goes on and was decided: pages and reminders read a bounded part of it, and it is the right one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import big_store
import pytest

from freehold.core.look_alikes import folded
from freehold.features.grants import asking, requests
from freehold.features.training import kept as jobs
from freehold.features.training import runs
from freehold.features.training.pages.jobs import to_look_at
from freehold.kernel.databases import opening
from freehold.kernel.selecting import Found, Wanted
from freehold.kernel.store import Store

OWN = "0x" + "11" * 20
MANY = 240


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A node to whom and from whom much was asked, with many jobs and disputes."""
    store = Store(opening.for_writing(tmp_path_factory.mktemp("work"), ""))
    big_store.fill(store, OWN, assets=60, grants=1, receipts=0, mine=0.5)
    big_store.fill_work(store, OWN, MANY)
    typed = SimpleNamespace(typed=lambda one, _: store.get(one).document)
    yield SimpleNamespace(store=store, account=OWN, now=lambda: int(time.time()), **vars(typed))
    store.close()


def walked(page_of: Callable[[Wanted], Found[Any]], wanted: Wanted) -> list[Any]:
    """Every page, one after the other."""
    found = page_of(wanted)
    rows = list(found.rows)
    while found.next:
        found = page_of(replace(wanted, after=found.next))
        rows += found.rows
    return rows


def test_jobs_are_found_by_state_and_words(node: Any) -> None:
    every = jobs.jobs(node)
    newest = jobs.in_order(node)[::-1]
    assert set(newest) == set(every)
    assert walked(lambda wanted: jobs.listed(node, wanted), Wanted(limit=50)) == newest
    for state, done in (("ended", True), ("going", False)):
        fitting = [one for one in newest if (every[one]["step"] == "done") == done]
        assert walked(lambda wanted: jobs.listed(node, wanted), Wanted(filters={"state": state})) == fitting
    words = ("wine", "ä")
    named = [one for one in newest if all(folded(word) in folded(every[one]["name"]) for word in words)]
    assert named
    assert list(jobs.listed(node, Wanted(words=words)).rows) == named
    held = [one for one in newest if every[one]["step"] == "withheld"]
    assert [job for job, _ in jobs.withheld(node, 3)] == held[:3]
    with node.store.transaction() as tx:
        jobs.keep(tx, held[0], every[held[0]] | {"step": "done"})
    assert [job for job, _ in jobs.withheld(node, 3)] == held[1:4]
    assert jobs.in_order(node)[::-1] == newest, "a job stays where it is in the list"


def test_what_was_asked_is_found_by_asset_state_and_id(node: Any) -> None:
    every = asking.overview(node)
    assert len(every) == asking.count_open(node) == MANY
    assert asking.newest(node, 7) == every[::-1][:7]
    of = {name: [row for row in every[::-1] if row["state"] == name] for name in ("countered", "refused")}
    assert asking.answered(node, 50) == (of["countered"] + of["refused"])[:50], "offers before refusals"
    asset = every[0]["asset"]
    assert asking.about(node, asset, 50) == [row for row in every[::-1] if row["asset"] == asset][:50]
    assert asking.one(node, every[3]["id"]) == every[3]
    key, wish = asking.find(node, every[3]["id"][:20])
    with node.store.transaction() as tx:
        asking.keep(tx, OWN, key, wish | {"state": "dropped"})
    assert asking.one(node, every[3]["id"]) is None
    assert every[3] not in asking.overview(node)


def test_requests_are_found_by_asset_and_as_decided(node: Any) -> None:
    every = requests.overview(node)
    decided = [row for row in every[::-1] if row["state"] != "waiting"]
    assert walked(lambda wanted: requests.decided(node, wanted), Wanted(limit=50)) == decided
    asset = next(row["asset"] for row in every if row["state"] == "waiting")
    about = requests.about(node, asset, 50)
    assert about
    key = str
    assert sorted(about, key=key) == sorted(
        (row for row in every if row["asset"] == asset and row["state"] == "waiting"), key=key
    )


def test_reminders_read_no_more_than_they_show(node: Any) -> None:
    read: list[int] = []

    def rows(query: str, *values: Any) -> list[Any]:
        found = node.store.rows(query, *values)
        read.append(len(found))
        return found

    store = SimpleNamespace(rows=rows, party=node.store.party, get=node.store.get)
    counting = SimpleNamespace(**vars(node) | {"store": store})
    asking.answered(counting, 20)
    assert len(to_look_at(counting, 20)) == len(runs.disputed(counting, 20)) == 20
    jobs.withheld(counting, 2)
    assert max(read) <= 20
