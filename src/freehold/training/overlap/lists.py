"""What travels: the agreement of a pair, offers and answers, and their text forms."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from freehold.core.errors import InvalidInput
from freehold.training.noise import MAX_SIGMA
from freehold.training.overlap import group
from freehold.training.table import MAX_ROWS

SHIFT_SIGMAS = 9


class InvalidOverlap(InvalidInput):
    """Something given to or received in a count of common rows is malformed."""

    code = "training.overlap"


@dataclass(frozen=True)
class Pair:
    """What two owners and the counter agree on before they count; every list is bound to it."""

    run_id: bytes
    """32 bytes that name this pair of owners in this run and nothing else."""
    rows: tuple[int, int]
    """Declared rows of either owner, at least its distinct rows; 1 to 1,000,000."""
    sigma: int
    """Parameter of the noise that each side adds; 1 to 10,000."""

    def __post_init__(self) -> None:
        if len(self.run_id) != group.SIZE:
            raise InvalidOverlap(f"a run id of {len(self.run_id)} bytes", hint="Use 32 bytes.")
        if not 1 <= self.sigma <= MAX_SIGMA:
            raise InvalidOverlap(f"noise of {self.sigma}", hint=f"Choose a sigma of 1 to {MAX_SIGMA:,}.")
        if len(self.rows) != 2 or not all(1 <= rows <= MAX_ROWS for rows in self.rows):
            raise InvalidOverlap(
                f"{self.rows} rows declared", hint=f"Declare 1 to {MAX_ROWS:,} for each side."
            )

    @property
    def shift(self) -> int:
        """Fake matches that a side makes on average; it makes 0 to twice as many."""
        return SHIFT_SIGMAS * self.sigma

    @property
    def tag(self) -> bytes:
        """32 bytes that stand for all of this."""
        numbers = b"".join(number.to_bytes(8, "big") for number in (*self.rows, self.sigma))
        return group.derive(b"pair", self.run_id, numbers)

    def offer_size(self, place: int) -> int:
        """How many points the side at `place` (0 or 1) offers."""
        return self.rows[place] + 2 * self.shift

    def answer_size(self, place: int) -> int:
        """How many marks the side at `place` answers: one for each point of the other, and its own."""
        return self.offer_size(1 - place) + 2 * self.shift


@dataclass(frozen=True)
class Offer:
    """What a side sends to the other first."""

    public_key: bytes
    """g^a, 32 bytes."""
    points: tuple[bytes, ...]
    """The blinded rows and fakes, ascending."""

    def document(self) -> dict[str, str]:
        """This offer as JSON strings."""
        return {"points": encode(self.points), "public_key": self.public_key.hex()}

    @classmethod
    def read(cls, document: Any, pair: Pair, place: int) -> Offer:
        """The offer of the side at `place`, its points checked only when answered. Raises `InvalidOverlap`."""
        if not isinstance(document, dict) or document.keys() != {"points", "public_key"}:
            raise InvalidOverlap("an offer has the fields 'points' and 'public_key'")
        key = document["public_key"]
        if not isinstance(key, str) or len(key) != 2 * group.SIZE or not set(key) <= set("0123456789abcdef"):
            raise InvalidOverlap("a public key is not 64 lower-case hexadecimal digits")
        return cls(bytes.fromhex(key), decode(document["points"], pair.offer_size(place)))


def encode(entries: Sequence[bytes]) -> str:
    """Points or marks as one base64 string."""
    return base64.b64encode(b"".join(entries)).decode()


def decode(text: Any, size: int) -> tuple[bytes, ...]:
    """Exactly `size` ascending entries from what `encode` made of them. Raises `InvalidOverlap`."""
    length = group.SIZE * size
    if not isinstance(text, str) or len(text) != 4 * -(-length // 3):
        raise InvalidOverlap(f"a list is not the base64 of {size:,} entries", size=size)
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidOverlap("a list is not base64") from error
    if len(packed) != length or base64.b64encode(packed).decode() != text:
        raise InvalidOverlap(f"a list is not the base64 of {size:,} entries", size=size)
    entries = tuple(group.split(packed))
    check(entries, size)
    return entries


def check(entries: Sequence[bytes], size: int) -> None:
    """Raise `InvalidOverlap` unless there are `size` entries of 32 bytes, ascending without repeats."""
    if len(entries) != size:
        raise InvalidOverlap(f"a list has {len(entries):,} entries, agreed were {size:,}", size=size)
    if any(len(entry) != group.SIZE for entry in entries):
        raise InvalidOverlap("an entry is not 32 bytes")
    if any(left >= right for left, right in pairwise(entries)):
        raise InvalidOverlap("a list is not ascending or repeats an entry")
