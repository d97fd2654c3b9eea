"""Whoever turns the pages of a list sees each row that stays once, whatever comes and goes meanwhile."""

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import big_store
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from freehold.core.signing import Envelope
from freehold.kernel import selecting
from freehold.kernel.selecting import Selection, Sort, Wanted
from freehold.kernel.store import Store

OWNER = big_store.accounts(1)[0]
ASSETS = Selection(
    "id", "assets", "rowid", sorts={"name": Sort("sort_name", str), "price": Sort("price_units")}
)


class Turning(RuleBasedStateMachine):
    """Pages are read one after the other, while rows are added and taken away."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "node.sqlite")
        self.draw, self.made = random.Random(3), 0
        self.there: set[str] = set()

    @initialize(sort=st.sampled_from(["", "name", "price"]), down=st.booleans(), limit=st.integers(1, 5))
    def begin(self, sort: str, *, down: bool, limit: int) -> None:
        self.add(12)
        self.first = Wanted(sort=sort, descending=down, limit=limit)
        self.anew()

    def anew(self) -> None:
        self.wanted, self.seen = self.first, []
        self.staying = set(self.there)

    @rule(many=st.integers(1, 4))
    def add(self, many: int) -> None:
        with self.store.transaction() as tx:
            for _ in range(many):
                asset = big_store.asset(self.draw, self.made, OWNER)
                tx.put(Envelope(asset, ()), logged=False)
                self.made += 1
                self.there.add(asset.id)

    @rule(place=st.integers(0, 1_000))
    def take_away(self, place: int) -> None:
        if self.there:
            gone = sorted(self.there)[place % len(self.there)]
            with self.store.transaction() as tx:
                tx.forget(gone)
            self.there.discard(gone)
            self.staying.discard(gone)

    @rule()
    def turn(self) -> None:
        found = selecting.page(self.store, ASSETS, self.wanted)
        self.seen += [str(row[0]) for row in found.rows]
        assert len(set(self.seen)) == len(self.seen), "a row was shown twice"
        if found.next:
            self.wanted = replace(self.wanted, after=found.next)
        else:
            assert self.staying <= set(self.seen), "a row was left out"
            self.anew()

    def teardown(self) -> None:
        while self.wanted != self.first:
            self.turn()
        self.store.close()
        self.folder.cleanup()


TestTurning = Turning.TestCase
TestTurning.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
