"""A seller lists the weights of a run once more, as a model of nobody's data: a buyer's node pays only if told to."""

import pytest
from inference_world import Shop
from node_world import Party, World

from freehold.core.documents import Asset, parse_document
from freehold.core.errors import NoLineage
from freehold.core.ids import hash_bytes
from freehold.features.gateway import serving
from freehold.features.models import kept, shown


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


def relist(shop: Shop) -> Asset:
    """What a builder with modified code does to keep its owners' pay."""
    node, model = shop.builder.node, shop.model
    schema = {name: value for name, value in model.schema_.items() if name != "run"}
    body = model.body | {"name": "mine alone", "derived_from": [], "schema": schema}
    twin = parse_document(body)
    assert isinstance(twin, Asset)
    with node.store.transaction() as tx:
        tx.put(node.seal(twin), public=True)
        kept.release(tx, twin.id, kept.job_of(node, model.id), kept.require_weights(node, model), ())
        kept.tell(tx, twin.id, [])
    node.send("Revenue", "open", hash_bytes(twin.id), node.token, bytes(31) + b"\x01", 10_000)
    serving.switch(node, twin.id, on=True)
    return twin


def spent(buyer: Party) -> tuple[int, int]:
    return buyer.node.balance_units(), len(buyer.channels())


def test_a_model_without_lineage_is_not_paid_for_unless_the_buyer_says_so(shop: Shop) -> None:
    twin, buyer = relist(shop), shop.buyer("careful")
    before = spent(buyer)
    with pytest.raises(NoLineage, match=f"its weights are those of {shop.model.name}") as refused:
        buyer.buyer.predict(twin.id, shop.rows())
    # whose weights they are is known to a node that knows both
    assert refused.value.fields["same_as"] == [shop.model.id]
    assert "--without-lineage" in refused.value.hint
    assert spent(buyer) == before
    assert shown.model(buyer.node, twin.id)["name"] == twin.name
    assert not buyer.node.store.find("grant")
    answer = buyer.buyer.predict(twin.id, shop.rows(), without_lineage=True)
    assert answer["model"] == twin.id
    # it was said for that call
    with pytest.raises(NoLineage):
        buyer.buyer.predict(twin.id, shop.rows())
