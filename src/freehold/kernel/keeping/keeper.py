"""The one door through which a node sends transactions by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freehold.chain.acts import FeeTooHigh
from freehold.chain.errors import ChainUnreachable, ContractReverted, GasOverCap, RpcError, TransactionPending
from freehold.core.errors import Conflict, FreeholdError
from freehold.core.money import dollars
from freehold.kernel.keeping import purse, subjects

if TYPE_CHECKING:
    from freehold.chain.acts import Act
    from freehold.chain.answers import TxReceipt
    from freehold.kernel.node import Node

_LOOK_SECONDS = 1.0
"""How long it is waited for a transaction of an earlier try."""


class NotWorthItsGas(Conflict, code="gas.not_worth_it"):
    """An act would cost too much beside what it brings; it waits for more, for lower prices or its deadline."""


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
    keys_only: bool = False
    """Nobody else's code runs in it, so that in a block it does as in the trial and takes what it usually takes."""
    comes_back: bool = True
    """It is tried again by itself; what does not come back leaves no record unless it burned gas."""

    @property
    def act(self) -> str:
        """Its name in `purse` and `Node.once`."""
        return f"{self.contract}.{self.function}"


def send(node: Node, errand: Errand, fee_wei: int | None = None) -> int:
    """Try an errand out, count its gas, send it and wait; returns the gas it took, 0 where it was done already.

    `fee_wei` is the present price of gas, where the caller asked for it already.
    Raises `Quarantined`, `NotWorthItsGas`, `GasDaySpent`, `GasOverCap`, `ContractReverted`, `RpcError`: nothing was
    sent, but for a `ContractReverted` with `gas_used`. `Unavailable` and its kin: it may come later.
    """
    act, subject = errand.act, errand.subject
    # what another chain refuses says nothing about the act
    node.continuity.require_same()
    with node.exclusive(f"keeping:{sha256(f'{act}:{subject}'.encode()).digest()[0]}"):
        found = subjects.known(node, act, subject)
        subjects.require_free(found)
        try:
            if found is not None and found.tx_hash and _look_after(node, errand, found):
                found = None
            worth = _Worth() if errand.by_hand else _worth(node, errand, found, fee_wei)
            prepared = _prepared(node, errand, worth)
            gas = 0 if prepared is None else _sent(node, errand, prepared, worth)
        except (NotWorthItsGas, ContractReverted, GasOverCap, FeeTooHigh, RpcError) as error:
            _remember(node, errand, error)
            raise
        subjects.clear(node, act, subject)
        return gas


def conclude(node: Node, errand: Errand) -> None:
    """What is wanted is so already: see what became of an earlier try, so that its gas is counted as it was.

    Raises `TransactionPending`. `ContractReverted`: it failed, at the cost of its gas.
    """
    act, subject = errand.act, errand.subject
    with node.exclusive(f"keeping:{sha256(f'{act}:{subject}'.encode()).digest()[0]}"):
        found = subjects.known(node, act, subject)
        if found is None or not found.tx_hash:
            return
        _look_after(node, errand, found)
        subjects.clear(node, act, subject)


def _remember(node: Node, errand: Errand, error: FreeholdError) -> None:
    act, subject = errand.act, errand.subject
    if not errand.comes_back or (isinstance(error, ContractReverted) and error.gas_used):
        # what failed in a block is noted already
        return
    if isinstance(error, NotWorthItsGas):
        wanted = errand.brought_micro + int(error.fields["wanted_micro"])
        subjects.note_waiting(node, act, subject, error, wanted)
    elif isinstance(error, RpcError | FeeTooHigh):
        subjects.note_postponed(node, act, subject, error)
    else:
        subjects.note_refused(node, act, subject, error)


@dataclass(frozen=True)
class _Worth:
    """What an errand may take because of what it brings."""

    most_wei: int | None = None
    """None where nothing bounds it."""
    ceilings: int = 1


def _worth(node: Node, errand: Errand, found: subjects.Subject | None, fee_wei: int | None) -> _Worth:
    """Raises `NotWorthItsGas`."""
    if errand.worth_micro is None:
        return _Worth()
    cost = purse.cost_micro(node, errand.act, node.chain.fee_wei() if fee_wei is None else fee_wei)
    waited = node.now() - found.since if found is not None else 0
    if not errand.comes_back:
        waited = purse.PATIENCE_SECONDS
    wanted = purse.wanted_micro(cost, pressing=errand.pressing, waited_seconds=waited)
    if errand.worth_micro < wanted:
        raise NotWorthItsGas(
            f"it brings {dollars(errand.worth_micro)} and costs about {dollars(cost)} of gas",
            hint="It is sent once it brings more, gas is cheaper, or its deadline comes. By hand: freehold settle.",
            cost_micro=cost,
            wanted_micro=wanted,
        )
    ceilings = purse.ceilings(cost, errand.worth_micro) if errand.keys_only else 1
    return _Worth(purse.most_wei(node, errand.worth_micro), ceilings)


def _prepared(node: Node, errand: Errand, worth: _Worth) -> Act | None:
    """The act, tried out; None where it is done already."""
    if not errand.by_hand:
        # before it is tried out: where the day is spent, each pass would try everything that waits
        usual = purse.USUAL_GAS[errand.act]
        purse.require_room(node, usual, pressing=errand.pressing, ceilings=worth.ceilings)
    try:
        act = node.chain.prepare(
            node.account,
            errand.contract,
            errand.function,
            *errand.args,
            most_gas=purse.most_gas(errand.act),
            most_wei=worth.most_wei,
        )
    except ContractReverted as error:
        if node.is_done(errand.act, errand.args, error):
            return None
        raise
    if worth.most_wei is None or not errand.keys_only:
        return act
    # the limit of gas is a bound for others' code; what keys alone signed takes no more than usual
    usual = purse.USUAL_GAS[errand.act]
    return replace(act, most_wei=worth.most_wei * max(act.gas, usual) // usual)


def _sent(node: Node, errand: Errand, prepared: Act, worth: _Worth) -> int:
    node.continuity.require_sending(errand.contract, errand.function)
    held = purse.reserve(
        node,
        errand.act,
        prepared.gas,
        pressing=errand.pressing,
        by_hand=errand.by_hand,
        ceilings=worth.ceilings,
    )
    try:
        tx_hash = node.chain.submit_act(node.keys.account_key, prepared)
    except TransactionPending as pending:
        # the chain went quiet while it was sent: waiting finds out, and sends the same bytes again
        tx_hash = str(pending.fields["tx_hash"])
    except (ChainUnreachable, FeeTooHigh, RpcError):
        purse.spend(node, held, 0)
        raise
    # before the wait: its gas stays counted and it is looked after, also by the next process
    subjects.note_sent(node, errand.act, errand.subject, tx_hash, held)
    try:
        receipt = node.chain.wait(tx_hash)
    except TransactionPending as pending:
        subjects.note_sent(node, errand.act, errand.subject, str(pending.fields["tx_hash"]), held)
        raise
    _mined(node, errand, errand.args, held, receipt)
    return receipt.gas_used


def _mined(
    node: Node, errand: Errand, args: tuple[Any, ...], held: purse.Reservation, receipt: TxReceipt
) -> None:
    """Count what it took; raise why, where it failed and not because it was done.

    What becomes of its subject is kept first: whoever dies in between has counted too much, not too little.
    """
    failure = None if receipt.status else _failure(node, errand, args, receipt)
    if failure is None:
        subjects.clear(node, errand.act, errand.subject)
    else:
        subjects.note_failed(node, errand.act, errand.subject, failure)
    if held.slot:
        # records of earlier versions do not say what is held
        purse.spend(node, held, receipt.gas_used)
    node.note_sent(errand.act, receipt.gas_used)
    if failure is not None:
        raise failure


def _failure(
    node: Node, errand: Errand, args: tuple[Any, ...], receipt: TxReceipt
) -> ContractReverted | None:
    """Why it failed; None where it was done already."""
    error: FreeholdError = node.chain.failure(receipt, errand.contract)
    if not isinstance(error, ContractReverted):
        error = ContractReverted("Failed", (receipt.tx_hash,), errand.contract, hint=error.message)
        error.gas_used = receipt.gas_used
    return None if node.is_done(errand.act, args, error) else error


def _look_after(node: Node, errand: Errand, found: subjects.Subject) -> bool:
    """Take an earlier try as it came out; False where it is with nobody. While it is under way nothing is sent beside it.

    Raises `TransactionPending`. `ContractReverted`: it failed, at the cost of its gas.
    """
    try:
        receipt = node.chain.wait(found.tx_hash, _LOOK_SECONDS)
    except TransactionPending:
        if isinstance(node.chain.rpc.call("eth_getTransactionByHash", found.tx_hash), dict):
            raise
        return False
    args = errand.args
    if not receipt.status:
        # it asked for what was wanted then: a smaller sum, say, that somebody else settled first
        args = node.chain.arguments(receipt.tx_hash, errand.contract, errand.function, errand.args)
    _mined(node, errand, args, found.held, receipt)
    return True
