"""The pure rules of a paid call: exact numbers, answers, headers, and when a voucher is next."""

import base64
import json
from decimal import ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.signing import Domain, plain_form
from freehold.features.gateway.rules.answer import (
    MICRO_LIMIT,
    answer_json,
    micro,
    output_hash,
    read_request,
    request_body,
)
from freehold.features.payments.rules import errors
from freehold.features.payments.rules.channel import ChannelState, require_next, require_open
from freehold.features.payments.rules.payment import Transfer, Voucher, bound_nonce, read_header, to_header

MODEL = "0x" + "ab" * 32
PAYER, POOL = "0x" + "01" * 20, "0x" + "02" * 32
VOUCHER = Voucher(channel="0x" + "03" * 32, cumulative_units=30, signature="0x" + "04" * 65, grant=MODEL)
TRANSFER = Transfer(
    payer=PAYER, value_units=5, valid_after=0, valid_before=9, salt="0x" + "05" * 32, signature="0x06"
)


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, places=9))
def test_micro_is_the_floor_of_the_exact_value_plus_a_half(value: Decimal) -> None:
    exact = (value * 10**6 + Decimal("0.5")).to_integral_value(rounding=ROUND_FLOOR)
    assert micro(str(value)) == micro(f"{value:E}") == int(exact)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_prints_of_a_float_is_read_or_refused_as_too_large(value: float) -> None:
    try:
        assert abs(micro(repr(value)) - Decimal(value) * 10**6) <= Decimal("0.6")
    except errors.InvalidRequest:
        assert abs(Decimal(value)) * 10**6 > MICRO_LIMIT - 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0000005", 1),
        ("-0.0000005", 0),
        ("-0.0000006", -1),
        ("1e9", MICRO_LIMIT),
        ("-1E+9", -MICRO_LIMIT),
        ("5.", 5_000_000),
        ("+1", 1_000_000),
        ("0e999", 0),
        ("1e-999", 0),
        ("-1e-999", 0),
        ("1000e-3", 1_000_000),
    ],
)
def test_micro_at_its_edges(text: str, expected: int) -> None:
    assert micro(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".5",
        "1e",
        "1e1000",
        "1000000000.000001",
        "1e10",
        "nan",
        "inf",
        "1 ",
        "1_0",
        "0x1",
        "٣",
        "1" * 65,
    ],
)
def test_what_is_no_bounded_number_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidRequest):
        micro(text)


def test_a_body_survives_its_own_reading() -> None:
    question = read_request(request_body(MODEL, [[1, 2.5, "3e-1"], [Decimal("1.25"), -0.0, "7"]]))
    assert question.model == MODEL
    assert question.features(3) == [[1_000_000, 2_500_000, 300_000], [1_250_000, 0, 7_000_000]]


def test_where_a_question_is_wrong_is_said() -> None:
    question = read_request(json.dumps({"model": MODEL, "rows": [["1", "2"], ["1", "x"]]}).encode())
    with pytest.raises(errors.InvalidRequest) as wrong:
        question.features(2)
    assert wrong.value.fields == {"row": 2, "column": 2}


def test_answers_are_whole_numbers_with_a_label_from_one_half() -> None:
    answer = answer_json(MODEL, [0, 32_767, 32_768, 65_536, 1])
    assert [item["probability_ppm"] for item in answer["outputs"]] == [0, 499_985, 500_000, 1_000_000, 15]
    assert [item["label"] for item in answer["outputs"]] == [0, 0, 1, 1, 0]
    assert output_hash(answer) == output_hash({**answer, "receipt": {}})
    assert output_hash(answer) != output_hash({**answer, "outputs": answer["outputs"][::-1]})


@pytest.mark.parametrize("payment", [VOUCHER, TRANSFER])
def test_headers_round_trip_with_and_without_padding(payment: Voucher | Transfer) -> None:
    header = to_header(payment)
    assert read_header(header) == payment
    assert read_header(header + "=" * (-len(header) % 4)) == payment


@pytest.mark.parametrize(
    "change",
    [
        {"cumulative_units": 0},
        {"cumulative_units": -1},
        {"cumulative_units": 2**53},
        {"cumulative_units": "30"},
        {"cumulative_units": True},
        {"channel": "0x03"},
        {"channel": "0x" + "AB" * 32},
        {"signature": "0x"},
        {"signature": "0x123"},
        {"signature": "0x" + "00" * 4097},
        {"grant": None},
        {"kind": "gift"},
        {"more": 1},
    ],
)
def test_a_header_with_a_wrong_field_is_refused(change: dict) -> None:
    value = {**VOUCHER.model_dump(mode="json"), **change}
    header = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    with pytest.raises(errors.InvalidPayment):
        read_header(header)


def state(**changes: object) -> ChannelState:
    fields = {
        "payer": PAYER,
        "pool": POOL,
        "deposited_units": 100,
        "settled_units": 0,
        "closes_at": 0,
        **changes,
    }
    return ChannelState(**fields)  # type: ignore[arg-type]


@given(
    accepted=st.integers(0, 120),
    settled=st.integers(0, 100),
    price=st.integers(1, 50),
    sum_=st.integers(1, 200),
)
def test_exactly_one_sum_is_next_and_never_above_the_deposit(
    accepted: int, settled: int, price: int, sum_: int
) -> None:
    voucher = VOUCHER.model_copy(update={"cumulative_units": sum_})
    expected = max(accepted, settled) + price
    try:
        require_next(voucher, state(settled_units=settled), accepted, price)
    except errors.StaleVoucher:
        assert sum_ != expected
    except errors.DepositTooSmall:
        assert sum_ == expected > 100
    else:
        assert sum_ == expected <= 100


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"deposited_units": 0}, errors.PaymentRefused),
        ({"payer": "0x" + "09" * 20}, errors.PaymentRefused),
        ({"pool": "0x" + "09" * 32}, errors.PaymentRefused),
        ({"closes_at": 1}, errors.ChannelClosing),
        ({"closes_at": 2**64 - 1}, errors.ChannelClosing),
    ],
)
def test_a_channel_that_does_not_stand_is_refused(changes: dict, error: type[Exception]) -> None:
    require_open(state(), payer=PAYER, pool=POOL)
    with pytest.raises(error):
        require_open(state(**changes), payer=PAYER, pool=POOL)


def test_digests_name_chain_contract_sum_and_pool() -> None:
    domains = [
        Domain("Freehold Channels", c, a) for c in (1, 2) for a in ("0x" + "0a" * 20, "0x" + "0b" * 20)
    ]
    more = VOUCHER.model_copy(update={"cumulative_units": 31})
    assert len({v.digest(d) for v in (VOUCHER, more) for d in domains}) == 8
    pools = ["0x" + "0c" * 32, "0x" + "0d" * 32]
    assert len({TRANSFER.digest(domains[0], PAYER, pool) for pool in pools}) == 2


def test_the_nonce_is_what_revenue_computes() -> None:
    from eth_abi import encode
    from eth_utils import keccak

    pool, salt = b"\x0c" * 32, b"\x0d" * 32
    assert bound_nonce(pool, salt) == keccak(encode(["bytes32", "bytes32"], [pool, salt]))


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("voucher", {"kind": None}, "wrong kind"),
        ("transfer", {"kind": ...}, "lacks kind"),
        ("transfer", {"salt": ...}, "lacks salt, which is 0x and 64 hex digits"),
        ("transfer", {"more": 1}, "has a field that no such payment has"),
        ("transfer", {"payer": "0x1"}, "wrong payer: it is an account: 0x and 40 hex digits"),
        ("transfer", {"value_units": "5"}, "wrong value_units: it is a whole number"),
        ("transfer", {"valid_before": 2**256 - 1}, "whole"),
        ("transfer", {"value_units": 1.5}, "whole"),
        ("voucher", {"channel": "0x" + "AB" * 32}, "wrong channel: it is 0x and 64 hex digits in lower case"),
    ],
    ids=["kind", "no-kind", "no-salt", "more", "payer", "text", "no-end", "fraction", "upper"],
)
def test_what_is_wrong_with_a_payment_is_said_in_its_own_words(kind: str, change: dict, words: str) -> None:
    payment = VOUCHER if kind == "voucher" else TRANSFER
    value = {**payment.model_dump(mode="json", exclude_none=True), **change}
    value = {name: one for name, one in value.items() if one is not ...}
    with pytest.raises(errors.InvalidPayment) as wrong:
        read_header(base64.urlsafe_b64encode(json.dumps(value).encode()).decode())
    assert words in wrong.value.message + wrong.value.hint
    for inside in ("pattern", "discriminator", "tag", "Input should", "Field required", "Extra inputs"):
        assert inside not in wrong.value.message + wrong.value.hint


def test_a_signature_of_a_contract_is_left_alone() -> None:
    for raw in (b"", b"\x01" * 66, b"\x05" * 65, b"\x04" * 64 + b"\x1b"):
        assert plain_form(raw) == raw
