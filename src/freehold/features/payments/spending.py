"""The payer's side of channels: opening, topping up and closing them, safe against a crash anywhere.

A record of each channel is kept before anything is sent. Salts are part of it, so a repeated step
names the same channel or the same authorization, and the chain lets each happen once. What a channel
takes counts against the owner's ceiling (`ceiling`) when it is set aside; calls out of it do not count again.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from typing import Any

from eth_hash.auto import keccak

from freehold.core.documents import Asset
from freehold.core.errors import InvalidInput
from freehold.core.ids import hash_bytes
from freehold.core.signing import CHANNELS_DOMAIN, Domain, receive_digest, sign_digest, voucher_digest
from freehold.core.texts import Units, said
from freehold.features.grants.granting import require_dollars
from freehold.features.payments import kept
from freehold.features.payments.chain_facts import read_channel
from freehold.features.payments.kept import Record
from freehold.features.payments.rules.channel import Payee
from freehold.features.payments.rules.payment import Voucher, bound_nonce
from freehold.kernel import ceiling
from freehold.kernel.ceiling import Act, Payment
from freehold.kernel.node import Node


class OtherToken(InvalidInput, code="price.token"):
    """The seller takes another token than this node pays with."""


def channel_id(payer: str, pool: bytes, salt: bytes) -> bytes:
    """keccak256(abi.encode(payer, pool, salt))."""
    return bytes(keccak(bytes.fromhex(payer[2:]).rjust(32, b"\x00") + pool + salt))


def keep(node: Node, record: Record) -> None:
    """Store a channel's record."""
    with node.store.transaction() as tx:
        kept.keep_channel(tx, record)


def require_token(node: Node, asset: Asset) -> None:
    """Asset and pool use the token that this node pays with. Raises OtherToken: nothing was signed."""
    if asset.terms.token != node.token:
        raise _other_token(node, said("{name} is priced in the token", name=asset.name), asset.terms.token)


def require_pool(node: Node, pool: bytes) -> None:
    """A pool pays in the token that this node pays with. Raises OtherToken: nothing was signed."""
    pool_token = str(node.chain.read("Revenue", "poolOf", pool)[0]).lower()
    if int(pool_token, 16) == 0:
        raise _other_token(
            node, said("the model has no pool on this chain, and a pool of none pays in"), pool_token
        )
    if pool_token != node.token:
        raise _other_token(node, said("the model's pool pays in"), pool_token)


def _other_token(node: Node, told: str, token: str) -> OtherToken:
    hint = said("Nothing was paid. Look for another offer.")
    return OtherToken(
        said("{told} {token}, this node pays with {own}", told=told, token=token, own=node.token),
        hint=hint,
        token=token,
    )


def current(node: Node, payee: Payee) -> Record | None:
    """The channel that calls are paid from now; it may not be on chain yet. Raises PayeeNotPaid."""
    pool = "0x" + payee.pool.hex()
    record = kept.channel_for(node, payee.thing)
    return record if record is not None and record["pool"] == pool else None


def quote(node: Node, payee: Payee, price_units: int, act: Act, deposit_calls: int) -> dict[str, Any]:
    """What a call would take now, and what would be set aside for it; nothing is signed."""
    free = _free(node, current(node, payee))
    deposit = 0
    if free < price_units:
        deposit = max(price_units - free, min(price_units * deposit_calls, node.balance_units()))
        # where nothing limits it yet the default is shown, so that the owner can choose
        with contextlib.suppress(ceiling.SpendingUnset):
            deposit = max(price_units - free, min(deposit, ceiling.room(node, act, price_units).units))
    known = ceiling.overview(node)
    return {
        "price_units": price_units,
        "deposit_units": deposit,
        "free_units": max(0, free),
        "gas": ceiling.gas(node, "deposit") if deposit else 0,
        "balance_units": node.balance_units(),
        **{name: known[name] for name in ("spend_per_act_micro", "spend_per_day_micro", "spent_units")},
    }


def from_wallet(node: Node, payee: Payee, price_units: int) -> int:
    """What a call takes from the wallet: what the channel does not hold, all of it where no deposit was counted."""
    record = current(node, payee)
    if record is not None and not record.get("counted"):
        return price_units
    return max(0, price_units - _free(node, record))


def _free(node: Node, record: Record | None) -> int:
    """What a channel holds that is not promised."""
    if record is None:
        return 0
    state = read_channel(node, record["channel"])
    return state.deposited_units - max(int(record["cumulative_units"]), state.settled_units)


def ready(
    node: Node, payee: Payee, price_units: int, act: Act, deposit_calls: int, before: Callable[[], None]
) -> Record:
    """The open channel to a payee; a new one, with room for this call and some more, where there is none.

    `before` is called before money is set aside; it raises where that would be for nothing. Raises
    SpendingUnset, SpendingRefused, OtherToken, PayeeNotPaid; NotEnoughDollars: the wallet cannot pay for a
    single call.
    """
    record = current(node, payee)
    if record is not None and read_channel(node, record["channel"]).exists:
        return record
    amount = _deposit(node, act, price_units, deposit_calls, record["channel"] if record else "")
    before()
    if record is None:
        record = _planned(node, payee, amount)
    elif amount != record["amount_units"]:
        record = {**record, "amount_units": amount}
        keep(node, record)
    _open(node, record, act)
    return record


def _planned(node: Node, payee: Payee, amount_units: int) -> Record:
    salt, pool = secrets.token_bytes(32), payee.pool
    record: Record = {
        "channel": "0x" + channel_id(node.account, pool, salt).hex(),
        "model": payee.thing,
        "provider": payee.provider,
        "pool": "0x" + pool.hex(),
        "salt": "0x" + salt.hex(),
        "amount_units": amount_units,
        "cumulative_units": 0,
        "top_up": None,
        "pending": None,
        "counted": True,
    }
    with node.store.transaction() as tx:
        kept.keep_channel(tx, record)
        kept.use_channel(tx, record)
    return record


def _open(node: Node, record: Record, act: Act) -> None:
    amount = int(record["amount_units"])
    channel = hash_bytes(record["channel"])
    require_pool(node, hash_bytes(record["pool"]))
    require_dollars(node, said("the channel takes"), amount)
    until = ceiling.reserve(node, act, Payment(record["channel"], amount, "deposit", record["model"]))
    node.send(
        "Channels",
        "openWithAuthorization",
        node.account,
        hash_bytes(record["pool"]),
        amount,
        hash_bytes(record["salt"]),
        0,
        until,
        _authorization(node, amount, channel, until),
    )
    ceiling.mined(node, record["channel"])


def make_room(
    node: Node, record: Record, price_units: int, act: Act, deposit_calls: int, before: Callable[[], None]
) -> Record:
    """See that the channel holds the next call's price too, topping up for some more. `before` as in `ready`."""
    if record["top_up"] and is_used(node, _top_up_nonce(record)):
        record = _topped_up(node, record)
    short = (
        int(record["cumulative_units"]) + price_units - read_channel(node, record["channel"]).deposited_units
    )
    if short <= 0:
        return record
    # an interrupted one goes on under its own salt, for as much as is allowed now
    salt = record["top_up"]["salt"] if record["top_up"] else "0x" + secrets.token_hex(32)
    record = {**record, "top_up": {"salt": salt, "amount_units": short}}
    nonce = "0x" + _top_up_nonce(record).hex()
    record["top_up"]["amount_units"] = max(
        short, _deposit(node, act, min(short, price_units), deposit_calls, nonce)
    )
    before()
    keep(node, record)
    return _top_up(node, record, act)


def _top_up(node: Node, record: Record, act: Act) -> Record:
    amount, nonce = int(record["top_up"]["amount_units"]), _top_up_nonce(record)
    require_dollars(node, said("the channel takes"), amount)
    until = ceiling.reserve(node, act, Payment("0x" + nonce.hex(), amount, "top-up", record["model"]))
    node.send(
        "Channels",
        "topUpWithAuthorization",
        hash_bytes(record["channel"]),
        node.account,
        amount,
        0,
        until,
        hash_bytes(record["top_up"]["salt"]),
        _authorization(node, amount, nonce, until),
    )
    return _topped_up(node, record)


def _topped_up(node: Node, record: Record) -> Record:
    ceiling.mined(node, "0x" + _top_up_nonce(record).hex())
    record = {**record, "top_up": None}
    keep(node, record)
    return record


def _top_up_nonce(record: Record) -> bytes:
    return bound_nonce(hash_bytes(record["channel"]), hash_bytes(record["top_up"]["salt"]))


def is_used(node: Node, nonce: bytes) -> bool:
    """Whether the chain has an authorization of this account, spent or cancelled."""
    return bool(node.chain.read(node.dollar, "authorizationState", node.account, nonce))


def sign_voucher(node: Node, record: Record, cumulative_units: int, grant: str) -> Voucher:
    """The promise of `cumulative_units` in all."""
    node.continuity.require()
    digest = voucher_digest(channels_domain(node), hash_bytes(record["channel"]), cumulative_units)
    signature = "0x" + sign_digest(node.keys.account_key, digest).hex()
    return Voucher(
        channel=record["channel"], cumulative_units=cumulative_units, signature=signature, grant=grant
    )


def promise(
    record: Record,
    cumulative_units: int,
    price_units: int,
    act: Act,
    *,
    purchase: str = "",
    from_units: int | None = None,
) -> Record:
    """The record with what is about to be signed: no act signs away more than its price, refused or not.

    Nor does a `purchase` of several acts: `from_units` is what was promised before its earlier voucher. A voucher that
    was sent may be cashed whatever was answered. Raises SpendingRefused: it was not signed.
    """
    before = max(int(record["cumulative_units"]), int((record["pending"] or {}).get("cumulative_units", 0)))
    signed = record.get("signed") or {"act": "", "from_units": before, "units": before}
    if from_units is not None:
        signed = {**signed, "act": act.id, "from_units": from_units}
    elif signed["act"] != act.id:
        signed = {**signed, "act": act.id, "from_units": max(before, signed["units"])}
    if int(record["cumulative_units"]) > signed["units"]:
        # signed before this home was restored
        signed = {**signed, "from_units": int(record["cumulative_units"])}
    if cumulative_units > signed["units"]:
        signed = {**signed, "units": cumulative_units, "raised_by": purchase or act.id}
    units = cumulative_units - signed["from_units"]
    if units > price_units:
        raise ceiling.SpendingRefused(
            said(
                "one more voucher would promise {units} for a call of {price}",
                units=Units(units),
                price=Units(price_units),
            ),
            hint=said(
                "The one that was sent may be cashed, whatever was answered; another was not signed. Another purchase goes on from there, closing the channel ends it."
            ),
            units=units,
            most_units=price_units,
        )
    return {**record, "signed": signed}


def channels_domain(node: Node) -> Domain:
    """In which vouchers are signed."""
    return Domain(CHANNELS_DOMAIN, node.chain_id, node.contract("Channels"))


def _authorization(node: Node, amount_units: int, nonce: bytes, until: int) -> bytes:
    digest = receive_digest(
        node.token_domain, node.account, node.contract("Channels"), amount_units, (0, until), nonce
    )
    return sign_digest(node.keys.account_key, digest)


def _deposit(node: Node, act: Act, least_units: int, calls: int, nonce: str) -> int:
    """Room for `calls`, or for as many as wallet and limits allow; at least for what is needed."""
    allowed = ceiling.room(node, act, least_units, nonce).units
    return max(least_units, min(least_units * calls, node.balance_units(), allowed))
