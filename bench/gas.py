"""Gas of each contract function on the embedded chain, beside its bar and its floor.

    python bench/gas.py          measure and print
    python bench/gas.py --write  measure and rewrite bench/gas.json, the committed table

Every run makes the same accounts and signatures on a fresh chain, so the numbers are exact. The floor is
what the protocol charges any contract for the same visible effect: 21,000 for the transaction, its
calldata, cold storage reads and writes, cold accounts, one ecrecover a signature, and the events.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "bench" / "gas.json"
sys.path.insert(0, str(ROOT / "tests" / "contracts"))

from contract_world import FAR, Contract, Signer, SplitTree, World, id_of  # noqa: E402 - after the path

from freehold.core.signing import OFFER_TYPE, VOUCHER_TYPE  # noqa: E402

NEW, CHANGED, READ, ACCOUNT, SIGNATURE = 22_100, 5_000, 2_100, 2_600, 3_000
BARS = {
    "LogAnchors.anchor, repeat": 40_000,
    "Revocations.revoke, first": 46_000,
    "Revocations.revoke, next in the word": 29_000,
    "Assets.register": 80_000,
    "Market.buyWithAuthorization": 150_000,
    "Revenue.claim, repeat, 32 owners": 60_000,
    "Timestamps.stamp": 46_000,
}
SALT = b"\x01" * 32


@dataclass(frozen=True)
class Effect:
    """What a call must change or check at least."""

    new: int = 0
    changed: int = 0
    read: int = 0
    accounts: int = 0
    signatures: int = 0
    events: tuple[tuple[int, int], ...] = ()
    """(topics, data words) of each."""

    def floor(self, calldata: bytes) -> int:
        """Gas, by Cancun's prices."""
        data = sum(16 if byte else 4 for byte in calldata)
        logs = sum(375 + 375 * topics + 8 * 32 * words for topics, words in self.events)
        storage = self.new * NEW + self.changed * CHANGED + self.read * READ
        return 21_000 + data + storage + self.accounts * ACCOUNT + self.signatures * SIGNATURE + logs


class Gauge:
    """Measures calls on one fresh chain."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rows: dict[str, dict[str, int]] = {}
        self.dollars = world.TestDollar
        self.owner, self.payer = world.account(), world.account()
        self.pool = id_of(["address", "bytes32"], self.owner.address, SALT)

    def row(self, name: str, effect: Effect, sender: Signer, contract: Contract, *call) -> None:
        """Send one call and note its gas."""
        sent = self.world.send(sender, contract, *call)
        floor = effect.floor(contract.calldata(*call))
        bar = {"bar": BARS[name]} if name in BARS else {}
        self.rows[name] = {"gas": sent.gas_used, "floor": floor, **bar}

    def logs_and_revocations(self) -> None:
        world, owner = self.world, self.owner
        event = ((2, 2),)
        for name, size, effect in [
            ("first", 1_000, Effect(new=2, events=event)),
            ("repeat", 2_000, Effect(changed=2, events=event)),
        ]:
            self.row(
                f"LogAnchors.anchor, {name}",
                effect,
                owner,
                world.LogAnchors,
                "anchor",
                size,
                id_of(["uint64"], size),
            )
        values = (owner.address, 3_000, b"\xaa" * 32, FAR)
        struct = "Anchor(address account,uint64 size,bytes32 root,uint256 deadline)"
        signature = world.sign(owner, world.LogAnchors, struct, *values)
        effect = Effect(changed=2, signatures=1, events=event, accounts=1)
        self.row(
            "LogAnchors.anchorBySig, repeat",
            effect,
            world.deployer,
            world.LogAnchors,
            "anchorBySig",
            *values,
            signature,
        )
        event = ((3, 0),)
        for name, index, effect in [
            ("first", 5, Effect(new=1, events=event)),
            ("next in the word", 6, Effect(changed=1, events=event)),
        ]:
            self.row(f"Revocations.revoke, {name}", effect, owner, world.Revocations, "revoke", index)
        values = (owner.address, 7, FAR)
        signature = world.sign(
            owner, world.Revocations, "Revoke(address issuer,uint256 index,uint256 deadline)", *values
        )
        effect = Effect(changed=1, signatures=1, events=event, accounts=1)
        self.row(
            "Revocations.revokeBySig, next in the word",
            effect,
            world.deployer,
            world.Revocations,
            "revokeBySig",
            *values,
            signature,
        )

    def assets_and_shares(self) -> None:
        world, owner = self.world, self.owner
        event = ((4, 0), (4, 0))
        self.row(
            "Assets.register",
            Effect(new=2, events=event),
            owner,
            world.Assets,
            "register",
            b"\xab" * 32,
        )
        self.row(
            "Assets.register, next of an owner",
            Effect(new=1, changed=1, events=event),
            owner,
            world.Assets,
            "register",
            b"\xac" * 32,
        )
        owners = [self.owner.address, self.payer.address, world.deployer.address]
        effect = Effect(new=4, events=((4, 2),) * 3 + ((4, 0),))
        self.row(
            "ModelShares.release, 3 owners",
            effect,
            owner,
            world.ModelShares,
            "release",
            SALT,
            owners,
            [5_000, 3_000, 2_000],
        )

    def market(self) -> None:
        world, buyer = self.world, self.payer
        seller = world.account()
        transfer, bought = (3, 1), (4, 2)
        world.mint(buyer, 10**9)
        world.send(buyer, self.dollars, "approve", world.Market.address, 2**256 - 1)
        for number, name in enumerate(("Market.buy", "Market.buy, seller holds money"), 1):
            offer = (bytes([number]) * 32, seller.address, buyer.address, self.dollars.address, 5_000, FAR)
            signed = world.sign(seller, world.Market, OFFER_TYPE, *offer)
            effect = Effect(
                new=3 - number,
                changed=number,
                read=1,
                accounts=2,
                signatures=1,
                events=(transfer, bought),
            )
            self.row(name, effect, buyer, world.Market, "buy", offer, signed)
        for number, name in enumerate(
            ("Market.buyWithAuthorization", "Market.buyWithAuthorization, seller holds money"), 1
        ):
            seller = world.account() if number == 1 else seller
            offer = (
                bytes([number + 8]) * 32,
                seller.address,
                buyer.address,
                self.dollars.address,
                5_000,
                FAR,
            )
            signed = world.sign(seller, world.Market, OFFER_TYPE, *offer)
            nonce = world.read(world.Market, "hashOffer", offer)
            paid = world.authorize(buyer, world.Market, 5_000, nonce)
            effect = Effect(
                new=4 - number,
                changed=number,
                accounts=3,
                signatures=2,
                events=(transfer, (3, 0), bought),
            )
            args = (offer, signed, 0, FAR, paid)
            self.row(name, effect, world.deployer, world.Market, "buyWithAuthorization", *args)

    def revenue(self) -> None:
        world, payer = self.world, self.payer
        transfer, one = (3, 1), (3, 1)
        opened = Effect(new=2, accounts=1, events=((4, 3),))
        args = (SALT, self.dollars.address, b"\x02" * 32, 10_000)
        self.row("Revenue.open", opened, self.owner, world.Revenue, "open", *args)
        world.send(payer, self.dollars, "approve", world.Revenue.address, 2**256 - 1)
        world.send(payer, world.Revenue, "deposit", self.pool, 1_000_000)
        effect = Effect(changed=3, read=2, accounts=1, events=(one, transfer))
        self.row("Revenue.deposit, repeat", effect, payer, world.Revenue, "deposit", self.pool, 1_000_000)
        paid = world.authorize(payer, world.Revenue, 5_000, id_of(["bytes32", "bytes32"], self.pool, SALT))
        effect = Effect(new=1, changed=3, read=1, accounts=2, signatures=1, events=(one, transfer, (3, 0)))
        args = (self.pool, payer.address, 5_000, 0, FAR, SALT, paid)
        self.row(
            "Revenue.depositWithAuthorization",
            effect,
            world.deployer,
            world.Revenue,
            "depositWithAuthorization",
            *args,
        )
        for owners in (32, 256):
            self.claims(owners)

    def claims(self, owners: int) -> None:
        world, transfer = self.world, (3, 1)
        owner = world.account()
        tree = SplitTree({owner.address: 1} | {f"0x{n:040x}": 1 for n in range(1, owners)})
        model = owners.to_bytes(32, "big")
        pool = id_of(["address", "bytes32"], self.owner.address, model)
        world.send(self.owner, world.Revenue, "open", model, self.dollars.address, tree.root, owners)
        call = ("claim", pool, owner.address, 1, tree.proof(owner.address))
        for name, effect in [
            ("first", Effect(new=2, changed=2, read=2, accounts=1, events=(transfer, transfer))),
            ("repeat", Effect(changed=4, read=2, accounts=1, events=(transfer, transfer))),
        ]:
            world.send(self.payer, world.Revenue, "deposit", pool, 1_000_000)
            self.row(f"Revenue.claim, {name}, {owners} owners", effect, world.deployer, world.Revenue, *call)

    def channels(self) -> None:
        world, payer = self.world, self.payer
        world.send(payer, self.dollars, "approve", world.Channels.address, 2**256 - 1)
        world.send(payer, world.Channels, "open", self.pool, 1, b"\x09" * 32)
        transfer, note = (3, 1), (2, 2)
        effect = Effect(new=3, changed=2, read=2, accounts=2, events=(transfer, (4, 1)))
        self.row("Channels.open", effect, payer, world.Channels, "open", self.pool, 1_000_000, SALT)
        channel = id_of(["address", "bytes32", "bytes32"], payer.address, self.pool, SALT)
        self.authorized_channels()
        effect = Effect(changed=4, read=3, accounts=2, signatures=1, events=(note, (3, 1), (3, 1), (3, 1)))
        for name, cumulative in (("first", 1_000), ("repeat", 2_000)):
            voucher = world.sign(payer, world.Channels, VOUCHER_TYPE, channel, cumulative)
            args = ("settle", channel, cumulative, voucher)
            self.row(f"Channels.settle, {name}", effect, world.deployer, world.Channels, *args)
        effect = Effect(changed=1, events=((2, 1),))
        self.row("Channels.requestClose", effect, payer, world.Channels, "requestClose", channel)
        world.wait(86_401)
        effect = Effect(changed=3, read=3, accounts=2, events=((2, 1), transfer))
        self.row("Channels.withdraw", effect, payer, world.Channels, "withdraw", channel)

    def authorized_channels(self) -> None:
        """As nodes open and top up: whoever sends it, the payer's signature pays."""
        world, payer, salt = self.world, self.payer, b"\x0a" * 32
        transfer, used = (3, 1), (3, 0)
        channel = id_of(["address", "bytes32", "bytes32"], payer.address, self.pool, salt)
        paid = world.authorize(payer, world.Channels, 1_000_000, channel)
        effect = Effect(new=4, changed=2, read=2, accounts=2, signatures=1, events=(transfer, (4, 1), used))
        args = (payer.address, self.pool, 1_000_000, salt, 0, FAR, paid)
        name = "openWithAuthorization"
        self.row(f"Channels.{name}", effect, world.deployer, world.Channels, name, *args)
        paid = world.authorize(payer, world.Channels, 5_000, id_of(["bytes32", "bytes32"], channel, SALT))
        effect = Effect(new=1, changed=3, read=2, accounts=2, signatures=1, events=(transfer, (2, 1), used))
        args = (channel, payer.address, 5_000, 0, FAR, SALT, paid)
        name = "topUpWithAuthorization"
        self.row(f"Channels.{name}", effect, world.deployer, world.Channels, name, *args)

    def timestamps(self) -> None:
        effect = Effect(new=1, events=((2, 0),))
        stamped = id_of(["uint256"], 1)
        self.row("Timestamps.stamp", effect, self.owner, self.world.Timestamps, "stamp", stamped)


def measure() -> dict[str, dict[str, int]]:
    """Rows of {gas, floor, bar where there is one}, on a fresh chain."""
    from freehold.chain.embedded import EmbeddedNode

    with TemporaryDirectory() as home, EmbeddedNode(Path(home)) as node:
        world = World(node.url)
        gauge = Gauge(world)
        gauge.logs_and_revocations()
        gauge.assets_and_shares()
        gauge.market()
        gauge.revenue()
        gauge.channels()
        gauge.timestamps()
        world.close()
        return gauge.rows


def main() -> None:
    """Print the table; with --write, commit to it."""
    rows = measure()
    for name, row in rows.items():
        over = row["gas"] - row["floor"]
        print(f"{name:48}{row['gas']:>9,}  floor {row['floor']:>8,} (+{over:,})  bar {row.get('bar', '-')}")
    if "--write" in sys.argv:
        TABLE.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
