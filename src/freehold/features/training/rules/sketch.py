"""How many rows two owners share, from one noised sketch of each: round 0 of a run.

Every distinct row, coarsened to an eighth of a scale step, is hashed to a bucket and a sign, the same for all
owners of the run; an owner's sketch is the signed sum in each bucket plus discrete Gaussian noise. One row
moves one bucket by `STEP`, so a sketch is (rows_each * STEP)^2 / (2 sigma^2)-zCDP whoever reads it, and a
product of two sketches says how many rows they share (Charikar, Chen, Farach-Colton, 2002; AMS, 1996).

An intersection by Diffie-Hellman would count more sharply, but whoever enters one guessed row under two
exponents sees exactly whether the other side has it, which no epsilon allows. What is lost is small tables:
copies are told from strangers once sqrt(rows) * STEP is some times 2 sigma.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from freehold.core.fixed import FEATURE_BITS, IntArray, dot
from freehold.core.late import np
from freehold.features.models.rules.scaling import standardise
from freehold.features.privacy.rules.noise import gaussian

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freehold.features.data.rules.table import Table
    from freehold.features.models.rules.scaling import Scaling

STEP = 64
"""What one row adds to its bucket: fine enough for whole-number noise below one row."""
MAX_BUCKETS = 4_096
SURE = 3
"""A count below so many of its standard deviations is none."""
_COARSE = FEATURE_BITS - 3


def draw(table: Table, scaling: Scaling, key: str, buckets: int) -> IntArray:
    """The sketch of a table without noise, (buckets,); `key` is public and the same for all owners of a run."""
    start = hashlib.sha256(b"freehold/sketch/v1\0" + bytes.fromhex(key.removeprefix("0x"))).digest()
    total = np.zeros(buckets, dtype=np.int64)
    # (rows, columns + 1): each cell in eighths of its scale, and the label
    coarse = np.empty((table.rows, len(table.columns) + 1), dtype=np.int64)
    standardise(table.features, scaling, coarse)
    coarse >>= _COARSE
    coarse[:, -1] = table.labels
    for digest in {hashlib.blake2b(row.tobytes(), digest_size=16, key=start).digest() for row in coarse}:
        total[int.from_bytes(digest[:8], "big") % buckets] += STEP if digest[8] & 1 else -STEP
    return total


def make(table: Table, scaling: Scaling, key: str, buckets: int, sigma: int, seed: bytes) -> IntArray:
    """What an owner shows of its rows in round 0; a judge with table and seed gets the same."""
    exact = draw(table, scaling, key, buckets)
    return exact + gaussian(seed, sigma, buckets) if sigma else exact


def longest(rows: int, buckets: int, sigma: int) -> int:
    """No honest sketch is longer (Euclidean length): random signs add up to about sqrt(rows) steps."""
    return 3 * (math.isqrt(rows) + 1) * STEP + sigma * (math.isqrt(buckets) + 11)


def shared(one: IntArray, other: IntArray, rows: tuple[int, int]) -> int:
    """About how many rows two owners share; 0 where the product of their sketches can be chance.

    The product of unrelated vectors has the variance |one|^2 |other|^2 / buckets: measured, so that who shows a
    long sketch makes its own counts doubtful.
    """
    product = dot(one, other)
    square = STEP * STEP
    doubt = dot(one, one) * dot(other, other) // len(one)
    if product <= 0 or product * product < SURE * SURE * doubt:
        return 0
    return min((2 * product + square) // (2 * square), *rows)


def own_rows(sketches: Mapping[str, IntArray], rows: Mapping[str, int]) -> dict[str, int]:
    """Rows for which each owner counts, where a row that k owners hold counts 1/k for each.

    With S the rows it shares with others, an owner of n rows counts for n^2 / (n + S), rounded and at least 1:
    two equal tables of n rows for n/2 each, five for n/5. Pairs cannot tell rows that are shared twice from
    different ones shared once, so the rule is the least that fits: exact where all rows of an owner have
    equally many holders, else up to 9 % of the rows too low for two owners. Owners without a sketch are not
    compared.
    """
    others = dict.fromkeys(rows, 0)
    known = [owner for owner in sorted(sketches) if owner in rows]
    for place, one in enumerate(known):
        for other in known[place + 1 :]:
            count = shared(sketches[one], sketches[other], (rows[one], rows[other]))
            others[one] += count
            others[other] += count
    return {
        owner: max(1, (2 * n * n + n + others[owner]) // (2 * (n + others[owner])))
        for owner, n in rows.items()
    }


def buckets_for(rows: Sequence[int], sigma: int) -> int:
    """So many that collisions of different rows and noise against noise weigh alike; a power of two."""
    if not sigma:
        return MAX_BUCKETS
    wanted = max(rows) * STEP * STEP // (sigma * sigma)
    return min(MAX_BUCKETS, max(16, 1 << wanted.bit_length()))


def tells(rows: Sequence[int], sigma: int) -> bool:
    """Whether whole copies of a middling table stand out of the noise at all."""
    middling = sorted(rows)[len(rows) // 2]
    return math.isqrt(middling) * STEP >= 2 * SURE * sigma
