"""Revocation bits: the issuer's alone, one-way, where a state proof looks for them."""

import pytest
from contract_world import refused, slot_of


@pytest.mark.parametrize("index", [0, 1, 255, 256, 2**256 - 1])
def test_revoking_sets_exactly_one_bit(world, index):
    issuer, other = world.account(), world.account()
    sent = world.send(issuer, world.Revocations, "revoke", index)
    assert sent.events == [("GrantRevoked", (issuer.address, index))]
    assert world.read(world.Revocations, "isRevoked", issuer.address, index)
    assert not world.read(world.Revocations, "isRevoked", other.address, index)
    for neighbour in {(index + 1) % 2**256, (index - 1) % 2**256, (index + 256) % 2**256}:
        assert not world.read(world.Revocations, "isRevoked", issuer.address, neighbour)
    assert world.storage(
        world.Revocations, slot_of(["address", "uint256"], [issuer.address, index >> 8])
    ) == 1 << (index & 255)


def test_a_revocation_stays_and_others_in_its_word_join_it(world):
    issuer = world.account()
    for index in (3, 200, 7):
        world.send(issuer, world.Revocations, "revoke", index)
    with refused("AlreadyRevoked", issuer.address, 3):
        world.send(issuer, world.Revocations, "revoke", 3)
    assert all(world.read(world.Revocations, "isRevoked", issuer.address, index) for index in (3, 7, 200))
    word = slot_of(["address", "uint256"], [issuer.address, 0])
    assert world.storage(world.Revocations, word) == 1 << 3 | 1 << 7 | 1 << 200


def test_the_domain_is_the_one_documents_are_signed_in(world):
    assert world.domain(world.Revocations) == ("Freehold", "1")
