"""Our signed transactions against eth-account's, byte for byte."""

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from freehold.chain.embedded import DEV_KEY
from freehold.chain.transaction import Transaction, account_of

KEYS = st.integers(1, 2**255).map(lambda number: number.to_bytes(32, "big"))


@given(
    key=KEYS,
    nonce=st.integers(0, 2**63),
    to=st.binary(min_size=20, max_size=20),
    data=st.binary(max_size=80),
    gas=st.integers(21_000, 2**40),
    fee=st.integers(0, 2**90),
    value=st.integers(0, 2**128),
    chain_id=st.integers(1, 2**40),
)
def test_signed_transactions_equal_eth_accounts(key, nonce, to, data, gas, fee, value, chain_id):
    ours = Transaction(
        chain_id=chain_id, nonce=nonce, to=to, data=data, gas=gas,
        max_fee_per_gas=fee, max_priority_fee_per_gas=fee // 2, value_wei=value,
    ).sign(key)  # fmt: skip
    theirs = Account.sign_transaction(
        {
            "type": 2, "chainId": chain_id, "nonce": nonce, "to": to, "data": data, "gas": gas,
            "maxFeePerGas": fee, "maxPriorityFeePerGas": fee // 2, "value": value,
        },
        key,
    )  # fmt: skip
    assert ours == bytes(theirs.raw_transaction)


@given(key=KEYS)
def test_accounts_equal_eth_accounts(key):
    assert account_of(key) == Account.from_key(key).address.lower()


def test_the_development_account_is_the_well_known_one():
    assert account_of(DEV_KEY) == "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"


@pytest.mark.parametrize("key", [b"", b"\x00" * 32, b"\xff" * 32, b"\x01" * 33])
def test_bad_keys_are_refused(key):
    with pytest.raises(ValueError):
        account_of(key)
