"""Each contract by itself at random, deeper than it is reached in the whole economy."""

import pytest
from economy_records import Records
from labels import COMMON, RARE
from running import run
from token_money import Token

TOKEN_ACTS = ("mint", "transfer", "approve", "transfer_from", "permit", "authorization", "cancel")
TOKEN_LABELS = {
    *TOKEN_ACTS,
    *("transfer refused: ERC20InsufficientBalance", "transfer_from refused: ERC20InsufficientAllowance"),
    *("permit refused: ERC2612InvalidSigner", "permit refused: ERC2612ExpiredSignature"),
    *("authorization refused: ERC3009InvalidSignature", "cancel refused: ERC3009InvalidSignature"),
    *("authorization refused: ERC3009UsedAuthorization", "cancel refused: ERC3009UsedAuthorization"),
    "authorization refused: ERC3009InvalidAuthorizationTime",
}
CHANNEL_ACTS = ("open_channel", "top_up", "settle", "forge", "request_close", "withdraw", "let_a_day_pass")
CONTRACTS = {
    "LogAnchors": ("anchor",),
    "Revocations": ("revoke",),
    "Assets": ("register", "move_token"),
    "Timestamps": ("stamp",),
    "ModelShares": ("release", "move_shares"),
    "Market": ("mint", "buy", "buy_again", "send_money_astray"),
    "Revenue": ("mint", "deposit", "claim", "send_money_astray"),
    "Channels": ("mint", *CHANNEL_ACTS, *CHANNEL_ACTS),
}
"""The acts that concern a contract."""


@pytest.mark.parametrize("contract", CONTRACTS)
def test_alone(world, contract):
    acts = CONTRACTS[contract]
    first_words = {act.split("_channel")[0] for act in acts}
    must = {label for label in COMMON | RARE if label.split()[0] in first_words}
    assert must
    run(Records, world, acts, must, examples=2, steps=40)


def test_the_token_alone(world):
    run(Token, world, TOKEN_ACTS, TOKEN_LABELS, examples=4, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(2_400)
@pytest.mark.parametrize("contract", [*CONTRACTS, "TestDollar"])
def test_alone_for_2_000_steps(world, contract):
    kind, acts = (Token, TOKEN_ACTS) if contract == "TestDollar" else (Records, CONTRACTS[contract])
    assert run(kind, world, acts, set(), examples=20, steps=102)["steps"] >= 2_000
