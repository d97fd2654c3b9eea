"""Laws of the values: money splits to the unit, terms form a semilattice, JSON has one form."""

import json
import time
import tracemalloc
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.canonical import InvalidJson, canonical_bytes, parse, require_bounded
from freehold.core.documents import REVEALS, Terms
from freehold.core.errors import FreeholdError, InvalidInput, NotAllowed
from freehold.core.http_signature import Stamp, read, sign_request, verify
from freehold.core.money import dollars, units
from freehold.core.signature_base import Request
from freehold.core.terms import TermsConflict, meet, require_within

TOKEN = "0x" + "11" * 20
accounts = st.sampled_from(["0x" + digit * 40 for digit in "abc"])
words = st.sampled_from(["care", "research", "sale", "study"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


def is_within(child, parent):
    try:
        require_within(child, parent)
    except NotAllowed:
        return False
    return True


@st.composite
def some_terms(draw):
    start = draw(st.integers(0, 50))
    life = draw(st.integers(0, 9))
    holders = draw(st.sets(accounts, max_size=3))
    reveals = draw(st.sampled_from(REVEALS if holders else REVEALS[:2]))
    return Terms(
        purposes=tuple(sorted(draw(st.sets(words, min_size=1)))),
        actions=tuple(sorted(draw(st.sets(st.sampled_from(["infer", "query", "train"]), min_size=1)))),
        not_before=start,
        expires_at=draw(st.integers(start + 1, 100)),
        max_uses=draw(st.integers(1, 9)),
        price_units=draw(st.integers(0, 9)),
        price_per=draw(st.sampled_from(["grant", "use"])),
        token=TOKEN,
        duties=tuple(sorted(draw(st.sets(words)))),
        reveals=reveals,
        epsilon_run_micro=draw(st.integers(0, life)),
        epsilon_life_micro=life,
        holders=tuple(sorted(holders)),
    )


def met(left, right):
    try:
        return meet(left, right)
    except TermsConflict:
        return None


@given(some_terms())
def test_meet_is_idempotent(one):
    assert meet(one, one) == one


@given(some_terms(), some_terms())
def test_a_child_never_reveals_spends_or_admits_more_than_its_parent(child, parent):
    if is_within(child, parent):
        assert REVEALS.index(child.reveals) <= REVEALS.index(parent.reveals)
        assert child.epsilon_run_micro <= parent.epsilon_run_micro
        assert child.epsilon_life_micro <= parent.epsilon_life_micro
        assert not parent.holders or set(child.holders) & set(parent.holders)
        assert not set(child.holders) - set(parent.holders or child.holders)
    both = met(child, parent)
    if both is not None:
        for one in (child, parent):
            assert REVEALS.index(both.reveals) <= REVEALS.index(one.reveals)
            assert both.epsilon_run_micro <= one.epsilon_run_micro
            assert both.epsilon_life_micro <= one.epsilon_life_micro
            assert not one.holders or set(both.holders) <= set(one.holders)
        assert both.reveals != "update" or both.holders, "exact updates are never for anybody"
        assert Terms.model_validate_json(canonical_bytes(both.body)) == both


@given(some_terms(), st.data())
def test_terms_narrowed_in_any_field_stay_within(parent, data):
    child = parent.model_copy(
        update={
            "reveals": data.draw(st.sampled_from(REVEALS[: REVEALS.index(parent.reveals) + 1])),
            "epsilon_run_micro": data.draw(st.integers(0, parent.epsilon_run_micro)),
            "holders": tuple(sorted(data.draw(st.sets(st.sampled_from(parent.holders), min_size=1))))
            if parent.holders
            else tuple(sorted(data.draw(st.sets(accounts)))),
        }
    )
    assert is_within(child, parent)


@given(some_terms(), some_terms())
def test_meet_is_commutative_and_allows_nothing_either_forbids(left, right):
    both = met(left, right)
    assert both == met(right, left)
    if both is not None and both.price_per == left.price_per == right.price_per:
        assert is_within(both, left)
        assert is_within(both, right)


@given(some_terms(), some_terms(), some_terms())
def test_meet_is_associative(a, b, c):
    ab, bc = met(a, b), met(b, c)
    assert (met(ab, c) if ab else None) == (met(a, bc) if bc else None)


@given(some_terms(), some_terms(), some_terms())
def test_within_is_transitive(a, b, c):
    if is_within(a, b) and is_within(b, c):
        assert is_within(a, c)


@given(st.integers(0, 10**15 - 1))
def test_amounts_survive_being_written_and_read(amount):
    assert units(dollars(amount).replace(",", "")) == amount


@pytest.mark.parametrize(
    "text", ["", "1.2345678", "-1", "1e3", "1,000", "0x10", "٣", "NaN", "$", "1.", "9" * 30]
)
def test_what_is_not_an_amount_is_refused(text):
    with pytest.raises(InvalidInput):
        units(text)


@given(values)
def test_canonical_bytes_are_rfc_8785_and_parse_back(value):
    data = canonical_bytes(value)
    assert data == rfc8785.dumps(value)
    assert parse(data) == value
    assert parse(json.dumps(value, indent=3)) == value


@given(st.binary(max_size=300))
def test_any_bytes_parse_or_are_refused_cleanly(data):
    refusals = []
    try:
        parse(data)
    except FreeholdError as error:
        refusals.append(error.code)
    assert set(refusals) <= {"json.invalid"}


@given(st.binary(max_size=200), st.sampled_from(["method", "authority", "path", "query", "body"]))
def test_a_request_signature_covers_every_part(body, part):
    seed = b"\x07" * 32
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    request = Request("POST", "127.0.0.1:7400", "/peer/rounds/commit", "", body)
    stamp = Stamp("0x" + "ab" * 20, 1_000, "n" * 20)
    headers = sign_request(request, stamp, seed)
    request = replace(request, fields=tuple(headers.items()))
    assert verify(request, read(request), public, now=1_030) == stamp
    changed = {
        "method": "GET",
        "authority": "evil:1",
        "path": "/peer/grants",
        "query": "a=1",
        "body": body + b"!",
    }
    other = Request(**{**vars(request), part: changed[part]})
    for wrong, now in ((other, 1_000), (request, 1_061), (request, 939)):
        with pytest.raises(FreeholdError):
            verify(wrong, read(wrong), public, now=now)


@given(values)
def test_depth_is_counted_outside_strings_only(value):
    text = json.dumps({"[[[[": value, '\\"]]': "{{{"}).encode()
    require_bounded(text, None)


def levels(value) -> int:
    if isinstance(value, list | dict):
        inside = value.values() if isinstance(value, dict) else value
        return 1 + max(map(levels, inside), default=0)
    return 0


@given(st.recursive(values, lambda inner: st.lists(inner, max_size=2), max_leaves=30), st.booleans())
def test_depth_is_exact(value, is_ascii):
    text = json.dumps(value, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    depth = levels(value)
    require_bounded(text, None, depth)
    if depth:
        with pytest.raises(InvalidInput, match="nested"):
            require_bounded(text, None, depth - 1)


def marks(value) -> int:
    """Commas, colons and opening brackets."""
    if isinstance(value, list | dict):
        inside = value.values() if isinstance(value, dict) else value
        colons = len(value) if isinstance(value, dict) else 0
        return 1 + max(len(value) - 1, 0) + colons + sum(map(marks, inside))
    return 0


@given(st.recursive(values, lambda inner: st.lists(inner, max_size=3), max_leaves=30), st.booleans())
def test_values_are_counted_exactly(value, is_ascii):
    text = json.dumps(value, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    count = marks(value)
    require_bounded(text, count, 1_000)
    if count:
        with pytest.raises(InvalidInput, match="values"):
            require_bounded(text, count - 1, 1_000)


@pytest.mark.parametrize("part", [b"[]", b"{}", b'""', b'"\\\\"', b"0", b'{"a":[]}', b"[" * 30 + b"]" * 30])
def test_a_text_of_very_many_values_is_refused_before_one_is_made(part):
    bomb = b"[" + b",".join([part] * (16_000_000 // (len(part) + 1))) + b"]"
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="values"):
            parse(bomb)
        assert tracemalloc.get_traced_memory()[1] < 6 * len(bomb), "copies of the text, no values"
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 2


@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"a":' * 200_000, b'["a", ' * 200_000])
def test_deep_nesting_is_refused_before_any_recursion(text):
    with pytest.raises(InvalidInput, match="nested"):
        require_bounded(text, None)


@pytest.mark.parametrize("text", [b'"' + b'\\"' * 200_000, b'["' + b"[" * 200_000 + b'"]', b'["' * 30])
def test_brackets_in_strings_are_not_levels(text):
    require_bounded(text, None)


def nested(depth, leaf, kinds):
    for level in range(depth):
        leaf = {"in": leaf} if kinds[level % len(kinds)] else [leaf]
    return leaf


@given(
    st.integers(28, 36),
    st.sampled_from([1, "[[[[", [], {}, [[]], {"a": []}, None]),
    st.lists(st.booleans(), min_size=1),
)
def test_what_is_written_is_read_and_nothing_else_of_its_depth(depth, leaf, kinds):
    value = nested(depth, leaf, kinds)

    def taken(act):
        try:
            return act()
        except InvalidJson as error:
            return None if "nested" in error.message else error

    written = taken(lambda: canonical_bytes(value))
    assert (written is None) == (taken(lambda: parse(json.dumps(value))) is None)
    if written is not None:
        assert parse(written) == value


@pytest.mark.parametrize("half", [0xD800, 0xDFFF, 0xDC80])
def test_half_a_character_is_refused_wherever_it_stands(half):
    text = f"a{chr(half)}"
    for value in (text, [text], {text: 1}, {"a": {"b": text}}):
        for act in (
            lambda value=value: canonical_bytes(value),
            lambda value=value: parse(json.dumps(value)),
            lambda value=value: parse(json.dumps(value, ensure_ascii=False)),
        ):
            with pytest.raises(InvalidJson, match="lone surrogate"):
                act()
