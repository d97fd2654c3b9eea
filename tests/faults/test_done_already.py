"""Acts that happen once: sent twice, or by two at the same moment, they are done; with another outcome they fail."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any

import pytest
from chain_proxy import ChainProxy
from node_world import Party, World

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ContractReverted
from freehold.chain.reverts import TABLE as REVERTS
from freehold.chain.reverts import ActDone
from freehold.chain.rpc import Rpc
from freehold.core.ids import keyed_id
from freehold.core.money import BPS
from freehold.core.signing import digest, receive_digest, sign_digest, voucher_digest
from freehold.features.models.rules.split import SplitTree
from freehold.features.payments import spending
from freehold.features.payments.rules.payment import bound_nonce
from freehold.kernel.node import Node
from freehold.kernel.rights.check import Offer

FAR = 2**47
_ROOT = b"\x01" * 32


@pytest.fixture(scope="module")
def party(world: World) -> Party:
    return world.party("twice")


@pytest.fixture(scope="module")
def buyer(world: World) -> Party:
    return world.party("buyer")


def pool_of(node: Node, root: bytes = _ROOT) -> bytes:
    model = secrets.token_bytes(32)
    node.send("Revenue", "open", model, node.token, root, BPS)
    return keyed_id(node.account, model)


def paid(node: Node, contract: str, amount: int, nonce: bytes) -> bytes:
    asked = receive_digest(node.token_domain, node.account, node.contract(contract), amount, (0, FAR), nonce)
    return sign_digest(node.keys.account_key, asked)


def opening(node: Node, amount: int = 100) -> tuple[Any, ...]:
    pool, salt = pool_of(node), secrets.token_bytes(32)
    signature = paid(node, "Channels", amount, spending.channel_id(node.account, pool, salt))
    return node.account, pool, amount, salt, 0, FAR, signature


def channel(node: Node) -> bytes:
    made = opening(node)
    node.send("Channels", "openWithAuthorization", *made)
    return spending.channel_id(node.account, made[1], made[3])


def anchoring(node: Node) -> tuple[Any, ...]:
    with node.store.transaction() as tx:
        tx.put(node.claim("audit", "0x" + secrets.token_hex(32), {"owner": node.account}))
    with node.store.log() as log:
        return log.size(), log.root()


def claiming(node: Node) -> tuple[Any, ...]:
    tree = SplitTree([(node.account, BPS)])
    pool, salt = pool_of(node, tree.root), secrets.token_bytes(32)
    signature = paid(node, "Revenue", 50, bound_nonce(pool, salt))
    node.send("Revenue", "depositWithAuthorization", pool, node.account, 50, 0, FAR, salt, signature)
    return pool, node.account, BPS, tree.proof(node.account)


def depositing(node: Node) -> tuple[Any, ...]:
    pool, salt = pool_of(node), secrets.token_bytes(32)
    return pool, node.account, 50, 0, FAR, salt, paid(node, "Revenue", 50, bound_nonce(pool, salt))


def topping_up(node: Node) -> tuple[Any, ...]:
    made, salt = channel(node), secrets.token_bytes(32)
    return made, node.account, 30, 0, FAR, salt, paid(node, "Channels", 30, bound_nonce(made, salt))


def settling(node: Node) -> tuple[Any, ...]:
    made = channel(node)
    asked = voucher_digest(spending.channels_domain(node), made, 10)
    return made, 10, sign_digest(node.keys.account_key, asked)


def withdrawing(node: Node) -> tuple[Any, ...]:
    made = channel(node)
    node.send("Channels", "requestClose", made)
    node.chain.rpc.call("evm_increaseTime", 86_401)
    node.chain.rpc.call("evm_mine")
    return (made,)


def buying(node: Node, seller: Party) -> tuple[Any, ...]:
    market = node.contract("Market")
    offer = Offer(secrets.token_bytes(32), seller.account, node.account, node.token, 20, FAR)
    named = offer.digest(node.chain_id, market)
    return (
        offer, sign_digest(seller.node.keys.account_key, named), 0, FAR, paid(node, "Market", 20, named),
    )  # fmt: skip


ACTS: dict[str, Callable[[Node, Party], tuple[Any, ...]]] = {
    "LogAnchors.anchor": lambda node, _: anchoring(node),
    "Revocations.revoke": lambda _, __: (secrets.randbelow(2**30),),
    "Timestamps.stamp": lambda _, __: (secrets.token_bytes(32),),
    "Assets.register": lambda _, __: (secrets.token_bytes(32),),
    "Market.buyWithAuthorization": buying,
    "ModelShares.release": lambda node, _: (secrets.token_bytes(32), [node.account], [BPS]),
    "Revenue.open": lambda node, _: (secrets.token_bytes(32), node.token, _ROOT, BPS),
    "Revenue.claim": lambda node, _: claiming(node),
    "Revenue.depositWithAuthorization": lambda node, _: depositing(node),
    "Channels.openWithAuthorization": lambda node, _: opening(node),
    "Channels.topUpWithAuthorization": lambda node, _: topping_up(node),
    "Channels.settle": lambda node, _: settling(node),
    "Channels.requestClose": lambda node, _: (channel(node),),
    "Channels.withdraw": lambda node, _: withdrawing(node),
}
"""How each comes about; `Market.buy` is the same purchase by allowance."""


@pytest.mark.parametrize("act", sorted(ACTS))
def test_an_act_that_somebody_did_before_is_done(party: Party, buyer: Party, act: str) -> None:
    node, (contract, function) = party.node, act.split(".")
    args = ACTS[act](node, buyer)
    # as a stranger, or another part of this node, would have sent it
    assert node.chain.send(node.keys.account_key, contract, function, *args).status
    count = node.chain.rpc.call("eth_getTransactionCount", node.account, "latest")
    assert node.send(contract, function, *args) == 0
    assert node.chain.rpc.call("eth_getTransactionCount", node.account, "latest") == count


def test_every_act_that_can_be_done_already_is_in_the_table(party: Party) -> None:
    once = party.node.once
    assert set(once) - set(ACTS) == {"Market.buy"}
    named = {name for one in once.values() for name in one.refusals}
    done = {name for name, (kind, _) in REVERTS.items() if kind is ActDone}
    assert done <= named
    # these two mean it only of one act each: closing twice, withdrawing twice
    assert named - done == {"ChannelClosing", "ChannelEnded"}


def other_root(node: Node, _: Party) -> tuple[str, tuple[Any, ...]]:
    size, root = anchoring(node)
    node.chain.send(node.keys.account_key, "LogAnchors", "anchor", size, b"\x07" * 32)
    return "LogAnchors.anchor", (size, root)


def other_split(node: Node, _: Party) -> tuple[str, tuple[Any, ...]]:
    model = secrets.token_bytes(32)
    node.chain.send(node.keys.account_key, "Revenue", "open", model, node.token, b"\x08" * 32, BPS)
    return "Revenue.open", (model, node.token, _ROOT, BPS)


def other_shares(node: Node, other: Party) -> tuple[str, tuple[Any, ...]]:
    model = secrets.token_bytes(32)
    node.chain.send(node.keys.account_key, "ModelShares", "release", model, [other.account], [BPS])
    return "ModelShares.release", (model, [node.account], [BPS])


def cancelled(node: Node, nonce: bytes) -> None:
    values = (node.account, nonce)
    asked = digest(node.token_domain, "CancelAuthorization(address authorizer,bytes32 nonce)", *values)
    node.send("TestDollar", "cancelAuthorization", *values, sign_digest(node.keys.account_key, asked))


def cancelled_top_up(node: Node, _: Party) -> tuple[str, tuple[Any, ...]]:
    args = topping_up(node)
    cancelled(node, bound_nonce(args[0], args[5]))
    return "Channels.topUpWithAuthorization", args


def cancelled_deposit(node: Node, _: Party) -> tuple[str, tuple[Any, ...]]:
    args = depositing(node)
    cancelled(node, bound_nonce(args[0], args[5]))
    return "Revenue.depositWithAuthorization", args


def cancelled_purchase(node: Node, other: Party) -> tuple[str, tuple[Any, ...]]:
    args = buying(node, other)
    cancelled(node, args[0].digest(node.chain_id, node.contract("Market")))
    return "Market.buyWithAuthorization", args


def withdrawn_before_it_was_settled(node: Node, _: Party) -> tuple[str, tuple[Any, ...]]:
    args = settling(node)
    node.send("Channels", "requestClose", args[0])
    node.chain.rpc.call("evm_increaseTime", 86_401)
    node.chain.rpc.call("evm_mine")
    node.send("Channels", "withdraw", args[0])
    return "Channels.settle", args


@pytest.mark.parametrize(
    "spoil",
    [
        other_root, other_split, other_shares, cancelled_top_up, cancelled_deposit, cancelled_purchase,
        withdrawn_before_it_was_settled,
    ],
    ids=lambda one: one.__name__,
)  # fmt: skip
def test_the_same_refusal_with_another_outcome_is_an_error(
    world: World, buyer: Party, spoil: Callable[[Node, Party], tuple[str, tuple[Any, ...]]]
) -> None:
    node = world.party(f"spoilt-{secrets.token_hex(2)}").node
    act, args = spoil(node, buyer)
    with pytest.raises(ContractReverted):
        node.send(*act.split("."), *args)


def test_two_that_anchor_at_the_same_moment_are_both_done(world: World, party: Party) -> None:
    """Both were told by a trial that it works; one is mined first, and the other's failure is no error."""
    node = party.node
    size, root = anchoring(node)
    barrier, gas, wrong = threading.Barrier(2), [], []
    with ChainProxy(world.rpc_url) as proxy:
        held = threading.local()

        def rule(request: dict[str, Any]) -> Any:
            # nobody sends before both have tried it out
            if request["method"] == "eth_estimateGas" and not getattr(held, "once", False):
                return ("change", lambda found: (barrier.wait(20), found)[1])
            return None

        proxy.rule = rule

        def anchor() -> None:
            with Rpc(proxy.url) as rpc:
                chain = Chain(rpc)
                mine = object.__new__(Node)
                mine.__dict__.update({**node.__dict__, "chain": chain})
                try:
                    gas.append(mine.send("LogAnchors", "anchor", size, root))
                except Exception as error:  # noqa: BLE001 - told below
                    wrong.append(error)

        threads = [threading.Thread(target=anchor) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
    assert not wrong
    assert len(gas) == 2
    assert min(gas) > 0, "both were mined"
    assert node.chain.read("LogAnchors", "headOf", node.account)[1] == size


def test_two_that_deploy_at_the_same_moment_are_both_done(tmp_path: Any) -> None:
    wrong: list[Exception] = []
    with EmbeddedNode(tmp_path / "chain") as chain_node:
        with Rpc(chain_node.url) as rpc:
            # another account with gas
            key = b"\x31" * 32
            from freehold.chain.transaction import account_of

            Chain(rpc).fund(account_of(key), 10**18)
        barrier = threading.Barrier(2)

        def deploy(by: bytes) -> None:
            with Rpc(chain_node.url) as rpc:
                barrier.wait()
                try:
                    deployments.deploy_missing(Chain(rpc), by)
                except Exception as error:  # noqa: BLE001 - told below
                    wrong.append(error)

        threads = [threading.Thread(target=deploy, args=(by,)) for by in (DEV_KEY, key)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
    assert not wrong
