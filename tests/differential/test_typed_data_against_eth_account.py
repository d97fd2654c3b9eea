"""What is signed as typed data, and what is refused, beside eth-account; refused is at least what it refuses."""

import pytest
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.signing import Domain, InvalidTyped, digest, struct_hash

CONTRACT = "0x" + "11" * 20
DOMAIN = Domain("Freehold", 31337, CONTRACT)
SIZES = range(8, 257, 8)


def theirs(kind, value):
    """The digest that eth-account makes; None where it refuses."""
    try:
        made = encode_typed_data(
            {"name": "Freehold", "version": "1", "chainId": 31337, "verifyingContract": CONTRACT},
            {"One": [{"name": "field", "type": kind}]},
            {"field": value},
        )
    except Exception:  # noqa: BLE001 - it raises whatever its encoders do
        return None
    return bytes(keccak(b"\x19" + made.version + made.header + made.body))


def ours(kind, value):
    try:
        return digest(DOMAIN, f"One({kind} field)", value)
    except InvalidTyped:
        return None


@pytest.mark.parametrize("bits", SIZES)
def test_every_unsigned_type_has_its_ends(bits):
    kind = f"uint{bits}"
    for value in (0, 1, 2**bits - 1):
        assert ours(kind, value) == theirs(kind, value) is not None
    for value in (-1, 2**bits, 2**256, True, "1", 1.0, None, b"\x01"):
        assert ours(kind, value) is None
    for value in (-1, 2**bits, 2**256):
        assert theirs(kind, value) is None


@pytest.mark.parametrize("size", range(1, 33))
def test_every_type_of_bytes_has_its_length(size):
    kind = f"bytes{size}"
    value = bytes(range(1, size + 1))
    assert ours(kind, value) == ours(kind, "0x" + value.hex()) == theirs(kind, value) is not None
    for wrong in (value + b"\0", 0, "0x" + value.hex() + "00", "0x0", "zz" * size, None, True):
        assert ours(kind, wrong) is None
    # ours takes no shorter ones either: nobody means a hash that lacks a byte
    assert ours(kind, value[1:]) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("address", "0x" + "11" * 19),
        ("address", "0x" + "11" * 21),
        ("address", 5),
        ("address", "0x" + "\N{FULLWIDTH DIGIT ONE}" * 40),
        ("string", "\ud800"),
        ("string", b"text"),
        ("string", 5),
        ("uint7", 1),
        ("uint264", 1),
        ("uint08", 1),
        ("uint", 1),
        ("bytes0", b""),
        ("bytes33", bytes(33)),
        ("string5", "text"),
        ("bool", True),
        ("int8", 1),
        ("uint8[]", [1]),
    ],
)
def test_what_no_type_holds_is_refused(kind, value):
    assert ours(kind, value) is None


def test_as_many_values_as_fields():
    with pytest.raises(InvalidTyped, match="takes 2 values, not 1"):
        struct_hash("Two(uint8 a,uint8 b)", 1)


@given(
    st.one_of(
        st.tuples(st.sampled_from([f"uint{bits}" for bits in SIZES]), st.integers(-(2**260), 2**260)),
        st.tuples(st.just("address"), st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())),
        st.tuples(st.just("bytes32"), st.binary(min_size=30, max_size=33)),
        st.tuples(st.just("string"), st.text(st.characters(codec="utf-8"))),
    )
)
def test_both_sign_the_same(case):
    kind, value = case
    if ours(kind, value) is not None:
        assert ours(kind, value) == theirs(kind, value)
    elif not (isinstance(value, bytes) and len(value) < 32):
        assert theirs(kind, value) is None
