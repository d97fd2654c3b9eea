"""Contract accounts that vouch for every signature at first, and later make whoever asks them pay.

An empty call switches one over. From then on it says yes where gas has no price, as in a trial, and in a block
takes all the gas it is given. A greedy one also takes millions in the trial.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from eth_hash.auto import keccak
from inference_world import NEVER, PRICE, Hand, Shop
from node_world import Party

from freehold.chain import deployments
from freehold.core.signing import parse_envelope
from freehold.features.grants import granting
from freehold.features.payments.spending import channel_id

_YES = bytes.fromhex("5b631626ba7e60e01b60005260206000f3")
_GREED = bytes.fromhex("600163001c000052")


def _runtime(*, greedy: bool) -> bytes:
    greed = _GREED if greedy else b""
    yes = 16 + len(greed)
    burn, switch = yes + len(_YES), yes + len(_YES) + 2
    return (
        bytes.fromhex(f"361560{switch:02x}57")
        + bytes.fromhex(f"6000541560{yes:02x}57")
        + bytes.fromhex(f"3a60{burn:02x}57")
        + greed
        + _YES
        + bytes.fromhex("5bfe")
        + bytes.fromhex("5b600160005500")
    )


def deploy(party: Party, *, greedy: bool = False) -> str:
    """A new one; its address."""
    runtime, salt = _runtime(greedy=greedy), secrets.token_bytes(32)
    code = bytes.fromhex(f"60{len(runtime):02x}600c60003960{len(runtime):02x}6000f3") + runtime
    chain = party.node.chain
    chain.settled(chain.submit_data(party.node.keys.account_key, deployments.PROXY, salt + code))
    return "0x" + keccak(b"\xff" + bytes.fromhex(deployments.PROXY[2:]) + salt + keccak(code))[12:].hex()


@dataclass
class Hostile:
    """A channel whose payer is such an account."""

    hand: Hand
    account: str

    @classmethod
    def open(cls, shop: Shop, party: Party, *, greedy: bool = False, deposit: int = 10 * PRICE) -> Hostile:
        account, node = deploy(party, greedy=greedy), shop.builder.node
        party.node.send("TestDollar", "mint", account, deposit)
        wish = {
            "asset": shop.model.id,
            "nonce": "0x" + secrets.token_hex(32),
            "action": "infer",
            "spend_cap_units": deposit,
        }
        grant = parse_envelope(granting.issue(node, account, wish)["grant"]).document
        salt = secrets.token_bytes(32)
        channel = channel_id(account, shop.pool, salt)
        party.node.send(
            "Channels", "openWithAuthorization", account, shop.pool, deposit, salt, 0, NEVER, b"\x01" * 65
        )
        return cls(Hand(shop, party, grant.id, channel), account)

    @property
    def channel(self) -> str:
        return "0x" + self.hand.channel.hex()

    def switch(self) -> None:
        chain = self.hand.party.node.chain
        chain.settled(chain.submit_data(self.hand.party.node.keys.account_key, self.account, b""))
