"""What a release says: the Merkle tree of its split, in the order of OpenZeppelin's StandardMerkleTree, and more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eth_hash.auto import keccak

from freehold.core.documents import Grant
from freehold.core.errors import InvalidInput, NotFound

MOST_EARLIER = 3_000
"""Earlier runs that a release lists, so that it is a document that anybody reads, whatever its owners' grants say."""


def earlier_runs(grants: Iterable[Grant]) -> list[str]:
    """Runs on the same rows before this one, as a release lists them: in order, the first of too many."""
    return sorted({run for grant in grants for run in grant.earlier_runs})[:MOST_EARLIER]


def leaf_hash(account: str, shares: int) -> bytes:
    """keccak256(keccak256(abi.encode(account, shares))): twice, so no inner node can pass as a leaf."""
    encoded = bytes.fromhex(account[2:]).rjust(32, b"\x00") + shares.to_bytes(32, "big")
    return bytes(keccak(keccak(encoded)))


class SplitTree:
    """Leaves sorted by hash at the end of a heap-ordered array; node i has children 2i+1 and 2i+2."""

    def __init__(self, shares: Sequence[tuple[str, int]]) -> None:
        if not shares or len({account for account, _ in shares}) != len(shares):
            raise InvalidInput("a split names at least one account, each once")
        hashed = sorted(((leaf_hash(account, count), account) for account, count in shares))
        size = 2 * len(hashed) - 1
        self._nodes = [b""] * size
        self._position: dict[str, int] = {}
        for i, (value, account) in enumerate(hashed):
            self._nodes[size - 1 - i] = value
            self._position[account] = size - 1 - i
        for i in range(size - 1 - len(hashed), -1, -1):
            self._nodes[i] = bytes(keccak(b"".join(sorted(self._nodes[2 * i + 1 : 2 * i + 3]))))

    @property
    def root(self) -> bytes:
        """32 bytes."""
        return self._nodes[0]

    def proof(self, account: str) -> list[bytes]:
        """Siblings from the account's leaf to the root. Raises NotFound: the account has no share."""
        if account not in self._position:
            raise NotFound(f"{account} has no share in this split")
        i, path = self._position[account], []
        while i:
            path.append(self._nodes[i - 1 if i % 2 == 0 else i + 1])
            i = (i - 1) // 2
        return path
