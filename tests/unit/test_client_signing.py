"""Fresh entropy tells identical acts of different senders apart; sizes at which RLP changes form."""

import os

import pytest
from coincurve import PrivateKey
from eth_account import Account

from freehold.chain.embedded import DEV_KEY
from freehold.chain.transaction import Transaction, account_of


def made(data=b"x", value=0):
    return Transaction(31337, 0, bytes(20), data, 50_000, 9, 1, value)


def test_entropy_changes_the_signature_and_nothing_else():
    plain = made().sign(DEV_KEY)
    signed = {made().sign(DEV_KEY, entropy=os.urandom(32)) for _ in range(20)}
    assert len(signed) == 20
    assert plain not in signed
    assert plain == made().sign(DEV_KEY)
    for raw in signed:
        assert Account.recover_transaction(raw).lower() == account_of(DEV_KEY)
    assert made().sign(DEV_KEY, entropy=bytes(32)) == made().sign(PrivateKey(DEV_KEY), entropy=bytes(32))


@pytest.mark.parametrize("size", [0, 1, 55, 56, 255, 256, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("byte", [b"\x00", b"\x7f", b"\x80"])
def test_data_of_any_size_encodes_as_eth_account_encodes_it(size, byte):
    ours = made(byte * size, value=size).sign(DEV_KEY)
    theirs = Account.sign_transaction(
        {
            "type": 2, "chainId": 31337, "nonce": 0, "to": bytes(20), "data": byte * size, "gas": 50_000,
            "maxFeePerGas": 9, "maxPriorityFeePerGas": 1, "value": size,
        },
        DEV_KEY,
    )  # fmt: skip
    assert ours == bytes(theirs.raw_transaction)
