"""The payer's side of channels: opening, topping up and closing them, safe against a crash anywhere.

A record of each channel is kept before anything is sent. Salts are part of it, so a repeated step
names the same channel or the same authorization, and the chain lets each happen once.
"""

from __future__ import annotations

import secrets
from typing import Any

from eth_hash.auto import keccak

from freehold.chain.errors import ContractReverted
from freehold.core.documents import Asset
from freehold.core.errors import NotFound
from freehold.core.ids import hash_bytes, resolve
from freehold.core.signing import sign_digest
from freehold.core.typed_data import CHANNELS_DOMAIN, Domain, receive_digest, voucher_digest
from freehold.inference.payment import Voucher, bound_nonce
from freehold.node.chain_facts import read_channel
from freehold.node.granting import NotEnoughDollars
from freehold.node.node import Node
from freehold.node.releasing import pool_of
from freehold.node.settling import ENDED_AT

NEVER = 2**48 - 1
"""An authorization that opens or fills our own channel may stay valid: it can do nothing else."""

Record = dict[str, Any]
"""channel, model, provider, pool, salt, amount_units, cumulative_units (paid for), top_up, pending."""


def channel_id(payer: str, pool: bytes, salt: bytes) -> bytes:
    """keccak256(abi.encode(payer, pool, salt))."""
    return bytes(keccak(bytes.fromhex(payer[2:]).rjust(32, b"\x00") + pool + salt))


def keep(node: Node, record: Record) -> None:
    """Store a channel's record."""
    with node.store.transaction() as tx:
        tx.set(f"spending:{record['channel']}", record)


def ready(node: Node, asset: Asset, calls: int) -> Record:
    """The open channel for a model; a new one with room for `calls` where there is none.

    Raises:
        NotEnoughDollars: the wallet cannot pay for a single call.
    """
    current = node.store.state(f"spending_on:{asset.id}")
    record: Record | None = node.store.state(f"spending:{current}") if current else None
    if record is None:
        record = _planned(node, asset, _affordable(node, asset.terms.price_units, calls))
    if not read_channel(node, record["channel"]).exists:
        _open(node, record)
    return record


def _planned(node: Node, asset: Asset, amount_units: int) -> Record:
    salt, pool = secrets.token_bytes(32), pool_of(asset)
    record: Record = {
        "channel": "0x" + channel_id(node.account, pool, salt).hex(),
        "model": asset.id,
        "provider": asset.owner,
        "pool": "0x" + pool.hex(),
        "salt": "0x" + salt.hex(),
        "amount_units": amount_units,
        "cumulative_units": 0,
        "top_up": None,
        "pending": None,
    }
    with node.store.transaction() as tx:
        tx.set(f"spending:{record['channel']}", record)
        tx.set(f"spending_on:{asset.id}", record["channel"])
    return record


def _open(node: Node, record: Record) -> None:
    amount = int(record["amount_units"])
    channel = hash_bytes(record["channel"])
    _require_dollars(node, amount)
    node.send(
        "Channels",
        "openWithAuthorization",
        node.account,
        hash_bytes(record["pool"]),
        amount,
        hash_bytes(record["salt"]),
        0,
        NEVER,
        _authorization(node, amount, channel),
    )


def make_room(node: Node, record: Record, price_units: int, calls: int) -> Record:
    """See that the channel holds the next call's price too; tops up for `calls` where it does not."""
    if record["top_up"]:
        record = _finish_top_up(node, record)
    short = (
        int(record["cumulative_units"]) + price_units - read_channel(node, record["channel"]).deposited_units
    )
    if short <= 0:
        return record
    amount = max(short, _affordable(node, price_units, calls))
    record = {**record, "top_up": {"salt": "0x" + secrets.token_hex(32), "amount_units": amount}}
    keep(node, record)
    return _finish_top_up(node, record)


def _finish_top_up(node: Node, record: Record) -> Record:
    salt, amount = hash_bytes(record["top_up"]["salt"]), int(record["top_up"]["amount_units"])
    channel = hash_bytes(record["channel"])
    nonce = bound_nonce(channel, salt)
    if not node.chain.read(node.dollar, "authorizationState", node.account, nonce):
        _require_dollars(node, amount)
        node.send(
            "Channels",
            "topUpWithAuthorization",
            channel,
            node.account,
            amount,
            0,
            NEVER,
            salt,
            _authorization(node, amount, nonce),
        )
    record = {**record, "top_up": None}
    keep(node, record)
    return record


def sign_voucher(node: Node, record: Record, cumulative_units: int, grant: str) -> Voucher:
    """The promise of `cumulative_units` in all."""
    digest = voucher_digest(channels_domain(node), hash_bytes(record["channel"]), cumulative_units)
    signature = "0x" + sign_digest(node.keys.account_key, digest).hex()
    return Voucher(
        channel=record["channel"], cumulative_units=cumulative_units, signature=signature, grant=grant
    )


def channels_domain(node: Node) -> Domain:
    """In which vouchers are signed."""
    return Domain(CHANNELS_DOMAIN, node.chain_id, node.contract("Channels"))


def overview(node: Node) -> list[dict[str, Any]]:
    """Every channel of this node as payer."""
    rows = []
    for record in node.store.states("spending:").values():
        state = read_channel(node, record["channel"])
        ended = state.closes_at == ENDED_AT
        promised = max(int(record["cumulative_units"]), state.settled_units)
        rows.append(
            {
                "channel": record["channel"],
                "model": record["model"],
                "provider": record["provider"],
                "deposited_units": state.deposited_units,
                "settled_units": state.settled_units,
                "promised_units": promised,
                "free_units": 0 if ended else state.deposited_units - promised,
                "closes_at": 0 if ended else state.closes_at,
                "status": "closed" if ended else "closing" if state.closes_at else "open",
            }
        )
    return rows


def find(node: Node, prefix: str) -> Record:
    """The record of a channel of this node, by its id or the beginning of it.

    Raises:
        NotFound, Ambiguous.
    """
    names = (name.removeprefix("spending:") for name in node.store.states("spending:"))
    record: Record = node.store.state(f"spending:{resolve(prefix, names, 'channel')}")
    return record


def close(node: Node, record: Record) -> dict[str, Any]:
    """Ask to close a channel, or take the rest back once a day has passed. Safe to repeat.

    Raises:
        NotFound: it was never opened.
    """
    channel = str(record["channel"])
    with node.store.transaction() as tx:
        if node.store.state(f"spending_on:{record['model']}") == channel:
            tx.delete(f"spending_on:{record['model']}")
    state = read_channel(node, channel)
    if not state.exists:
        raise NotFound("that channel was never opened on this chain")
    withdrawn = gas = 0
    if state.closes_at == 0:
        gas = node.send("Channels", "requestClose", hash_bytes(channel))
    elif state.closes_at != ENDED_AT:
        try:
            gas = node.send("Channels", "withdraw", hash_bytes(channel))
            withdrawn = state.deposited_units - state.settled_units
        except ContractReverted as error:
            if error.name != "NotYetWithdrawable":
                raise
    after = read_channel(node, channel)
    closed = after.closes_at == ENDED_AT
    return {
        "channel": channel,
        "status": "closed" if closed else "closing",
        "closes_at": 0 if closed else after.closes_at,
        "withdrawn_units": withdrawn,
        "gas": gas,
    }


def _authorization(node: Node, amount_units: int, nonce: bytes) -> bytes:
    digest = receive_digest(
        node.token_domain, node.account, node.contract("Channels"), amount_units, (0, NEVER), nonce
    )
    return sign_digest(node.keys.account_key, digest)


def _affordable(node: Node, price_units: int, calls: int) -> int:
    """Room for `calls`, or for as many as the wallet can pay; at least one."""
    return max(1, min(calls, node.balance_units() // price_units)) * price_units


def _require_dollars(node: Node, amount_units: int) -> None:
    balance = node.balance_units()
    if balance < amount_units:
        raise NotEnoughDollars(
            f"the channel takes {amount_units} units, the wallet holds {balance}",
            hint=f"Send dollars to {node.account}.",
            price_units=amount_units,
            balance_units=balance,
        )
