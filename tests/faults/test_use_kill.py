"""A use killed with SIGKILL at each of its moments, then asked for again: it happened once, whatever it was of.

What happens once is not written down either: it is what the same use leaves behind where nothing dies.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
import toy_use
from dying_node import DyingNode
from inference_world import PRICE, Hand, Shop
from node_world import SPEND_PER_DAY_MICRO, Party, World, require_sound_file
from peer_calls import call, introduce, signed_for
from played_builder import Played

from freehold.features.gateway import serving
from freehold.features.gateway.rationing import Ration
from freehold.features.payments.rules.payment import to_header

Ask = Callable[[], httpx.Response]
COUNTED = {
    "receipts": "SELECT count(*) FROM receipts",
    "uses": "SELECT coalesce(sum(uses), 0) FROM uses",
    "spent units": "SELECT coalesce(sum(spent_units), 0) FROM uses",
    "answers": "SELECT count(*) FROM answers",
    "log entries": "SELECT count(*) FROM log_entries",
    "grants in the log": "SELECT count(*) FROM documents WHERE type = 'grant' AND position IS NOT NULL",
    "runs charged with epsilon": "SELECT count(*) FROM privacy_spent",
    "calls of the ration": "SELECT coalesce(sum(calls), 0) FROM served",
    "answers that take room": "SELECT count(*) FROM sold",
    "things kept for later": "SELECT (SELECT count(*) FROM state WHERE name LIKE 'transfer:%')"
    " + (SELECT count(*) FROM rounds_followed WHERE given IS NOT NULL)",
    "accepted units": "SELECT coalesce(sum(cumulative_units), 0) FROM vouchers",
    "sheets of paper": "SELECT coalesce(max(CAST(CAST(value AS TEXT) AS INTEGER)), 0) FROM state WHERE name = 'paper'",
}


def dying(party: Party) -> DyingNode:
    """The node of a party that was closed."""
    settings = {"anchor_least_seconds": 0, "spend_per_day_micro": SPEND_PER_DAY_MICRO}
    rpc_url = party.node.settings.rpc_url
    return DyingNode(party.home, party.node.keys, party.port, rpc_url, name=party.name, **settings)


@dataclass
class Kind:
    """One kind of use."""

    served: Party
    node: DyingNode
    """The process that serves it."""
    holder: Party
    ask: Callable[[], Ask]
    """Makes ready for a new use, and gives what asks for it, as often as that is called."""

    def ledger(self) -> dict[str, int]:
        """What the stopped node has counted, and its pool received; its log is sound."""
        self.node.kill()
        file = self.served.home / "node.sqlite"
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
            require_sound_file(connection, self.served.account)
            return {name: int(connection.execute(query).fetchone()[0]) for name, query in COUNTED.items()}

    def new(self) -> tuple[Ask, dict[str, int]]:
        """A use that nobody has asked for yet, and the ledger before it."""
        return self.ask(), self.ledger()

    def finish(self, ask: Ask, before: dict[str, int]) -> dict[str, int]:
        """What a use has added, once it is answered, asked for again, and signed for."""
        self.node.start()
        first, again = ask(), ask()
        assert first.status_code == 200, first.text
        assert again.content == first.content
        both = signed_for(self.holder, first.json()["receipt"])
        for _ in range(2):
            taken = call(self.holder, self.served, "/peer/countersign", {"receipts": [both.to_json()]})
            assert taken.json() == {"countersigned": 1}, taken.text
        after = self.ledger()
        return {name: after[name] - before[name] for name in COUNTED if after[name] != before[name]}

    def undisturbed(self) -> tuple[list[str], dict[str, int]]:
        """The moments of a use, and what it adds."""
        ask, before = self.new()
        self.node.start()
        assert ask().status_code == 200
        moments = self.node.moments()
        return moments, self.finish(ask, before)

    def killed(self, at: int) -> tuple[str, dict[str, int]]:
        """The moment at which it was killed, and what it has added once it was asked for again."""
        ask, before = self.new()
        self.node.start(die_at=at)
        with contextlib.suppress(httpx.HTTPError):
            ask()
        assert self.node.died()
        moments = self.node.moments()
        assert len(moments) == at
        return moments[-1], self.finish(ask, before)


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    shop = Shop(world, owners=1)
    serving.switch(shop.builder.node, shop.model.id, on=True, ration=Ration(calls=100_000))
    return shop


@pytest.fixture(scope="module")
def kinds(world: World, shop: Shop) -> Iterator[dict[str, Kind]]:
    payer = shop.buyer()
    hand = Hand.open(shop, payer, deposit=1_000 * PRICE, cap=1_000 * PRICE)
    shop.post(shop.body(), hand.voucher(PRICE))
    (owner,) = world.owners(1)
    asset = owner.node.store.find("asset")[0].document
    seller = world.party("seller")
    text = toy_use.offered(seller.node)
    licence = toy_use.granted(seller.node, text, holder=payer.account)
    promised = copies = 1

    def voucher() -> Ask:
        nonlocal promised
        promised += 1
        body, header = shop.body(1, promised), hand.voucher(promised * PRICE)
        return lambda: shop.post(body, header)

    def transfer() -> Ask:
        header = to_header(shop.deposit(payer))
        return lambda: shop.post(shop.body(2), header)

    def round_one() -> Ask:
        lender.start()
        run = Played(payer, [(owner, asset)], epsilon_micro=10_000)
        return lambda: run.commit(owner.account)

    def copy() -> Ask:
        nonlocal copies
        copies += 1
        body = {"asset": text.id, "grant": licence.id, "number": copies}
        return lambda: httpx.post(f"{seller.url}/toy", json=body, trust_env=False, timeout=30)

    for party in (shop.builder, owner, seller):
        introduce(payer, party)
        party.close()
        world._parties.remove(party)
    nodes = [dying(party) for party in (shop.builder, owner, seller)]
    gateway, lender, shelf = nodes
    yield {
        "voucher": Kind(shop.builder, gateway, payer, voucher),
        "transfer": Kind(shop.builder, gateway, payer, transfer),
        "round": Kind(owner, lender, payer, round_one),
        "copy": Kind(seller, shelf, payer, copy),
    }
    for one in nodes:
        one.close()


ADDS: dict[str, dict[str, int]] = {
    "voucher": {
        "receipts": 1, "uses": 1, "spent units": PRICE, "answers": 1, "log entries": 1,
        "calls of the ration": 1, "answers that take room": 1, "accepted units": PRICE,
    },
    "transfer": {
        "receipts": 1, "uses": 1, "spent units": PRICE, "answers": 1, "log entries": 2, "grants in the log": 1,
        "calls of the ration": 1, "answers that take room": 1,
    },
    "round": {
        "receipts": 1, "uses": 1, "answers": 1, "log entries": 2, "grants in the log": 1,
        "runs charged with epsilon": 1, "things kept for later": 1,
    },
    "copy": {
        "receipts": 1, "uses": 1, "spent units": toy_use.PRICE, "answers": 1, "log entries": 1, "sheets of paper": 1,
    },
}  # fmt: skip
"""What one use adds, by its kind, and nothing else."""


def some_of(moments: list[str]) -> list[int]:
    """The first and the last commit, and what is sent: before and after each."""
    lasting = [number for number, moment in enumerate(moments, 1) if moment.endswith("a commit")]
    sent = [number for number, moment in enumerate(moments, 1) if moment.endswith("sending")]
    assert len(lasting) >= 2
    return sorted({*lasting[:2], *sent, *lasting[-2:]})


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(False, id="some"),
        pytest.param(True, id="every", marks=[pytest.mark.slow, pytest.mark.timeout(1_200)]),
    ],
)
@pytest.mark.parametrize("name", ADDS)
def test_a_use_that_was_killed_at_any_moment_happens_once(
    shop: Shop, kinds: dict[str, Kind], name: str, *, every: bool
) -> None:
    kind = kinds[name]
    moments, added = kind.undisturbed()
    assert added == ADDS[name]
    for number in range(1, len(moments) + 1) if every else some_of(moments):
        paid = shop.pool_units()[0]
        moment, added = kind.killed(number)
        assert added == ADDS[name], moment
        assert shop.pool_units()[0] == paid + PRICE * (name == "transfer"), moment
