"""A chain that holds only what it is told: words of storage, proven as a real chain proves them.

Where the contracts keep what is proven is tested with the contracts; here a state is written down and put
under a block header, so that a whole market takes no process and no transaction.
"""

from __future__ import annotations

import rlp
from eth_hash.auto import keccak

from freehold.chain import deployments
from freehold.chain.embedded import tries
from freehold.chain.header import Header
from freehold.chain.trie import EMPTY_ROOT, look_up, string
from freehold.core.documents import Grant
from freehold.kernel.evidence import state

CHAIN_ID = 31_337
CONTRACTS = {name: deployments.address(name).lower() for name in deployments.names()}


class Nodes(dict):
    """Trie nodes by hash, as decoded and as encoded."""

    def node(self, digest):
        return self[digest][0]

    def keep(self, digest, encoded, node):
        self[digest] = node, encoded

    def encoded(self, digest):
        return self[digest][1]


class Ledger:
    """What each contract stores."""

    def __init__(self, number: int = 7, time: int = 0) -> None:
        self.words: dict[str, dict[int, int]] = {name: {} for name in CONTRACTS}
        self.number, self.time = number, time

    def anchor(self, account: str, size: int, root: bytes) -> None:
        first, second = state.anchor_slots(account)
        self.words["LogAnchors"] |= {first: int.from_bytes(root), second: size | self.time << 64}

    def stamp(self, run: str, time: int) -> None:
        self.words["Timestamps"][state.stamp_slot(run)] = time

    def buy(self, grant: Grant, time: int) -> None:
        self.words["Market"][state.purchase_slot(grant, CHAIN_ID, CONTRACTS["Market"])] = time

    def revoke(self, issuer: str, index: int) -> None:
        slot = state.revocation_slot(issuer, index)
        self.words["Revocations"][slot] = self.words["Revocations"].get(slot, 0) | 1 << index % 256

    def open(self, pool: str, token: str, root: bytes, total: int = 10_000) -> None:
        first, second = state.pool_slots(pool)
        self.words["Revenue"] |= {first: int(token, 16) | total << 160, second: int.from_bytes(root)}

    def prove(self, wanted):
        """As `chain.proof.capture` gives it."""
        nodes, accounts, roots = Nodes(), {}, {}
        for name, words in self.words.items():
            leaves = {
                tries.path_of(slot.to_bytes(32)): string(value.to_bytes((value.bit_length() + 7) // 8))
                for slot, value in words.items()
                if value
            }
            root = roots[CONTRACTS[name]] = tries.write(nodes, EMPTY_ROOT, leaves)
            account = rlp.encode([1, 0, root, keccak(name.encode())])
            accounts[tries.path_of(bytes.fromhex(CONTRACTS[name][2:]))] = account
        header = Header(
            parent_hash=bytes(32),
            state_root=tries.write(nodes, EMPTY_ROOT, accounts),
            block_number=self.number,
            timestamp=self.time,
        )

        def proof(root, key):
            return ["0x" + node.hex() for node in look_up(root, keccak(key), nodes.encoded)[1]]

        return {
            "header": "0x" + header.encoded.hex(),
            "block_number": self.number,
            "block_hash": "0x" + header.hash.hex(),
            "accounts": [
                {
                    "address": address,
                    "proof": proof(header.state_root, bytes.fromhex(address[2:])),
                    "storage": [
                        {"slot": hex(slot), "proof": proof(roots[address], slot.to_bytes(32))}
                        for slot in slots
                    ],
                }
                for address, slots in wanted
            ],
        }
