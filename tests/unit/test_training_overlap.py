"""Counting common rows: right up to the noise, silent about any one row, deaf to malformed lists."""

import base64
import doctest
import hashlib
import json
import random
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add, crypto_core_ed25519_is_valid_point

from freehold.training import overlap
from freehold.training.overlap import InvalidOverlap, Offer, Pair, Side, copied, copies, count, group
from freehold.training.overlap import side as side_module

PAIR = Pair(run_id=bytes(range(32)), rows=(3, 4), sigma=1)
NEUTRAL = bytes([1]) + bytes(31)
ORDER_TWO = bytes.fromhex("ec" + "ff" * 30 + "7f")
ORDER_FOUR = bytes(32)
ORDER_EIGHT = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def seed(number):
    return hashlib.sha256(b"seed %d" % number).digest()


def rows(*numbers):
    return [hashlib.sha256(b"row %d" % number).digest() for number in numbers]


def sides(pair, ours, theirs, number=0):
    return Side.new(pair, 0, seed(2 * number), ours), Side.new(pair, 1, seed(2 * number + 1), theirs)


def answers(one, two):
    return one.answer(two.offer), two.answer(one.offer)


def noise_of(one, two):
    context = side_module._context(one.pair, [one.offer, two.offer])
    return sum(side._matches(context) - side.pair.shift for side in (one, two))


def test_examples_in_the_docstrings_hold():
    for module in (overlap, copies):
        result = doctest.testmod(module)
        assert result.attempted
        assert not result.failed


@pytest.mark.parametrize("number", range(6))
def test_the_count_is_the_overlap_and_the_noise_of_both_sides(number):
    rng = random.Random(number)
    ours, theirs = (set(rng.sample(range(40), rng.randint(1, 30))) for _ in range(2))
    pair = Pair(seed(99), (30, 35), sigma=2)
    one, two = sides(pair, rows(*ours), rows(*theirs), number)
    assert count(pair, *answers(one, two)) == len(ours & theirs) + noise_of(one, two)


def test_padding_never_matches():
    pair = Pair(seed(1), (50, 50), sigma=1)
    one, two = sides(pair, [], [])
    assert count(pair, *answers(one, two)) == noise_of(one, two)


def test_the_noise_has_the_width_that_sigma_says():
    off = []
    for number in range(300):
        one, two = sides(PAIR, rows(1, 2, 3), rows(2, 3, 4, 5), number)
        off.append(count(PAIR, *answers(one, two)) - 2)
    mean = sum(off) / len(off)
    variance = sum((value - mean) ** 2 for value in off) / len(off)
    assert abs(mean) < 0.25
    assert 1.6 < variance < 2.4


def test_noise_stays_within_the_fakes_there_are(monkeypatch):
    for noise, matches in [(-10_000, 0), (10_000, 18), (-9, 0), (9, 18), (0, 9)]:
        monkeypatch.setattr(side_module, "gaussian", lambda *_, value=noise: [value])
        one, two = sides(PAIR, rows(1), rows(1))
        assert count(PAIR, *answers(one, two)) == 1 + 2 * (matches - 9)


def test_sizes_of_lists_do_not_depend_on_the_rows():
    shapes = set()
    for number, ours in enumerate([(), (1,), (1, 2), (1, 2, 3), (7, 8, 9)]):
        one, two = sides(PAIR, rows(*ours), rows(1, 2), number)
        shapes.add((len(one.offer.points), len(two.offer.points), *map(len, answers(one, two))))
    assert shapes == {(3 + 18, 4 + 18, 4 + 36, 3 + 36)}


def test_the_offer_is_made_before_the_noise_and_does_not_show_it():
    one, two = sides(PAIR, rows(1, 2), rows(1))
    narrow = Side.new(PAIR, 1, seed(8), rows(1))
    assert one.offer == Side.new(PAIR, 0, seed(0), rows(2, 1)).offer
    context, other = (side_module._context(PAIR, [one.offer, side.offer]) for side in (two, narrow))
    assert one._matches(context) == one._matches(context)
    assert len({one._matches(group.derive(b"", context, other, bytes([i]))) for i in range(20)}) > 2


def view_of_a_colluding_side(guesser, owner):
    """Which of the owner's offered points match, seen by the counter with the guesser's secrets."""
    answer = set(owner.answer(guesser.offer))
    context = side_module._context(owner.pair, [guesser.offer, owner.offer])
    return [
        place
        for place, point in enumerate(owner.offer.points)
        if side_module._mark(context, group.power(point, guesser._secret)) in answer
    ]


def test_a_guessed_row_stays_hidden_even_when_the_other_side_and_the_counter_collude():
    trials = 400
    guesser = Side.new(PAIR, 0, seed(0), rows(1))
    seen, ranks = {}, Counter()
    for present, held in {True: (1, 2, 3, 4), False: (5, 2, 3, 4)}.items():
        seen[present] = []
        for number in range(trials):
            owner = Side.new(PAIR, 1, seed(1_000 + number), rows(*held))
            matching = view_of_a_colluding_side(guesser, owner)
            seen[present].append(len(matching) - PAIR.shift)
            blinded = group.power(group.hash_to_group(PAIR.tag, rows(held[0])[0]), owner._secret)
            place = owner.offer.points.index(blinded)
            assert (place in matching) == present
            ranks[place * 4 // len(owner.offer.points)] += present
    assert abs(sum(seen[True]) - sum(seen[False]) - trials) < 4 * (2 * trials) ** 0.5
    advantage = max(
        sum(value >= limit for value in seen[True]) - sum(value >= limit for value in seen[False])
        for limit in range(-9, 11)
    )
    # two normal distributions of width 1, one apart, differ by 0.399 at the best limit
    assert 0.25 < advantage / trials < 0.399 + 0.08
    # the guessed row's point is anywhere among the offered ones: 21 of 22 places fill the quarters evenly
    assert all(60 < ranks[quarter] < 145 for quarter in range(4))


def test_another_offer_gets_other_noise_and_no_common_marks():
    one, two = sides(PAIR, rows(1, 2), rows(1, 3))
    third = Side.new(PAIR, 1, seed(77), rows(1, 3))
    first, again, other = one.answer(two.offer), one.answer(two.offer), one.answer(third.offer)
    assert first == again
    assert not set(first) & set(other)


def test_lists_of_different_agreements_do_not_match():
    one, _ = sides(PAIR, rows(1, 2), rows(1))
    for other_pair in (Pair(seed(5), PAIR.rows, 1), Pair(PAIR.run_id, (3, 5), 1)):
        stranger = Side.new(other_pair, 1, seed(1), rows(1, 2))
        assert not set(one.offer.points) & set(stranger.offer.points)
        assert one._secret != Side.new(other_pair, 0, seed(0), rows(1, 2))._secret


def tampered(offer, replacement):
    return Offer(offer.public_key, tuple(sorted([*offer.points[1:], replacement])))


@pytest.mark.parametrize(
    "point",
    [
        NEUTRAL,
        ORDER_TWO,
        ORDER_FOUR,
        ORDER_EIGHT,
        crypto_core_ed25519_add(group.base_power(group.scalars(b"any", count=1)[0]), ORDER_TWO),
        crypto_core_ed25519_add(group.base_power(group.scalars(b"any", count=1)[0]), ORDER_EIGHT),
        bytes([2]) + bytes(31),
        (2**255 - 19 + 3).to_bytes(32, "little"),
        bytes([255]) * 32,
    ],
    ids=["neutral", "two", "four", "eight", "mixed-two", "mixed-eight", "off-curve", "not-reduced", "ones"],
)
def test_points_outside_the_group_are_refused(point):
    one, two = sides(PAIR, rows(1), rows(1))
    with pytest.raises(InvalidOverlap, match="not in the group"):
        one.answer(tampered(two.offer, point))
    with pytest.raises(InvalidOverlap, match="not in the group"):
        one.answer(Offer(point, two.offer.points))


def test_malformed_lists_are_refused():
    one, two = sides(PAIR, rows(1), rows(1))
    key, points = two.offer.public_key, two.offer.points
    for wrong, why in [
        (points[1:], "agreed were 22"),
        ((*points, b"\xff" * 32), "agreed were 22"),
        ((*points[1:], points[0]), "ascending"),
        ((points[0], *points[:-1]), "repeats"),
        ((points[0][:31], *points[1:]), "32 bytes"),
    ]:
        with pytest.raises(InvalidOverlap, match=why):
            one.answer(Offer(key, wrong))
    with pytest.raises(InvalidOverlap, match="own"):
        one.answer(Offer(one.offer.public_key, points))
    first, second = answers(one, two)
    with pytest.raises(InvalidOverlap, match="agreed were 40"):
        count(PAIR, second, first)


def test_offers_and_answers_travel_as_text():
    one, two = sides(PAIR, rows(1), rows(1, 2))
    assert Offer.read(json.loads(json.dumps(two.offer.document())), PAIR, 1) == two.offer
    marks = one.answer(two.offer)
    assert overlap.decode(overlap.encode(marks), PAIR.answer_size(0)) == marks


def test_text_that_is_not_exactly_an_offer_is_refused():
    good = sides(PAIR, rows(1), rows(1))[1].offer.document()
    points, key = good["points"], good["public_key"]
    backwards = b"".join(sorted(group.split(base64.b64decode(points)), reverse=True))
    wrong = [
        [],
        {},
        {**good, "more": 1},
        {**good, "public_key": key.upper()},
        {**good, "public_key": key[2:]},
        {**good, "public_key": " " + key[1:]},
        {**good, "public_key": None},
        {**good, "points": None},
        {**good, "points": points[:-4]},
        {**good, "points": "!" + points[1:]},
        {**good, "points": "é" + points[1:]},
        {**good, "points": "=" * len(points)},
        {**good, "points": points[:-2] + "//"},
        {**good, "points": base64.b64encode(backwards).decode()},
    ]
    for document in wrong:
        with pytest.raises(InvalidOverlap):
            Offer.read(document, PAIR, 1)
    with pytest.raises(InvalidOverlap):
        Offer.read(good, PAIR, 0)
    spare = base64.b64encode(bytes(32)).decode()
    assert overlap.decode(spare, 1) == (bytes(32),)
    with pytest.raises(InvalidOverlap, match="base64 of"):
        overlap.decode(spare[:-2] + "B=", 1)


def test_what_a_side_enters_is_checked():
    for place, secret, held, why in [
        (0, bytes(31), rows(1), "seed"),
        (2, bytes(32), rows(1), "no side"),
        (0, bytes(32), rows(1, 2, 3, 4), "declared"),
        (0, bytes(32), rows(1, 1), "repeats"),
        (0, bytes(32), [bytes(31)], "32 bytes"),
    ]:
        with pytest.raises(InvalidOverlap, match=why):
            Side.new(PAIR, place, secret, held)
    for run_id, declared, sigma in [
        (bytes(31), (1, 1), 1),
        (bytes(32), (0, 1), 1),
        (bytes(32), (1, 1_000_001), 1),
        (bytes(32), (1, 1), 0),
        (bytes(32), (1, 1), 10_001),
    ]:
        with pytest.raises(InvalidOverlap):
            Pair(run_id, declared, sigma)


def test_secrets_are_not_printed():
    one, _ = sides(PAIR, rows(1), rows(1))
    assert not any(hidden in repr(one) for hidden in (repr(seed(0)), repr(one._secret), repr(one._fakes[0])))


PRIME = 2**255 - 19
MONTGOMERY = 486_662
EDWARDS = -121_665 * pow(121_666, -1, PRIME)


def root(value):
    found = pow(value, (PRIME + 3) // 8, PRIME)
    return found if (found * found - value) % PRIME == 0 else found * pow(2, (PRIME - 1) // 4, PRIME)


def added(left, right):
    (x, y), (u, v) = left, right
    product = EDWARDS * x * u * y * v
    return (
        (x * v + y * u) * pow(1 + product, -1, PRIME) % PRIME,
        (y * v + x * u) * pow(1 - product, -1, PRIME) % PRIME,
    )


def elligator(data):
    """Elligator 2 (RFC 9380, section 6.7.1) onto edwards25519, cleared of the cofactor, in plain integers."""
    number = int.from_bytes(data, "little")
    u = -MONTGOMERY * pow(1 + 2 * (number % 2**255) ** 2, -1, PRIME) % PRIME
    if pow(u**3 + MONTGOMERY * u * u + u, (PRIME - 1) // 2, PRIME) == PRIME - 1:
        u = -u - MONTGOMERY
    v = root(u**3 + MONTGOMERY * u * u + u)
    x = root(-MONTGOMERY - 2) * u * pow(v, -1, PRIME) % PRIME
    point = (x if x & 1 == number >> 255 else PRIME - x, (u - 1) * pow(u + 1, -1, PRIME) % PRIME)
    for _ in range(3):
        point = added(point, point)
    return point


def test_hashing_to_the_group_is_the_published_map():
    for number in range(20):
        wide = group.derive(b"point", bytes([number]), size=64)
        x, y = added(elligator(wide[:32]), elligator(wide[32:]))
        encoded = (y | (x & 1) << 255).to_bytes(32, "little")
        assert group.hash_to_group(bytes([number])) == encoded
        assert crypto_core_ed25519_is_valid_point(encoded)


def test_derived_bytes_are_shake_256_over_parts_with_their_lengths():
    parts = (b"freehold/overlap/v1", b"mark", b"", b"12")
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert group.derive(*parts[1:], size=70) == hashlib.shake_256(framed).digest(70)


def test_the_lists_of_known_seeds_stay_the_same():
    one, two = sides(PAIR, rows(1, 2, 3), rows(2, 3, 4, 5))
    first, second = answers(one, two)
    assert one.offer.public_key.hex() == "5134e696fc5f7dc1d0bd02253685dc54a8fcd49b1534376e590b26902c62ebf0"
    packed = b"".join((*one.offer.points, *two.offer.points, *first, *second))
    assert (
        hashlib.sha256(packed).hexdigest()
        == "fc414effbddf3e008564972d88a60ac55fe67b577275b51e17d28e3df044044e"
    )
    assert count(PAIR, first, second) == 3


def test_disjoint_tables_keep_all_rows_and_equal_ones_share_them():
    pairs = list(combinations(range(5), 2))
    assert copied(dict.fromkeys(pairs, 0), [100] * 5, 10) == (100,) * 5
    assert copied(dict.fromkeys(pairs, 100), [100] * 5, 10) == (20,) * 5
    assert copied({(0, 1): 100}, [100, 100], 10) == (50, 50)
    assert copied({}, [7], 10) == (7,)


def test_counts_that_noise_alone_would_give_are_no_copies():
    # three standard deviations of two noises of width 10: 42.43
    assert copied({(0, 1): 42}, [1_000, 1_000], 10) == (1_000, 1_000)
    assert copied({(0, 1): 43}, [1_000, 1_000], 10) == (959, 959)
    assert copied({(0, 1): -400}, [1_000, 1_000], 10) == (1_000, 1_000)
    assert copied({(0, 1): 400}, [100, 300], 10) == (50, 225)


def test_counts_must_be_of_all_pairs():
    for wrong in [{}, {(1, 0): 3}, {(0, 1): 3, (0, 2): 3}]:
        with pytest.raises(InvalidOverlap):
            copied(wrong, [10, 10], 1)
    with pytest.raises(InvalidOverlap):
        copied({(0, 1): 1}, [10, 0], 1)


@st.composite
def tables(draw):
    """Up to five owners' sets of rows."""
    return [draw(st.sets(st.integers(0, 60), min_size=1)) for _ in range(draw(st.integers(1, 5)))]


@given(tables(), st.integers(1, 3))
def test_effective_rows_lie_between_an_equal_share_and_all(held, sigma):
    counts = {(i, j): len(held[i] & held[j]) for i, j in combinations(range(len(held)), 2)}
    sizes = [len(owned) for owned in held]
    effective = copied(counts, sizes, sigma)
    for size, value in zip(sizes, effective, strict=True):
        assert max(1, size // len(held)) <= value <= size
    holders = Counter(row for owned in held for row in owned)
    for owned, value in zip(held, effective, strict=True):
        kept = all(said == 0 or said * said >= 18 * sigma * sigma for said in counts.values())
        if kept:
            assert value <= max(1, sum(1 / holders[row] for row in owned) + 0.5)


@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_the_owners_does_not_matter(held, rng):
    order = list(range(len(held)))
    rng.shuffle(order)

    def effective(sets):
        counts = {(i, j): len(sets[i] & sets[j]) for i, j in combinations(range(len(sets)), 2)}
        return copied(counts, [len(owned) for owned in sets], 1)

    assert effective([held[i] for i in order]) == tuple(effective(held)[i] for i in order)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(-(10**6), 10**6), st.integers(1, 10_000))
def test_a_higher_count_never_leaves_more_rows(one, two, said, sigma):
    lower, higher = (copied({(0, 1): value}, [one, two], sigma) for value in (said, said + 1))
    assert all(a >= b for a, b in zip(lower, higher, strict=True))
