"""One key, one purchase: whatever a seller or something before it sends, and whichever question is asked under it."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from edged_shop import EdgedShop, not_here, stale
from inference_world import PRICE
from node_world import World, run_job, until
from wallets import opened, rich, signed_away

from freehold.core.errors import FreeholdError, InvalidInput, NotFound, Unavailable
from freehold.features.gateway import serving, transfers
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.checking import WrongAnswer
from freehold.features.gateway.keyed import KeyReused
from freehold.features.gateway.paying import Transfers
from freehold.features.gateway.served import AnswerPruned
from freehold.features.payments.rules.payment import Transfer, Voucher
from freehold.kernel import ceiling
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.home_lock import HomeInUse
from freehold.kernel.store import Store


@pytest.fixture(scope="module")
def shop(world: World) -> EdgedShop:
    return EdgedShop(world)


@pytest.fixture(autouse=True)
def edge(shop: EdgedShop) -> None:
    shop.edge.change, shop.edge.peer, shop.edge.seen, shop.edge.payments = None, {}, [], []


BOTH = pytest.mark.parametrize("pay", ["transfer", "channel"])


def other_outputs(_: int, value: Any) -> tuple[int, Any]:
    return 200, {**value, "outputs": [{"probability_ppm": 1, "label": 0}]}


def broken(*_: object) -> tuple[int, Any]:
    return 500, {}


@BOTH
def test_a_wrong_answer_is_what_its_key_bought_and_nothing_more_is_signed(
    shop: EdgedShop, tmp_path: Path, pay: Any
) -> None:
    wallet = rich(shop, gas=True)
    with opened(shop, wallet, tmp_path, pay=pay) as buyer:
        shop.edge.change = other_outputs
        said = set()
        for _ in range(4):
            with pytest.raises(WrongAnswer) as refused:
                buyer.predict(shop.model, shop.rows(), key="order-17")
            said.add(refused.value.message)
        assert len(said) == 1
        assert signed_away(shop, buyer) == PRICE
    shop.edge.change = None
    with opened(shop, wallet, tmp_path, pay=pay) as buyer:
        with pytest.raises(WrongAnswer):
            buyer.predict(shop.model, shop.rows(), key="order-17")
        with pytest.raises(KeyReused):
            buyer.predict(shop.model, shop.rows(1, 1), key="order-17")
        assert signed_away(shop, buyer) == PRICE


def test_a_seller_that_takes_each_voucher_and_wants_one_more_gets_one_for_a_key(
    shop: EdgedShop, tmp_path: Path
) -> None:
    def taken(_: int, value: Any) -> tuple[int, Any]:
        vouchers = [one for one in shop.edge.payments if isinstance(one, Voucher)]
        if not vouchers:
            return 200, value
        newest = {"cumulative_units": vouchers[-1].cumulative_units, "signature": vouchers[-1].signature}
        return 200, {**value, "accepted": newest}

    with opened(shop, rich(shop, gas=True), tmp_path, pay="channel") as buyer:
        shop.edge.peer, shop.edge.change = {"/peer/calls": taken, "/peer/answers": not_here}, stale
        for ask in range(4):
            for number in range(3):
                with pytest.raises(FreeholdError):
                    buyer.predict(shop.model, shop.rows(1, number), key=f"order-{number}")
                assert signed_away(shop, buyer) <= (number + 1 if not ask else 3) * PRICE
        shop.edge.peer, shop.edge.change = {}, None
        assert signed_away(shop, buyer) <= 3 * PRICE


def test_what_was_refused_is_bought_after_another_took_its_sum(shop: EdgedShop, tmp_path: Path) -> None:
    with opened(shop, rich(shop, gas=True), tmp_path, pay="channel") as buyer:
        serving.switch(shop.builder.node, shop.model.id, on=False)
        try:
            with pytest.raises(NotFound):
                buyer.predict(shop.model.id, shop.rows(), key="a")
        finally:
            serving.switch(shop.builder.node, shop.model.id, on=True)
        buyer.predict(shop.model.id, shop.rows(1, 1), key="b")
        buyer.predict(shop.model.id, shop.rows(), key="a")
        assert buyer.channels()[0].promised_units == signed_away(shop, buyer) == 2 * PRICE


def test_what_something_on_the_way_refused_is_given_for_its_own_voucher(
    shop: EdgedShop, tmp_path: Path
) -> None:
    """The seller has it answered, so the next question takes the next sum; the first is asked for again at no cost."""
    with opened(shop, rich(shop, gas=True), tmp_path, pay="channel") as buyer:
        shop.edge.change = lambda *_: (404, {})
        with pytest.raises(NotFound):
            buyer.predict(shop.model, shop.rows(), key="a")
        shop.edge.change = None
        buyer.predict(shop.model, shop.rows(1, 1), key="b")
        assert signed_away(shop, buyer) == 2 * PRICE
        buyer.predict(shop.model, shop.rows(), key="a")
        assert buyer.channels()[0].promised_units == signed_away(shop, buyer) == 2 * PRICE
        buyer.predict(shop.model, shop.rows(1, 2), key="c")
        assert buyer.channels()[0].promised_units == signed_away(shop, buyer) == 3 * PRICE


@BOTH
def test_a_key_belongs_to_its_question_from_the_moment_its_payment_is_planned(
    shop: EdgedShop, tmp_path: Path, pay: Any
) -> None:
    with opened(shop, rich(shop, gas=True), tmp_path, pay=pay) as buyer:
        buyer.predict(shop.model, shop.rows(1, 70))
        shop.edge.change = broken
        with pytest.raises(FreeholdError):
            buyer.predict(shop.model, shop.rows(1, 1), key="K")
        shop.edge.change = None
        for _ in range(2):
            with pytest.raises(KeyReused):
                buyer.predict(shop.model, shop.rows(1, 2), key="K")
        assert signed_away(shop, buyer) == 2 * PRICE
        buyer.predict(shop.model, shop.rows(1, 3))
        first = buyer.predict(shop.model, shop.rows(1, 1), key="K")
        assert buyer.predict(shop.model, shop.rows(1, 1), key="K") == first
        assert signed_away(shop, buyer) == 3 * PRICE


def test_a_node_goes_on_buying_after_one_key_was_given_for_two_questions(shop: EdgedShop) -> None:
    party = shop.buyer("two-questions")
    ask: Callable[..., Any] = party.buyer.predict
    ask(shop.model.id, shop.rows(1, 9))
    shop.edge.change = broken
    with pytest.raises(Unavailable):
        ask(shop.model.id, shop.rows(1, 1), key="K")
    shop.edge.change = None
    with pytest.raises(KeyReused):
        ask(shop.model.id, shop.rows(1, 2), key="K")
    for start in (3, 4):
        ask(shop.model.id, shop.rows(1, start))
    assert Buyer(party.node, party.services.peers).predict(shop.model.id, shop.rows(1, 1), key="K")["outputs"]
    assert party.channels()[0]["promised_units"] == 4 * PRICE


def test_one_key_for_two_models_at_once_is_one_purchase(shop: EdgedShop, tmp_path: Path) -> None:
    job, _ = run_job(shop.builder, shop.owners, rounds=2)
    node, second = shop.builder.node, shop.builder.node.asset(job["model"])
    serving.switch(node, second.id, on=True)
    try:
        with opened(shop, rich(shop), tmp_path) as buyer:
            models = (shop.model.id, second.id)
            for model in models:
                buyer.predict(model, shop.rows(1, 50))  # its lineage is known from here on
            came = threading.Barrier(2)
            planned = Transfers._planned

            def at_once(*given: Any) -> Any:
                came.wait(20)
                return planned(*given)

            with pytest.MonkeyPatch.context() as moved, ThreadPoolExecutor(2) as pool:
                moved.setattr(Transfers, "_planned", at_once)
                asked = [pool.submit(buyer.predict, one, shop.rows(1, 51), key="same") for one in models]
                errors = [one.exception() for one in asked]
            assert [type(one) for one in errors if one] == [KeyReused]
            assert signed_away(shop, buyer) == buyer.spent_units() == 3 * PRICE
    finally:
        serving.switch(node, second.id, on=False)


@BOTH
@pytest.mark.parametrize("then", ["at once", "after another"])
def test_what_was_begun_without_a_key_goes_on_under_the_key_that_asks_next(
    shop: EdgedShop, tmp_path: Path, pay: Any, then: str
) -> None:
    with opened(shop, rich(shop, gas=True), tmp_path, pay=pay) as buyer:
        shop.edge.change = broken
        with pytest.raises(FreeholdError):
            buyer.predict(shop.model, shop.rows(1, 1))
        shop.edge.change, others = None, 0
        if then == "after another":
            buyer.predict(shop.model, shop.rows(1, 2))
            others = 1
        first = buyer.predict(shop.model, shop.rows(1, 1), key="order-1")
        assert buyer.predict(shop.model, shop.rows(1, 1), key="order-1") == first
        assert signed_away(shop, buyer) == (1 + others) * PRICE
        # it is the key's now
        assert buyer.predict(shop.model, shop.rows(1, 1)) != first
        # and what was told without one is no key's
        assert buyer.predict(shop.model, shop.rows(1, 1), key="order-2").receipt != first.receipt
        assert signed_away(shop, buyer) == (3 + others) * PRICE


def test_a_pruned_answer_that_nobody_named_is_bought_anew(shop: EdgedShop, tmp_path: Path) -> None:
    wallet, room = rich(shop), {"keep_answers_bytes": 0}
    buyer = opened(shop, wallet, tmp_path)
    buyer._node.settings = buyer._node.settings.with_overrides(**room)
    buyer.predict(shop.model, shop.rows())
    buyer.predict(shop.model, shop.rows(), key="named")
    buyer._close()  # as a program that ends without close()
    with opened(shop, wallet, tmp_path) as buyer:
        with pytest.raises(AnswerPruned):
            buyer.predict(shop.model, shop.rows(), key="named")
        assert buyer.predict(shop.model, shop.rows()).paid_units == PRICE
        assert signed_away(shop, buyer) == 3 * PRICE


def test_a_buyer_is_no_other_process_own(shop: EdgedShop, tmp_path: Path) -> None:
    with opened(shop, rich(shop), tmp_path) as buyer:
        read, write = os.pipe()
        child = os.fork()
        if not child:
            try:
                for ask in (
                    lambda: buyer.predict(shop.model.id, shop.rows(), key="F"),
                    buyer.spent_units,
                    buyer.close,
                ):
                    try:
                        ask()
                    except InvalidInput as error:
                        os.write(write, error.code.encode() + b" ")
                    else:
                        os.write(write, b"- ")
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            assert told.read().split() == ["input.invalid", "input.invalid", "-"]
        os.waitpid(child, 0)
        buyer.predict(shop.model, shop.rows(), key="F")
        with pytest.raises(HomeInUse):
            opened(shop, rich(shop), tmp_path)
        assert signed_away(shop, buyer) == PRICE


def test_closing_lets_go_of_the_state_whatever_cannot_be_written(
    shop: EdgedShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = rich(shop)
    buyer = opened(shop, wallet, tmp_path)
    buyer.predict(shop.model, shop.rows())

    def full(*_: object) -> None:
        raise StorageFailed("the disk is full")

    with monkeypatch.context() as disk:
        disk.setattr(Store, "transaction", full)
        buyer.close()
    opened(shop, wallet, tmp_path).close()


def held(*_: object) -> None:
    raise Unavailable("later")


def another_block(shop: EdgedShop) -> None:
    rich(shop)


def test_a_payment_is_over_only_by_a_block_that_gives_way_to_no_other(
    shop: EdgedShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = shop.world.chain.network
    with opened(shop, rich(shop), tmp_path) as buyer:
        buyer.predict(shop.model.id, shop.rows(1, 50))  # its lineage is known from here on
        monkeypatch.setattr(buyer._node.chain, "_profile", replace(network, confirmations=3))
        vars(buyer._node.chain).pop("network", None)
        shop.edge.payments = []
        with monkeypatch.context() as moved:
            moved.setattr(ceiling, "VALID_SECONDS", 2)
            moved.setattr(transfers, "_collect", held)
            with pytest.raises(Unavailable):
                buyer.predict(shop.model.id, shop.rows(), key="K")
            first = shop.edge.payments[-1]
            assert isinstance(first, Transfer)

            def is_past() -> bool:
                another_block(shop)
                return ceiling.chain_time(buyer._node) >= first.valid_before

            # the newest block may give way to one in which it is mined
            until(is_past, "the newest block is past its end")
            assert ceiling.reconcile(buyer._node) == 0
            with pytest.raises(FreeholdError):
                buyer.predict(shop.model.id, shop.rows(), key="K")
            assert len({one.salt for one in shop.edge.payments if isinstance(one, Transfer)}) == 1
            assert buyer.spent_units() == 2 * PRICE
            for _ in range(3):
                another_block(shop)
            assert buyer.spent_units() == PRICE
        buyer.predict(shop.model.id, shop.rows(), key="K")
        assert buyer.spent_units() == 2 * PRICE


def test_a_clock_far_ahead_makes_no_payment_valid_for_long(
    shop: EdgedShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(shop, rich(shop), tmp_path) as buyer:
        buyer.predict(shop.model.id, shop.rows(1, 50))  # its lineage is known from here on
        monkeypatch.setattr(buyer._node, "_clock", lambda: time.time() + 10 * 365 * 86_400)
        with contextlib.suppress(FreeholdError):
            buyer.predict(shop.model.id, shop.rows())
        sent = shop.edge.payments[-1]
        assert isinstance(sent, Transfer)
        assert 0 < sent.valid_before - time.time() < 3 * ceiling.VALID_SECONDS
        assert len(shop.edge.payments) == 2
