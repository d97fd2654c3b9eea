"""A store of any size: assets, grants and receipts of several parties, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from freehold.core.documents import Asset, Content, Grant, MoneyLine, Receipt, Terms
from freehold.core.ids import NO_HASH
from freehold.core.signing import Envelope
from freehold.kernel.store import Store

TOKEN = "0x" + "77" * 20
LATER = 2_000_000_000
WORDS = ("pulse", "glucose", "Wine", "loans", "100%", "under_score", "Ä", "bang!", "house", "tram")
COMMON, RARE = "table", "needle"
_BATCH = 2_000


def accounts(count: int) -> list[str]:
    """Accounts other than any node's."""
    return ["0x" + f"{number:040x}" for number in range(0xA000, 0xA000 + count)]


def asset(draw: random.Random, number: int, owner: str) -> Asset:
    """One asset; names and words repeat."""
    name = f"{draw.choice(WORDS)} {draw.choice(WORDS)} {draw.randrange(400)}"
    columns: Any = [draw.choice(WORDS) for _ in range(draw.randrange(1, 5))]
    return Asset(
        asset_kind="model" if number % 50 == 7 else "dataset",
        name=name,
        description=f"{COMMON} {draw.choice(WORDS)}" + (f" {RARE}" if number % 5_000 == 3 else ""),
        owner=owner,
        content=Content(
            commitment="0x" + f"{number + 1:064x}", media_type="application/vnd.freehold.table", size_bytes=1,
            blob="bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e2zaxvsmdvi",
        ),
        schema_={"columns": columns, "label": "ill", "rows": draw.randrange(1, 1_000)},
        terms=terms(draw, draw.choice([0, 0, 5])),
        created_at=1_700_000_000 + number,
    )  # fmt: skip


def terms(draw: random.Random, price_units: int) -> Terms:
    """Terms with or without a price."""
    return Terms(
        purposes=("research",), actions=("train",), max_uses=1_000_000, price_units=price_units, token=TOKEN,
        price_per="grant", expires_at=draw.choice([1_700_000_000, LATER]), reveals="noised",
        epsilon_run_micro=1_000_000, epsilon_life_micro=3_000_000,
    )  # fmt: skip


def grant(draw: random.Random, number: int, issuer: str, holder: str, about: str) -> Grant:
    """One grant."""
    return Grant(
        issuer=issuer, holder=holder, asset=about, terms=terms(draw, draw.choice([0, 7])), revocation_index=number,
        nonce="0x" + f"{number:064x}", issued_at=1_700_000_000 + number,
    )  # fmt: skip


def receipt(draw: random.Random, number: int, sides: tuple[str, str], under: str, about: str) -> Receipt:
    """One receipt; several are of one moment."""
    provider, holder = sides
    units = draw.choice([0, 5])
    money = (
        (
            MoneyLine(account=holder, delta_units=-units, reason="use"),
            MoneyLine(account=provider, delta_units=units, reason="use"),
        )
        if units
        else ()
    )
    return Receipt(
        grant=under, action=draw.choice(["train", "infer", "infer"]), provider=provider, holder=holder,
        inputs=(about,), output=NO_HASH, money=money, sequence=number + 1,
        issued_at=1_700_000_000 + number // 3,
    )  # fmt: skip


def fill(
    store: Store, own: str, *, assets: int, grants: int, receipts: int, seed: int = 1, mine: float = 0.02
) -> None:
    """Keep so many of each; assets of others are not logged, some own ones are public."""
    draw = random.Random(seed)
    parties = [own, *accounts(20)]
    ids: list[str] = []

    def documents() -> Iterator[tuple[Envelope, bool, bool]]:
        for number in range(assets):
            owner = own if draw.random() < mine else draw.choice(parties[1:])
            made = asset(draw, number, owner)
            ids.append(made.id)
            yield Envelope(made, ()), owner == own, owner == own
        given = []
        for number in range(grants):
            other = draw.choice(parties[1:])
            issuer, holder = draw.choice([(own, other), (other, own), (other, parties[1])])
            given.append((issuer, holder, draw.choice(ids)))
            made_grant = grant(draw, number, *given[-1])
            given[-1] = (*given[-1], made_grant.id)  # type: ignore[assignment]
            yield Envelope(made_grant, ()), False, own in (issuer, holder)
        for number in range(receipts):
            issuer, holder, about, under = draw.choice(given)  # type: ignore[misc]
            sides = (own, holder) if issuer != own else (issuer, holder)
            yield Envelope(receipt(draw, number, sides, under, about), ()), False, True

    source = documents()
    while batch := list(islice(source, _BATCH)):
        with store.transaction() as tx:
            for envelope, public, logged in batch:
                tx.put(envelope, public=public, logged=logged)
