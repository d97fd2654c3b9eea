"""Passes, counts and look-ups find their rows by an index: the n-th act costs no more than the first."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from freehold.core.errors import NotFound
from freehold.features.earnings import earning
from freehold.features.gateway import rationing
from freehold.features.grants import asking, lists, requests
from freehold.features.models import kept as models
from freehold.features.payments import kept as payments
from freehold.features.payments import pages as spent
from freehold.features.proof.lists import entries
from freehold.features.training import kept as jobs
from freehold.features.training import runs
from freehold.kernel import listed, selecting, uses
from freehold.kernel.selecting import Wanted
from freehold.kernel.store import Store

ID = "0x" + "ab" * 32
OWN = "0x" + "11" * 20


def of_assets(node: Any, wanted: Wanted = Wanted(), **which: Any) -> object:  # noqa: B008 - it is frozen
    return selecting.page(node.store, listed.among_assets(node, **which), wanted)


READS: dict[str, Callable[[Any], object]] = {
    "a channel": lambda node: payments.channel(node, ID),
    "the channel for a model": lambda node: payments.channel_for(node, ID),
    "a channel by its beginning": lambda node: payments.find_channel(node, ID[:10]),
    "an accepted voucher": lambda node: payments.voucher(node, ID),
    "what is to settle": payments.unsettled,
    "what is to settle of a model": lambda node: payments.unsettled(node, ID),
    "a channel to settle by its beginning": lambda node: payments.find_unsettled(node, ID[:10]),
    "what was lost": payments.lost,
    "a job": lambda node: jobs.job(node, ID),
    "a job by its beginning": lambda node: jobs.find(node, ID[:10]),
    "jobs that go on": jobs.going_on,
    "whether a job is held": lambda node: jobs.is_held(node, ID),
    "a round": lambda node: jobs.begun(node, ID, 3),
    "rounds that an owner lacks": lambda node: jobs.records_of(node, ID, 2, 4),
    "what a run was granted": lambda node: runs.get(node, ID, "plan"),
    "disputes": lambda node: runs.disputed(node, 100),
    "jobs in their order": jobs.in_order,
    "jobs as a list": lambda node: jobs.listed(node, Wanted()),
    "jobs that are not done": lambda node: jobs.listed(node, Wanted(filters={"state": "going"})),
    "jobs that are done": lambda node: jobs.listed(node, Wanted(filters={"state": "ended"})),
    "models held back": lambda node: jobs.withheld(node, 100),
    "jobs that ended": jobs.count_ended,
    "what was given in a round": lambda node: runs.get_round(node, ID, 3, "given"),
    "rounds that were followed": lambda node: runs.followed(node, ID),
    "a request": lambda node: requests.read(node, ID),
    "a request by its beginning": lambda node: requests.find(node, ID[:10]),
    "requests that wait": requests.count_waiting,
    "requests that have not lapsed": requests.overview,
    "what was asked": lambda node: asking._read(node, "wish"),
    "what was asked and is open": asking.overview,
    "what was asked lately": lambda node: asking.newest(node, 100),
    "what was asked of an asset": lambda node: asking.about(node, ID, 100),
    "what owners answered": lambda node: asking.answered(node, 100),
    "how much is asked": asking.count_open,
    "whether a job asks": lambda node: asking.is_open(node, ID),
    "an open wish": lambda node: asking.one(node, ID),
    "an open wish by its beginning": lambda node: asking.find(node, ID[:10]),
    "wishes to ask again": asking.unanswered,
    "requests on an asset": lambda node: requests.about(node, ID, 50),
    "requests that were decided": lambda node: requests.decided(node, Wanted()),
    "the job of a model": lambda node: models.job_of(node, ID),
    "owners to be told": models.untold,
    "a share": lambda node: models.share(node, ID),
    "models announced of a run": lambda node: models.announced(node, ID),
    "whether a model is on sale": lambda node: rationing.is_on_sale(node, ID),
    "models on sale": rationing.on_sale,
    "a ration": lambda node: rationing.of(node, ID),
    "own datasets": lambda node: of_assets(node, kind="dataset", owner=OWN),
    "own datasets by name": lambda node: of_assets(node, Wanted(sort="name"), kind="dataset", owner=OWN),
    "own datasets on offer": lambda node: selecting.page(
        node.store,
        listed.among_assets(node, kind="dataset", owner=OWN).only(lists.STATES["offered"], 1),
        Wanted(),
    ),
    "models by price": lambda node: of_assets(node, Wanted(sort="price", descending=True), kind="model"),
    "who has access": lambda node: lists.people(SimpleNamespace(node=node), ID, Wanted()),
    "access and uses of a page of datasets": lambda node: lists._given(node, [ID, ID]),
    "the log": lambda node: entries(SimpleNamespace(node=node), Wanted()),
    "answers that were bought": lambda node: selecting.page(
        node.store, spent._answers(node), Wanted(sort="at")
    ),
    "access that was bought": lambda node: spent._priced(node, Wanted()),
    "spent by day": lambda node: uses.spent_by_day(node, 5),
    "what was made of an asset": lambda node: listed.made_of(node, ID, 200),
    "uses, runs as one": lambda node: uses.listed(node, Wanted(sort="at", descending=True), runs=["train"]),
    "uses of a kind, runs as one": lambda node: uses.listed(
        node, Wanted(sort="at", filters={"action": "train"}), runs=["train"]
    ),
    "uses of a run": lambda node: uses.listed(node, Wanted(), run=ID),
    "runs of a page": lambda node: uses.runs(node, [(ID, "train")], 6),
    "answers of a model": lambda node: uses.count(node, ID, "infer"),
    "what was sold": lambda node: earning._sold(node, set()),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(Store(Path(tmp_path_factory.mktemp("rows")) / "node.sqlite")) as made:
        yield made


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_it_is_found_by_an_index(store: Store, read: Callable[[Any], object]) -> None:
    asked: list[tuple[str, tuple[Any, ...]]] = []

    def rows(query: str, *values: Any) -> list[Any]:
        asked.append((query, values))
        return store.rows(query, *values)

    node = SimpleNamespace(store=SimpleNamespace(rows=rows), now=lambda: 1, account=OWN)
    with suppress(NotFound):
        read(node)
    assert asked
    for query, values in asked:
        plan = [row[3] for row in store.rows(f"EXPLAIN QUERY PLAN {query}", *values)]
        # what was found already may be counted; of a bare index only a page is read
        walks = [
            step
            for step in plan
            if step.startswith("SCAN")
            and " INDEX " not in step
            and "counted" not in step
            and "(subquery" not in step
        ]
        assert not walks, plan
