"""Acts that happen once: refused because what they were to bring about is so already, they are done.

Two parts of a node, two copies of it, or a stranger (anybody may settle, claim or stamp) may send the same
act; the contract takes the first. The second is done and not failed, but only where the chain shows the very
state that was wanted: a name of an error proves nothing. docs/reference/contract-errors.md says the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eth_hash.auto import keccak

from freehold.chain.errors import ContractReverted
from freehold.features.payments.rules.payment import bound_nonce
from freehold.kernel.rights.offer import Offer, keyed_id

if TYPE_CHECKING:
    from freehold.chain.answers import Event
    from freehold.kernel.node import Node

_UNNAMED = ("Failed", "Reverted", "Unknown")
"""Mined and failed for a reason that a replay does not show, as in a race within one block."""
_ENDED_AT = 2**64 - 1
LATELY_BLOCKS = 50_000
"""How far back the authorization of a payment is looked for."""
_NOBODY = "0x" + "00" * 20


@dataclass(frozen=True)
class Once:
    """When an act counts as done."""

    refusals: tuple[str, ...]
    """Custom errors that may mean it."""
    wanted: Callable[[Node, tuple[Any, ...]], bool]
    """Whether the chain shows what the act with these arguments was to bring about."""


def is_done(node: Node, name: str, args: tuple[Any, ...], error: ContractReverted) -> bool:
    """Whether `error` says no more than that the act `name` ("Contract.function") is done already."""
    once = TABLE.get(name)
    if once is None or error.name not in (*once.refusals, *_UNNAMED):
        return False
    return once.wanted(node, args)


def _anchored(node: Node, args: tuple[Any, ...]) -> bool:
    """As much or more of this very log."""
    root, size, _ = node.chain.read("LogAnchors", "headOf", node.account)
    with node.store.log() as log:
        return int(args[0]) <= int(size) <= log.size() and log.root(int(size)) == bytes(root)


def _revoked(node: Node, args: tuple[Any, ...]) -> bool:
    return bool(node.chain.read("Revocations", "isRevoked", node.account, args[0]))


def _stamped(node: Node, args: tuple[Any, ...]) -> bool:
    return bool(node.chain.read("Timestamps", "stampedAt", args[0]))


def _registered(node: Node, args: tuple[Any, ...]) -> bool:
    """By this account, whoever owns it since."""
    try:
        owner = node.chain.read("Assets", "ownerOf", int.from_bytes(keyed_id(node.account, args[0]), "big"))
    except ContractReverted:
        return False
    return str(owner) != _NOBODY


def _bought(node: Node, args: tuple[Any, ...]) -> bool:
    grant, seller, buyer, token, price, deadline = args[0]
    offer = Offer("0x" + bytes(grant).hex(), seller, buyer, token, price, deadline)
    return bool(
        node.chain.read("Market", "purchasedAt", offer.digest(node.chain_id, node.contract("Market")))
    )


def _released(node: Node, args: tuple[Any, ...]) -> bool:
    """With these very shares."""
    model, owners, shares = args
    token_id = int.from_bytes(keyed_id(node.account, model), "big")
    held = node.chain.read_many([("ModelShares", "balanceOf", (owner, token_id)) for owner in owners])
    supply = int(node.chain.read("ModelShares", "totalSupply", token_id))
    return [int(one) for one in held] == list(shares) and supply == sum(shares)


def _pool_open(node: Node, args: tuple[Any, ...]) -> bool:
    """With this very token and split."""
    model, token, root, total = args
    found = node.chain.read("Revenue", "poolOf", keyed_id(node.account, model))
    return (str(found[0]).lower(), bytes(found[1]), int(found[2])) == (str(token).lower(), root, total)


def _claimed(node: Node, args: tuple[Any, ...]) -> bool:
    pool, account, shares, _ = args
    return int(node.chain.read("Revenue", "claimable", pool, account, shares)) == 0


def _channel(node: Node, channel: bytes) -> tuple[str, bytes, int, int, int]:
    payer, pool, deposited, settled, closes_at = node.chain.read("Channels", "channelOf", channel)
    return str(payer).lower(), bytes(pool), int(deposited), int(settled), int(closes_at)


def _channel_open(node: Node, args: tuple[Any, ...]) -> bool:
    payer, pool, amount, salt = args[:4]
    account = bytes.fromhex(str(payer)[2:]).rjust(32, b"\x00")
    found = _channel(node, bytes(keccak(account + pool + salt)))
    return found[:2] == (str(payer).lower(), bytes(pool)) and found[2] >= amount


def _topped_up(node: Node, args: tuple[Any, ...]) -> bool:
    """By this authorization: a cancelled one is used too, and has moved nothing."""
    channel, payer, amount, _, _, salt = args[:6]
    for one in _spent(node, payer, bound_nonce(channel, salt), _lately(node)):
        block = one.block_number
        for filled in node.chain.events("Channels", "ChannelToppedUp", block, block, channel=channel):
            if filled.tx_hash == one.tx_hash and int(filled.args["amount"]) == amount:
                return True
    return False


def _deposited(node: Node, args: tuple[Any, ...]) -> bool:
    pool, payer, amount, _, _, salt, _ = args
    return is_deposited(node, pool, payer, amount, bound_nonce(pool, salt), _lately(node))


def is_deposited(node: Node, pool: bytes, payer: str, amount: int, nonce: bytes, from_block: int) -> bool:
    """Whether an authorization was spent on a deposit into a pool, and on nothing else.

    In one transaction, three logs next to each other: Revenue's `Deposited` and the token's `AuthorizationUsed`
    and `Transfer`. Revenue emits the first just before it calls the token, so no other nonce can stand there.
    """
    for used in _spent(node, payer, nonce, from_block):
        block = used.block_number
        deposits = node.chain.events("Revenue", "Deposited", block, block, pool=pool, **{"from": payer})
        if any(
            deposit.tx_hash == used.tx_hash
            and deposit.log_index == used.log_index - 1
            and deposit.args["amount"] == amount
            for deposit in deposits
        ):
            return True
    return False


def _spent(node: Node, payer: str, nonce: bytes, from_block: int) -> list[Event]:
    return node.chain.events(node.dollar, "AuthorizationUsed", from_block, authorizer=payer, nonce=nonce)


def _lately(node: Node) -> int:
    return max(0, node.chain.block_number() - LATELY_BLOCKS)


def _settled(node: Node, args: tuple[Any, ...]) -> bool:
    return _channel(node, args[0])[3] >= int(args[1])


def _closing(node: Node, args: tuple[Any, ...]) -> bool:
    return _channel(node, args[0])[4] != 0


def _withdrawn(node: Node, args: tuple[Any, ...]) -> bool:
    return _channel(node, args[0])[4] == _ENDED_AT


_USED = "ERC3009UsedAuthorization"
TABLE = {
    "LogAnchors.anchor": Once(("SizeMustGrow",), _anchored),
    "Revocations.revoke": Once(("AlreadyRevoked",), _revoked),
    "Timestamps.stamp": Once(("AlreadyStamped",), _stamped),
    "Assets.register": Once(("AlreadyRegistered",), _registered),
    "Market.buy": Once(("AlreadyBought",), _bought),
    "Market.buyWithAuthorization": Once(("AlreadyBought", _USED), _bought),
    "ModelShares.release": Once(("AlreadyReleased",), _released),
    "Revenue.open": Once(("PoolExists",), _pool_open),
    "Revenue.claim": Once(("NothingToClaim",), _claimed),
    "Revenue.depositWithAuthorization": Once((_USED,), _deposited),
    "Channels.openWithAuthorization": Once(("ChannelExists", _USED), _channel_open),
    "Channels.topUpWithAuthorization": Once((_USED,), _topped_up),
    "Channels.settle": Once(("NothingToSettle", "ChannelEnded"), _settled),
    "Channels.requestClose": Once(("ChannelClosing",), _closing),
    "Channels.withdraw": Once(("ChannelEnded",), _withdrawn),
}
"""By "Contract.function"."""
