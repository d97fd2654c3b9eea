"""What its owner took off offer is offered by nobody any more, and paid by nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import node_tables
import pytest
from node_world import Party, World, begin, order
from test_node_schemas import api, sealed
from test_node_words import offers, page

from freehold.core.errors import NotFound
from freehold.core.ids import Ambiguous, document_id
from freehold.features.data import catalogue, offering
from freehold.features.data.pages import market
from freehold.features.training import training
from freehold.kernel import ceiling, listed, pending

PRICE_UNITS = 250_000


@pytest.fixture(scope="module")
def two(world: World) -> tuple[Party, Party]:
    return world.party("owner"), world.party("builder")


def found(party: Party) -> set[str]:
    return {one["id"] for one in api(party, "/search")["assets"]}


def turn(owner: Party, asset: str, act: Any) -> None:
    offering.change(owner.node, asset, act)


def test_a_catalogue_is_all_that_its_owner_offers(two: tuple[Party, Party]) -> None:
    owner, builder = two
    first = owner.publish(node_tables.make(24, seed=1), approval="ask")
    builder.knows(owner)
    assert first.id in found(builder)
    turn(owner, first.id, offering.withdraw)
    for party in two:
        assert first.id not in found(party)
    assert first.id not in page(builder, market.overview)
    with pytest.raises(NotFound, match="off offer"):
        begin(builder, order(builder, [], assets=[first.id]))
    turn(owner, first.id, offering.offer_again)
    assert first.id in found(builder)
    later = owner.publish(node_tables.make(24, seed=2), supersedes=first.id)
    assert found(builder) == {later.id}
    # both are called alike, and one of them is meant
    assert listed.find(builder.node, later.name) == later.id
    # so also where none of its versions is on offer: `withdraw NAME` is undone by `offer NAME`
    turn(owner, later.id, offering.withdraw)
    assert listed.find(owner.node, later.name) == later.id


def test_what_is_on_offer_is_written_once_until_it_changes(world: World) -> None:
    owner = world.party("owner")
    assets = [owner.publish(node_tables.make(24, seed=seed)).id for seed in (1, 2)]

    def offer() -> dict[str, Any]:
        answer = httpx.get(f"{owner.url}/catalogue", trust_env=False)
        assert catalogue.said(owner.node).items() <= answer.json().items()
        found: dict[str, Any] = answer.json()
        return found

    assert [document_id(one["document"]) for one in offer()["assets"]] == assets
    assert catalogue.said(owner.node) is catalogue.said(owner.node)
    turn(owner, assets[0], lambda tx, one: offering.set_approval(tx, one, "ask"))
    assert offer()["asks_first"] == assets[:1]
    turn(owner, assets[0], offering.withdraw)
    assert [document_id(one["document"]) for one in offer()["assets"]] == assets[1:]
    assert offer()["asks_first"] == []
    turn(owner, assets[0], offering.offer_again)
    assert len(offer()["assets"]) == 2


def test_a_name_is_not_anothers_because_its_owner_took_it_back(
    world: World, two: tuple[Party, Party]
) -> None:
    _, builder = two
    honest, other = (world.party(name) for name in ("honest", "other"))
    mine, theirs = (sealed(party, "model", "Hearts", {}) for party in (honest, other))
    for party, one in ((honest, mine), (other, theirs)):
        catalogue.keep(builder.node, offers(party, one.to_json()))
    catalogue.keep(builder.node, offers(honest))
    assert theirs.document.id in found(builder)
    with pytest.raises(Ambiguous):
        listed.find(builder.node, "Hearts")


def test_what_is_off_offer_crowds_nobody_out_of_a_name(
    two: tuple[Party, Party], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, builder = two
    monkeypatch.setattr(listed, "MOST", 3)
    hostile, honest = (world.party(name) for name in ("crowding", "late"))
    crowd = [sealed(hostile, "model", "Lungs", {"number": number}) for number in range(6)]
    *_, shown = sorted(crowd, key=lambda one: one.document.id)
    catalogue.keep(builder.node, offers(hostile, *(one.to_json() for one in crowd)))
    catalogue.keep(builder.node, offers(hostile, shown.to_json()))
    assert listed.find(builder.node, "Lungs") == shown.document.id
    theirs = sealed(honest, "model", "Lungs", {})
    catalogue.keep(builder.node, offers(honest, theirs.to_json()))
    with pytest.raises(Ambiguous) as refused:
        listed.find(builder.node, "Lungs")
    assert theirs.document.id[:10] in refused.value.hint


def test_a_full_catalogue_says_nothing_of_what_is_older(
    two: tuple[Party, Party], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, builder = two
    owner = world.party("many")
    made = [sealed(owner, "model", f"m{number}", {}).document for number in range(4)]
    dated = [
        owner.node.seal(one.model_copy(update={"created_at": number})) for number, one in enumerate(made)
    ]
    catalogue.keep(builder.node, offers(owner, *(one.to_json() for one in dated)))
    monkeypatch.setattr(catalogue, "MAX_CATALOGUE", 2)
    catalogue.keep(builder.node, offers(owner, dated[1].to_json(), dated[3].to_json()))
    off = [offering.is_withdrawn(builder.node, one.document.id) for one in dated]
    assert off == [False, False, True, False]


def test_nothing_stays_of_offers_that_another_look_drops(
    two: tuple[Party, Party], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, builder = two
    owner, node = world.party("rotating"), builder.node
    monkeypatch.setattr(pending, "ASSETS", replace(pending.ASSETS, each=3))
    before = rows(builder)
    for look in range(3):
        made = [sealed(owner, f"kind{look}{number}", f"n{look}{number}", {}) for number in range(5)]
        read = offers(owner, *(one.to_json() for one in made))
        read.answer["asks_first"] = [one.document.id for one in made]
        catalogue.keep(node, read)
    after = rows(builder)
    assert after["documents"] - before["documents"] == 3
    assert after["counts"] - before["counts"] == 3
    assert after["state"] - before["state"] == 3


def rows(party: Party) -> dict[str, int]:
    tables = ("documents", "counts", "state")
    return {one: int(party.node.store.rows(f"SELECT count(*) FROM {one}")[0][0]) for one in tables}


def test_nobody_is_paid_where_owners_of_too_many_rows_took_their_data_back(world: World) -> None:
    owners, builder = world.owners(2, price_units=PRICE_UNITS), world.party("builder")
    job = begin(builder, order(builder, owners, rounds=2))
    gone = owners[1]
    (asset,) = listed.assets(gone.node, owner=gone.account)
    turn(gone, asset.id, offering.withdraw)
    with pytest.raises(NotFound):
        training.Job(builder.node, builder.services.peers, job, lambda _: None).run()
    assert ceiling.overview(builder.node)["payments"] == []
