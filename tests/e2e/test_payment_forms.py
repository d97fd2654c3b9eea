"""One payment however a wallet writes it, and why one is refused: nobody is told to pay twice."""

import base64
import json
import secrets
import threading
import time

import pytest
from eth_utils import to_checksum_address
from inference_world import PRICE, Hand, Shop
from node_world import Party, World

from freehold.features.payments.rules.payment import Transfer, Voucher, read_header, to_header
from freehold.features.payments.settling import accepted_voucher
from freehold.kernel import ceiling


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def payer(shop: Shop) -> Party:
    return shop.buyer()


@pytest.fixture(scope="module")
def other(shop: Shop) -> Party:
    return shop.buyer("other")


def _written(payment: Transfer | Voucher, **other: object) -> str:
    """A header as a wallet of any kind may write it."""
    value = {**payment.model_dump(mode="json", exclude_none=True), **other}
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _recovery_from_zero(raw: bytes) -> bytes:
    return raw[:64] + bytes([raw[64] - 27])


def _compact(raw: bytes) -> bytes:
    return raw[:32] + bytes([raw[32] | (raw[64] - 27) << 7]) + raw[33:64]


def test_however_a_wallet_writes_a_payment_it_is_one_payment(shop: Shop, payer: Party) -> None:
    secret, before = "0x" + secrets.token_hex(32), shop.pool_units()[0]
    made = shop.deposit(payer).model_copy(update={"secret": secret})
    raw = bytes.fromhex(made.signature[2:])
    forms = [
        {"signature": "0x" + _recovery_from_zero(raw).hex()},
        {"signature": "0x" + _compact(raw).hex().upper()},
        {"payer": to_checksum_address(made.payer)},
        {"salt": made.salt.upper(), "secret": secret.upper(), "payer": made.payer.upper()},
        {},
    ]
    got = [shop.post(shop.body(1, 7), _written(made, **form)) for form in forms]
    assert [one.status_code for one in got] == [200] * len(forms), got[0].text
    assert len({one.content for one in got}) == 1
    assert {shop.post(shop.body(1, 8), _written(made, **form)).status_code for form in forms} == {409}
    assert shop.pool_units()[0] == before + PRICE


def test_two_forms_of_one_payment_at_once_are_paid_and_answered_once(shop: Shop, payer: Party) -> None:
    made, before = shop.deposit(payer), shop.pool_units()[0]
    raw = bytes.fromhex(made.signature[2:])
    forms = [made.signature, "0x" + _recovery_from_zero(raw).hex(), "0x" + _compact(raw).hex()] * 2
    got: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda form=form: got.append(
                shop.post(shop.body(), _written(made, signature=form)).content
            )
        )
        for form in forms
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(forms)
    assert len(set(got)) == 1
    assert shop.pool_units()[0] == before + PRICE


def test_the_high_form_of_a_signature_is_refused_in_each_form(shop: Shop, payer: Party) -> None:
    made = shop.deposit(payer)
    raw = bytes.fromhex(made.signature[2:])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = raw[:32] + (order - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big") + bytes([55 - raw[64]])
    for form in (high, _recovery_from_zero(high)):
        assert shop.post(shop.body(), _written(made, signature="0x" + form.hex())).status_code == 402


def test_a_payment_that_counts_later_is_sent_again_and_not_signed_anew(shop: Shop, payer: Party) -> None:
    node, before = shop.builder.node, shop.pool_units()[0]
    later = max(int(time.time()), ceiling.chain_time(node)) + 3
    header = to_header(shop.deposit(payer, valid_after=later))
    early = shop.post(shop.body(), header).json()
    assert early["code"] == "payment.refused"
    assert early["fields"]["valid_after"] == later
    assert "Send the same payment again" in early["hint"]
    assert "Sign" not in early["hint"]
    assert shop.pool_units()[0] == before
    while time.time() <= later + 1:
        time.sleep(0.1)
    payer.node.send("TestDollar", "mint", payer.account, 1)
    assert shop.post(shop.body(), header).status_code == 200
    assert shop.pool_units()[0] == before + PRICE


def test_a_payment_that_somebody_else_sent_is_said_to_be_in_the_pool(
    shop: Shop, payer: Party, other: Party
) -> None:
    made, before = shop.deposit(payer), shop.pool_units()[0]
    other.node.send(
        "Revenue",
        "depositWithAuthorization",
        shop.pool,
        made.payer,
        PRICE,
        made.valid_after,
        made.valid_before,
        bytes.fromhex(made.salt[2:]),
        bytes.fromhex(made.signature[2:]),
    )
    said = shop.post(shop.body(), to_header(made))
    assert (said.status_code, said.json()["code"]) == (402, "payment.paid_elsewhere")
    assert "in the model's pool" in said.json()["title"]
    assert "Nothing was taken" not in said.text
    assert shop.pool_units()[0] == before + PRICE


def test_what_is_wrong_with_the_time_of_a_payment_is_said(shop: Shop, payer: Party) -> None:
    before, now = shop.pool_units(), int(time.time())
    for valid, words in (
        ({"valid_before": 1_000 * (now + 3_600)}, "valid_before is more than a year from now"),
        ({"valid_before": now + 2 * 366 * 86_400}, "valid_before is more than a year from now"),
        ({"valid_after": 1_000 * now}, "valid_after is more than a year from now"),
        ({"valid_before": now - 10}, f"counted only before {now - 10} (valid_before)"),
    ):
        said = shop.post(shop.body(), to_header(shop.deposit(payer, **valid))).json()
        assert (said["status"], said["code"]) == (402, "payment.refused")
        assert words in said["title"]
        assert "ERC3009" not in said["title"]
    assert shop.pool_units() == before


@pytest.mark.parametrize(
    "rows",
    [
        "[[1, 2]]",
        "[[true, 1, 2]]",
        "[[null, 1, 2]]",
        "[[1e400, 1, 2]]",
        '[{"0": 1}]',
        "[7]",
        "[]",
        '{"0": [1]}',
    ],
)
def test_rows_that_no_payment_gets_an_answer_to_are_given_no_quote(
    shop: Shop, payer: Party, rows: str
) -> None:
    body = f'{{"model": "{shop.model.id}", "rows": {rows}}}'.encode()
    for header in (None, to_header(shop.deposit(payer, value_units=1))):
        said = shop.post(body, header)
        assert (said.status_code, said.json()["code"]) == (422, "inference.request")
        assert "call_units" not in said.json().get("fields", {})
        assert said.json()["hint"]
        assert "several calls" not in said.json()["hint"]


def test_a_voucher_is_kept_in_one_form_and_settles(shop: Shop, payer: Party) -> None:
    hand, node = Hand.open(shop, payer), shop.builder.node
    made = read_header(hand.voucher(PRICE))
    raw = bytes.fromhex(made.signature[2:])
    forms = [_recovery_from_zero(raw), _compact(raw), raw]
    got = [shop.post(shop.body(1, 9), _written(made, signature="0x" + form.hex())) for form in forms]
    assert [one.status_code for one in got] == [200] * 3, got[0].text
    assert len({one.content for one in got}) == 1
    kept = accepted_voucher(node, made.channel)
    assert (kept["cumulative_units"], kept["signature"]) == (PRICE, made.signature)
    before = shop.pool_units()[0]
    node.send("Channels", "settle", hand.channel, PRICE, bytes.fromhex(kept["signature"][2:]))
    assert shop.pool_units()[0] == before + PRICE
