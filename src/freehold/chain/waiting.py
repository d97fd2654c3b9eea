"""Waiting until a transaction is deep enough in the chain, and seeing to it that it gets there.

What the network forgot, or a reorg threw out, is sent again: the same bytes. What is stuck gets a new
version under the same nonce, of which at most one can be mined. An act gets a new nonce only on proof
that its old one was spent, as deep as the network's depth, on something else. So no act happens twice.
A nonce before it that nobody uses any more, because its sender died and the network forgot, is spent on
nothing: no journal of what was signed is kept (docs/decisions/0009-no-journal-of-transactions.md).
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from freehold.chain.abi import Interface
from freehold.chain.acts import FeeTooHigh, Sent, with_room
from freehold.chain.answers import TxReceipt, read_number, read_receipt
from freehold.chain.errors import ChainUnreachable, RpcError, TransactionPending
from freehold.chain.reverts import refusal
from freehold.chain.sending import Sender

if TYPE_CHECKING:
    from freehold.chain.networks import Network
    from freehold.chain.rpc import Rpc

log = logging.getLogger("freehold.chain")

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 2.0
_MOST_OUTAGE_SECONDS = 15.0
_MOST_VERSIONS = 12
_MOST_TENDED = 8
_REORG_BLOCKS = 64


class Waiter:
    """Waits for transactions of one chain. Usable from several threads."""

    def __init__(self, rpc: Rpc, sender: Sender, network: Network) -> None:
        self._rpc = rpc
        self._sender = sender
        self._network = network

    def wait(self, tx_hash: str, timeout_seconds: float) -> TxReceipt:
        """The receipt, perhaps of a replacement, once it is as deep as the network asks.

        Raises `TransactionPending` when time runs out or the chain stays away; `ContractReverted` when
        another transaction took the nonce and the act is not possible any more.
        """
        tend_seconds = max(0.5, min(self._network.block_seconds, self._network.stuck_seconds))
        now = time.monotonic()
        deadline, tended_at, answered_at, pause = now + timeout_seconds, now, now, _FIRST_PAUSE_SECONDS
        while True:
            sent = self._sender.of(tx_hash)
            try:
                receipt, is_deep = self._look([tx_hash] if sent is None else list(sent.versions))
                if receipt is not None and is_deep:
                    if sent is not None:
                        self._sender.done(sent)
                    return receipt
                if receipt is None and sent is not None and now - tended_at >= tend_seconds:
                    self._tend(sent)
                    tended_at = time.monotonic()
                now = answered_at = time.monotonic()
            except ChainUnreachable as error:
                now = time.monotonic()
                if now >= deadline or now - answered_at > _MOST_OUTAGE_SECONDS:
                    raise self._pending(tx_hash, "the chain went away") from error
            if now >= deadline:
                raise self._pending(tx_hash, f"it is not in the chain after {timeout_seconds:g} seconds")
            time.sleep(min(pause, deadline - now))
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS, max(0.1, self._network.block_seconds / 2))

    def _look(self, versions: list[str]) -> tuple[TxReceipt | None, bool]:
        """The receipt of whichever version is in the chain, and whether it is deep enough."""
        calls: list[tuple[Any, ...]] = [("eth_getTransactionReceipt", one) for one in versions]
        *found, head = self._rpc.batch([*calls, ("eth_blockNumber",)])
        for version, shown in zip(versions, found, strict=True):
            if not isinstance(shown, dict) or shown.get("blockNumber") is None:
                continue
            receipt = read_receipt(shown)
            if receipt.tx_hash != version:
                raise ChainUnreachable("the chain gave the receipt of another transaction")
            depth = read_number(head) - receipt.block_number + 1
            # one block deep needs no second opinion: nodes behind one address lag one another
            return receipt, self._network.confirmations <= 1 or depth >= self._network.confirmations
        return None, False

    def _pending(self, tx_hash: str, why: str) -> TransactionPending:
        sent = self._sender.of(tx_hash)
        newest = tx_hash if sent is None else sent.tx_hash
        return TransactionPending(
            f"transaction {newest} is not settled: {why}",
            hint="it may still be mined; wait for it again before sending another",
            tx_hash=newest,
        )

    # -- tending

    def _tend(self, sent: Sent) -> None:
        """Help what stands in a transaction's way, itself included, into the chain."""
        with self._sender.lock(sent.account):
            spent = read_number(self._rpc.call("eth_getTransactionCount", sent.account, "latest"))
            in_the_way = [one for one in self._sender.earlier(sent) if one.nonce >= spent or one is sent]
            if time.monotonic() - sent.sent_at >= self._network.stuck_seconds:
                self._close_gap(sent, {one.nonce for one in in_the_way})
            for one in in_the_way[:_MOST_TENDED]:
                try:
                    if not self._tend_one(one, is_waited_for=one is sent):
                        return
                except RpcError as error:
                    log.warning("transaction %s: the chain refused: %s", one.tx_hash, error.message)

    def _close_gap(self, sent: Sent, ours: set[int]) -> None:
        """Spend the nonces before a stuck transaction that nobody uses.

        A sender that died, here or elsewhere, may have sent the one before, and the network may have
        dropped it since. Whoever does use one of them after all, loses nothing: an act whose nonce was
        spent on something else gets another.
        """
        following = read_number(self._rpc.call("eth_getTransactionCount", sent.account, "pending"))
        for nonce in range(following, min(sent.nonce, following + _MOST_TENDED)):
            if nonce in ours:
                return
            log.warning("nonce %d of %s is used by nothing; spending it", nonce, sent.account)
            try:
                self._sender.plug(sent, nonce)
            except (RpcError, FeeTooHigh) as error:
                log.warning("nonce %d of %s cannot be spent: %s", nonce, sent.account, error.message)
                return

    def _tend_one(self, one: Sent, *, is_waited_for: bool) -> bool:
        """Do what one needs; False when later ones have to wait for it."""
        calls: list[tuple[Any, ...]] = [("eth_getTransactionByHash", version) for version in one.versions]
        *shown, count = self._rpc.batch([*calls, ("eth_getTransactionCount", one.account, "latest")])
        held = [each for each in shown if isinstance(each, dict)]
        if any(each.get("blockNumber") is not None for each in held):
            return True
        if held:
            if time.monotonic() - one.sent_at >= self._network.stuck_seconds:
                self._replace(one)
            return False
        if read_number(count) <= one.nonce:
            log.warning("transaction %s is not with the network any more; sending it again", one.tx_hash)
            self._send_again(one)
            return True
        spender = spent_on(self._rpc, one, self._network.confirmations)
        if spender is None or spender in one.versions or not is_waited_for:
            return True
        log.warning("nonce %d was spent on %s; the act gets another", one.nonce, spender)
        self._renew(one)
        return False

    def _send_again(self, one: Sent) -> None:
        try:
            self._sender.again(one)
        except RpcError as error:
            if not any(part in error.message.lower() for part in ("underpriced", "base fee")):
                raise
            self._replace(one)

    def _replace(self, one: Sent) -> None:
        if len(one.versions) >= _MOST_VERSIONS:
            return
        try:
            self._sender.reprice(one)
        except FeeTooHigh as error:
            one.sent_at = time.monotonic()
            log.warning("transaction %s is stuck and not replaced: %s", one.tx_hash, error.message)
            return
        log.warning("transaction of nonce %d was stuck; replaced by %s", one.nonce, one.tx_hash)

    def _renew(self, one: Sent) -> None:
        act = one.act
        message = {
            "from": one.account,
            "to": act.to,
            "input": "0x" + act.data.hex(),
            "value": hex(act.value_wei),
        }
        if act.most_gas is not None:
            message["gas"] = hex(act.most_gas)
        try:
            gas = read_number(self._rpc.call("eth_estimateGas", message, "pending"))
        except RpcError as error:
            raise refusal(error, Interface([]), act.to) from error
        limit = max(act.gas, with_room(gas))
        if act.most_gas is not None:
            limit = min(limit, act.most_gas)
        self._sender.renew(one, replace(act, gas=limit))


def spent_on(rpc: Rpc, sent: Sent, depth: int) -> str | None:
    """Hash of the transaction that used an act's nonce, when its block is that deep; None without proof.

    Counts are looked up by bisection over the blocks since the act was first sent.
    """

    def is_spent(number: int) -> bool:
        return read_number(rpc.call("eth_getTransactionCount", sent.account, hex(number))) > sent.nonce

    unspent = max(0, sent.head - _REORG_BLOCKS)
    spent = read_number(rpc.call("eth_blockNumber")) - depth + 1
    try:
        if spent <= unspent or not is_spent(spent) or is_spent(unspent):
            return None
        while spent - unspent > 1:
            middle = (spent + unspent) // 2
            spent, unspent = (middle, unspent) if is_spent(middle) else (spent, middle)
        block = rpc.call("eth_getBlockByNumber", hex(spent), True)
        for one in block["transactions"]:
            if str(one["from"]).lower() == sent.account and read_number(one["nonce"]) == sent.nonce:
                return str(one["hash"]).lower()
    except (RpcError, KeyError, TypeError):
        # old state is pruned, or the node makes no sense: no proof
        return None
    return None
