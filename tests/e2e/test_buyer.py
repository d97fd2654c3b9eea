"""A buyer with a wallet's key and no node: what it pays, what it remembers, what a seller that cheats gets from it."""

import errno
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from dying_buyer import DyingBuyers
from edged_shop import EdgedShop
from eth_account import Account
from inference_world import PRICE
from node_world import World, until
from trap import Drip, Trap
from wallets import opened, rich, said, signed_away

import freehold
from freehold.core.causes import PathUnusable
from freehold.core.documents import Asset
from freehold.core.errors import FreeholdError, InvalidInput, NotFound, PaymentRequired, VerificationFailed
from freehold.core.ids import Ambiguous
from freehold.core.signing import Domain, parse_envelope, seal
from freehold.features.gateway import exchange, wallet
from freehold.features.gateway.checking import DatedAhead, WrongAnswer
from freehold.features.gateway.exchange import NoAnswer
from freehold.features.gateway.keyed import KeyReused
from freehold.features.gateway.rules.answer import request_body
from freehold.features.payments.rules.errors import QuestionTooLarge
from freehold.features.payments.rules.payment import Transfer
from freehold.features.payments.settling import settle
from freehold.features.payments.spending import OtherToken
from freehold.kernel import ceiling, logbook
from freehold.kernel.anchored_head import LogBehind
from freehold.kernel.ceiling import SpendingRefused
from freehold.kernel.evidence.proving import NoLineage
from freehold.kernel.home_lock import HomeInUse
from freehold.kernel.http.bodies import UNPROVEN_BODY_BYTES
from freehold.kernel.logbook import NotAnchored
from freehold.kernel.peers import PeerChanged
from freehold.kernel.reaching import PeerUnreachable
from freehold.vault.account_key import InvalidKey, wallet_keys

Change = Callable[[int, Any], tuple[int, Any]]


@pytest.fixture(scope="module")
def shop(world: World) -> EdgedShop:
    return EdgedShop(world)


@pytest.fixture
def key(shop: EdgedShop) -> str:
    """A wallet of its own, with dollars and no coin for gas."""
    shop.edge.change, shop.edge.peer, shop.edge.seen, shop.edge.payments = None, {}, [], []
    return rich(shop)


def test_a_wallet_buys_by_transfers_and_the_answer_is_proven(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    before = shop.pool_units()[0]
    with opened(shop, key, tmp_path / "state") as buyer:
        (model,) = buyer.models()
        assert (model.id, model.price_units, len(model.columns)) == (shop.model.id, PRICE, shop.width)
        assert buyer.price(model, 3) == PRICE
        rows = shop.rows(2)
        answer = buyer.predict(model.name, rows)
        assert [list(row) for row in answer.rows] == rows
        assert (len(answer.outputs), answer.paid_units) == (2, PRICE)
        assert (buyer.balance_units(), buyer.spent_units()) == (99 * PRICE, PRICE)
        assert shop.pool_units()[0] == before + PRICE
        assert key[2:] not in repr(buyer)
        with pytest.raises(NotAnchored) as refused:
            buyer.evidence(answer, tmp_path / "early")
        assert refused.value.fields["anchor_due_at"] > time.time()
        assert "UTC" in refused.value.hint
        logbook.anchor(shop.builder.node)
        with pytest.raises(PathUnusable, match="cannot write the evidence"):
            buyer.evidence(answer, tmp_path / "state" / "buyer-state" / "evidence")
        buyer.evidence(answer, tmp_path / "evidence")
        assert buyer.predict(model, rows).receipt != answer.receipt, "what was given is bought anew"
    assert freehold.verify(tmp_path / "evidence", rpc_url=shop.world.rpc_url).verdict == "holds"
    for path in (tmp_path / "state").rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        assert path.is_dir() or bytes.fromhex(key[2:]) not in path.read_bytes()


def test_a_wallet_buys_by_a_channel_and_asks_for_the_rest_back(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    key = rich(shop, gas=True)
    with opened(shop, key, tmp_path, pay="channel", deposit_calls=5) as buyer:
        for start in range(3):
            buyer.predict(shop.model, shop.rows(1, start))
        (channel,) = buyer.channels()
        assert (channel.deposited_units, channel.promised_units) == (5 * PRICE, 3 * PRICE)
        assert buyer.spent_units() == 5 * PRICE
        (closed,) = buyer.close_channels()
        assert closed.status == "closing"
        settled = settle(shop.builder.node)["settled"]
        assert (closed.channel, 3 * PRICE) in [(one["channel"], one["units"]) for one in settled]
    with opened(shop, key, tmp_path, pay="channel") as again:
        assert again.channels()[0].status == "closing"


def test_the_same_key_is_paid_once_however_often_it_is_asked(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    with opened(shop, key, tmp_path) as buyer:
        first = buyer.predict(shop.model, shop.rows(), key="order-1")
        with pytest.raises(KeyReused):
            buyer.predict(shop.model, shop.rows(1, 1), key="order-1")
        with ThreadPoolExecutor(4) as pool:
            others = list(
                pool.map(lambda _: buyer.predict(shop.model, shop.rows(1, 2), key="order-2"), range(4))
            )
        assert len({one.receipt for one in others}) == 1
        with pytest.raises(InvalidInput):
            buyer.predict(shop.model, shop.rows(), key="two words")
    with opened(shop, key, tmp_path) as buyer:
        assert buyer.predict(shop.model, shop.rows(), key="order-1") == first
        assert buyer.spent_units() == 2 * PRICE


@pytest.mark.parametrize("pay", ["transfer", pytest.param("channel", marks=pytest.mark.slow)])
def test_a_buyer_killed_at_any_moment_pays_once_and_is_given_the_answer(
    shop: EdgedShop, key: str, tmp_path: Path, pay: str
) -> None:
    key, buyers = rich(shop, gas=True), DyingBuyers()
    how = said(shop, key, tmp_path, pay=pay, max_total="1")
    try:
        # so that each moment is one of a purchase alone
        assert buyers.ask(how, shop.model.id, shop.rows(1, 99))
        moments, calls = 0, 1
        while True:
            moments += 1
            rows = shop.rows(1, moments)
            answer = buyers.ask(how, shop.model.id, rows, die_at=moments)
            calls += 1
            if answer:
                break
            assert buyers.ask(how, shop.model.id, rows), f"after the moment {moments}"
        assert moments > 4
    finally:
        buyers.close()
    with opened(shop, key, tmp_path) as buyer:
        assert signed_away(shop, buyer) == calls * PRICE
        if pay == "transfer":
            assert buyer.spent_units() == calls * PRICE == 100 * PRICE - buyer.balance_units()


def other_output(_: int, value: Any) -> tuple[int, Any]:
    first = value["outputs"][0]
    return 200, {**value, "outputs": [{**first, "probability_ppm": 1_000_000 - first["probability_ppm"]}]}


CHEATS: dict[str, tuple[Change, type[FreeholdError]]] = {
    "another answer": (other_output, WrongAnswer),
    "another model": (lambda _, value: (200, {**value, "model": "0x" + "11" * 32}), WrongAnswer),
    "no receipt": (lambda _, value: (200, {**value, "receipt": {}}), WrongAnswer),
    "much": (lambda _, value: (200, {**value, "more": "x" * exchange.MAX_ANSWER_BYTES}), NoAnswer),
    "a redirect": (lambda *_: (307, {"location": "http://127.0.0.1:1"}), NoAnswer),
    "a page": (lambda *_: (200, "<html>down for maintenance</html>"), NoAnswer),
    "nothing": (lambda *_: (200, {}), NoAnswer),
    "a higher price": (
        lambda *_: (402, {"code": "payment.refused", "title": "dearer", "fields": {"call_units": 9 * PRICE}}),
        PaymentRequired,
    ),
    "refused when taken": (lambda *_: (422, {"code": "inference.request"}), InvalidInput),
    "gone when taken": (lambda *_: (404, {}), NotFound),
    "broken when taken": (lambda *_: (500, {}), FreeholdError),
    "silent when taken": (lambda *_: (0, None), PeerUnreachable),
}


@pytest.mark.parametrize("pay", ["transfer", pytest.param("channel", marks=pytest.mark.slow)])
@pytest.mark.parametrize("cheat", CHEATS, ids=lambda name: name.replace(" ", "-"))
def test_a_seller_that_cheats_gets_the_price_of_one_call_at_most(
    shop: EdgedShop, key: str, tmp_path: Path, cheat: str, pay: str
) -> None:
    shop.edge.change, kind = CHEATS[cheat]
    key = rich(shop, gas=True) if pay == "channel" else key
    with opened(shop, key, tmp_path, pay=pay) as buyer:
        with pytest.raises(kind):
            buyer.predict(shop.model, shop.rows())
        assert signed_away(shop, buyer) == PRICE
        shop.edge.change = None
        if kind is WrongAnswer:
            with pytest.raises(WrongAnswer):
                buyer.predict(shop.model, shop.rows())
        else:
            assert buyer.predict(shop.model, shop.rows()).paid_units == PRICE
        assert signed_away(shop, buyer) == PRICE
        # by another name it is another purchase
        assert buyer.predict(shop.model, shop.rows(), key="anew").paid_units == PRICE
        assert signed_away(shop, buyer) == 2 * PRICE


def ahead(shop: EdgedShop) -> Change:
    """The seller's own receipt, dated two hours ahead and signed anew."""
    node = shop.builder.node

    def change(_: int, value: Any) -> tuple[int, Any]:
        receipt = parse_envelope(value["receipt"]).document
        dated = receipt.model_copy(update={"issued_at": node.now() + 7_200})
        return 200, {
            **value,
            "receipt": seal(dated, node.keys.account_key, node.domain, "provider").to_json(),
        }

    return change


def test_a_receipt_dated_ahead_is_not_taken_and_the_right_one_is_asked_for(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    shop.edge.change = ahead(shop)
    with opened(shop, key, tmp_path) as buyer:
        with pytest.raises(DatedAhead):
            buyer.predict(shop.model, shop.rows())
        shop.edge.change = None
        assert buyer.predict(shop.model, shop.rows()).paid_units == PRICE
        assert buyer.spent_units() == PRICE


@pytest.mark.parametrize("first", ["transfer", "channel"])
def test_what_was_begun_one_way_is_not_paid_another_way_too(
    shop: EdgedShop, tmp_path: Path, key: str, first: str
) -> None:
    key, second = rich(shop, gas=True), {"transfer": "channel", "channel": "transfer"}[first]
    shop.edge.change = lambda *_: (500, {})
    with opened(shop, key, tmp_path, pay=first, deposit_calls=1) as buyer, pytest.raises(FreeholdError):
        buyer.predict(shop.model, shop.rows())
    shop.edge.change = None
    with opened(shop, key, tmp_path, pay=second, deposit_calls=1) as buyer:
        buyer.predict(shop.model, shop.rows())
        assert signed_away(shop, buyer) == buyer.spent_units() == PRICE


def test_a_payment_that_nobody_took_is_free_again_once_it_cannot_be_taken(
    shop: EdgedShop, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Trap(
        answer=b"HTTP/1.1 402 Payment Required\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
    )
    with opened(shop, key, tmp_path, max_total="0.002") as buyer:
        buyer.predict(shop.model, shop.rows(1, 50))  # its lineage is known from here on
        with monkeypatch.context() as moved:
            moved.setattr(ceiling, "VALID_SECONDS", 2)
            instead(buyer, refusing.url, moved)
            for _ in range(2):
                with pytest.raises(PaymentRequired, match="the seller refused") as refused:
                    buyer.predict(shop.model, shop.rows())
            assert "may be taken until" in refused.value.hint
            sent = [
                one.split(b"freehold-payment: ")[1].split(b"\r\n")[0]
                for one in map(bytes.lower, refusing.came)
            ]
            assert len(sent) == 2
            assert len({*sent}) == 1, "one payment for one question"
            with pytest.raises(SpendingRefused):
                buyer.predict(shop.model, shop.rows(1, 1))
        refusing.close()

        def is_free() -> bool:
            rich(shop)  # a new block is what the chain knows of time
            return buyer.spent_units() == PRICE

        until(is_free, "the payment cannot be taken any more")
        buyer.predict(shop.model, shop.rows())
        assert buyer.spent_units() == 2 * PRICE


def test_a_deposit_is_no_more_than_all_calls_may_take(shop: EdgedShop, key: str, tmp_path: Path) -> None:
    with opened(shop, rich(shop, gas=True), tmp_path, pay="channel", max_total="0.003") as buyer:
        buyer.predict(shop.model, shop.rows())
        assert buyer.channels()[0].deposited_units == buyer.spent_units() == 3 * PRICE


def test_a_receipt_for_another_question_is_not_taken(shop: EdgedShop, key: str, tmp_path: Path) -> None:
    kept: list[Any] = []
    shop.edge.change = lambda status, value: (status, kept.append(value) or value)
    with opened(shop, key, tmp_path) as buyer:
        buyer.predict(shop.model, shop.rows())
        shop.edge.change = lambda *_: (200, kept[0])
        with pytest.raises(WrongAnswer):
            buyer.predict(shop.model, shop.rows(1, 1))
        assert signed_away(shop, buyer) == 2 * PRICE


def instead(buyer: freehold.Buyer, url: str, moved: pytest.MonkeyPatch) -> None:
    """Another server answers in the seller's place."""
    peers = (*buyer._node.settings.peers, url)
    moved.setattr(buyer._node, "settings", buyer._node.settings.with_overrides(peers=peers))
    moved.setattr(buyer._host.peers, "url_of", lambda _: url)


def test_an_answer_without_end_is_given_up_and_paid_once(
    shop: EdgedShop, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(shop, key, tmp_path) as buyer:
        buyer.predict(shop.model, shop.rows(1, 50))  # its lineage is known from here on
        server = Drip("body")
        with monkeypatch.context() as moved:
            moved.setattr(exchange, "TIMEOUT_SECONDS", 0.7)
            instead(buyer, server.url, moved)
            with pytest.raises(PeerUnreachable):
                buyer.predict(shop.model, shop.rows())
        assert server.asked.is_set()
        server.close()
        buyer.predict(shop.model, shop.rows())
        assert buyer.spent_units() == 2 * PRICE


def listing(shop: EdgedShop, *assets: Asset) -> None:
    """The seller also lists these, which it signed and does not serve."""
    with shop.builder.node.store.transaction() as tx:
        for asset in assets:
            tx.put(shop.builder.node.seal(asset), public=True)
    extra = [{"id": asset.id} for asset in assets]
    shop.edge.peer["/v1/models"] = lambda status, value: (
        status,
        {**value, "models": [*value["models"], *extra]},
    )


def test_another_token_another_chain_and_too_high_a_price_are_signed_for_by_nobody(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    terms = shop.model.terms
    token = shop.model.model_copy(
        update={"name": "in shells", "terms": terms.model_copy(update={"token": "0x" + "22" * 20})}
    )
    dear = shop.model.model_copy(
        update={"name": "dear", "terms": terms.model_copy(update={"price_units": 10_001})}
    )
    orphan = shop.model.model_copy(
        update={
            "name": "orphan",
            "schema_": {k: v for k, v in shop.model.schema_.items() if k != "run"},
            "derived_from": (),
        }
    )
    twin = shop.model.model_copy(update={"name": "dear", "description": "another"})
    listing(shop, token, dear, orphan, twin)
    with opened(shop, key, tmp_path) as buyer:
        with pytest.raises(OtherToken):
            buyer.predict("in shells", shop.rows())
        with pytest.raises(SpendingRefused):
            buyer.predict(dear, shop.rows())
        with pytest.raises(NoLineage):
            buyer.predict("orphan", shop.rows())
        with pytest.raises(Ambiguous) as two:
            buyer.predict("dear", shop.rows())
        assert dear.id in two.value.hint
        assert twin.id in two.value.hint
        assert (buyer.spent_units(), shop.edge.payments) == (0, [])
    # nor for one without a pool, whoever waives lineage
    with opened(shop, key, tmp_path, without_lineage=True) as buyer, pytest.raises(OtherToken):
        buyer.predict("orphan", shop.rows())
    assert shop.edge.payments == []


def test_rows_asked_again_by_a_name_are_not_paid_to_another_model_of_that_name(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    twin = shop.model.model_copy(update={"description": "another"})
    shop.edge.change = lambda *_: (500, {})
    with opened(shop, key, tmp_path, without_lineage=True) as buyer, pytest.raises(FreeholdError):
        buyer.predict(shop.model.name, shop.rows())
    listing(shop, twin)
    of_both = shop.edge.peer["/v1/models"]
    shop.edge.peer["/v1/models"] = lambda status, value: (
        status,
        {"models": of_both(status, value)[1]["models"][-1:]},
    )
    with opened(shop, key, tmp_path, without_lineage=True) as buyer:
        with pytest.raises(Ambiguous, match="may be paid") as refused:
            buyer.predict(shop.model.name, shop.rows())
        assert shop.model.id in refused.value.hint
        # other rows are another purchase, of a model that was never trained
        with pytest.raises(NotFound, match="not trained"):
            buyer.predict(shop.model.name, shop.rows(1, 1))
        shop.edge.change = None
        assert buyer.predict(shop.model.id, shop.rows()).paid_units == PRICE
        assert signed_away(shop, buyer) == PRICE
    with opened(shop, key, tmp_path) as buyer, pytest.raises(NotFound, match="not trained"):
        buyer.predict(shop.model.name, shop.rows())


def test_a_seller_that_lists_without_end_fills_nothing(
    shop: EdgedShop, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [shop.model.model_copy(update={"name": f"no {number}"}) for number in range(5)]
    listing(shop, *many)
    monkeypatch.setattr(wallet, "MAX_SHOWN_BYTES", 3_000)
    with opened(shop, key, tmp_path) as buyer:
        with pytest.raises(VerificationFailed, match="too much"):
            buyer.models()
        assert buyer.price(shop.model.id) == PRICE
        # what was looked at and not chosen is not kept
        assert [one.id for one in many if buyer._node.store.has(one.id)] == []
        with pytest.raises(VerificationFailed):
            buyer.price(shop.builder.node.party.document.id)


def test_what_no_seller_reads_with_a_transfer_is_not_paid_by_one(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    room = UNPROVEN_BODY_BYTES - len(request_body(shop.model.id, []))
    row = ["0." + "1" * 30] * shop.width
    fits = room // (len(request_body(shop.model.id, [row])) - len(request_body(shop.model.id, [])) + 1)
    with opened(shop, key, tmp_path / "transfers") as buyer:
        with pytest.raises(QuestionTooLarge) as refused:
            buyer.predict(shop.model, [row] * (fits + 2))
        assert "Nothing was paid" in refused.value.hint
        assert (shop.edge.payments, buyer.spent_units()) == ([], 0)
        assert len(buyer.predict(shop.model, [row] * fits).outputs) == fits
    answer = shop.post(request_body(shop.model.id, [row] * (fits + 2)), None)
    assert (answer.status_code, answer.json()["code"]) == (413, "inference.too_large")
    with opened(shop, rich(shop, gas=True), tmp_path / "channel", pay="channel", deposit_calls=1) as buyer:
        assert len(buyer.predict(shop.model, [row] * (fits + 2)).outputs) == fits + 2


def test_all_calls_together_stay_within_what_was_said(shop: EdgedShop, key: str, tmp_path: Path) -> None:
    with opened(shop, key, tmp_path, max_total="0.002") as buyer:
        buyer.predict(shop.model, shop.rows(1, 1))
        buyer.predict(shop.model, shop.rows(1, 2))
        with pytest.raises(SpendingRefused) as refused:
            buyer.predict(shop.model, shop.rows(1, 3))
        assert refused.value.fields["limit"] == "max_total"
        assert "freehold spending" not in refused.value.hint
    with opened(shop, key, tmp_path, max_total="0.002") as again, pytest.raises(SpendingRefused):
        again.predict(shop.model, shop.rows(1, 4))
    assert len(shop.edge.payments) == 2


def test_a_seller_on_another_chain_or_that_became_another_is_refused(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    node = shop.builder.node

    def elsewhere(status: int, value: Any) -> tuple[int, Any]:
        party = node.party_document().model_copy(update={"chain_id": 10})
        domain = Domain("Freehold", 10, node.contract("Revocations"))
        return status, {**value, "party": seal(party, node.keys.account_key, domain).to_json()}

    def another(status: int, value: Any) -> tuple[int, Any]:
        keys = wallet_keys(b"\x77" * 32)
        party = node.party_document().model_copy(
            update={"account": keys.account, "account_key": "0x" + keys.account_public.hex()}
        )
        return status, {**value, "party": seal(party, keys.account_key, node.domain).to_json()}

    shop.edge.peer["/.well-known/freehold.json"] = elsewhere
    with pytest.raises(FreeholdError):
        opened(shop, key, tmp_path)
    shop.edge.peer.clear()
    opened(shop, key, tmp_path).close()
    shop.edge.peer["/.well-known/freehold.json"] = another
    with pytest.raises(PeerChanged) as refused:
        opened(shop, key, tmp_path)
    assert "state=" in refused.value.hint


def test_one_process_at_a_time_and_no_key_of_a_node(shop: EdgedShop, key: str, tmp_path: Path) -> None:
    with opened(shop, key, tmp_path), pytest.raises(HomeInUse):
        opened(shop, key, tmp_path)
    logbook.anchor(shop.builder.node)
    with pytest.raises(LogBehind) as refused:
        opened(shop, shop.builder.node.keys.account_key, tmp_path / "node")
    assert "one of its own" in refused.value.hint


def test_a_key_is_taken_as_people_hold_one_and_never_quoted(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    account = Account.from_key(key)
    plain, sealed = tmp_path / "key", tmp_path / "keystore.json"
    plain.write_text(key + "\n")
    sealed.write_text(json.dumps(Account.encrypt(key, "horse", kdf="pbkdf2", iterations=1_000)))
    ways: list[tuple[Any, Any]] = [(key[2:], None), (plain, None), (str(plain), None), (account, None)]
    for given, passphrase in [*ways, (sealed, "horse"), (sealed, lambda: "horse")]:
        with opened(shop, given, tmp_path / "state", passphrase=passphrase) as buyer:
            assert buyer.account == account.address.lower()
    wrong = ["0x" + "00" * 32, key + "0", "ff" * 32, tmp_path / "nothing", tmp_path, 5, b"short"]
    for given in wrong:
        with pytest.raises(InvalidInput) as refused:
            opened(shop, given, tmp_path / "state")
        assert key[2:20] not in str(refused.value) + refused.value.hint
    with pytest.raises(InvalidKey) as refused:
        opened(shop, sealed, tmp_path / "state", passphrase="donkey")
    assert "donkey" not in str(refused.value)


def test_importing_the_package_loads_none_of_it() -> None:
    code = "import sys, freehold; print(sorted(m for m in sys.modules if m.split('.')[0] in ('numpy', 'httpx', 'pydantic')))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_the_example_buys_once_however_often_it_runs(shop: EdgedShop, key: str, tmp_path: Path) -> None:
    (tmp_path / "wallet.key").write_text(key)
    (tmp_path / "rows.json").write_text(json.dumps(shop.rows(2)))
    words = [
        shop.builder.url,
        shop.world.rpc_url,
        tmp_path / "wallet.key",
        shop.model.name,
        tmp_path / "rows.json",
    ]
    script = Path(__file__).resolve().parents[2] / "examples" / "buyer.py"
    told = set()
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", script, *words],
            capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert re.search(r"^2 rows cost 1000 units", done.stdout)
        told.add(done.stdout)
    assert len(told) == 1
    assert len({one.salt for one in shop.edge.payments if isinstance(one, Transfer)}) == 1
    (tmp_path / "rows.json").write_text(json.dumps(shop.rows(1, start=9)))
    other = subprocess.run(
        [sys.executable, "-W", "error", script, *words],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert other.returncode == 0, other.stderr
    assert len({one.salt for one in shop.edge.payments if isinstance(one, Transfer)}) == 2


def seen(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }


def test_a_folder_of_something_else_is_refused_as_it_is(
    shop: EdgedShop, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / "public").mkdir(parents=True, mode=0o755)
    for name in ("run.sh", "node.json", "lock"):
        (project / name).write_text("mine")
        (project / name).chmod(0o755)
    home = tmp_path / "home"
    shutil.copytree(shop.owners[0].node.home, home)
    for folder, its_key in (project, key), (home, "0x" + shop.owners[0].node.keys.account_key.hex()):
        before = seen(folder)
        with pytest.raises(PathUnusable, match="is no buyer's state and holds"):
            opened(shop, its_key, folder)
        assert seen(folder) == before
    with pytest.raises(PathUnusable, match="cannot use that state"):
        opened(shop, key, project / "run.sh")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "lock")

    with monkeypatch.context() as moved:
        # as on a file system that may only be read, where not even root may write
        moved.setattr(os, "chmod", refuse)
        with pytest.raises(PathUnusable, match="Read-only file system") as refused:
            opened(shop, key, tmp_path / "other")
        assert "state=" in refused.value.hint


def test_a_state_is_taken_again_and_so_is_one_that_was_hardly_begun(
    shop: EdgedShop, key: str, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / ".buyer-state.0123").touch()
    for folder in (begun, tmp_path / "new" / "one", begun):
        with opened(shop, key, folder) as buyer:
            assert buyer.spent_units() == 0
