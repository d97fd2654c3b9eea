"""While the chain does not answer, who only looks sees all that a node knows without it, and that the chain is away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from chain_proxy import ChainProxy
from node_world import Party, World

import freehold


@pytest.fixture(scope="module")
def party(world: World) -> Iterator[Party]:
    with ChainProxy(world.rpc_url) as proxy:
        party = Party(world.home / "alone", proxy.url, "Alone")
        party.found()
        proxy.rule = lambda _: "drop"
        yield party
        proxy.rule = lambda _: None
        party.close()


def test_what_is_kept_here_is_shown_and_what_only_the_chain_knows_is_not(party: Party) -> None:
    with freehold.connect(party.home) as node:
        status = node.status()
        assert (status.account, status.log_size) == (party.account, 1)
        assert (status.block, status.balance_units, status.log_anchored) == (None, None, None)
        assert status.notices[0].code == "chain.unreachable"
        log = node.log()
        assert (log.size, log.anchored) == (1, None)
        assert len(node.receipts()) == 0


@pytest.mark.parametrize("words", ["status", "log"])
def test_people_are_told_that_it_is_away(party: Party, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "freehold", words, "--home", party.home],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "not known while the chain does not answer" in done.stdout
    assert "None" not in done.stdout
