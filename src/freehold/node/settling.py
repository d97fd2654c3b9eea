"""Accepted vouchers, and turning the newest of each channel into money in the pool."""

from __future__ import annotations

from typing import Any

from freehold.chain.errors import ContractReverted
from freehold.core.errors import Conflict, FreeholdError, Unavailable
from freehold.core.ids import hash_bytes
from freehold.inference.payment import Voucher, signature_bytes
from freehold.node.chain_facts import read_channel
from freehold.node.node import Node
from freehold.node.store import Transaction

ENDED_AT = 2**64 - 1
"""`closesAt` of a channel whose payer has withdrawn."""


class ChannelEnded(Conflict):
    """The payer withdrew before its last vouchers were settled; what they promised is lost."""

    code = "channel.ended"


def accepted_voucher(node: Node, channel: str) -> dict[str, Any]:
    """The newest accepted voucher of a channel: `cumulative_units` and, if there is one, `signature`."""
    known = node.store.state(f"voucher:{channel}")
    if known is None:
        return {"cumulative_units": 0, "signature": None}
    return {"cumulative_units": known["cumulative_units"], "signature": known["signature"]}


def keep_voucher(tx: Transaction, voucher: Voucher, model: str) -> None:
    """Make a voucher the newest of its channel, to be settled."""
    value = {
        "cumulative_units": voucher.cumulative_units,
        "signature": voucher.signature,
        "grant": voucher.grant,
        "model": model,
    }
    tx.set(f"voucher:{voucher.channel}", value)
    tx.set(f"unsettled:{voucher.channel}", value=True)


def settle(node: Node) -> dict[str, Any]:
    """Send the newest voucher of every channel that holds an unsettled one. Safe to repeat.

    One channel that cannot be settled holds up no other; it is tried again next time.

    Returns:
        `settled`: [{channel, units, gas}], `failed`: [{channel, code, title}], `units` and `gas` in all.

    Raises:
        Unavailable: the chain does not answer; what was not settled stays for the next time.
    """
    settled, failed = [], []
    for name in node.store.states("unsettled:"):
        channel = name.removeprefix("unsettled:")
        try:
            settled.append({"channel": channel, **_settle_one(node, channel)})
        except Unavailable:
            raise
        except FreeholdError as error:
            failed.append({"channel": channel, "code": error.code, "title": error.message})
    return {
        "settled": [row for row in settled if row["units"]],
        "failed": failed,
        "units": sum(row["units"] for row in settled),
        "gas": sum(row["gas"] for row in settled),
    }


def _settle_one(node: Node, channel: str) -> dict[str, int]:
    voucher = node.store.state(f"voucher:{channel}")
    cumulative = int(voucher["cumulative_units"])
    before = read_channel(node, channel)
    paid = gas = 0
    if before.closes_at == ENDED_AT and cumulative > before.settled_units:
        _mark_settled(node, channel, cumulative)
        raise ChannelEnded(
            f"the payer withdrew; {cumulative - before.settled_units} units were not settled in time",
            hint="Keep the node running, or settle at least once a day.",
        )
    if cumulative > before.settled_units:
        try:
            gas = node.send(
                "Channels", "settle", hash_bytes(channel), cumulative, signature_bytes(voucher["signature"])
            )
            paid = cumulative - before.settled_units
        except ContractReverted as error:
            # somebody else settled it first: anybody may
            if error.name != "NothingToSettle":
                raise
    _mark_settled(node, channel, cumulative)
    return {"units": paid, "gas": gas}


def _mark_settled(node: Node, channel: str, cumulative_units: int) -> None:
    """Nothing is left to settle, unless a newer voucher came in meanwhile."""
    with node.store.transaction() as tx:
        if node.store.state(f"voucher:{channel}")["cumulative_units"] == cumulative_units:
            tx.delete(f"unsettled:{channel}")


def held_units(node: Node, model: str) -> int:
    """What accepted vouchers of a model have promised beyond what the chain has settled."""
    held = 0
    for name in node.store.states("unsettled:"):
        channel = name.removeprefix("unsettled:")
        voucher = node.store.state(f"voucher:{channel}")
        if voucher["model"] == model:
            held += max(0, int(voucher["cumulative_units"]) - read_channel(node, channel).settled_units)
    return held
