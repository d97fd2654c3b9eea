"""No operation pays but those that say so: each of the others is performed on whatever there is to pay for."""

from __future__ import annotations

from contextlib import suppress

import node_tables
import pytest
from inference_world import Shop
from node_world import Party, World, order, until

from freehold.core.errors import FreeholdError
from freehold.features.grants import consent, requests
from freehold.features.payments import kept as channels
from freehold.kernel.logbook import anchored_size
from freehold.kernel.operation import Bound, Effect
from freehold.kernel.registry import everything

PRICE = 250_000
READS = [one for one in everything().operations if one.operation.effect is Effect.READS]
OTHERS = [one for one in everything().operations if one.operation.effect is not Effect.SPENDS]


class Tempted:
    """A party with a channel to pay from, a model on sale, a held job that is agreed to, a table and files."""

    def __init__(self, world: World) -> None:
        self.shop = Shop(world, owners=1)
        self.party = self.shop.buyer("tempted")
        self.party.buyer.predict(self.shop.model.id, self.shop.rows(), deposit_calls=10)
        self.owner = owner = world.party("owner")
        self.asset = owner.publish(node_tables.make(24, seed=1), price_units=PRICE, approval="ask")
        self.own = self.party.publish(node_tables.make(24, seed=2))
        self.order = order(self.party, [owner], rounds=2)
        self.job = self.party.jobs.start(self.order)
        until(lambda: self.party.jobs.get(self.job)["waiting"] != [], "the job waits")
        (asked,) = requests.overview(owner.node)
        self.party.jobs.hold(self.job)
        consent.accept(owner.node, asked["id"])
        self.request = asked["id"]

    def paid(self) -> tuple[int, int]:
        node: Party = self.party
        with node.node.store.reading() as connection:
            rows = connection.execute("SELECT count(*), coalesce(sum(units), 0) FROM payments").fetchone()
        return int(rows[1]) * 1_000 + int(rows[0]), channels.promised_units(node.node)

    def sent(self) -> list[int]:
        """Transactions of everybody here."""
        parties = (self.party, self.owner, self.shop.builder, *self.shop.owners)
        return [one.node.continuity.sent() for one in parties]

    def ask(self, bound: Bound, by: Party | None = None) -> None:
        said = {
            "job": self.job, "request_id": self.request, "model": self.shop.model.id, "test": self.order.test,
            "assets": [self.asset.id], "path": self.order.test, "label": node_tables.LABEL, "name": "m",
            "document_id": self.shop.model.id, "approval": "ask", "url": "http://127.0.0.1:1", "asset": self.own.id,
            "reason": "no", "builder": self.party.account, "rounds": 2, "grant_id": "last", "receipt": "last",
            "receipt_id": "last", "channel": channels.channels(self.party.node)[0]["channel"],
        }  # fmt: skip
        said |= {"role": "decider"}
        if bound.operation.name == "notifications.test":
            said["channel"] = "webhook"
        fields = bound.operation.asks.model_fields
        asked = bound.operation.asks(**{name: said[name] for name in said if name in fields})
        everything().perform((by or self.party).services, bound, asked)


@pytest.fixture(scope="module")
def tempted(world: World) -> Tempted:
    return Tempted(world)


@pytest.mark.parametrize("bound", READS, ids=lambda one: one.operation.name)
def test_what_only_reads_sends_nothing_also_where_it_was_sold(tempted: Tempted, bound: Bound) -> None:
    seller = tempted.shop.builder
    tempted.party.services.countersigner.flush()
    with seller.node.store.log() as log:
        assert anchored_size(seller.node) < log.size()
    before = tempted.sent()
    for party in (tempted.party, seller):
        with suppress(FreeholdError):
            tempted.ask(bound, party)
    assert tempted.sent() == before, f"{bound.operation.name} sends a transaction"


# what closes a channel comes last, for nothing could be paid from it any more
@pytest.mark.parametrize(
    "bound",
    sorted(OTHERS, key=lambda one: (one.operation.name == "channels.close", one.operation.name)),
    ids=lambda one: one.operation.name,
)
def test_what_does_not_say_so_spends_nothing(tempted: Tempted, bound: Bound) -> None:
    before = tempted.paid()
    assert before[1] > 0
    with suppress(FreeholdError):
        tempted.ask(bound)
    assert tempted.paid() == before, f"{bound.operation.name} pays"
    thread = tempted.party.jobs._running[tempted.job][0]
    assert not thread.is_alive(), f"{bound.operation.name} goes on with what pays"
