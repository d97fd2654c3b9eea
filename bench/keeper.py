"""Gas that hostile payers make a seller spend in a day, without the keeper and with it, and what honest ones notice.

    python bench/keeper.py [--hostile 20] [--honest 5]

Each hostile channel belongs to a contract that vouches for its vouchers until it has been answered. Then half of
them take all the gas of a transaction in a block though they pass a trial, half take millions in the trial too. The
day is played with the seller's clock: a pass every 15 minutes. Without the keeper is what anybody's settling loop
does: estimate, send, try again at the next pass. Exits 1 if the day cost more than its ceiling.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from hostile_signer import Hostile  # noqa: E402 - after the path
from inference_world import PRICE, Hand, Shop  # noqa: E402
from node_world import World  # noqa: E402

from freehold.chain.errors import ContractReverted  # noqa: E402
from freehold.core.ids import hash_bytes  # noqa: E402
from freehold.features.payments import kept  # noqa: E402
from freehold.features.payments.rules.payment import signature_bytes  # noqa: E402
from freehold.features.payments.settling import settle  # noqa: E402
from freehold.kernel.keeping import purse, subjects  # noqa: E402
from freehold.kernel.node import Node  # noqa: E402
from freehold.kernel.store import Transaction  # noqa: E402

PASSES, EVERY_SECONDS = 96, 900


def naive(node: Node) -> int:
    """One pass over every channel as it was done before there was a keeper; the gas it burned."""
    burned = 0
    for voucher in kept.unsettled(node):
        channel = voucher["channel"]
        signature = signature_bytes(voucher["signature"])
        try:
            node.chain.send(
                node.keys.account_key, "Channels", "settle", hash_bytes(channel), PRICE, signature
            )
        except ContractReverted as error:
            burned += error.gas_used
    return burned


def mark(tx: Transaction, channel: str, *, settled: bool) -> None:
    """Have a channel's voucher wait to be settled, or not."""
    tx.connection.execute("UPDATE vouchers SET settled = ? WHERE channel = ?", (settled, channel))


def main() -> int:
    """Print both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hostile", type=int, default=20)
    parser.add_argument("--honest", type=int, default=5)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            return measure(world, chosen.hostile, chosen.honest)
        finally:
            world.close()


def measure(world: World, hostile: int, honest: int) -> int:
    """Play the day."""
    shop = Shop(world)
    node, payer = shop.builder.node, shop.buyer()
    ceiling = purse.GAS_PER_DAY
    node.settings = node.settings.with_overrides(contract_payers=True, gas_per_day=ceiling)
    bad = [Hostile.open(shop, payer, greedy=i % 2 == 0) for i in range(hostile)]
    good = [Hand.open(shop, payer) for _ in range(honest)]
    for one in bad:
        shop.post(shop.body(), one.hand.voucher(PRICE))
        one.switch()
    print(
        f"{hostile} hostile channels with {PRICE} micro-dollars each, {honest} honest ones, ceiling {ceiling:,} gas"
    )
    burned = naive(node)
    print(
        f"without the keeper: {burned:,} gas burned in one pass, {burned * PASSES:,} in a day of {PASSES} passes"
    )
    alone = latency(node, shop, good, 1, clear=[one.channel for one in bad])
    for one in bad:
        with node.store.transaction() as tx:
            mark(tx, one.channel, settled=False)
    beside = latency(node, shop, good, 2)
    start = time.time()
    clock = [0]
    node._clock = lambda: start + clock[0]  # noqa: SLF001 - a day in a minute
    for _ in range(PASSES):
        clock[0] += EVERY_SECONDS
        settle(node, by_itself=True)
    day = purse.day(node)
    stopped = len(subjects.quarantined(node))
    print(
        f"with it: {day.used:,} gas in that day, honest ones included; {stopped} channels wait for the owner"
    )
    print(
        f"until {honest} honest channels are settled: {alone:.2f} s alone, {beside:.2f} s beside the hostile ones' first pass"
    )
    return day.used > ceiling


def latency(node: Node, shop: Shop, hands: list[Hand], calls: int, clear: list[str] | None = None) -> float:
    """Seconds from one voucher for each to all of them on the chain."""
    for channel in clear or []:
        with node.store.transaction() as tx:
            mark(tx, channel, settled=True)
    for i, hand in enumerate(hands):
        answer = shop.post(shop.body(1, 10 * calls + i), hand.voucher(calls * PRICE))
        if answer.status_code != 200:
            raise SystemExit(answer.text)
    begun = time.monotonic()
    settle(node, by_itself=True)
    took = time.monotonic() - begun
    for hand in hands:
        if node.chain.read("Channels", "channelOf", hand.channel)[3] != calls * PRICE:
            raise SystemExit("an honest channel was not settled in the pass")
    return took


if __name__ == "__main__":
    sys.exit(main())
