"""The reference page of the local chain names every method, and no other; its limits are the code's."""

import re
from pathlib import Path

from freehold import bounded_head
from freehold.chain.embedded import (
    budget,
    dispatcher,
    edge,
    frames,
    genesis,
    ledger,
    logs,
    precompiles,
    sending,
    server,
    simulation,
    sockets,
    transactions,
    turns,
)
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.methods import Methods

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "chain.md").read_text()


def test_every_method_is_documented(tmp_path):
    opened = Ledger(tmp_path)
    names = set(Methods(opened).names()) | {"eth_subscribe", "eth_unsubscribe", "freehold_headsFirst"}
    opened.close()
    section = PAGE.split("## Methods")[1].split("\n\n## ")[0]
    assert (
        set(re.findall(r"`((?:web3|net|eth|evm|anvil|hardhat|txpool|debug|freehold)_\w+)`", section)) == names
    )


def test_the_limits_are_those_of_the_code():
    limits = PAGE.split("## Limits")[1].split("\n\n## ")[0]
    for value in (
        dispatcher.MOST_BATCH,
        genesis.GAS_LIMIT,
        ledger._MOST_TRANSACTIONS,
        logs.MOST_LOGS,
        logs.MOST_FILTERS,
        sockets._MOST_SUBSCRIPTIONS,
        transactions._MOST_QUEUED,
        transactions._MOST_QUEUED_PER_SENDER,
        dispatcher._MOST_VALUES,
        server.MOST_CONNECTIONS,
        ledger._MOST_SNAPSHOTS,
        sending._MOST_IMPERSONATED,
        simulation._MOST_BLOCKS,
        precompiles.MOST_ROUNDS,
        precompiles.MOST_MODEXP_BYTES,
    ):
        assert f"{value:,}" in limits
    assert f"{frames.MOST_TRACE_BYTES >> 20} MiB; more is refused" in limits
    assert f"{edge.MOST_BODY_BYTES >> 20} MiB" in limits
    assert f"{bounded_head.MOST_HEAD_BYTES >> 10} KiB" in limits
    assert f"{edge.MOST_MESSAGE_BYTES >> 20} MiB |" in limits
    assert f"| {turns.MOST_HELD_BYTES >> 20} MiB; more" in limits
    assert f"| {edge._MOST_SOCKETS}, {edge._MOST_SOCKETS_OF_ONE} of one origin; one more" in limits
    assert f"| {edge._MOST_OF_ONE} of one origin |" in limits
    assert f"| {server.MOST_HALF_CLOSED}; one more" in limits
    assert f"| {turns.MOST_WAITING}; " in limits
    assert f"| {turns.MOST_SENDING} |" in limits
    assert f"a batch that need a second run | {dispatcher.MOST_LONG_TRANSACTIONS}" in limits
    assert f"| {dispatcher.MOST_ANSWER_BYTES >> 20} MiB |" in limits
    assert f"{logs.MOST_LOG_BYTES >> 20} MiB of data" in limits
    assert f"| {transactions._MOST_RAW_BYTES >> 10} KiB |" in limits
    assert f"in all, {transactions._MOST_QUEUED_BYTES >> 20} MiB |" in limits
    assert server.REQUEST_SECONDS == server.WRITE_SECONDS
    assert f"| {server.REQUEST_SECONDS:g} s |" in limits
    assert f"| {budget.REQUEST_SECONDS:g} s of processor time" in limits
    assert f"| {budget.TRANSACTION_SECONDS:g} s of processor time" in limits
    assert f"runs for {turns.SHORT_SECONDS * 1e3:g} ms at first" in limits
    assert f"longer than {ledger._SHORT_SECONDS * 1e3:g} ms waits" in limits


def test_the_hash_of_the_first_block_is_told_for_clients_that_pin_it():
    assert f"0x{genesis.HASH.hex()}" in PAGE
