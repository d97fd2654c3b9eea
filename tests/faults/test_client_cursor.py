"""An index that follows the cursor equals one built afresh, whatever the chain does in between."""

import json
import random
import sys
from pathlib import Path

import pytest
from chain_proxy import ChainProxy

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.cursor import EventCursor
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ChainUnreachable, CursorLost
from freehold.chain.rpc import Rpc
from freehold.core.errors import InvalidInput

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from anvil import ABSENT, Anvil, binary

WATCHED = [("TestDollar", "Transfer"), ("Revocations", "GrantRevoked"), ("Assets", "AssetRegistered")]
needs_anvil = pytest.mark.skipif(binary() is None, reason=ABSENT)


@pytest.fixture
def chain(tmp_path):
    with EmbeddedNode(tmp_path) as node, Rpc(node.url) as rpc:
        connected = Chain(rpc)
        deployments.deploy_missing(connected, DEV_KEY)
        connected.node_url = node.url
        yield connected


class Index:
    """What a user of the cursor keeps: a list that is undone and added to, kept as JSON between calls."""

    def __init__(self, chain, **options):
        self.chain, self.options = chain, options
        self.events, self.state = [], None

    def follow(self, most_blocks=None):
        cursor = EventCursor(self.chain, WATCHED, state=self.state and json.loads(self.state), **self.options)
        changes = cursor.advance(most_blocks)
        for event in changes.removed:
            assert self.events.pop() == event
        self.events += changes.added
        self.state = json.dumps(cursor.state())
        return changes


def afresh(chain, **options):
    index = Index(chain, **options)
    index.follow()
    return index.events


class Acts:
    def __init__(self, chain):
        self.chain, self.counter = chain, 0

    def act(self):
        self.counter += 1
        if self.counter % 3 == 0:
            self.chain.send(DEV_KEY, "Revocations", "revoke", self.counter)
        elif self.counter % 3 == 1:
            self.chain.send(DEV_KEY, "Assets", "register", self.counter.to_bytes(32, "big"))
        else:
            self.chain.send(DEV_KEY, "TestDollar", "mint", "0x" + "44" * 20, self.counter)


def test_follows_and_tells_each_event_once(chain):
    acts, index = Acts(chain), Index(chain)
    for _ in range(3):
        acts.act()
    assert [event.name for event in index.follow().added] == ["AssetRegistered", "Transfer", "GrantRevoked"]
    assert index.follow().added == []
    acts.act()
    changes = index.follow()
    # registering also emits ERC-721's Transfer, which was asked of the dollar only
    assert [event.name for event in changes.added] == ["AssetRegistered"]
    assert changes.head == chain.block_number()
    assert index.events == afresh(chain)


def test_a_reorganisation_is_undone_newest_first(chain):
    acts, index = Acts(chain), Index(chain)
    acts.act()
    index.follow()
    held = chain.rpc.call("evm_snapshot")
    acts.act()
    acts.act()
    index.follow()
    chain.rpc.call("evm_revert", held)
    acts.act()
    changes = index.follow()
    assert [event.name for event in changes.removed] == ["GrantRevoked", "Transfer"]
    assert [event.name for event in changes.added] == ["AssetRegistered"]
    assert index.events == afresh(chain)


def test_a_chain_that_only_got_shorter_is_followed_too(chain):
    acts, index = Acts(chain), Index(chain)
    held = chain.rpc.call("evm_snapshot")
    acts.act()
    index.follow()
    chain.rpc.call("evm_revert", held)
    changes = index.follow()
    assert len(changes.removed) == 1
    assert changes.head == chain.block_number()
    assert index.events == []


@pytest.mark.parametrize("seed", range(4))
def test_any_history_of_reorganisations_leads_to_the_same_index(chain, seed):
    chance, acts = random.Random(seed), Acts(chain)
    indices = [Index(chain), Index(chain, confirmations=3), Index(chain, keep=20)]
    held = [chain.rpc.call("evm_snapshot")]
    for _ in range(25):
        step = chance.randrange(6)
        if step < 3:
            acts.act()
        elif step == 3:
            chain.rpc.call("evm_mine")
        elif step == 4:
            held.append(chain.rpc.call("evm_snapshot"))
        elif chain.block_number() > 30:
            chain.rpc.call("evm_revert", held.pop(chance.randrange(len(held))))
            held = [chain.rpc.call("evm_snapshot")]
        else:
            chain.rpc.call("evm_revert", held.pop())
            held = held or [chain.rpc.call("evm_snapshot")]
        for index in indices:
            if chance.randrange(2):
                index.follow(chance.choice([None, 1, 5]))
    for index in indices:
        while index.follow(7).added:
            pass
        while (
            json.loads(index.state)["next"]
            <= chain.block_number() - index.options.get("confirmations", 1) + 1
        ):
            index.follow(7)
        assert index.events == afresh(chain, **index.options)
    shallow = [event for event in indices[0].events if event.block_number <= chain.block_number() - 2]
    assert indices[1].events == shallow


def test_deeper_than_remembered_is_said_and_nothing_changes(chain):
    acts, index = Acts(chain), Index(chain, keep=2)
    held = chain.rpc.call("evm_snapshot")
    for _ in range(4):
        acts.act()
    index.follow()
    before = index.state
    chain.rpc.call("evm_revert", held)
    for _ in range(5):
        acts.act()
    with pytest.raises(CursorLost) as lost:
        index.follow()
    assert index.state == before
    assert lost.value.fields["oldest_block"] > 0
    assert len(afresh(chain)) == 5


def test_a_reorganisation_in_the_middle_of_reading_is_not_mixed_in(chain):
    acts = Acts(chain)
    acts.act()
    with ChainProxy(chain.node_url) as proxy, Rpc(proxy.url) as rpc:
        index = Index(Chain(rpc))
        index.follow()
        held = chain.rpc.call("evm_snapshot")
        acts.act()
        acts.act()
        moved = []

        def rule(request):
            # just as the logs are asked for, the chain becomes another one
            if request["method"] == "eth_getLogs" and not moved:
                moved.append(1)
                chain.rpc.call("evm_revert", held)
                for _ in range(4):
                    acts.act()

        proxy.rule = rule
        index.follow()
        assert moved
        assert index.events == afresh(chain)


@pytest.mark.parametrize(
    "change",
    [
        lambda logs: [{**logs[0], "address": "0x" + "99" * 20}],
        lambda logs: [{**logs[0], "blockNumber": hex(2**40)}],
        lambda logs: [{**logs[0], "topics": []}],
        lambda logs: [{**logs[0], "data": "0xzz"}],
        lambda logs: [{**logs[-1], "blockHash": "0x" + "99" * 32}],
        lambda logs: logs + logs,
        lambda logs: [7],
        lambda logs: {"a": 1},
    ],
)
def test_logs_that_make_no_sense_are_refused(chain, change):
    Acts(chain).act()
    with ChainProxy(chain.node_url) as proxy, Rpc(proxy.url) as rpc:
        index = Index(Chain(rpc))
        proxy.rule = lambda request: ("change", change) if request["method"] == "eth_getLogs" else None
        with pytest.raises(ChainUnreachable):
            index.follow()
        proxy.rule = lambda _: None
        index.follow()
        assert len(index.events) == 1


def test_states_of_other_cursors_are_refused(chain):
    Acts(chain).act()
    index = Index(chain)
    index.follow()
    state = json.loads(index.state)
    for broken in ({}, {**state, "version": 2}, {**state, "next": "x"}, {**state, "blocks": [{}]}):
        with pytest.raises(InvalidInput):
            EventCursor(chain, WATCHED, state=broken)
    with pytest.raises(InvalidInput):
        EventCursor(chain, WATCHED[:1], state=state)
    with pytest.raises(InvalidInput):
        EventCursor(chain, [("TestDollar", "Nothing")])
    with pytest.raises(InvalidInput):
        EventCursor(chain, [])


@needs_anvil
def test_reorganisations_of_the_reference_node():
    with Anvil() as node, Rpc(node.url) as rpc:
        chain = Chain(rpc)
        deployments.deploy_missing(chain, DEV_KEY)
        acts, index = Acts(chain), Index(chain)
        for depth in (1, 3, 5):
            for _ in range(6):
                acts.act()
            index.follow()
            old = list(index.events)
            rpc.call("anvil_reorg", depth, [])
            changes = index.follow()
            assert changes.removed == old[: -depth - 1 : -1]
            assert index.events == afresh(chain)
            # the reorganised acts can be done again, so the counter goes back
            acts.counter -= depth
