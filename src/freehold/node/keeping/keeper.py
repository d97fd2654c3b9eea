"""The one door through which a node sends transactions by itself."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freehold.chain.errors import (
    ChainUnreachable,
    ContractReverted,
    GasOverCap,
    RpcError,
    TransactionPending,
)
from freehold.chain.fees import FeeTooHigh
from freehold.core.errors import Conflict, FreeholdError
from freehold.core.money import dollars
from freehold.node import once
from freehold.node.keeping import costs, purse, subjects

if TYPE_CHECKING:
    from freehold.chain.acts import Act
    from freehold.chain.answers import TxReceipt
    from freehold.node.node import Node

_LOOK_SECONDS = 1.0
"""How long it is waited for a transaction of an earlier try."""


class NotWorthItsGas(Conflict):
    """An act would cost too much beside what it brings; it waits for more, for lower prices or its deadline."""

    code = "gas.not_worth_it"


@dataclass(frozen=True)
class Errand:
    """One act that a node has reason to send."""

    contract: str
    function: str
    args: tuple[Any, ...]
    subject: str
    """What it is about, for backing off: a channel, a payment, the log."""
    worth_micro: int | None = None
    """What it brings, in micro-dollars; None for an act that the owner's schedule asks for."""
    brought_micro: int = 0
    """What its subject has brought already."""
    pressing: bool = False
    """It has a deadline, after which what it brings is lost."""
    by_hand: bool = False
    """The owner orders it now: neither its worth, nor the ceiling, nor a pause stops it."""
    comes_back: bool = True
    """It is tried again by itself; what does not come back leaves no record unless it burned gas."""

    @property
    def act(self) -> str:
        """Its name in `costs` and `once`."""
        return f"{self.contract}.{self.function}"


def send(node: Node, errand: Errand, fee_wei: int | None = None) -> int:
    """Try an errand out, count its gas, send it and wait; returns the gas it took, 0 where it was done already.

    `fee_wei` is the present price of gas, where the caller asked for it already.

    Raises:
        Quarantined, NotWorthItsGas, GasDaySpent, GasOverCap, ContractReverted, RpcError: nothing was sent, but for
        a `ContractReverted` with `gas_used`. Unavailable and its kin: it may come later.
    """
    act, subject = errand.act, errand.subject
    with node.exclusive(f"keeping:{sha256(f'{act}:{subject}'.encode()).digest()[0]}"):
        found = subjects.known(node, act, subject)
        subjects.require_free(found)
        if found is not None and found.tx_hash:
            _look_after(node, found.tx_hash)
        try:
            most_wei = None if errand.by_hand else _worth(node, errand, found, fee_wei)
            prepared = _prepared(node, errand, most_wei)
            gas = 0 if prepared is None else _sent(node, errand, prepared)
        except (NotWorthItsGas, ContractReverted, GasOverCap, FeeTooHigh, RpcError) as error:
            _remember(node, errand, error)
            raise
        subjects.clear(node, act, subject)
        return gas


def _remember(node: Node, errand: Errand, error: FreeholdError) -> None:
    act, subject = errand.act, errand.subject
    if isinstance(error, ContractReverted) and error.gas_used:
        subjects.note_failed(node, act, subject, error)
    elif not errand.comes_back:
        return
    elif isinstance(error, NotWorthItsGas):
        wanted = errand.brought_micro + int(error.fields["wanted_micro"])
        subjects.note_waiting(node, act, subject, error, wanted)
    else:
        subjects.note_refused(node, act, subject, error)


def _worth(node: Node, errand: Errand, found: subjects.Subject | None, fee_wei: int | None) -> int | None:
    """The wei it may cost; None where nothing bounds it."""
    if errand.worth_micro is None:
        return None
    cost = costs.cost_micro(node, errand.act, node.chain.fee_wei() if fee_wei is None else fee_wei)
    waited = node.now() - found.since if found is not None else 0
    if not errand.comes_back:
        waited = costs.PATIENCE_SECONDS
    wanted = costs.wanted_micro(cost, pressing=errand.pressing, waited_seconds=waited)
    if errand.worth_micro < wanted:
        raise NotWorthItsGas(
            f"it brings {dollars(errand.worth_micro)} and costs about {dollars(cost)} of gas",
            hint="It is sent once it brings more, gas is cheaper, or its deadline comes. By hand: freehold settle.",
            cost_micro=cost,
            wanted_micro=wanted,
        )
    return costs.most_wei(node, errand.worth_micro)


def _prepared(node: Node, errand: Errand, most_wei: int | None) -> Act | None:
    """The act, tried out; None where it is done already."""
    try:
        return node.chain.prepare(
            node.account,
            errand.contract,
            errand.function,
            *errand.args,
            most_gas=costs.most_gas(errand.act),
            most_wei=most_wei,
        )
    except ContractReverted as error:
        if once.is_done(node, errand.act, errand.args, error):
            return None
        raise


def _sent(node: Node, errand: Errand, prepared: Act) -> int:
    node.continuity.require_sending(errand.contract, errand.function)
    held = purse.reserve(node, errand.act, prepared.gas, pressing=errand.pressing, by_hand=errand.by_hand)
    try:
        tx_hash = node.chain.submit_act(node.keys.account_key, prepared)
    except TransactionPending as pending:
        # the chain went quiet while it was sent: waiting finds out, and sends the same bytes again
        tx_hash = str(pending.fields["tx_hash"])
    except (ChainUnreachable, FeeTooHigh, RpcError):
        purse.spend(node, held, 0)
        raise
    try:
        receipt = node.chain.wait(tx_hash)
    except TransactionPending as pending:
        # its gas stays counted: it may be spent yet
        subjects.note_sent(node, errand.act, errand.subject, str(pending.fields["tx_hash"]))
        raise
    purse.spend(node, held, receipt.gas_used)
    _note(node, errand.act, receipt)
    if not receipt.status:
        _explain(node, errand, receipt)
    return receipt.gas_used


def _note(node: Node, act: str, receipt: TxReceipt) -> None:
    node.note_sent(act, receipt.gas_used)


def _explain(node: Node, errand: Errand, receipt: TxReceipt) -> None:
    """Nothing, where it failed because it was done; else raise why."""
    error: FreeholdError = node.chain.failure(receipt, errand.contract)
    if not isinstance(error, ContractReverted):
        error = ContractReverted("Failed", (receipt.tx_hash,), errand.contract, hint=error.message)
        error.gas_used = receipt.gas_used
    if not once.is_done(node, errand.act, errand.args, error):
        raise error


def _look_after(node: Node, tx_hash: str) -> None:
    """An earlier try is in the chain or with nobody; while it is under way nothing is sent beside it.

    Raises:
        TransactionPending.
    """
    try:
        node.chain.wait(tx_hash, _LOOK_SECONDS)
    except TransactionPending:
        if isinstance(node.chain.rpc.call("eth_getTransactionByHash", tx_hash), dict):
            raise
