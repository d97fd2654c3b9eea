"""A node that sells a model, its buyers with channel and grant, and what it kept of what it was paid."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import node_tables
from inference_world import PRICE, Hand
from load import END
from node_world import Party, World, require_sound_file, until
from processes import PASSPHRASE, Node

from freehold.core.documents import Asset, Grant
from freehold.core.ids import sha256_hex
from freehold.core.signing import Domain, check, parse_envelope
from freehold.features.gateway.rules.answer import output_hash
from freehold.features.models.releasing import pool_of
from freehold.kernel.databases import opening
from freehold.vault.keystore import Keys

PATH = "/v1/predict"


class Kept(NamedTuple):
    """What lies at the seller."""

    log: int
    """Entries."""
    bytes: int
    """Of the database."""


@dataclass
class Shop:
    """As `inference_world.Shop`, with a builder that is a process."""

    world: World
    builder: Node
    model: Asset
    domain: Domain

    @property
    def pool(self) -> bytes:
        return pool_of(self.model)

    @classmethod
    def opened(cls, world: World, home: Path, owners: list[Party], database: str = "") -> Shop:
        """Run a node, have it train on the owners' tables, and sell what comes out by the call."""
        node = Node(home, world.rpc_url, database).start()
        for owner in owners:
            node.api("/peers", {"url": owner.url})
        found = [one["id"] for one in node.api("/search")["assets"] if one["kind"] == "dataset"]
        test = node_tables.write(home.with_name(f"{home.name}.csv"), node_tables.make(40, seed=7))
        order = {
            "assets": found,
            "test": str(test),
            "name": home.name,
            "rounds": 2,
            "price_units": PRICE,
        }
        job = node.api("/train", order)["job"]
        until(lambda: not node.api(f"/jobs/{job}")["running"], "the job ends", 60)
        ended = node.api(f"/jobs/{job}")
        if ended["step"] != "done":
            raise RuntimeError(f"training ended at {ended['step']}: {ended['error']}")
        node.api("/serve", {"model": ended["model"], "on": True})
        eye = world.party(f"eye of {home.name}")
        eye.knows(node)
        return cls(world, node, eye.node.asset(ended["model"]), eye.node.domain)

    def weights(self) -> dict[str, Any]:
        """The model as plain numbers, for a server that knows nothing else of it."""
        with closing(self._reading()) as connection:
            ((text,),) = connection.execute(
                "SELECT weights FROM models WHERE id = ?", (self.model.id,)
            ).fetchall()
        kept = json.loads(text)
        return {
            "model": self.model.id,
            "weights": [one / 2**16 for one in kept["weights"]],
            "mean": [one / 1e6 for one in kept["scaling"]["mean"]],
            "scale": [one / 1e6 for one in kept["scaling"]["scale"]],
        }

    def _reading(self) -> Any:
        return opening.for_reading(self.builder.home, self.builder.database)

    def kept(self) -> Kept:
        """How much it is now."""
        with closing(self._reading()) as connection:
            ((log,),) = connection.execute(
                "SELECT count(*) FROM documents WHERE position IS NOT NULL"
            ).fetchall()
            if self.builder.database:
                ((size,),) = connection.execute("SELECT pg_database_size(current_database())").fetchall()
            else:
                pages, each = (
                    connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
                )
                size = pages * each
        return Kept(int(log), int(size))

    def account_for(self, before: Kept, calls: int, promised: dict[str, int]) -> str:
        """One line, once everything agrees: receipts, vouchers and log. Raises AssertionError: something does not."""
        node = self.builder
        with closing(self._reading()) as connection:
            size = require_sound_file(connection, node.account)
            new = dict(
                connection.execute(
                    "SELECT type, count(*) FROM documents WHERE position >= ? GROUP BY type", (before.log,)
                ).fetchall()
            )
            vouchers = dict(connection.execute("SELECT channel, cumulative_units FROM vouchers").fetchall())
        assert vouchers == promised, "the newest voucher of each channel is the last that was answered"
        assert sum(vouchers.values()) == calls * PRICE, (sum(vouchers.values()), calls * PRICE)
        assert new == {"receipt": calls, "grant": len(promised)}, new
        assert size == before.log + calls + len(promised), (size, before.log)
        return (
            f"{node.name}: {calls:,} receipts, {sum(vouchers.values()):,} units in vouchers of {len(promised)} channels,"
            f" {size - before.log:,} new entries in a log of {size:,} that verifies (with {len(promised)} grants): they agree"
        )

    def revoke_on_chain(self, grant: Grant) -> None:
        """By the issuer's key and not through its node, which is told nothing."""
        keys = Keys.load(self.builder.home / "keys.jwe", PASSPHRASE)
        self.world.chain.send(keys.account_key, "Revocations", "revoke", grant.revocation_index)


class Buyer:
    """One client: an account of its own with a grant and a channel, and calls that are signed beforehand."""

    def __init__(self, shop: Shop, name: str, calls: int) -> None:
        party = shop.world.party(name)
        party.knows(shop.builder)
        hand = Hand.open(shop, party, deposit=calls * PRICE, cap=calls * PRICE)
        self.grant = party.node.grant(hand.grant)
        self.channel = "0x" + hand.channel.hex()
        self.bodies = [question(shop.model.id, number) for number in range(calls)]
        self._calls = [
            request(body, freehold_payment=hand.voucher((number + 1) * PRICE))
            for number, body in enumerate(self.bodies)
        ]
        self.sent = 0

    def take(self, count: int) -> list[bytes]:
        """The next calls, which are sent then."""
        self.sent += count
        if self.sent > len(self._calls):
            raise RuntimeError("fewer calls were signed than are made")
        return self._calls[self.sent - count : self.sent]

    @property
    def promised_units(self) -> int:
        return self.sent * PRICE


def question(model: str, number: int) -> bytes:
    """A row that differs from call to call, near where the label does."""
    row = [
        f"{5_000 + 7 * (number % 331) + column}.{number:06d}" for column in range(len(node_tables.COLUMNS))
    ]
    return json.dumps({"model": model, "rows": [row]}).encode()


def request(body: bytes, **headers: str) -> bytes:
    """A whole HTTP request; underscores in header names are dashes."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{lines}content-length: {len(body)}"
    return head.encode() + END + body


def opened(answer: bytes) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a whole answer."""
    head, _, body = answer.partition(END)
    return int(head.split(b" ", 2)[1]), json.loads(body)


def header(answer: bytes, name: bytes) -> bytes:
    """A header's value. Raises KeyError: it has none of that name."""
    lines = answer.partition(END)[0].split(b"\r\n")[1:]
    return {key.lower(): value for key, value in (line.split(b": ", 1) for line in lines)}[name]


def require_paid(answer: bytes, sent: bytes, shop: Shop) -> dict[str, Any]:
    """An answer with a receipt of this very question that its seller signed. Raises AssertionError and others: none."""
    status, found = opened(answer)
    assert status == 200, (status, found)
    envelope = parse_envelope(found["receipt"])
    check(envelope, shop.domain, partial=True)
    receipt = envelope.document.body
    assert receipt["evidence"]["request"] == sha256_hex(sent.partition(END)[2])
    assert receipt["output"] == output_hash(found)
    assert receipt["provider"] == shop.builder.account
    return found
