"""A home stays on the chain of its first start, and notices when that chain lost, or others wrote, what it anchored."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from node_process import PASSPHRASE
from node_world import Party, World

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.rpc import Rpc
from freehold.core.errors import FreeholdError
from freehold.kernel import anchored_head, continuity, logbook
from freehold.kernel.anchored_head import ChainLostState, compare_head
from freehold.kernel.continuity import FRESH_SECONDS, OtherChain
from freehold.kernel.keeping import keeper
from freehold.kernel.keeping.keeper import Errand
from freehold.kernel.own import notices
from freehold.kernel.settings import Settings
from freehold.kernel.store import Store
from freehold.log.store import LogStore
from freehold.shell import daemon
from freehold.shell.doctor import examine


@pytest.fixture
def party(world: World) -> Party:
    made = world.party(f"p{secrets.token_hex(3)}")
    continuity.require_same_chain(made.node)
    return made


def grow(party: Party, count: int = 1) -> None:
    with party.node.store.transaction() as tx:
        for _ in range(count):
            tx.put(party.node.claim("audit", "0x" + secrets.token_hex(32), {"owner": party.account}))


def another_chain(folder: Path, blocks: int, port: int = 0) -> EmbeddedNode:
    """A local chain with the contracts and as many blocks at least."""
    made = EmbeddedNode(folder, port)
    made.start()
    with Rpc(made.url) as rpc:
        chain = Chain(rpc)
        deployments.deploy_missing(chain, DEV_KEY)
        while chain.block_number() < blocks:
            rpc.call("evm_mine")
    return made


def test_a_replaced_chain_with_the_same_id_is_noticed_while_the_node_runs(
    party: Party, tmp_path: Path
) -> None:
    assert party.services.readiness.look().ready
    other = another_chain(tmp_path / "other", party.node.chain.block_number())
    first = party.node.chain
    try:
        with Rpc(other.url) as rpc:
            # its genesis is the same and its id too: only a later block tells
            assert rpc.call("eth_getBlockByNumber", "0x0", False) == first.rpc.call(
                "eth_getBlockByNumber", "0x0", False
            )
            party.node.chain = Chain(rpc)
            with pytest.raises(OtherChain, match="this home knows"):
                continuity.require_same_chain(party.node)
            party.services.readiness._last = type(party.services.readiness._last)()
            assert party.services.readiness.look().reasons["chain"] == "chain.other"
    finally:
        party.node.chain = first
        other.stop()


def test_on_a_chain_that_took_the_place_of_its_own_a_running_node_signs_and_sends_nothing(
    tmp_path: Path,
) -> None:
    own = another_chain(tmp_path / "own", 0)
    party = Party(tmp_path / "home", own.url, "n")
    node = party.node
    continuity.require_same_chain(node)
    grow(party)
    own.stop()
    port = int(own.url.rsplit(":", 1)[1])
    other = another_chain(tmp_path / "other", 40, port)
    try:
        with Rpc(other.url) as rpc:
            Chain(rpc).fund(party.account, 10**18)
        time.sleep(FRESH_SECONDS)
        with pytest.raises(OtherChain):
            logbook.anchor(node)
        with pytest.raises(OtherChain):
            node.send("TestDollar", "mint", party.account, 1)
        with pytest.raises(OtherChain):
            # an order of the owner too, and what brings money home
            keeper.send(node, Errand("Revocations", "revoke", (1,), subject="1", by_hand=True))
        with pytest.raises(OtherChain):
            node.claim("audit", "0x" + "00" * 32, {"owner": party.account})
        with pytest.raises(OtherChain):
            logbook.remember_anchored(node, 1)
        assert [one["code"] for one in notices(node)] == ["chain.other"]
        assert node.continuity.sent() == 0
    finally:
        other.stop()
    back = another_chain(tmp_path / "own", 0, port)
    try:
        assert logbook.anchor(node)["gas"]
        assert notices(node) == []
    finally:
        party.close()
        back.stop()


def test_a_chain_that_is_younger_than_first_contact_is_another(party: Party, tmp_path: Path) -> None:
    young = EmbeddedNode(tmp_path / "young")
    young.start()
    first = party.node.chain
    try:
        with Rpc(young.url) as rpc:
            party.node.chain = Chain(rpc)
            with pytest.raises(OtherChain, match="has no block"):
                continuity.require_same_chain(party.node)
    finally:
        party.node.chain = first
        young.stop()


def test_a_start_on_a_replaced_chain_is_refused_until_the_old_one_is_forgotten(
    world: World, tmp_path: Path
) -> None:
    home = tmp_path / "home"

    def start(url: str) -> None:
        def stop(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        daemon.run(home, PASSPHRASE, Settings(name="n", port=0, rpc_url=url), ready=stop)

    with pytest.raises(KeyboardInterrupt):
        start(world.rpc_url)
    other = another_chain(tmp_path / "other", world.chain.block_number() + 1)
    try:
        with pytest.raises(OtherChain) as refused:
            start(other.url)
        assert "freehold chain forget" in refused.value.hint
        found = {one.check: one for one in examine(home)}
        assert found["chain.identity"].level == "ok"
        forgotten = subprocess.run(
            [sys.executable, "-m", "freehold", "chain", "forget", "--home", str(home)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert forgotten.returncode == 0, forgotten.stderr
        with pytest.raises(KeyboardInterrupt):
            start(other.url)
    finally:
        other.stop()


def test_a_head_beside_a_log_says_what_it_means(tmp_path: Path) -> None:
    store = Store(tmp_path / "one.sqlite")
    with store.transaction() as tx:
        for place in range(5):
            tx.log.append(b"%d" % place)
    with store.log() as log:
        roots = [log.root(size) for size in range(6)]

        def verdict(root: bytes, size: int, remembered: int = 0) -> str:
            return compare_head(root, size, log, remembered).verdict

        assert verdict(bytes(32), 0) == "unanchored"
        assert [verdict(roots[size], size) for size in range(1, 6)] == ["agrees"] * 5
        assert verdict(roots[3], 3, remembered=3) == "agrees"
        assert verdict(roots[3], 3, remembered=4) == "lost"
        assert verdict(bytes(32), 0, remembered=1) == "lost"
        assert verdict(roots[3], 4) == "forked"
        assert verdict(roots[3], 4, remembered=5) == "forked"
        assert verdict(roots[5], 6) == "ahead"
    store.close()


def test_a_chain_that_was_set_back_below_an_anchor_is_said_and_not_written_to(
    world: World, party: Party
) -> None:
    snapshot = world.chain.rpc.call("evm_snapshot")
    grow(party, 2)
    logbook.anchor(party.node)
    assert anchored_head.own_head(party.node).verdict == "agrees"
    assert world.chain.rpc.call("evm_revert", snapshot)
    before = world.chain.rpc.call("eth_getTransactionCount", party.account, "latest")
    with pytest.raises(ChainLostState, match="this home anchored"):
        logbook.anchor(party.node)
    assert world.chain.rpc.call("eth_getTransactionCount", party.account, "latest") == before
    party.services.readiness._last = type(party.services.readiness._last)()
    assert party.services.readiness.look().reasons["chain"] == "chain.lost_state"


@pytest.mark.parametrize("longer", [True, False], ids=["a longer log", "another log of the same length"])
def test_a_fork_of_this_home_that_anchored_is_noticed_before_the_next_anchor(
    party: Party, tmp_path: Path, longer: bool
) -> None:
    node = party.node
    grow(party, 2)
    with node.store.log() as log:
        size = log.size() + (3 if longer else 0)
    fork = Store(tmp_path / "fork.sqlite")
    with fork.transaction() as tx:
        for _ in range(size):
            tx.log.append(secrets.token_bytes(8))
    with fork.log() as log:
        node.chain.send(node.keys.account_key, "LogAnchors", "anchor", size, log.root(size))
    fork.close()
    verdict = anchored_head.own_head(node).verdict
    assert verdict == ("ahead" if longer else "forked")
    with pytest.raises(FreeholdError, match=f"the chain vouches for {size} log entries"):
        logbook.anchor(node)


def test_an_anchor_that_another_of_us_sent_meanwhile_is_remembered(party: Party) -> None:
    node = party.node
    grow(party)
    with node.store.log() as log:
        size, root = log.size(), log.root()
    node.chain.send(node.keys.account_key, "LogAnchors", "anchor", size, root)
    assert logbook.anchor(node)["gas"] == 0
    assert node.store.state("anchored") == {"size": size}
    with node.store.reading() as connection:
        assert LogStore(connection).size() == size
