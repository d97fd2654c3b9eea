"""Sending transactions: one act, one nonce, however often its bytes have to be sent.

A nonce is used only after the network has taken the one before it, so there are no gaps, neither
after a crash nor between two processes: who loses the race for a nonce takes the next. Signatures
carry fresh entropy, so a hash that the network knows already is this sender's own transaction.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from coincurve import PrivateKey
from eth_hash.auto import keccak

from freehold.chain.acts import (
    HISTORY,
    MOST_FEES,
    MOST_RACES,
    Act,
    Fees,
    Refused,
    Sent,
    explained,
    from_history,
    is_known,
    is_race,
    meaning,
    pending,
)
from freehold.chain.answers import read_number
from freehold.chain.errors import ChainUnreachable, RpcError, TransactionPending
from freehold.chain.transaction import Transaction, account_of
from freehold.core.errors import FreeholdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.chain.rpc import Rpc

SEND = "eth_sendRawTransaction"
_PAUSES_SECONDS = (0.1, 0.3, 1.0, None)
"""Between attempts to deliver the same bytes."""
_MOST_REMEMBERED = 20_000
_CHUNK = 200
"""Transactions in one request."""
_PLUG_GAS = 21_000


class Sender:
    """Signs and sends for any number of accounts. Usable from several threads."""

    def __init__(self, rpc: Rpc, chain_id: int, max_fee_wei: int | None) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._max_fee_wei = max_fee_wei
        self._lock = threading.Lock()
        self._locks: dict[str, threading.RLock] = {}
        self._last: dict[str, Sent] = {}
        """Each account's highest nonce that the network took."""
        self._unsure: dict[str, Sent] = {}
        """Each account's transaction that may or may not have arrived: cleared up before the next is signed."""
        self._under_way: OrderedDict[str, Sent] = OrderedDict()

    def send(self, key: bytes, act: Act) -> str:
        """Sign and send; returns the hash once the network has it.

        Raises `RpcError`, `FeeTooHigh`, `ChainUnreachable` (nothing was sent) or `TransactionPending`
        (it may have been; wait for it, and do not send the act again).
        """
        account = account_of(key)
        with self.lock(account):
            return self._send(PrivateKey(key), account, act)

    def send_many(self, key: bytes, acts: Sequence[Act]) -> list[str]:
        """Send acts in order under consecutive nonces, without a question per act; returns their hashes.

        When one is refused the others are sent all the same and no gap stays behind; then its
        `RpcError` is raised with `fields["sent"]`: a hash, or None, for each act.
        """
        account, signer = account_of(key), PrivateKey(key)
        with self.lock(account):
            self._clear_up(account)
            first, fees, head = self._prepare(account)
            sent = [
                self._signed(Sent(signer, account, act, first + place, self._affordable(fees, act), head))
                for place, act in enumerate(acts)
            ]
            refusals: dict[int, RpcError] = {}
            for start in range(0, len(sent), _CHUNK):
                told = self._deliver_many(sent[start : start + _CHUNK])
                for place, error in enumerate(told, start):
                    if isinstance(error, RpcError):
                        refusals[place] = error
                    elif error is not None:
                        raise self._cut_short(error, sent, refusals, place)
            taken = [one for place, one in enumerate(sent) if place not in refusals]
            if taken:
                self._last[account] = taken[-1]
            return self._after_refusals(sent, refusals)

    def of(self, tx_hash: str) -> Sent | None:
        """The act that a hash belongs to, when this process sent it lately."""
        return self._under_way.get(tx_hash)

    def done(self, sent: Sent) -> None:
        """Forget an act that is in the chain."""
        with self._lock:
            for tx_hash in [known for known, one in self._under_way.items() if one is sent]:
                del self._under_way[tx_hash]

    def earlier(self, sent: Sent) -> list[Sent]:
        """The acts of one account under way up to this one, by nonce."""
        with self._lock:
            found = {one.nonce: one for one in self._under_way.values() if one.account == sent.account}
        return [found[nonce] for nonce in sorted(found) if nonce <= sent.nonce]

    def lock(self, account: str) -> threading.RLock:
        """Held while an account's next nonce is decided."""
        with self._lock:
            return self._locks.setdefault(account, threading.RLock())

    def market(self) -> Fees:
        """What gas costs now."""
        history, tip = self._rpc.outcomes([HISTORY, ("eth_maxPriorityFeePerGas",)])
        return self._fees(history, tip)[0]

    def reprice(self, sent: Sent) -> None:
        """Send another version under the same nonce, with higher fees. Raises `FeeTooHigh`, `RpcError`."""
        sent.fees = self._affordable(sent.fees.raised(self.market()), sent.act)
        self.again(self._signed(sent))

    def again(self, sent: Sent) -> None:
        """Send the newest version's bytes once more. Raises `RpcError`, `ChainUnreachable`."""
        try:
            self._rpc.call(SEND, sent.raw)
        except RpcError as error:
            if not is_known(error):
                raise

    def renew(self, sent: Sent, act: Act) -> None:
        """Send an act again under a new nonce: only when its old one is spent on something else."""
        with self.lock(sent.account):
            fresh = self._send(sent.key, sent.account, act)
            newer = self._under_way[fresh]
            with self._lock:
                sent.nonce, sent.fees, sent.act, sent.head = newer.nonce, newer.fees, act, newer.head
                sent.versions, sent.sent_at = newer.versions, newer.sent_at
                self._under_way[fresh] = sent
            if self._last.get(sent.account) is newer:
                self._last[sent.account] = sent

    def plug(self, beside: Sent, nonce: int, fees: Fees | None = None) -> None:
        """Spend a nonce of the same account on nothing, so that later ones can go. Raises as `send`."""
        act = Act(beside.account, b"", _PLUG_GAS)
        paid = self._affordable(fees or self.market(), act)
        self._deliver(self._signed(Sent(beside.key, beside.account, act, nonce, paid, beside.head)))

    # -- inside

    def _send(self, key: PrivateKey, account: str, act: Act) -> str:
        self._clear_up(account)
        fees_refused = 0
        for race in range(MOST_RACES):
            nonce, fees, head = self._prepare(account)
            sent = self._signed(Sent(key, account, act, nonce, self._affordable(fees, act), head))
            try:
                self._deliver(sent)
            except RpcError as error:
                self.done(sent)
                fees_refused += meaning(error) is Refused.FEE
                if not is_race(error) or fees_refused >= MOST_FEES:
                    raise explained(error, account) from error
                # whoever else sends from this account is not in step with us: do not stay in step with it
                time.sleep(random.uniform(0, 0.02 * (race + 1)))  # noqa: S311 - not a secret
                continue
            except ChainUnreachable:
                self.done(sent)
                raise
            self._last[account] = sent
            return sent.tx_hash
        raise RpcError(
            "another sender keeps taking this account's nonces",
            rpc_code=-32000,
            hint="use one process per account",
        )

    def _prepare(self, account: str) -> tuple[int, Fees, int]:
        """The next nonce, the fees and the head as of now."""
        count, history, tip = self._rpc.outcomes(
            [
                ("eth_getTransactionCount", account, "pending"),
                HISTORY,
                ("eth_maxPriorityFeePerGas",),
            ]
        )
        if isinstance(count, RpcError):
            raise count
        nonce, last = read_number(count), self._last.get(account)
        # the nodes behind one address lag one another, so ours may be the newer count; but a transaction
        # that the network forgot must not leave a gap that nothing ever fills
        if last is not None and last.nonce >= nonce and self._is_known(last):
            nonce = last.nonce + 1
        return nonce, *self._fees(history, tip)

    def _fees(self, history: Any, tip: Any) -> tuple[Fees, int]:
        if not isinstance(history, RpcError):
            return from_history(history, tip)
        # older nodes have no fee history
        block = self._rpc.call("eth_getBlockByNumber", "latest", False)
        if not isinstance(block, dict):
            raise ChainUnreachable("the chain has no newest block")
        one = {"oldestBlock": block.get("number"), "baseFeePerGas": [block.get("baseFeePerGas", "0x0")] * 2}
        return from_history(one, tip)

    def _affordable(self, fees: Fees, act: Act) -> Fees:
        limits = [one for one in (self._max_fee_wei, act.most_wei) if one is not None]
        return fees.within(act.gas, min(limits, default=None))

    def _signed(self, sent: Sent) -> Sent:
        """Sign with the present fees and note the new version before anyone can see it."""
        transaction = Transaction(
            chain_id=self._chain_id,
            nonce=sent.nonce,
            to=bytes.fromhex(sent.act.to.removeprefix("0x")),
            data=sent.act.data,
            gas=sent.act.gas,
            max_fee_per_gas=sent.fees.most,
            max_priority_fee_per_gas=min(sent.fees.tip, sent.fees.most),
            value_wei=sent.act.value_wei,
        )
        raw = transaction.sign(sent.key, entropy=os.urandom(32))
        tx_hash = "0x" + keccak(raw).hex()
        with self._lock:
            sent.versions[tx_hash] = raw
            sent.sent_at = time.monotonic()
            self._under_way[tx_hash] = sent
            while len(self._under_way) > _MOST_REMEMBERED:
                self._under_way.popitem(last=False)
        return sent

    def _deliver(self, sent: Sent) -> None:
        """Have the network take the newest version, sending the same bytes as often as it needs."""
        may_have_arrived = False
        for pause in _PAUSES_SECONDS:
            try:
                self._rpc.call(SEND, sent.raw)
            except ChainUnreachable as error:
                may_have_arrived |= error.was_delivered
                if pause is None:
                    if not may_have_arrived:
                        raise
                    self._unsure[sent.account] = sent
                    raise pending(sent) from error
                time.sleep(pause)
            except RpcError as error:
                if self._has_it(sent, error, may_have_arrived=may_have_arrived):
                    return
                if meaning(error) is not Refused.LATER or pause is None:
                    raise
                time.sleep(pause)
            else:
                return

    def _has_it(self, sent: Sent, error: RpcError, *, may_have_arrived: bool) -> bool:
        """Whether the network has what was just refused. Raises `TransactionPending` where that is not known."""
        if is_known(error):
            return True
        if (may_have_arrived or is_race(error)) and self._is_known(sent):
            return True
        if may_have_arrived:
            # a node that lags refuses what another has put in a block
            self._unsure[sent.account] = sent
            raise pending(sent) from error
        return False

    def _deliver_many(self, sent: list[Sent]) -> list[FreeholdError | None]:
        """Send the newest versions in one request; what became of each, None for taken."""
        try:
            told = self._rpc.outcomes([(SEND, one.raw) for one in sent])
        except (ChainUnreachable, RpcError):
            return self._deliver_in_turn(sent)
        return [one if isinstance(one, RpcError) and not is_known(one) else None for one in told]

    def _deliver_in_turn(self, sent: list[Sent]) -> list[FreeholdError | None]:
        """The same bytes again, one by one; after one whose fate is unknown nothing more is sent."""
        told: list[FreeholdError | None] = []
        for one in sent:
            try:
                self._deliver(one)
                told.append(None)
            except RpcError as error:
                told.append(error)
            except (ChainUnreachable, TransactionPending) as error:
                return told + [error] * (len(sent) - len(told))
        return told

    def _cut_short(
        self, error: FreeholdError, sent: list[Sent], refusals: dict[int, RpcError], place: int
    ) -> FreeholdError:
        """The error for a chain that went away at `place`, with what was sent before."""
        error.fields["sent"] = [
            one.tx_hash if at < place and at not in refusals else None for at, one in enumerate(sent)
        ]
        for at, one in enumerate(sent):
            if at in refusals or (at >= place and one is not self._unsure.get(one.account)):
                self.done(one)
        return error

    def _after_refusals(self, sent: list[Sent], refusals: dict[int, RpcError]) -> list[str]:
        hashes: list[str | None] = [
            None if place in refusals else one.tx_hash for place, one in enumerate(sent)
        ]
        final: RpcError | None = None
        last = max((one.nonce for place, one in enumerate(sent) if place not in refusals), default=-1)
        for place, error in refusals.items():
            one = sent[place]
            if is_race(error) and self._is_known(one):
                hashes[place] = one.tx_hash
                continue
            self.done(one)
            if is_race(error):
                hashes[place] = self._send(one.key, one.account, one.act)
                continue
            final = final or explained(error, one.account)
            if one.nonce < last:
                # later ones wait for this nonce
                self.plug(one, one.nonce, one.fees)
        if final is not None:
            final.fields["sent"] = hashes
            raise final
        return [one for one in hashes if one is not None]

    def _clear_up(self, account: str) -> None:
        """See that what may have arrived has, before the next nonce is decided."""
        unsure = self._unsure.get(account)
        if unsure is None:
            return
        try:
            self._rpc.call(SEND, unsure.raw)
            self._last[account] = unsure
        except RpcError:
            # it is there, or its nonce is spent: either way the count of nonces tells the next one
            pass
        except ChainUnreachable as error:
            error.hint = "an earlier transaction may be under way; nothing was sent after it"
            raise
        self._unsure.pop(account, None)

    def _is_known(self, sent: Sent) -> bool:
        """Whether the network holds a version, in its pool or in a block."""
        found = self._rpc.outcomes([("eth_getTransactionByHash", one) for one in list(sent.versions)])
        return any(isinstance(one, dict) for one in found)
