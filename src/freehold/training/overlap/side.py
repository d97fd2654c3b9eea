"""One owner's part, and the counter's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from freehold.training.noise import gaussian
from freehold.training.overlap import group
from freehold.training.overlap.lists import InvalidOverlap, Offer, Pair, check


@dataclass(frozen=True)
class Side:
    """An owner in one pair and run. Made again from the same arguments it is the same."""

    pair: Pair
    place: int
    """0 or 1: which of `pair.rows` is its own."""
    offer: Offer
    """What the other side gets; as large whatever the data are."""
    _seed: bytes = field(repr=False)
    _secret: bytes = field(repr=False)
    _fakes: tuple[bytes, ...] = field(repr=False)
    """2 shift logarithms of offered points; the first k of them will match."""

    @classmethod
    def new(cls, pair: Pair, place: int, seed: bytes, fingerprints: Collection[bytes]) -> Side:
        """Blind the distinct `fingerprints` (32 bytes each). Raises `InvalidOverlap`.

        `seed` is 32 secret random bytes; from it come the secret scalars, the noise and the padding.
        """
        if len(seed) != group.SIZE:
            raise InvalidOverlap(f"a seed of {len(seed)} bytes", hint="Use 32 random bytes.")
        if place not in (0, 1):
            raise InvalidOverlap(f"no side {place}", hint="A pair has the sides 0 and 1.")
        _check_fingerprints(fingerprints, pair.rows[place])
        bound = (seed, pair.tag, bytes([place]))
        padding = group.split(group.derive(b"padding", *bound, size=pair.rows[place] * group.SIZE))
        rows = [*fingerprints, *padding[len(fingerprints) :]]
        (secret,) = group.scalars(b"secret", *bound, count=1)
        fakes = tuple(group.scalars(b"fakes", *bound, count=2 * pair.shift))
        points = [group.power(group.hash_to_group(pair.tag, row), secret) for row in rows]
        points += map(group.base_power, fakes)
        return cls(pair, place, Offer(group.base_power(secret), tuple(sorted(points))), seed, secret, fakes)

    def answer(self, other: Offer) -> tuple[bytes, ...]:
        """The marks for the counter, ascending. Raises `InvalidOverlap` when the offer is malformed.

        Answer one offer: the same one again gives the same marks, but another one gives other noise
        and so costs privacy once more.
        """
        check(other.points, self.pair.offer_size(1 - self.place))
        if other.public_key == self.offer.public_key:
            raise InvalidOverlap("the other side's offer is this side's own")
        context = _context(self.pair, [self.offer, other] if self.place == 0 else [other, self.offer])
        size = 2 * self.pair.shift * group.SIZE
        # all fakes are computed and then chosen from: the time taken must not tell how many match
        matching = [_mark(context, _received(other.public_key, fake)) for fake in self._fakes]
        unmatched = group.split(group.derive(b"unmatched", self._seed, context, size=size))
        chosen = self._matches(context)
        marks = [_mark(context, _received(point, self._secret)) for point in other.points]
        return tuple(sorted([*marks, *matching[:chosen], *unmatched[chosen:]]))

    def _matches(self, context: bytes) -> int:
        """How many fakes match: shift and clipped noise, drawn anew for another offer.

        Always the first ones of a fixed order: were they drawn anew too, whoever gets two answers
        would know every fake that matches in one of them only.
        """
        noise = int(gaussian(group.derive(b"noise", self._seed, context), self.pair.sigma, 1)[0])
        return self.pair.shift + max(-self.pair.shift, min(self.pair.shift, noise))


def count(pair: Pair, first: Sequence[bytes], second: Sequence[bytes]) -> int:
    """Rows in common plus the noise of both sides, from the answers of sides 0 and 1; may be negative.

    Unbiased; between -2 shift and the smaller of `pair.rows` + 2 shift when both sides are honest.
    Raises `InvalidOverlap` when an answer has another size than agreed.
    """
    check(first, pair.answer_size(0))
    check(second, pair.answer_size(1))
    return len(set(first) & set(second)) - 2 * pair.shift


def _check_fingerprints(fingerprints: Collection[bytes], declared: int) -> None:
    if len(fingerprints) > declared:
        raise InvalidOverlap(f"{len(fingerprints):,} rows, {declared:,} declared", hint="Declare all rows.")
    if any(len(fingerprint) != group.SIZE for fingerprint in fingerprints):
        raise InvalidOverlap("a fingerprint is not 32 bytes")
    if len(set(fingerprints)) != len(fingerprints):
        raise InvalidOverlap("a fingerprint repeats", hint="Give each distinct row once.")


def _context(pair: Pair, offers: Iterable[Offer]) -> bytes:
    parts = [part for offer in offers for part in (offer.public_key, b"".join(offer.points))]
    return group.derive(b"context", pair.tag, *parts)


def _mark(context: bytes, point: bytes) -> bytes:
    return group.derive(b"mark", context, point)


def _received(point: bytes, scalar: bytes) -> bytes:
    try:
        return group.power(point, scalar)
    except group.InvalidPoint as error:
        raise InvalidOverlap(
            "a received point is not in the group",
            hint="Ask the other side for a new offer.",
            point=point.hex(),
        ) from error
