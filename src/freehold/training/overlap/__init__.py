"""How many rows two owners have in common, told to a third party with noise that hides any one row.

Main path: owners and counter (who builds the model) agree on a `Pair`; each owner makes a `Side`
from the fingerprints of its rows and sends `Side.offer` to the other; each sends `Side.answer` of the
other's offer to the counter, who calls `count`. `copied` turns the counts of all pairs into rows that
are an owner's own.

>>> pair = Pair(run_id=bytes(32), rows=(3, 2), sigma=1)
>>> rows = [bytes([i]) * 32 for i in range(4)]
>>> a = Side.new(pair, 0, seed=b"a" * 32, fingerprints=rows[:3])
>>> b = Side.new(pair, 1, seed=b"b" * 32, fingerprints=rows[2:])
>>> count(pair, a.answer(b.offer), b.answer(a.offer)) in range(1 - 18, 1 + 19)  # 1 and both noises
True

**Protocol.** Intersection by Diffie-Hellman (Meadows 1986; Huberman, Franklin, Hogg 1999) in the
prime-order subgroup of edwards25519, with fake matches. H hashes a fingerprint to the group under a
tag of the pair and the run. Side A draws a secret a, side B a secret b.

1. A offers g^a and a set of points: H(x)^a over its rows x, filled up with random rows to the
   declared number, and g^r for each of 2 shift secret r. B likewise.
2. A answers with a set of marks: h(Y^a) for each point Y it was offered; h((g^b)^r) for the first k
   of its r, which match because B answers h((g^r)^b); and 2 shift - k random ones. B likewise. The
   hash h is bound to both offers.
3. The counter counts the marks that are in both answers and subtracts 2 shift.

k = shift + noise; the noise is a discrete Gaussian of parameter sigma clipped to +-shift, with
shift = 9 sigma. So the count is the overlap plus two noises: standard deviation sqrt(2) sigma.

**What the lists show.** Their sizes follow from declared rows and sigma alone. They are sorted, so
the order says nothing. Without a, g^r and H(x)^a are indistinguishable even to one who guesses x
(decisional Diffie-Hellman), and an offer does not depend on k. The mark of a point is random to
whoever cannot compute the point. Each step does the same group operations whatever the rows and k
are, so the time it takes does not follow them.

**What the count shows.** Take the worst case: A, who may enter any rows, say one guessed row of B,
tells the counter its secrets. Together they see which of B's points match: those of the common rows
and B's k fakes, all alike. What they see can be made from the size of the overlap plus k. One row
of B added, removed or replaced (the declared number stays) changes the overlap by at most 1, so B's
noise alone gives B's rows rho = 1 / (2 sigma^2) of zero-concentrated differential privacy for each
pair B is in. Clipping changes the noise with a probability below 2^-61.

**Limits.**

- Both sides make their lists as above (semi-honest). A side that does not can make the count wrong,
  and it can learn more: one that offers a guessed row under two exponents, H(x)^a and H(x)^c, and
  sees the other's answer finds two marks where a fake gives one, and so learns whether the other
  has this very row. No check of the lists can tell, as each point alone is random. `Side.new`
  depends on its arguments only, so an auditor given seed and fingerprints can make the lists again.
- For the same reason an offer must come signed from its owner: a carrier who makes one up is a side.
- A side can enter rows it does not have. The noise still hides each row of the other.
- One seed serves one pair and run, and a side answers one offer: each further answer costs rho again.
- That a side takes part and how many rows it declares is public.
- Equal fingerprints are counted, nothing else. Fingerprints of rows rounded to N significant digits
  catch copies that agree in all N digits of every cell: not a shifted, rescaled or more strongly
  perturbed copy, nor one with a cell beside a rounding boundary. How near two rows are is not
  measured.
"""

from freehold.training.overlap.copies import copied
from freehold.training.overlap.lists import InvalidOverlap, Offer, Pair, decode, encode
from freehold.training.overlap.side import Side, count

__all__ = ["InvalidOverlap", "Offer", "Pair", "Side", "copied", "count", "decode", "encode"]
