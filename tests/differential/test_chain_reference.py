"""The reference page of the local chain names every method, and no other; its limits are the code's."""

import re
from pathlib import Path

from freehold.chain.embedded import dispatcher, edge, frames, genesis, ledger, logs, pool, sockets
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.methods import Methods

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "chain.md").read_text()


def test_every_method_is_documented(tmp_path):
    opened = Ledger(tmp_path / "chain.sqlite")
    names = set(Methods(opened).names()) | {"eth_subscribe", "eth_unsubscribe"}
    opened.close()
    section = PAGE.split("## Methods")[1].split("\n\n## ")[0]
    assert set(re.findall(r"`((?:web3|net|eth|evm|anvil|debug)_\w+)`", section)) == names


def test_the_limits_are_those_of_the_code():
    limits = PAGE.split("## Limits")[1].split("\n\n## ")[0]
    for value in (
        dispatcher.MOST_BATCH,
        genesis.GAS_LIMIT,
        ledger._MOST_TRANSACTIONS,
        logs.MOST_LOGS,
        logs.MOST_FILTERS,
        sockets._MOST_SUBSCRIPTIONS,
        pool._MOST_QUEUED,
        pool._MOST_QUEUED_PER_SENDER,
    ):
        assert f"{value:,}" in limits
    assert f"{frames.MOST_TRACE_BYTES >> 20} MiB; more is refused" in limits
    assert f"{edge.MOST_BODY_BYTES >> 20} MiB" in limits
    assert f"{edge.MOST_HEAD_BYTES >> 10} KiB" in limits
