"""Refusals in words that ethers and viem know, and what they offer for development nodes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import rlp
from eth_account import Account

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from anvil import CLIENTS, why_no_client
from chain_side import DEV, SINK, Side

from freehold.chain.embedded import DEV_KEY, EmbeddedNode

pytestmark = pytest.mark.skipif(why_no_client() is not None, reason=str(why_no_client()))
POOR = Account.from_key(b"\x09" * 32)
SEND, ESTIMATE, CALL = "eth_sendRawTransaction", "eth_estimateGas", "eth_call"
UNKNOWN, NOT_MAPPED = "UNKNOWN_ERROR", "UnknownNodeError"


@pytest.fixture(scope="module")
def side(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("refusals")) as node:
        made = Side(node.url)
        made.send()
        # one that waits, for another in its place
        made.ask(SEND, made.sign(nonce=5, maxFeePerGas=1_000))
        yield made
        made.close()


def run(script, *arguments):
    done = subprocess.run(
        ["node", CLIENTS / script, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


def too_much():
    """A transaction that offers more than 256 bits a unit of gas; no signer makes one."""
    fields = [31337, 1, 1, 2**256, 21_000, bytes(20), 0, b"", [], 0, 1, 1]
    return "0x02" + rlp.encode(fields).hex()


def authorized(side, **more):
    made = POOR.sign_authorization({"chainId": 31337, "address": SINK, "nonce": 0})
    return side.sign(nonce=1, authorizationList=[made], **more)


# what is sent, what it is refused with, and what ethers and viem make of that
TABLE = {
    "gas below the base cost": (
        lambda side: side.sign(nonce=1, gas=20_999),
        "intrinsic gas too low: have 20999, want 21000",
        UNKNOWN,
        "IntrinsicGasTooLowError",
    ),
    "gas below what its data costs": (
        lambda side: side.sign(nonce=1, gas=21_039, data="0x01"),
        "intrinsic gas too low: have 21039, want 21040",
        UNKNOWN,
        "IntrinsicGasTooLowError",
    ),
    "gas below what a creation costs": (
        lambda side: side.sign(nonce=1, gas=53_013, data="0x000000", to=None),
        "intrinsic gas too low: have 53013, want 53014",
        UNKNOWN,
        "IntrinsicGasTooLowError",
    ),
    "gas below what a delegation costs": (
        lambda side: authorized(side, gas=45_999),
        "intrinsic gas too low: have 45999, want 46000",
        UNKNOWN,
        "IntrinsicGasTooLowError",
    ),
    "a fee below the base fee": (
        lambda side: side.sign(nonce=1, maxFeePerGas=1, maxPriorityFeePerGas=1),
        "max fee per gas less than block base fee: maxFeePerGas: 1, baseFee: 7",
        UNKNOWN,
        "FeeCapTooLowError",
    ),
    "a tip above the fee": (
        lambda side: side.sign(nonce=1, maxFeePerGas=9, maxPriorityFeePerGas=10),
        "max priority fee per gas higher than max fee per gas: have 10, limit 9",
        UNKNOWN,
        "TipAboveFeeCapError",
    ),
    "a fee of too many bits": (
        lambda _: too_much(),
        "max fee per gas higher than 2^256-1",
        UNKNOWN,
        "FeeCapTooHighError",
    ),
    "a nonce that was used": (
        lambda side: side.sign(nonce=0, value=9),
        "nonce too low: next nonce 1, tx nonce 0",
        "NONCE_EXPIRED",
        "NonceTooLowError",
    ),
    "the same again": (lambda side: side.sign(nonce=0), "already known", UNKNOWN, "NonceTooLowError"),
    "the last nonce": (
        lambda side: side.sign(nonce=2**64 - 1),
        "nonce has max value",
        UNKNOWN,
        "NonceMaxValueError",
    ),
    "more than there is": (
        lambda side: side.sign(account=POOR, nonce=0),
        "insufficient funds for gas * price + value: balance 0, tx cost 1000000000",
        "INSUFFICIENT_FUNDS",
        "InsufficientFundsError",
    ),
    "less than the one it replaces": (
        lambda side: side.sign(nonce=5, maxFeePerGas=1_050),
        "replacement transaction underpriced",
        "REPLACEMENT_UNDERPRICED",
        NOT_MAPPED,
    ),
    "another chain": (
        lambda side: side.sign(nonce=1, chainId=1),
        "invalid chain id for signer: have 1, want 31337",
        UNKNOWN,
        NOT_MAPPED,
    ),
    "too large a creation": (
        lambda side: side.sign(nonce=1, gas=29_000_000, data="0x" + "00" * 49_153, to=None),
        "max initcode size exceeded: code size 49153, limit 49152",
        UNKNOWN,
        NOT_MAPPED,
    ),
    "more gas than a block has": (
        lambda side: side.sign(nonce=1, gas=30_000_001),
        "exceeds block gas limit: have 30000001, limit 30000000",
        UNKNOWN,
        NOT_MAPPED,
    ),
    "a blob transaction": (
        lambda _: "0x03c0",
        "transaction type not valid: blob transactions are not supported",
        UNKNOWN,
        "TransactionTypeNotSupportedError",
    ),
    "an unknown type": (
        lambda _: "0x05c0",
        "transaction type not valid: 0x5 is not supported",
        UNKNOWN,
        "TransactionTypeNotSupportedError",
    ),
    "a type that no transaction has": (
        lambda _: "0x7f01",
        "transaction type not valid: 0x7f is not supported",
        UNKNOWN,
        "TransactionTypeNotSupportedError",
    ),
    "a delegation of nobody": (
        lambda _: "0x04" + rlp.encode([31337, 1, 1, 9, 99_999, bytes(20), 0, b"", [], [], 0, 1, 1]).hex(),
        "EIP-7702 transaction with empty auth list",
        UNKNOWN,
        NOT_MAPPED,
    ),
    "nothing that can be read": (lambda _: "0x02c0", "invalid transaction", UNKNOWN, NOT_MAPPED),
}
ASKED = {
    "gas below the base cost": ({"gas": "0x5207"}, "intrinsic gas too low", None, "IntrinsicGasTooLowError"),
    "a value that is not there": (
        {"from": POOR.address, "value": "0x1"},
        "insufficient funds",
        "INSUFFICIENT_FUNDS",
        "InsufficientFundsError",
    ),
    "a fee that is not there": (
        {"from": POOR.address, "maxFeePerGas": "0x9"},
        "insufficient funds",
        "INSUFFICIENT_FUNDS",
        "InsufficientFundsError",
    ),
    "a fee below the base fee": (
        {"maxFeePerGas": "0x1"},
        "max fee per gas less than block base fee",
        None,
        "FeeCapTooLowError",
    ),
    "a tip above the fee": (
        {"maxFeePerGas": "0x9", "maxPriorityFeePerGas": "0xa"},
        "max priority fee per gas higher than max fee per gas",
        None,
        "TipAboveFeeCapError",
    ),
    "a blob": (
        {"blobVersionedHashes": ["0x01" + "00" * 31]},
        "transaction type not valid",
        None,
        "TransactionTypeNotSupportedError",
    ),
}


def test_a_refused_transaction_is_the_error_that_programs_catch(side):
    made = {name: (maker(side), *rest) for name, (maker, *rest) in TABLE.items()}
    for name, (raw, words, *_) in made.items():
        fault = side.fault(SEND, raw)
        assert (name, fault["code"]) == (name, -32000)
        assert fault["message"].startswith(words), name
    seen = run("refusals.mjs", side.url, json.dumps([[name, SEND, raw] for name, (raw, *_) in made.items()]))
    assert seen == {name: list(known) for name, (_, _, *known) in made.items()}


@pytest.mark.parametrize("method", [ESTIMATE, CALL])
def test_so_is_a_refused_call(side, method):
    asked = {name: {"from": DEV.address, "to": SINK, **fields} for name, (fields, *_) in ASKED.items()}
    for name, fields in asked.items():
        assert side.fault(method, fields)["message"].startswith(ASKED[name][1]), name
    seen = run("refusals.mjs", side.url, json.dumps([[name, method, asked[name]] for name in asked]))
    for name, (_, _, ethers, viem) in ASKED.items():
        expected = "CALL_EXCEPTION" if ethers is None or method == CALL else ethers
        assert seen[name] == [expected, viem], name


def test_clients_delegate_impersonate_and_simulate(tmp_path):
    with EmbeddedNode(tmp_path) as node:
        side = Side(node.url)
        keeper = side.send(to=None, data="0x600580600b6000396000f3" + "3360005500")["contractAddress"]
        side.close()
        seen = run("development.mjs", node.url, "0x" + DEV_KEY.hex(), keeper)
    assert seen == {
        "self": ["success", True],
        "other": ["success", True],
        "ethers": [1, True],
        "anvil": [True, "0x0", "refused"],
        "hardhat": [True, "0x0", "refused"],
        "signer": 1,
        "own": [True, 1],
        "simulated": ["success", "success"],
        "blocks": [[["success", 1]], [["success", 0]]],
        "queue": [0, 1, True],
    }
