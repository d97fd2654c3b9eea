"""When a payment, or an act on a channel, counts as done already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freehold.features.payments.chain_facts import read_channel
from freehold.features.payments.rules.payment import bound_nonce
from freehold.features.payments.spending import channel_id
from freehold.kernel.account import USED, Once

if TYPE_CHECKING:
    from freehold.chain.answers import Event
    from freehold.features.payments.rules.channel import ChannelState
    from freehold.kernel.account import Account


LATELY_BLOCKS = 50_000
"""How far back the authorization of a payment is looked for."""


def _channel(node: Account, channel: bytes) -> ChannelState:
    return read_channel(node, "0x" + bytes(channel).hex())


def _channel_open(node: Account, args: tuple[Any, ...]) -> bool:
    payer, pool, amount, salt = args[:4]
    found = _channel(node, channel_id(str(payer), pool, salt))
    ours = (str(payer).lower(), "0x" + bytes(pool).hex())
    return (found.payer, found.pool) == ours and found.deposited_units >= amount


def _topped_up(node: Account, args: tuple[Any, ...]) -> bool:
    """By this authorization: a cancelled one is used too, and has moved nothing."""
    channel, payer, amount, _, _, salt = args[:6]
    for one in _spent(node, payer, bound_nonce(channel, salt), _lately(node)):
        block = one.block_number
        for filled in node.chain.events("Channels", "ChannelToppedUp", block, block, channel=channel):
            if filled.tx_hash == one.tx_hash and int(filled.args["amount"]) == amount:
                return True
    return False


def _deposited(node: Account, args: tuple[Any, ...]) -> bool:
    pool, payer, amount, _, _, salt, _ = args
    return is_deposited(node, pool, payer, amount, bound_nonce(pool, salt))


def is_deposited(
    node: Account, pool: bytes, payer: str, amount: int, nonce: bytes, from_block: int | None = None
) -> bool:
    """Whether, lately or from a block on, an authorization was spent on a deposit into a pool, and on nothing else.

    In one transaction, three logs next to each other: Revenue's `Deposited` and the token's `AuthorizationUsed`
    and `Transfer`. Revenue emits the first just before it calls the token, so no other nonce can stand there.
    """
    for used in _spent(node, payer, nonce, _lately(node) if from_block is None else from_block):
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


def _spent(node: Account, payer: str, nonce: bytes, from_block: int) -> list[Event]:
    return node.chain.events(node.dollar, "AuthorizationUsed", from_block, authorizer=payer, nonce=nonce)


def _lately(node: Account) -> int:
    return max(0, node.chain.block_number() - LATELY_BLOCKS)


def _settled(node: Account, args: tuple[Any, ...]) -> bool:
    return _channel(node, args[0]).settled_units >= int(args[1])


def _closing(node: Account, args: tuple[Any, ...]) -> bool:
    return _channel(node, args[0]).closes_at != 0


def _withdrawn(node: Account, args: tuple[Any, ...]) -> bool:
    return _channel(node, args[0]).ended


ONCE = {
    "Revenue.depositWithAuthorization": Once((USED,), _deposited),
    "Channels.openWithAuthorization": Once(("ChannelExists", USED), _channel_open),
    "Channels.topUpWithAuthorization": Once((USED,), _topped_up),
    "Channels.settle": Once(("NothingToSettle", "ChannelEnded"), _settled),
    "Channels.requestClose": Once(("ChannelClosing",), _closing),
    "Channels.withdraw": Once(("ChannelEnded",), _withdrawn),
}
"""By "Contract.function"."""
