"""Counting the common rows of two owners: what each step takes of one core, and how long the lists are.

Run: python bench/overlap.py [ROWS ...]
"""

import hashlib
import sys
import time

from freehold.training.overlap import Pair, Side, count

SIGMA = 100


def fingerprints(start, rows):
    return [hashlib.sha256(b"%d" % number).digest() for number in range(start, start + rows)]


def timed(step, *arguments):
    start = time.process_time()
    result = step(*arguments)
    return result, time.process_time() - start


def measure(rows):
    pair = Pair(run_id=bytes(32), rows=(rows, rows), sigma=SIGMA)
    ours, theirs = fingerprints(0, rows), fingerprints(rows // 2, rows)
    one, offering = timed(Side.new, pair, 0, b"a" * 32, ours)
    two = Side.new(pair, 1, b"b" * 32, theirs)
    first, answering = timed(one.answer, two.offer)
    text, writing = timed(one.offer.document)
    said, counting = timed(count, pair, first, two.answer(one.offer))
    print(
        f"{rows:>8,} rows a side, half in common: offer {offering:.2f} s, answer {answering:.2f} s, "
        f"as text {writing:.2f} s, count {counting:.2f} s; offer of {len(text['points']) / 1e6:.1f} MB; "
        f"{said:,} counted, {rows - rows // 2:,} true, deviation {SIGMA * 2**0.5:.0f}"
    )


def main():
    for rows in [int(value) for value in sys.argv[1:]] or [1_000, 10_000, 100_000]:
        measure(rows)


if __name__ == "__main__":
    main()
