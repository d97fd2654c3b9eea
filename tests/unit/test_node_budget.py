"""Privacy budgets: counted by rows and not by names, never more than was promised, whoever asks at once."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from budget_world import HOLDER, MICRO, Bench, asset, fingerprint, run_id

from freehold.core.documents import Asset
from freehold.core.errors import Conflict, FreeholdError
from freehold.features.privacy import budget, lines
from freehold.features.privacy.budget import BudgetSpent, NoBudget
from freehold.features.privacy.lines import PromiseBroken
from freehold.features.privacy.rules import privacy
from freehold.kernel.databases import opening
from freehold.kernel.store import Store

ONE = privacy.rho_nano_for(MICRO, 5)
"""Rho of a run with epsilon 1."""
FIT = privacy.rho_nano_for(4 * MICRO, 5) // ONE
"""So many of them are within epsilon 4."""


@pytest.fixture
def bench(tmp_path: Path, database_url: str) -> Iterator[Bench]:
    store = Store(opening.for_writing(tmp_path, database_url))
    yield Bench(store)
    store.close()


def charge(bench: Bench, asset: Asset, number: int, rho: int = ONE) -> None:
    with bench.store.transaction() as tx:
        budget.charge(bench, tx, asset.id, run_id(number), rho, MICRO if rho else 0, HOLDER)


def reserve(bench: Bench, asset: Asset, number: int, rho: int = ONE) -> None:
    with bench.store.transaction() as tx:
        budget.reserve(bench, tx, asset.id, run_id(number), rho)


def lines_of(bench: Bench, asset: Asset) -> list[str]:
    with bench.store.reading() as connection:
        return [promise.line for promise in lines.of(connection, asset.id)]


def test_about_twelve_runs_of_epsilon_one_fit_into_four(bench: Bench) -> None:
    table = bench.publish(range(10))
    assert FIT == 12
    for number in range(FIT):
        charge(bench, table, number)
    with pytest.raises(BudgetSpent) as refused:
        charge(bench, table, FIT + 1)
    fields = refused.value.fields
    assert 0 < fields["left_micro"] < MICRO <= fields["wanted_micro"] + 1
    assert f"at most {fields['left_micro'] // 10_000 / 100:g}" in refused.value.hint
    charge(bench, table, FIT, privacy.rho_nano_for(fields["left_micro"], 5))
    (shown,) = budget.overview(bench)
    assert shown["spent_micro"] <= 4 * MICRO < shown["spent_micro"] + 1_000
    assert shown["left_micro"] < 1_000
    with pytest.raises(BudgetSpent, match="does not fit") as refused:
        charge(bench, table, FIT + 2)
    assert "budget of its own" in refused.value.hint


def test_a_run_is_charged_once_however_often_it_is_asked(bench: Bench) -> None:
    table = bench.publish(range(10), life=MICRO)
    charge(bench, table, 1)
    charge(bench, table, 1)
    reserve(bench, table, 1)
    budget.require_room(bench, table.id, ONE, run_id(1))
    with pytest.raises(Conflict, match="another cost"):
        charge(bench, table, 1, ONE - 1)
    (shown,) = budget.overview(bench)
    assert (shown["run_count"], shown["spent_micro"]) == (1, privacy.epsilon_micro(ONE, 5))


def test_tables_that_share_one_row_share_their_budget(bench: Bench) -> None:
    first, other = bench.publish(range(10)), bench.publish(range(20, 30))
    bridge = bench.publish([9, 20, 40])
    assert lines_of(bench, first) == [first.id]
    assert lines_of(bench, bridge) == [first.id, other.id]
    for number in range(FIT):
        charge(bench, (first, bridge)[number % 2], number)
    for table in (first, bridge):
        with pytest.raises(BudgetSpent):
            charge(bench, table, 99)
    charge(bench, other, 99)
    left = next(line for line in budget.overview(bench) if line["line"] == other.id)
    assert left["run_count"] == FIT // 2 + 1, "what the table between cost counts in both"
    assert lines_of(bench, bench.publish([40])) == [first.id], "the bridge's own row is in the first line"


def test_a_version_shares_the_budget_even_with_other_rows(bench: Bench) -> None:
    first = bench.publish(range(10))
    second = bench.publish(range(50, 60), supersedes=first)
    assert lines_of(bench, second) == [first.id]
    charge(bench, first, 1)
    assert budget.earlier_runs(bench, second.id) == [run_id(1)]


def test_a_promise_can_be_lowered_and_never_raised(bench: Bench) -> None:
    first = bench.publish(range(10), life=2 * MICRO)
    more = bench.publish(range(10), life=9 * MICRO, supersedes=first)
    (shown,) = budget.overview(bench)
    assert shown["epsilon_life_micro"] == 2 * MICRO
    found = lines.meeting(bench, [fingerprint(3)])
    said = lines.notes(found, 9 * MICRO)
    assert [promise.line for promise in found] == [first.id]
    assert "epsilon of 2 in all" in said[1]
    assert "9 does not replace it" in said[1]
    assert len(lines.notes(found, 2 * MICRO)) == 1
    assert lines.notes(lines.meeting(bench, [fingerprint(77)]), MICRO) == []
    charge(bench, more, 1)
    bench.publish([0], life=MICRO // 10)
    (shown,) = budget.overview(bench)
    assert shown["left_micro"] == 0
    with pytest.raises(BudgetSpent):
        charge(bench, first, 2, 1)


def test_many_rows_make_the_delta_smaller_for_all_versions(bench: Bench) -> None:
    tables = [bench.publish(range(10)), bench.publish([1], count=1_000_000), bench.publish([2], count=1_000)]
    (shown,) = budget.overview(bench)
    assert shown["delta_exponent"] == privacy.delta_exponent_for(1_000_000) == 8
    assert shown["assets"] == [{"id": table.id, "name": table.name} for table in tables[::-1]]


def test_rows_once_noised_never_give_exact_updates(bench: Bench) -> None:
    noised = bench.publish(range(10))
    with pytest.raises(PromiseBroken, match="noised") as refused:
        bench.publish([9], reveals="update")
    assert refused.value.code == "privacy.promise"
    assert refused.value.hint
    with pytest.raises(PromiseBroken):
        charge(bench, noised, 1, 0)
    with pytest.raises(PromiseBroken):
        budget.require_room(bench, noised.id, 0)
    exact = bench.publish([100], reveals="update")
    charge(bench, exact, 1, 0)
    bench.publish([100], supersedes=exact)
    with pytest.raises(PromiseBroken):
        charge(bench, exact, 2, 0)
    shown = next(line for line in budget.overview(bench) if line["line"] == exact.id)
    assert (shown["run_count"], shown["exact_runs"], shown["spent_micro"]) == (1, 1, 0)
    assert shown["runs"][0]["holder"] == HOLDER


def test_what_was_published_without_a_budget_is_not_trained_on(bench: Bench) -> None:
    old = asset(range(10))
    for act in (
        lambda: charge(bench, old, 1),
        lambda: reserve(bench, old, 1),
        lambda: budget.require_room(bench, old.id, ONE),
    ):
        with pytest.raises(NoBudget) as refused:
            act()
        assert "publish it again" in refused.value.hint
    assert budget.earlier_runs(bench, old.id) == []
    assert budget.overview(bench) == []


def test_two_runs_agreed_at_once_do_not_both_count_on_the_same_room(bench: Bench) -> None:
    table = bench.publish(range(10), life=MICRO)
    reserve(bench, table, 1)
    reserve(bench, table, 1)
    budget.require_room(bench, table.id, ONE, run_id(1))
    with pytest.raises(BudgetSpent):
        budget.require_room(bench, table.id, ONE)
    with pytest.raises(BudgetSpent):
        reserve(bench, table, 2)
    bench.clock += budget.RESERVE_SECONDS
    reserve(bench, table, 2)
    charge(bench, table, 2)
    with pytest.raises(BudgetSpent):
        charge(bench, table, 1)


def test_earlier_runs_are_the_newest_oldest_first(bench: Bench) -> None:
    table = bench.publish(range(10), life=90 * MICRO)
    for number in range(70):
        bench.clock += 1
        charge(bench, table, number, 1)
    assert budget.earlier_runs(bench, table.id) == [run_id(number) for number in range(6, 70)]
    (shown,) = budget.overview(bench)
    assert shown["run_count"] == 70
    assert [run["run"] for run in shown["runs"]] == [run_id(69 - i) for i in range(budget.MOST_SHOWN)]


def test_an_overview_is_bounded_and_can_be_of_one_dataset(bench: Bench) -> None:
    tables = [bench.publish([number]) for number in range(5)]
    assert [line["line"] for line in budget.overview(bench, limit=3)] == [t.id for t in tables[:1:-1]]
    assert [line["line"] for line in budget.overview(bench, asset_id=tables[0].id)] == [tables[0].id]


def test_a_transaction_that_fails_charges_nothing(bench: Bench) -> None:
    table = bench.publish(range(10))
    with contextlib.suppress(FreeholdError), bench.store.transaction() as tx:
        budget.charge(bench, tx, table.id, run_id(1), ONE, MICRO, HOLDER)
        raise FreeholdError("on purpose")
    (untouched,) = budget.overview(bench)
    assert (untouched["run_count"], untouched["guess_ppm"]) == (0, 500_000), "as a coin is"


def test_many_charges_at_once_stay_within_the_budget(bench: Bench) -> None:
    table = bench.publish(range(10))
    gate = threading.Barrier(8)

    def try_three(worker: int) -> int:
        gate.wait()
        done = 0
        for number in range(3):
            try:
                charge(bench, table, 10 * worker + number)
                done += 1
            except BudgetSpent:
                pass
        return done

    with ThreadPoolExecutor(8) as pool:
        done = sum(pool.map(try_three, range(8)))
    assert done == FIT
    assert budget.overview(bench)[0]["spent_micro"] <= 4 * MICRO


def test_many_rows_are_kept_and_found_again(bench: Bench) -> None:
    rows = range(5_000)
    table = bench.publish(rows)
    assert lines_of(bench, bench.publish([4_999])) == [table.id]
    assert lines_of(bench, bench.publish([0, 4_095, 9_000])) == [table.id]
    with bench.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM privacy_rows").fetchone()[0] == 5_001
