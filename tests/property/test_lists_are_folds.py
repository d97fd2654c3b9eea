"""Every list, count and look-up says what reading all documents would say, on both databases."""

from __future__ import annotations

import random
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import big_store
import pytest

from freehold.core.documents import Asset, Grant, Party, Receipt
from freehold.core.errors import InvalidInput, NotFound
from freehold.core.signing import Envelope, read_envelope
from freehold.features.data import catalogue, offering
from freehold.features.grants import lists
from freehold.features.proof import listing
from freehold.kernel import listed, selecting, store, uses
from freehold.kernel.databases import opening
from freehold.kernel.databases.listing import sortable
from freehold.kernel.selecting import Wanted, words
from freehold.kernel.store import Store, TooMany

OWN = "0x" + "11" * 20
NOW = 1_800_000_000


class Reading(SimpleNamespace):
    """What lists take of a node: its database, account and clock."""

    store: Store

    def now(self) -> int:
        return NOW

    def asset(self, asset_id: str) -> Any:
        return self.store.get(asset_id).document

    grant = receipt = asset


@pytest.fixture(
    scope="module",
    params=[(seed, kind) for seed in (1, 5, 7) for kind in ("sqlite", "postgresql")],
    ids=lambda one: f"{one[1]}-{one[0]}",
)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A store with documents of every kind, some of them forgotten, some published later, some off offer."""
    seed, kind = request.param
    server = request.getfixturevalue("postgres") if kind == "postgresql" else None
    url = server.database(f"lists{seed}{secrets.token_hex(4)}") if server else ""
    kept, draw = Store(opening.for_writing(tmp_path_factory.mktemp("lists"), url)), random.Random(seed)
    big_store.fill(
        kept, OWN, assets=draw.choice([1, 160]), grants=40, receipts=draw.choice([30, 300]), seed=seed
    )
    every = kept.find("asset")
    with kept.transaction() as tx:
        for envelope in draw.sample(every, len(every) // 4):
            tx.forget(envelope.document.id)
        for envelope in draw.sample(every, len(every) // 5):
            tx.put(envelope, public=True, logged=False)
        for envelope in draw.sample(every, len(every) // 6):
            offering.withdraw(tx, envelope.document.id)
        big_store_again = big_store.receipt(draw, 10_000, (OWN, big_store.accounts(1)[0]), every[0].document.id, every[0].document.id)  # fmt: skip
        tx.put(Envelope(big_store_again, ()))
    yield Reading(store=kept, account=OWN)
    kept.close()


def documents(node: Any, kind: type) -> list[Any]:
    """All of a kind, oldest first."""
    with node.store.reading() as connection:
        rows = connection.execute("SELECT envelope FROM documents ORDER BY rowid").fetchall()
    return [one for row in rows if isinstance(one := read_envelope(row[0]).document, kind)]


def paged(page: Callable[[str], list[Any]]) -> list[str]:
    """The ids of all pages, one after the other."""
    found: list[str] = []
    while more := page(found[-1] if found else ""):
        found += [one.id for one in more]
    return found


def mentions(asset: Asset, text: str) -> bool:
    said = [asset.name, asset.description, *asset.schema_["columns"]]
    return bare(text) in bare(" ".join(said))


def bare(text: str) -> str:
    """Without case and marks, one letter at a time."""
    return "".join(unicodedata.normalize("NFD", letter)[0] for letter in text.lower())


@pytest.mark.parametrize("text", ["", "wine", "PULSE glu", "100%", "r_s", "!", "ä", "needle", "no such word"])
def test_assets(node: Any, text: str) -> None:
    every = documents(node, Asset)[::-1]
    for kind, owner, others, valid_at in (("", "", False, 0), ("model", "", False, 0), ("dataset", OWN, False, 0), ("", "", True, NOW)):  # fmt: skip
        wanted = [
            one.id
            for one in every
            if mentions(one, text)
            and kind in ("", one.asset_kind)
            and owner in ("", one.owner)
            and not (others and one.owner == OWN)
            and one.terms.expires_at > valid_at
        ]
        chosen: dict[str, Any] = {
            "kind": kind,
            "owner": owner,
            "text": text,
            "others": others,
            "valid_at": valid_at,
        }
        assert (
            paged(lambda before, chosen=chosen: listed.assets(node, **chosen, before=before, limit=7))
            == wanted
        )
        assert selecting.count(node.store, listed.among_assets(node, **chosen)) == len(wanted)


def test_what_is_on_offer(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with node.store.reading() as connection:
        public = {row[0] for row in connection.execute("SELECT id FROM documents WHERE public").fetchall()}
    wanted = [
        one.id
        for one in documents(node, Asset)
        if one.id in public and not node.store.state(f"withdrawn:{one.id}")
    ]
    assert [one.document.id for one in catalogue.offered(node)] == wanted
    monkeypatch.setattr(catalogue, "MAX_CATALOGUE", 3)
    assert [one.document.id for one in catalogue.offered(node)] == wanted[-3:]
    off = [one.id for one in documents(node, Asset) if node.store.state(f"withdrawn:{one.id}")]
    kept = [one.id for one in documents(node, Asset)[::-1] if one.id not in off]
    assert paged(lambda before: listed.assets(node, offered=True, before=before, limit=7)) == kept
    assert selecting.count(node.store, listed.among_assets(node, offered=True)) == len(kept)


def test_assets_by_name_and_by_the_beginning_of_their_id(node: Any) -> None:
    every = documents(node, Asset)
    for one in every[:40]:
        same = sorted(other.id for other in every if other.name == one.name)
        assert sorted(listed.named(node, one.name)) == same
        assert listed.find(node, one.id[:20]) == listed.find(node, one.id[2:22].upper()) == one.id
        if len(same) == 1:
            assert listed.find(node, one.name) == one.id
    with pytest.raises(NotFound):
        listed.find(node, "nobody called it so")


ORDERS: dict[str, Callable[[Asset], Any]] = {
    "name": lambda one: sortable(one.name),
    "price": lambda one: one.terms.price_units,
    "rows": lambda one: one.schema_["rows"],
    "created": lambda one: one.created_at,
    "until": lambda one: one.terms.expires_at,
}


def walked(node: Any, wanted: Wanted, **which: Any) -> list[str]:
    """The ids of all pages forwards; each page is found again on the way back."""
    chosen, ids, pages = listed.among_assets(node, **which), [], []
    while True:
        found = listed.page_of_assets(node, chosen, wanted)
        pages.append([one.id for one in found.rows])
        ids += pages[-1]
        if not found.next:
            break
        wanted = replace(wanted, after=found.next)
    assert found.total == len(ids)
    for page in pages[-2::-1]:
        found = listed.page_of_assets(node, chosen, replace(wanted, after=found.previous, back=True))
        assert [one.id for one in found.rows] == page
    assert not found.previous
    return ids


@pytest.mark.parametrize("sort", ["", *ORDERS])
def test_a_list_is_searched_sorted_and_cut_by_the_database(node: Any, sort: str) -> None:
    every, draw = documents(node, Asset), random.Random(sort)
    for said in ("", "table", "ill 100% ", "WINE table", "_", "!", "ä", "no such", "pulse glucose"):
        which = draw.choice([{}, {"owner": OWN}, {"others": True, "kind": "dataset"}])
        kept = [
            one
            for one in every
            if all(mentions(one, word) for word in said.split())
            and ("owner" not in which or one.owner == OWN)
            and ("others" not in which or (one.owner != OWN and one.asset_kind == "dataset"))
        ]
        down = draw.random() < 0.5
        if sort:
            kept.sort(key=ORDERS[sort])
        expected = [one.id for one in kept]
        if down or not sort:
            # of rows that sort alike the newest stands first then
            places = {one.id: place for place, one in enumerate(every)}
            expected = [
                one.id
                for one in sorted(
                    kept, key=lambda one: (ORDERS[sort](one) if sort else 0, places[one.id]), reverse=True
                )
            ]
        wanted = Wanted(words(said), sort, down, limit=draw.choice([3, 7, 50]))
        assert walked(node, wanted, **which) == expected, said


def test_access_given_to_a_dataset(node: Any) -> None:
    every = [one for one in documents(node, Grant) if one.issuer == OWN]
    host = SimpleNamespace(node=node)
    for asset in {one.asset for one in every}:
        given = [one for one in every if one.asset == asset][::-1]
        shown = lists.people(host, asset, Wanted(limit=2))  # type: ignore[arg-type]
        assert [one["id"] for one in shown.rows] == [one.id for one in given][:2]
        assert shown.total == len(given)
        ended = [one.id for one in given if one.terms.expires_at <= NOW]
        for state, expected in (("ended", ended), ("revoked", []), ("used up", [])):
            found = lists.people(host, asset, Wanted(filters={"state": state}))  # type: ignore[arg-type]
            assert [one["id"] for one in found.rows] == expected
        assert lists.given_on(node, asset) == (len(given) - len(ended), 0)


@pytest.mark.parametrize("typed", ["Ärzte", "ärzte", "ARZTE köln", "a\u0308rzte KO\u0308LN", "strasse"])
def test_a_party_is_found_by_its_name_however_it_is_typed(node: Any, typed: str) -> None:
    (account,) = big_store.accounts(1)
    name = "Ärztehaus Köln, Lange Straße"
    party = Party(
        name=name, party_kind="organisation", account=account, account_key="0x04" + "1" * 128, chain_id=1,
        log_key="x", encryption_key="0x" + "2" * 64, created_at=1,
    )  # fmt: skip
    with node.store.transaction() as tx:
        tx.introduce(party)
    wanted = Wanted(words(typed), limit=500)
    assert {one.id for one in uses.listed(node, wanted).rows} == {
        one.id for one in documents(node, Receipt) if account in (one.provider, one.holder)
    }
    found = listed.page_of_assets(node, listed.among_assets(node).searched(wanted.words), wanted)
    assert {one.id for one in found.rows} == {
        one.id for one in documents(node, Asset) if one.owner == account
    }
    given = [one for one in documents(node, Grant) if (one.issuer, one.holder) == (OWN, account)]
    for asset in {one.asset for one in given}:
        shown = lists.people(SimpleNamespace(node=node), asset, wanted)  # type: ignore[arg-type]
        assert {one["id"] for one in shown.rows} == {one.id for one in given if one.asset == asset}


def test_grants(node: Any) -> None:
    every = documents(node, Grant)[::-1]
    mine = [one for one in every if OWN in (one.issuer, one.holder)]
    assert paged(lambda before: listed.own_grants(node, before=before, limit=3)) == [one.id for one in mine]
    for holder in big_store.accounts(20):
        to = [one for one in every if (one.issuer, one.holder) == (OWN, holder)]
        assert listed.count_grants(node, issuer=OWN, holder=holder)[0] == len(to)
        assert [one.id for one in listed.grants(node, issuer=OWN, holder=holder)] == [one.id for one in to]
    sold = [one.id for one in every if one.issuer == OWN and one.terms.price_units]
    assert [one.id for one in listed.grants(node, issuer=OWN, sold=True)] == sold
    for grant in every[:10]:
        under = [one for one in documents(node, Receipt) if one.grant == grant.id]
        units = sum(max(line.delta_units, 0) for one in under for line in one.money)
        assert uses.under(node, grant.id) == (len(under), units)


def test_receipts(node: Any) -> None:
    every = sorted(
        documents(node, Receipt), key=lambda one: (one.issued_at, node.store.position(one.id)), reverse=True
    )
    assert [use.id for use in uses.latest(node, 250)] == [one.id for one in every[:250]]
    answers = [one for one in every if one.action == "infer"]
    assert uses.newest(node, "infer") == answers[0].id
    assert listing.find_receipt(node, "last") == answers[0].id
    runs = Counter((one.grant, one.action) for one in every)
    newest = uses.listed(node, replace(uses.NEWEST_FIRST, limit=6), together=True).rows
    found = uses.runs(node, [(use.grant, use.action) for use in newest])
    # the newest of a run is that which was kept last
    last = {
        (one.grant, one.action): one for one in sorted(every, key=lambda one: node.store.position(one.id))
    }
    ordered = sorted(
        last.values(), key=lambda one: (one.issued_at, node.store.position(one.id)), reverse=True
    )
    assert [use.id for use in newest] == [one.id for one in ordered[:6]]
    assert [run.times for run in found.values()] == [runs[key] for key in found]
    assert all(run.whole for run in found.values())


def test_counts(node: Any) -> None:
    for type_, kind in (("asset", Asset), ("grant", Grant), ("receipt", Receipt)):
        every = documents(node, kind)
        assert node.store.counted(type_) == len(every)
    assert node.store.counted("receipt", "infer") == sum(
        1 for one in documents(node, Receipt) if one.action == "infer"
    )
    assert node.store.counted("asset", "model") == sum(
        1 for one in documents(node, Asset) if one.asset_kind == "model"
    )


def test_a_result_that_would_be_cut_is_refused(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_FOUND", 20)
    with pytest.raises(TooMany):
        node.store.find("receipt")
    assert len(node.store.find("receipt", limit=20)) == 20
    with pytest.raises(InvalidInput, match="page"):
        listed.assets(node, before="0x" + "00" * 32)
    with pytest.raises(InvalidInput, match="at once"):
        listed.assets(node, limit=listed.MOST + 1)
