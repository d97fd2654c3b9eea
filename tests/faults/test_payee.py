"""Whom a channel pays: the pool that its caller names, known to payments by nothing else; other kinds not at all."""

import secrets

import pytest
from node_world import Party, World

from freehold.core.ids import keyed_id
from freehold.core.money import BPS
from freehold.features.payments import kept, spending
from freehold.features.payments.chain_facts import read_channel
from freehold.features.payments.rules.channel import Payee, PayeeKind, PayeeNotPaid
from freehold.kernel.ceiling import Act

PRICE = 1_000


@pytest.fixture(scope="module")
def party(world: World) -> Party:
    return world.party("payer")


def a_pool(party: Party, thing: str) -> Payee:
    node, opened = party.node, secrets.token_bytes(32)
    node.send("Revenue", "open", opened, node.token, b"\x01" * 32, BPS)
    return Payee("pool", "0x" + keyed_id(node.account, opened).hex(), node.account, thing)


def ready(party: Party, payee: Payee) -> spending.Record:
    return spending.ready(party.node, payee, PRICE, Act(secrets.token_hex(16)), 3, lambda: None)


def test_a_channel_pays_the_pool_that_its_caller_names(party: Party) -> None:
    thing = "0x" + secrets.token_hex(32)
    first, second = a_pool(party, thing), a_pool(party, thing)
    record = ready(party, first)
    assert read_channel(party.node, record["channel"]).pool == first.to
    assert ready(party, first) == record, "the same channel is used again"
    # another pool is never paid out of a channel that was opened for the first
    assert spending.current(party.node, second) is None
    assert read_channel(party.node, ready(party, second)["channel"]).pool == second.to


@pytest.mark.parametrize("kind", ["account", "escrow"])
def test_another_kind_of_payee_is_refused_by_its_name(party: Party, kind: PayeeKind) -> None:
    node = party.node
    payee = Payee(kind, party.account, party.account, "0x" + secrets.token_hex(32))
    before = node.balance_units()
    for asked in (
        lambda: ready(party, payee),
        lambda: spending.quote(node, payee, PRICE, Act(secrets.token_hex(16)), 3),
        lambda: spending.from_wallet(node, payee, PRICE),
    ):
        with pytest.raises(PayeeNotPaid, match=kind) as refused:
            asked()
        assert "Nothing was paid" in refused.value.hint
    assert node.balance_units() == before
    assert kept.channel_for(node, payee.thing) is None
