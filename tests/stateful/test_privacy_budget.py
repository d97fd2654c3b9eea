"""Whatever is published, overlapped, charged, lost in a crash or asked for at once: no row is overspent.

The model knows nothing of lines: it keeps, for each row, what runs over tables that hold it have cost, and
the least that any such table had promised when it was charged.
"""

import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from budget_world import HOLDER, MICRO, Bench, run_id
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from freehold.core.documents import Asset
from freehold.features.privacy import budget
from freehold.features.privacy.budget import BudgetSpent
from freehold.features.privacy.lines import PromiseBroken
from freehold.features.privacy.rules import privacy
from freehold.kernel.databases.opening import SqliteDatabase
from freehold.kernel.store import Store

FIRED: Counter[str] = Counter()
MUST = {
    *("publish", "publish refused", "overlap of two lines", "charge", "charge refused", "charge again"),
    *("charge of exact updates", "crash", "reopened", "charges at once", "reserved", "reserve refused"),
}
RHOS = st.sampled_from((0, 0, 1, *(privacy.rho_nano_for(e * MICRO // 4, 5) for e in (1, 2, 4, 8, 16))))
ROWS = st.frozensets(st.integers(0, 11), min_size=1, max_size=4)


class Crash(Exception):
    """The process ends inside a transaction."""


class Budgets(RuleBasedStateMachine):
    """One owner's tables and the runs that ask for them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "node.sqlite"
        self.bench = Bench(Store(self.path))
        self.rows: dict[str, frozenset[int]] = {}
        self.tables: list[Asset] = []
        self.charged: dict[tuple[str, int], int] = {}
        """(asset, run) -> rho."""
        self.promised: dict[int, int] = {}
        """Row -> least epsilon of all tables that held it."""
        self.exact: dict[int, bool] = {}
        """Row -> whether all tables that held it allowed exact updates."""
        self.spent: dict[int, int] = {}
        """Row -> rho, as the last look found it."""
        self.run = 0

    def teardown(self) -> None:
        self.bench.store.close()
        self.folder.cleanup()

    @initialize(rows=ROWS, reveals=st.sampled_from(("noised", "update")))
    def first(self, rows: frozenset[int], reveals: str) -> None:
        self.publish(rows, 4, reveals, None)

    @rule(
        rows=ROWS, life=st.sampled_from((1, 2, 4)), reveals=st.sampled_from(("noised", "noised", "update")),
        before=st.none() | st.integers(0, 9),
    )  # fmt: skip
    def publish(self, rows: frozenset[int], life: int, reveals: str, before: int | None) -> None:
        old = self.tables[before % len(self.tables)] if before is not None and self.tables else None
        try:
            made = self.bench.publish(rows, life=life * MICRO, reveals=reveals, supersedes=old)
        except PromiseBroken:
            FIRED["publish refused"] += 1
            assert reveals == "update"
            return
        FIRED["publish"] += 1
        assert reveals == "noised" or all(self.exact.get(row, True) for row in rows)
        self.tables.append(made)
        self.rows[made.id] = rows
        for row in rows:
            self.promised[row] = min(self.promised.get(row, life * MICRO), life * MICRO)
            self.exact[row] = self.exact.get(row, True) and reveals == "update"
        if len(budget.overview(self.bench, asset_id=made.id)) > 1:
            FIRED["overlap of two lines"] += 1

    def try_charge(self, asset: Asset, run: int, rho: int, *, fail: bool = False) -> bool:
        try:
            with self.bench.store.transaction() as tx:
                budget.charge(self.bench, tx, asset.id, run_id(run), rho, 0, HOLDER)
                if fail:
                    raise Crash  # noqa: TRY301
        except (BudgetSpent, PromiseBroken, Crash):
            return False
        return True

    @rule(which=st.integers(0, 30), rho=RHOS)
    def charge(self, which: int, rho: int) -> None:
        asset = self.tables[which % len(self.tables)]
        self.run += 1
        self.bench.clock += 1
        if not self.try_charge(asset, self.run, rho):
            FIRED["charge refused"] += 1
            return
        FIRED["charge" if rho else "charge of exact updates"] += 1
        assert rho or all(self.exact[row] for row in self.rows[asset.id])
        self.charged[asset.id, self.run] = rho

    @precondition(lambda self: self.charged)
    @rule(which=st.integers(0, 30))
    def again(self, which: int) -> None:
        (asset_id, run), rho = sorted(self.charged.items())[which % len(self.charged)]
        FIRED["charge again"] += 1
        assert self.try_charge(self.bench.asset(asset_id), run, rho), "what was charged stays charged"

    @rule(which=st.integers(0, 30), rho=RHOS)
    def crash(self, which: int, rho: int) -> None:
        FIRED["crash"] += 1
        self.run += 1
        self.try_charge(self.tables[which % len(self.tables)], self.run, rho, fail=True)

    @rule()
    def reopen(self) -> None:
        FIRED["reopened"] += 1
        self.bench.store.close()
        self.bench.store = Store(SqliteDatabase(self.path))

    @rule(which=st.lists(st.integers(0, 30), min_size=3, max_size=6), rho=RHOS)
    def at_once(self, which: list[int], rho: int) -> None:
        FIRED["charges at once"] += 1
        asked = [(self.tables[one % len(self.tables)], self.run + i) for i, one in enumerate(which, 1)]
        self.run += len(which)
        with ThreadPoolExecutor(len(asked)) as pool:
            done = list(pool.map(lambda one: self.try_charge(*one, rho), asked))
        for (asset, run), given in zip(asked, done, strict=True):
            if given:
                self.charged[asset.id, run] = rho

    @rule(which=st.integers(0, 30), rho=RHOS)
    def reserve(self, which: int, rho: int) -> None:
        """A reservation never lets more be charged; a run that has one can be charged while no other is."""
        asset = self.tables[which % len(self.tables)]
        self.run += 1
        self.bench.clock += 600
        try:
            with self.bench.store.transaction() as tx:
                budget.reserve(self.bench, tx, asset.id, run_id(self.run), rho)
        except (BudgetSpent, PromiseBroken):
            FIRED["reserve refused"] += 1
            return
        FIRED["reserved"] += 1
        assert self.try_charge(asset, self.run, rho), "what is reserved can be charged"
        self.charged[asset.id, self.run] = rho

    @invariant()
    def no_row_is_overspent(self) -> None:
        """Costs only grow, so to look after every step is to look at every prefix."""
        for row, promised in self.promised.items():
            spent = sum(rho for (asset, _), rho in self.charged.items() if row in self.rows[asset])
            if spent != self.spent.get(row, 0):
                # a promise lowered below what was spent before leaves nothing, but undoes nothing
                assert privacy.epsilon_micro(spent, 5) <= promised
                self.spent[row] = spent

    @invariant()
    def what_is_shown_is_what_was_charged(self) -> None:
        for line in budget.overview(self.bench):
            members = {item["id"] for item in line["assets"]}
            runs = {run for asset, run in self.charged if asset in members}
            assert line["run_count"] == len(runs)
            assert line["left_micro"] <= line["epsilon_life_micro"]
            assert {int(run["run"], 16) for run in line["runs"]} <= runs


def test_no_row_is_ever_overspent() -> None:
    FIRED.clear()
    run_state_machine_as_test(
        Budgets,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    assert not MUST - set(FIRED), "never happened"
