"""A name never stands for an id, and what others call their things never hides one's own."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import httpx
import node_tables
import pytest
from node_world import TOKEN, Party, World, offered
from test_node_schemas import sealed

from freehold.core.documents import Asset
from freehold.core.errors import InvalidInput, NotFound
from freehold.core.ids import Ambiguous
from freehold.features.data import publishing, wire
from freehold.features.proof.wire import LINEAGE
from freehold.kernel import listed
from freehold.kernel.client import NodeClient
from freehold.kernel.registry import everything


@pytest.fixture(scope="module")
def parties(world: World) -> tuple[Party, Party, Party]:
    return world.party("owner"), world.party("stranger"), world.party("buyer")


def named(party: Party, name: str, seed: int) -> Asset:
    """A dataset of that name, as a node signs it that refuses no name."""
    path = node_tables.write(party.home / "table.csv", node_tables.make(24, seed=seed))
    made = publishing.publish(party.node, offered(path, name="anything", price_units=5_000)).document
    assert isinstance(made, Asset)
    again = made.model_copy(update={"name": name})
    with party.node.store.transaction() as tx:
        tx.put(party.node.seal(again), public=True)
    return again


def resolved(party: Party, name: str, text: str) -> Any:
    bound = next(one for one in everything().operations if one.operation.name == name)
    seen: list[Any] = []
    registry = everything()
    registry.perform(
        party.services,
        bound.operation.does(lambda _, request: seen.append(request)),
        bound.operation.asks(**text),
    )
    return seen[0]


def test_what_reads_like_an_id_is_never_a_name(parties: tuple[Party, Party, Party]) -> None:
    owner, stranger, buyer = parties
    good = owner.publish(node_tables.make(24, seed=11), price_units=1_000)
    ids = (good.id, good.id[:10], good.id[:6], good.id.upper().replace("X", "x"), good.id[2:])
    for seed, spelled in enumerate(ids):
        named(stranger, spelled, 20 + seed)
    buyer.knows(owner, stranger)
    owner.knows(stranger)
    for party in (buyer, owner):
        for text in ids:
            for kind in ("", "dataset"):
                assert listed.find(party.node, text, kind) == good.id
            assert resolved(party, "train", {"assets": [text], "test": "t", "name": "n"}).assets == [good.id]
            assert resolved(party, "grants.ask", {"asset": text}).asset == good.id
    assert resolved(owner, "assets.withdraw", {"asset": good.id}).asset == good.id
    unknown = "0x" + "5e" * 32
    named(stranger, unknown, 40)
    buyer.knows(stranger)
    with pytest.raises(NotFound):
        listed.find(buyer.node, unknown)


@pytest.mark.parametrize("name", ["0x" + "ab" * 32, "0xAB12", "0x1", "AB" * 32])
def test_a_name_that_reads_like_an_id_is_not_published(
    parties: tuple[Party, Party, Party], name: str
) -> None:
    owner, *_ = parties
    before = owner.node.store.counted("asset")
    path = node_tables.write(owner.home / "table.csv", node_tables.make(24, seed=51))
    with pytest.raises(InvalidInput, match="reads like an id"):
        publishing.publish(owner.node, offered(path, name=name))
    with pytest.raises(InvalidInput, match="reads like an id"):
        publishing.publish(owner.node, offered(path.rename(path.with_name(f"{name}.csv"))))
    assert owner.node.store.counted("asset") == before


def test_ones_own_thing_comes_first_and_two_strangers_are_ambiguous(
    parties: tuple[Party, Party, Party],
) -> None:
    owner, stranger, buyer = parties
    own, theirs = named(owner, "hearts", 61), named(stranger, "hearts", 62)
    owner.knows(stranger)
    buyer.knows(owner, stranger)
    assert listed.find(owner.node, "hearts") == own.id
    assert listed.find(stranger.node, "hearts") == theirs.id
    with pytest.raises(Ambiguous, match="2 assets are called hearts") as refused:
        listed.find(buyer.node, "hearts")
    for one in (own, theirs):
        assert one.id[:10] in refused.value.hint
    assert "of owner" in refused.value.hint
    assert "of stranger" in refused.value.hint


def test_names_that_look_alike_are_one_name_however_many_there_are(
    parties: tuple[Party, Party, Party],
) -> None:
    owner, stranger, buyer = parties
    with buyer.node.store.transaction() as tx:
        for number in range(1_000):
            name = "livers" if number == 999 else "livers\0"
            tx.put(sealed(stranger, "model", name, {"rows": number}), logged=False)
        tx.put(sealed(owner, "model", "livers", {}), logged=False)
    with pytest.raises(Ambiguous):
        listed.find(buyer.node, "livers", "model")


def test_a_strangers_name_that_could_be_an_id_too_means_neither(parties: tuple[Party, Party, Party]) -> None:
    owner, stranger, buyer = parties
    good = owner.publish(node_tables.make(24, seed=71))
    named(stranger, good.id[2:12], 72)
    buyer.knows(owner, stranger)
    with pytest.raises(Ambiguous, match="a name, and the beginning of an id"):
        listed.find(buyer.node, good.id[2:12])
    assert listed.find(buyer.node, good.id[:12]) == good.id


@pytest.mark.parametrize("name", ["Heart/Lung", "/", "a/approval", "../spending", "a?b#c", "%2f"])
def test_any_name_can_stand_in_a_path(parties: tuple[Party, Party, Party], name: str) -> None:
    owner, *_ = parties
    made = named(owner, name, 81)
    with closing(NodeClient(owner.url, TOKEN, home=owner.home)) as node:
        for operation, said in (
            (wire.DECIDE, {"approval": "ask"}),
            (wire.WITHDRAW, {}),
            (wire.OFFER, {}),
        ):
            assert node.perform(operation, {"asset": name, **said})["asset"] == made.id
        assert node.perform(LINEAGE, {"document_id": name})["nodes"][0]["id"] == made.id


def test_an_empty_part_of_a_path_is_refused(parties: tuple[Party, Party, Party]) -> None:
    owner, *_ = parties
    headers = {"authorization": f"Bearer {TOKEN}"}
    for path in ("/api/models/", "/api/jobs/", "/api/lineage/", "/api/receipts/"):
        assert httpx.get(owner.url + path, headers=headers).status_code == 422
    answer = httpx.post(f"{owner.url}/api/assets//withdraw", headers=headers)
    assert answer.status_code == 422
