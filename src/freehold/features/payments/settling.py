"""Accepted vouchers, and turning the newest of each channel into money in the pool."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from freehold.chain.errors import TransactionPending
from freehold.core.errors import Conflict, FreeholdError, InvalidSignature, NotFound, Unavailable
from freehold.core.ids import hash_bytes
from freehold.core.signing import recover, voucher_digest
from freehold.core.texts import Units, said
from freehold.features.payments import kept
from freehold.features.payments.chain_facts import read_channel, read_channels
from freehold.features.payments.rules.channel import ChannelState
from freehold.features.payments.rules.payment import signature_bytes
from freehold.features.payments.spending import channels_domain
from freehold.kernel.keeping import keeper, subjects
from freehold.kernel.keeping.keeper import Errand
from freehold.kernel.keeping.purse import GasDaySpent
from freehold.kernel.keeping.subjects import Subject
from freehold.kernel.node import Node

ACT = "Channels.settle"
PASS_SECONDS = 60.0
"""How long one pass takes at most before the next begins with what is most urgent."""


class ChannelEnded(Conflict, code="channel.ended"):
    """The payer withdrew before its last vouchers were settled; what they promised is lost."""


def accepted_voucher(node: Node, channel: str) -> dict[str, Any]:
    """The newest accepted voucher of a channel: `cumulative_units` and, if there is one, `signature`."""
    return kept.voucher(node, channel) or {"cumulative_units": 0, "signature": None}


def settle(node: Node, *, by_itself: bool = False) -> dict[str, Any]:
    """Send the newest voucher of every channel that holds an unsettled one. Safe to repeat.

    `by_itself` sends what is due and worth its gas, most urgent first, within the day's gas (`keeping`); else the
    owner ordered it and all are sent but those that failed on chain. One channel holds up no other: each is a
    transaction of its own, tried out with bounded gas, and those that were refused before come last. Raises
    Unavailable: the chain does not answer; what was not settled stays for the next time.
    """
    settled: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    due = _due(node, by_itself=by_itself)
    fee_wei = node.chain.fee_wei() if due else 0
    ends = time.monotonic() + PASS_SECONDS
    for one in due:
        if by_itself and time.monotonic() > ends:
            break
        try:
            settled.append({"channel": one.channel, **_settle_one(node, one, fee_wei, by_itself=by_itself)})
        except (TransactionPending, GasDaySpent) as error:
            # where the day is spent, there may be room yet for what takes less or brings more
            failed.append({"channel": one.channel, "code": error.code, "title": error.message})
        except Unavailable:
            raise
        except FreeholdError as error:
            failed.append({"channel": one.channel, "code": error.code, "title": error.message})
    return {
        "settled": [row for row in settled if row["units"]],
        "failed": failed,
        "units": sum(row["units"] for row in settled),
        "gas": sum(row["gas"] for row in settled),
    }


@dataclass(frozen=True)
class _Due:
    """A channel with something to settle."""

    channel: str
    voucher: dict[str, Any]
    known: Subject | None
    state: ChannelState

    @property
    def units(self) -> int:
        """What settling moves."""
        return int(self.voucher["cumulative_units"]) - self.state.settled_units

    @property
    def pressing(self) -> bool:
        """The payer asked to close: what is not settled within the day is lost."""
        return self.state.closes_at != 0

    @property
    def order(self) -> tuple[Any, ...]:
        """Deadlines first, then what was never refused, then the most money."""
        failures = self.known.failures if self.known else 0
        return (not self.pressing, failures, -self.units)


def _due(node: Node, *, by_itself: bool) -> list[_Due]:
    """Channels to look at now, in the order to do it; what they hold is asked in few requests."""
    now = node.now()
    records = subjects.every(node, ACT)
    looked_at = []
    for voucher in kept.unsettled(node):
        known = records.get(voucher["channel"])
        if known is None or not by_itself or known.is_due(now, voucher["cumulative_units"]):
            looked_at.append((voucher["channel"], voucher, known))
    states = read_channels(node, [channel for channel, _, _ in looked_at])
    due = [_Due(*one, state) for one, state in zip(looked_at, states, strict=True)]
    return sorted(due, key=lambda one: one.order)


def _settle_one(node: Node, one: _Due, fee_wei: int, *, by_itself: bool) -> dict[str, int]:
    channel, cumulative = one.channel, int(one.voucher["cumulative_units"])
    before = one.state
    paid = gas = 0
    if before.ended and cumulative > before.settled_units:
        with node.store.transaction() as tx:
            kept.lose(tx, channel, one.units, node.now())
        subjects.clear(node, ACT, channel)
        raise ChannelEnded(
            said(
                "the payer withdrew; {sum} were not settled in time",
                sum=Units(cumulative - before.settled_units),
            ),
            hint=said("Keep the node running, or settle at least once a day."),
        )
    signature = signature_bytes(one.voucher["signature"])
    errand = Errand(
        "Channels",
        "settle",
        (hash_bytes(channel), cumulative, signature),
        subject=channel,
        worth_micro=one.units,
        brought_micro=before.settled_units,
        pressing=one.pressing,
        by_hand=not by_itself,
        keys_only=_is_by_key(node, one, signature),
    )
    if cumulative <= before.settled_units:
        keeper.conclude(node, errand)
    else:
        gas = keeper.send(node, errand, fee_wei)
        # 0 where somebody else settled it first: anybody may
        paid = one.units if gas else 0
    with node.store.transaction() as tx:
        kept.settled(tx, channel, cumulative)
    return {"units": paid, "gas": gas}


def _is_by_key(node: Node, one: _Due, signature: bytes) -> bool:
    """Whether the payer's key signed: the contract asks the key first, so that no code of the payer's runs."""
    digest = voucher_digest(
        channels_domain(node), hash_bytes(one.channel), int(one.voucher["cumulative_units"])
    )
    try:
        return recover(digest, signature) == one.state.payer
    except InvalidSignature:
        return False


def waiting(node: Node) -> list[dict[str, Any]]:
    """Every channel with accepted vouchers that are not settled, and why not."""
    records = subjects.every(node, ACT)
    rows = []
    for voucher in kept.unsettled(node):
        known = records.get(voucher["channel"])
        rows.append(
            {
                "channel": voucher["channel"],
                "model": voucher["model"],
                "promised_units": voucher["cumulative_units"],
                "state": "due" if known is None else known.state,
                "code": known.code if known else "",
                "title": known.title if known else "",
                "next_try_at": known.next_at if known and known.state != "quarantined" else 0,
            }
        )
    return rows


def retry(node: Node, prefix: str) -> dict[str, Any]:
    """Take a channel out of quarantine and settle it now, by hand. Raises NotFound, Ambiguous: nothing to settle."""
    try:
        voucher = kept.find_unsettled(node, prefix)
    except NotFound as error:
        raise NotFound(
            f"nothing waits to be settled from a channel that starts with {prefix[:66]}",
            hint="Only who is paid through a channel settles it: freehold channels list shows what waits.",
        ) from error
    channel = voucher["channel"]
    subjects.release(node, ACT, channel)
    one = _Due(channel, voucher, None, read_channel(node, channel))
    done = _settle_one(node, one, 0, by_itself=False)
    return {"channel": channel, **done}


def held_units(node: Node, model: str) -> int:
    """What accepted vouchers of a model have promised beyond what the chain has settled."""
    return sum(
        max(0, voucher["cumulative_units"] - read_channel(node, voucher["channel"]).settled_units)
        for voucher in kept.unsettled(node, model)
    )
