"""What is estimated is mined: any call object, and the transaction of the same content with exactly that gas."""

import pytest
from eth_account import Account
from eth_utils import to_checksum_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.chain.embedded import DEV_KEY
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.methods import Methods

DEV = Account.from_key(DEV_KEY)
KEYS = [Account.from_key(bytes([number]) * 32) for number in range(1, 5)]
NOBODY = "0x" + "77" * 20
CODES = {
    "sets and clears a slot": "6001600055600060005560016001556000600155",
    "reads two slots": "60005460015450",
    "hands on what gas it has": "600060006000600060007f" + "00" * 12 + "33" * 20 + "5af1600055",
    "works by its calldata": "366003025b8015601157600190036004565b00",
    "works by the price of gas": "3a60ff165b8015601157600190036004565b00",
    "makes a contract": "6460016000556000526005601b6000f0600055",
    "logs": "600160026003a0",
}
PRICED = list(CODES).index("works by the price of gas")
DATA = st.one_of(
    st.just(b""),
    st.binary(max_size=80),
    st.integers(1, 1_500).map(lambda size: b"\1" * size),
    st.integers(1, 1_500).map(bytes),
)
FEES = st.sampled_from(
    [
        {},
        {"gasPrice": 9},
        {"maxFeePerGas": 20, "maxPriorityFeePerGas": 0},
        {"maxFeePerGas": 10**9, "maxPriorityFeePerGas": 1},
    ]
)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Methods of a chain on which the contracts stand, and their addresses."""
    ledger = Ledger(tmp_path_factory.mktemp("estimates"))
    methods = Methods(ledger)
    made = []
    for nonce, code in enumerate(CODES.values()):
        initcode = f"0x60{len(code) // 2:02x}8060093d393df3" + code
        made.append(mine(methods, {"data": initcode, "gas": 2_000_000, "nonce": nonce})["contractAddress"])
    yield methods, made
    ledger.close()


def mine(methods, fields):
    """The receipt of a transaction, which offers a fee in any case."""
    filled = {"chainId": 31337, "value": 0, **fields}
    if not filled.keys() & {"gasPrice", "maxFeePerGas"}:
        filled |= {"maxFeePerGas": 10**9, "maxPriorityFeePerGas": 1}
    raw = Account.sign_transaction(filled, DEV_KEY).raw_transaction
    sent = methods.call("eth_sendRawTransaction", ["0x" + bytes(raw).hex()])
    return methods.call("eth_getTransactionReceipt", [sent])


@st.composite
def contents(draw, contracts):
    """Fields that a call and a transaction share, without authorizations."""
    to = draw(
        st.sampled_from([None, DEV.address, NOBODY, KEYS[0].address, "0x" + "00" * 19 + "04", *contracts])
    )
    # without a price, a call is free, which the contract that looks at the price can tell
    offered = {"maxFeePerGas": 20, "maxPriorityFeePerGas": 0} if to == contracts[PRICED] else draw(FEES)
    fields = {"value": draw(st.sampled_from([0, 0, 1])), **offered}
    data = draw(DATA)
    if to is None:
        # initcode that gives so much code, and words of it that cost
        size = draw(st.sampled_from([0, 1, 600, 3_000]))
        fields |= {"data": f"0x61{size:04x}6000f3" + data.hex()}
    else:
        fields |= {"data": "0x" + data.hex(), "to": to_checksum_address(to)}
    if draw(st.booleans()) or fields.get("gasPrice") is None:
        listed = draw(
            st.lists(st.tuples(st.sampled_from([NOBODY, *contracts]), st.integers(0, 2)), max_size=3)
        )
        fields["accessList"] = [
            {"address": to_checksum_address(one), "storageKeys": [f"0x{slot:064x}" for slot in range(count)]}
            for one, count in listed
        ]
    return fields


@st.composite
def authorizations(draw, contracts):
    """Who delegates to what, and how the authorization is wrong."""
    return draw(
        st.lists(
            st.tuples(
                st.sampled_from([DEV, *KEYS]),
                st.sampled_from(["0x" + "00" * 20, NOBODY, *contracts[:PRICED], *contracts[PRICED + 1 :]]),
                st.sampled_from(["good", "good", "good", "nonce", "chain", "signature"]),
            ),
            min_size=1,
            max_size=4,
        )
    )


def signed(nonces, account, target, fault):
    nonce = nonces.get(account.address, 0) + (fault == "nonce")
    made = account.sign_authorization(
        {"chainId": 5 if fault == "chain" else 31337, "address": target, "nonce": nonce}
    )
    if fault == "good":
        nonces[account.address] = nonce + 1
    return {
        "chainId": made.chain_id,
        "address": to_checksum_address(made.address),
        "nonce": made.nonce,
        "yParity": made.y_parity,
        "r": made.r,
        "s": 1 if fault == "signature" else made.s,
    }


def hexed(content):
    if isinstance(content, dict):
        return {name: hexed(one) for name, one in content.items()}
    if isinstance(content, list):
        return [hexed(one) for one in content]
    return hex(content) if isinstance(content, int) else content


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_estimated_is_mined(chain, data):
    methods, contracts = chain
    fields = data.draw(contents(contracts))
    nonce = int(methods.call("eth_getTransactionCount", [DEV.address]), 16)
    if "to" in fields and "gasPrice" not in fields and data.draw(st.booleans()):
        nonces = {
            one.address: int(methods.call("eth_getTransactionCount", [one.address]), 16) for one in KEYS
        }
        nonces[DEV.address] = nonce + 1
        fields["authorizationList"] = [signed(nonces, *one) for one in data.draw(authorizations(contracts))]
    gas = int(methods.call("eth_estimateGas", [hexed({"from": DEV.address, **fields})]), 16)
    receipt = mine(methods, {"nonce": nonce, "gas": gas, **fields})
    assert receipt["status"] == "0x1"
    assert int(receipt["gasUsed"], 16) <= gas
    listed = len(fields.get("authorizationList", []))
    assert gas >= 21_000 + 25_000 * listed
