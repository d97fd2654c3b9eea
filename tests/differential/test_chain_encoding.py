"""Signers, hashes, receipts and headers, which are encoded here by hand, against py-evm's and rlp's."""

import pytest
import rlp
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from freehold.chain.embedded import DEV_KEY, transactions
from freehold.chain.embedded.faults import Fault
from freehold.chain.embedded.transactions import decode_transaction
from freehold.chain.header import Header
from freehold.chain.trie import joined, number, string

SINK = "0x" + "11" * 20
LISTED = {"accessList": [{"address": SINK, "storageKeys": ["0x" + "22" * 32]}]}
FEES = {"maxFeePerGas": 1_000, "maxPriorityFeePerGas": 1}
KINDS = {
    "legacy": {"gasPrice": 1_000},
    "listed": {"gasPrice": 1_000, **LISTED},
    "usual": {**FEES, **LISTED},
    "delegating": {**FEES, "authorizationList": True},
}
addresses = st.binary(min_size=20, max_size=20)
logs = st.lists(
    st.tuples(addresses, st.lists(st.integers(0, 2**256 - 1), max_size=4), st.binary(max_size=99))
)


def raw_of(**fields):
    if fields.pop("authorizationList", None):
        signed = Account.sign_authorization({"chainId": 31337, "address": SINK, "nonce": 1}, DEV_KEY)
        fields["authorizationList"] = [signed]
    filled = {"chainId": 31337, "nonce": 0, "to": SINK, "value": 0, "gas": 200_000, "data": "0x01"} | fields
    return bytes(Account.sign_transaction(filled, DEV_KEY).raw_transaction)


@pytest.mark.parametrize("kind", KINDS)
def test_the_signer_and_the_hash_are_py_evms(kind):
    raw = raw_of(**KINDS[kind])
    ours, theirs = decode_transaction(raw), PragueTransactionBuilder.decode(raw)
    assert bytes(ours.hash) == bytes(theirs.hash)
    assert ours.sender == theirs.sender
    assert "0x" + ours.sender.hex() == Account.from_key(DEV_KEY).address.lower()


@pytest.mark.parametrize(
    "change", [{-1: b""}, {-2: b""}, {-2: b"\xff" * 32}, {-3: b"\x02"}, {-1: b"\x00\x01"}]
)
def test_a_signature_that_is_none_is_refused(change):
    fields = rlp.decode(raw_of(**FEES)[1:])
    for place, value in change.items():
        fields[place] = value
    with pytest.raises(Fault, match="invalid transaction"):
        decode_transaction(b"\x02" + rlp.encode(fields))


@given(st.sampled_from(sorted(KINDS)), st.booleans(), st.integers(0, 30_000_000), logs)
def test_receipts_are_py_evms(kind, is_success, gas, given_logs):
    transaction = PragueTransactionBuilder.decode(RAWS[kind])
    told = [(address, tuple(topics), data) for address, topics, data in given_logs]
    theirs = transaction.make_receipt(b"\x01" if is_success else b"", gas, told)
    ours = transactions.encode(transaction.type_id or 0, is_success=is_success, cumulative_gas=gas, logs=told)
    assert ours == (theirs.encode(), int(theirs.bloom))


@given(st.binary(max_size=300), st.integers(0, 2**256 - 1), st.lists(st.binary(max_size=70), max_size=9))
def test_items_are_rlps(data, value, many):
    assert string(data) == rlp.encode(data)
    assert number(value) == rlp.encode(value)
    assert joined(b"".join(map(string, many))) == rlp.encode(many)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=32), st.lists(st.binary(max_size=32), max_size=3))
def test_headers_read_back_as_they_were_and_are_rlps(height, extra, rest):
    header = Header(bytes(32), block_number=height, extra_data=extra, rest=tuple(rest))
    assert Header.decode(header.encoded) == header
    assert rlp.encode(rlp.decode(header.encoded)) == header.encoded


RAWS = {kind: raw_of(**fields) for kind, fields in KINDS.items()}
