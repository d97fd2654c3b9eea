"""Paying by one EIP-3009 transfer: a client with only a wallet, and what can go wrong around it."""

import json
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from inference_world import PRICE, Shop, nonce_of
from node_world import Party, World, require_sound

from freehold.core.signing import digest, parse_envelope, sign_digest
from freehold.features.gateway.rules.answer import output_hash
from freehold.features.payments.rules.payment import to_header
from freehold.kernel.keeping import keeper
from freehold.kernel.keeping.keeper import Errand
from freehold.kernel.node import Node

PLAIN = Path(__file__).resolve().parents[1] / "support" / "plain_payer.py"


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def payer(shop: Shop) -> Party:
    return shop.buyer()


@pytest.fixture(scope="module")
def other(shop: Shop) -> Party:
    return shop.buyer("other")


def test_a_client_without_any_freehold_code_pays_once_and_gets_a_receipt(shop: Shop) -> None:
    assert "freehold" not in "".join(
        line for line in PLAIN.read_text().splitlines() if line.startswith(("import", "from"))
    )
    key = "0x" + "5a" * 32
    from eth_account import Account

    account = Account.from_key(key).address.lower()
    shop.builder.node.send("TestDollar", "mint", account, 5 * PRICE)
    before = shop.pool_units()[0]
    done = subprocess.run(  # noqa: PLW1510 - the code is asserted, with what was said
        [sys.executable, str(PLAIN), shop.builder.url, shop.model.id],
        input=key,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    node = shop.builder.node
    assert node.chain.read(node.dollar, "balanceOf", account) == 4 * PRICE
    assert shop.pool_units()[0] == before + PRICE
    envelope = parse_envelope(answer["receipt"])
    node.check(envelope, partial=True)
    assert {item.role for item in envelope.signatures} == {"provider"}
    receipt = envelope.document.body
    assert (receipt["holder"], receipt["output"]) == (account, output_hash(answer))
    grant = node.grant(receipt["grant"])
    assert (grant.holder, grant.terms.max_uses, grant.terms.actions) == (account, 1, ("infer",))
    assert receipt["evidence"]["payment"] == grant.nonce
    assert node.store.uses(grant.id) == (1, PRICE)
    require_sound(node)


def test_a_transfer_answers_one_question_and_no_other(shop: Shop, payer: Party) -> None:
    header = to_header(shop.deposit(payer))
    before = shop.pool_units()[0]
    first = shop.post(shop.body(1, 1), header)
    assert first.status_code == 200
    assert shop.post(shop.body(1, 1), header).content == first.content
    other = shop.post(shop.body(1, 2), header)
    assert (other.status_code, other.json()["code"]) == (409, "payment.reused")
    assert shop.pool_units()[0] == before + PRICE


def test_a_transfer_with_a_secret_opens_nothing_to_who_read_it_on_chain(shop: Shop, payer: Party) -> None:
    seen = shop.deposit(payer)
    mine = seen.model_copy(update={"secret": "0x" + secrets.token_bytes(32).hex()})
    first = shop.post(shop.body(1, 1), to_header(mine))
    assert first.status_code == 200
    assert shop.post(shop.body(1, 1), to_header(mine)).content == first.content
    for one in (seen, seen.model_copy(update={"secret": "0x" + "07" * 32})):
        said = [shop.post(shop.body(1, start), to_header(one)) for start in (1, 2)]
        assert said[0].status_code == 409
        assert said[0].content == said[1].content, "right or wrong, a guess is answered alike"


def test_the_same_transfer_from_many_threads_is_paid_once(shop: Shop, payer: Party) -> None:
    header, before = to_header(shop.deposit(payer)), shop.pool_units()[0]
    got: list[tuple[int, bytes]] = []

    def ask(i: int) -> None:
        response = shop.post(shop.body(1, i % 2), header)
        got.append((response.status_code, response.content))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(code for code, _ in got) == [200] * 4 + [409] * 4
    assert len({content for code, content in got if code == 200}) == 1
    assert shop.pool_units()[0] == before + PRICE


@pytest.mark.parametrize("value", [1, PRICE - 1, PRICE + 1])
def test_only_the_exact_price_is_taken(shop: Shop, payer: Party, value: int) -> None:
    before = shop.pool_units()
    response = shop.post(shop.body(), to_header(shop.deposit(payer, value_units=value)))
    assert (response.status_code, response.json()["code"]) == (402, "payment.refused")
    assert response.json()["fields"]["price_units"] == PRICE
    assert shop.pool_units() == before


def test_forged_expired_and_uncovered_transfers_take_nothing(shop: Shop, payer: Party, other: Party) -> None:
    before = shop.pool_units()
    forged = shop.deposit(payer).model_copy(update={"payer": other.account})
    resalted = shop.deposit(payer).model_copy(update={"salt": "0x" + "11" * 32})
    expired = shop.deposit(payer, valid_before=1)
    early = shop.deposit(payer, valid_after=2**46)
    node = payer.node
    node.send("TestDollar", "transfer", other.account, node.balance_units())
    uncovered = shop.deposit(payer)
    node.send("TestDollar", "mint", node.account, PRICE)
    for transfer in (forged, resalted, expired, early):
        assert shop.post(shop.body(), to_header(transfer)).status_code == 402
    node.send("TestDollar", "transfer", other.account, node.balance_units())
    assert shop.post(shop.body(), to_header(uncovered)).status_code == 402
    assert shop.pool_units() == before
    # refused for want of money, not for ever
    node.send("TestDollar", "mint", node.account, 1_000 * PRICE)
    assert shop.post(shop.body(), to_header(uncovered)).status_code == 200


def test_a_malformed_question_never_costs_a_transfer(shop: Shop, payer: Party) -> None:
    before = shop.pool_units()
    body = json.dumps({"model": shop.model.id, "rows": [["1"] * (shop.width + 1)]}).encode()
    assert shop.post(body, to_header(shop.deposit(payer))).status_code == 422
    assert shop.pool_units() == before


def _power_cut(*_: object) -> None:
    raise RuntimeError("power cut")


def test_a_crash_between_payment_and_answer_loses_neither(
    shop: Shop, payer: Party, other: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.pool_units()[0]
    header = to_header(shop.deposit(payer))
    with monkeypatch.context() as cut:
        cut.setattr(shop.builder.node, "seal", _power_cut)
        assert shop.post(shop.body(1, 5), header).status_code == 500
    assert shop.pool_units()[0] == before + PRICE, "the payment went through before the crash"
    other = shop.post(shop.body(1, 6), header)
    assert (other.status_code, other.json()["code"]) == (409, "payment.reused")
    assert shop.post(shop.body(1, 5), header).status_code == 200
    assert shop.pool_units()[0] == before + PRICE
    require_sound(shop.builder.node)


def test_a_stranger_who_submits_the_payment_first_changes_nothing(
    shop: Shop, payer: Party, other: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer, before = shop.deposit(payer), shop.pool_units()[0]
    node, sent = shop.builder.node, shop.builder.node.send

    def overtaken(contract: str, function: str, *args: object) -> int:
        if function == "depositWithAuthorization":
            other.node.send(contract, function, *args)
        return sent(contract, function, *args)

    monkeypatch.setattr(node, "send", overtaken)
    assert shop.post(shop.body(), to_header(transfer)).status_code == 200
    assert shop.pool_units()[0] == before + PRICE


def test_a_nonce_spent_on_something_else_is_no_payment(
    shop: Shop, payer: Party, other: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payer uses up its nonce just before the gateway submits: by a transfer to itself, for less, or by cancelling."""
    node, signer, sent = payer.node, payer.node.keys.account_key, keeper.send
    before = shop.pool_units()[0]
    moved = (
        "TransferWithAuthorization(address from,address to,uint256 value,"
        "uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    )

    def to_itself(transfer) -> None:
        values = (node.account, node.account, PRICE, 0, 2**47, nonce_of(transfer, shop.pool))
        signature = sign_digest(signer, digest(node.token_domain, moved, *values))
        node.send("TestDollar", "transferWithAuthorization", *values, signature)

    def for_less(transfer) -> None:
        less = shop.deposit(payer, salt=bytes.fromhex(transfer.salt[2:]), value_units=1)
        signature = bytes.fromhex(less.signature[2:])
        values = (shop.pool, node.account, 1, 0, less.valid_before, bytes.fromhex(less.salt[2:]), signature)
        node.send("Revenue", "depositWithAuthorization", *values)

    def cancelled(transfer) -> None:
        act = "CancelAuthorization(address authorizer,bytes32 nonce)"
        values = (node.account, nonce_of(transfer, shop.pool))
        signature = sign_digest(signer, digest(node.token_domain, act, *values))
        node.send("TestDollar", "cancelAuthorization", *values, signature)

    for spend in (to_itself, for_less, cancelled):
        transfer = shop.deposit(payer)

        def overtaken(node: Node, errand: Errand, spend=spend, transfer=transfer) -> int:
            spend(transfer)
            return sent(node, errand)

        monkeypatch.setattr(keeper, "send", overtaken)
        for _ in range(2):
            response = shop.post(shop.body(), to_header(transfer))
            assert (response.status_code, response.json()["code"]) == (402, "payment.refused"), spend
        monkeypatch.setattr(keeper, "send", sent)
    assert shop.pool_units()[0] == before + 1, "the one unit of the payment for less"
