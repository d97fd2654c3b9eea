"""A store of any size: assets, grants and receipts of several parties, drawn from a seed.

`fill` keeps documents as a node keeps them; `fill_work` writes the rows of what waits, goes on and was done.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from freehold.core.canonical import canonical_bytes
from freehold.core.documents import Asset, Claim, Content, Grant, MoneyLine, Receipt, Terms
from freehold.core.ids import NO_HASH
from freehold.core.signing import Envelope
from freehold.features.grants import asking
from freehold.features.training import kept as jobs
from freehold.features.training import runs
from freehold.kernel.store import Store

TOKEN = "0x" + "77" * 20
LATER = 2_000_000_000
WORDS = ("pulse", "glucose", "Wine", "loans", "100%", "under_score", "Ä", "bang!", "house", "tram")
COMMON, RARE = "table", "needle"
_BATCH = 2_000
_MOST_WAITING = 900
"""Requests that come in: a node keeps no more than a thousand that wait."""


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


def fill_work(store: Store, own: str, count: int, seed: int = 2) -> None:
    """So many of each: jobs, requests that came in and went out, disputes, payments, acts of people."""
    draw, now = random.Random(seed), int(time.time())
    others = accounts(20)
    mine = [str(row[0]) for row in store.rows("SELECT id FROM assets WHERE owner = ? LIMIT 500", own)]
    theirs = [str(row[0]) for row in store.rows("SELECT id FROM assets WHERE owner <> ? LIMIT 500", own)]
    with store.transaction() as tx:
        for number in range(count):
            of, at = "0x" + f"{number + 0xB000:064x}", now - 60 * number
            job = {
                "id": of, "step": "withheld" if number % 50 == 1 else "done", "order": {}, "recipe": {"rounds": 3},
                "name": f"{draw.choice(WORDS)} {draw.choice(WORDS)}", "assets": [draw.choice(theirs)], "run": None,
                "absent": {}, "started_at": at,
            }  # fmt: skip
            jobs.keep(tx, of, job)
            wish = {
                "nonce": of, "state": "refused" if number % 10 else "countered", "asset": draw.choice(theirs),
                "action": "train", "purpose": None, "max_uses": None, "spend_cap_units": 0, "once_for": "",
                "asked_at": at, "offer": None, "taken": "", "reason": "not now", "ask_again_at": at,
            }  # fmt: skip
            asking.keep(tx, own, f":{number}", wish)
            holder, about = draw.choice(others), draw.choice(mine)
            record = {
                "id": of, "state": draw.choice(("waiting", "refused")) if number < _MOST_WAITING else "refused",
                "holder": holder, "holder_name": "Tram Lab", "asset": about, "nonce": of, "terms": terms(draw, 5).body,
                "spend_cap_units": 0, "plan": None, "asked_at": at, "offer": None, "reason": "", "grant": "",
                "lapses_at": now + 1_000_000,
            }  # fmt: skip
            kept = canonical_bytes(record)
            tx.connection.execute(
                "INSERT INTO requests (id, holder, state, lapses_at, bytes, record, asset, asked_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (of, holder, record["state"], record["lapses_at"], len(kept), kept, about, at),
            )
            claim = Claim(
                issuer=holder,
                claim_kind="contribution",
                about=about,
                statement={"number": number},
                issued_at=at,
            )
            tx.put(Envelope(claim, ()), logged=False)
            runs.keep(tx, of, "disputed", {"field": "shares_bps", "contribution": claim.id})
            tx.connection.execute(
                "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (of, of, "grant", draw.choice(theirs), 5, at, 0, "spent"),
            )
            tx.connection.execute(
                "INSERT INTO trail VALUES (?, ?, '', 'Big', 'owner', 'done', 'Accepted a request', '')",
                (number + 1_000, at),
            )
