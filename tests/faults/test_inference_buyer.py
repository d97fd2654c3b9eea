"""A buyer among crashes, silence and a gateway that cheats: it never signs two questions for one sum."""

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from edged_shop import EdgedShop, not_here, stale
from inference_world import PRICE, Shop
from node_world import Party, World, require_sound
from trap import DRIPS, Drip

from freehold.core.canonical import parse
from freehold.core.errors import PaymentRequired, Unavailable
from freehold.core.ids import sha256_hex
from freehold.core.signing import Envelope, parse_envelope, seal
from freehold.features.gateway import exchange, serving, untold
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.checking import DatedAhead, WrongAnswer
from freehold.features.gateway.keyed import KeyReused
from freehold.features.gateway.rules.answer import output_hash, request_body
from freehold.features.gateway.served import AnswerPruned
from freehold.features.payments import kept, spending
from freehold.features.payments.settling import settle
from freehold.kernel.ceiling import SpendingRefused
from freehold.kernel.countersigning import Countersigner
from freehold.kernel.reaching import PeerUnreachable


@pytest.fixture(scope="module")
def shop(world: World) -> EdgedShop:
    return EdgedShop(world)


@pytest.fixture
def party(shop: EdgedShop) -> Party:
    shop.edge.change, shop.edge.peer, shop.edge.seen = None, {}, []
    return shop.buyer()


def promised(party: Party) -> int:
    return int(party.channels()[0]["promised_units"])


def grants_used(shop: Shop, party: Party) -> int:
    return sum(
        shop.builder.node.store.uses(e.document.id)[0]
        for e in shop.builder.node.store.find("grant")
        if e.document.body["holder"] == party.account
    )


def test_an_answer_lost_on_the_way_is_asked_for_again_at_no_cost(shop: EdgedShop, party: Party) -> None:
    shop.edge.change = lambda *_: (0, None) if len(shop.edge.seen) < 2 else _
    answer = party.buyer.predict(shop.model.id, shop.rows())
    assert len(answer["outputs"]) == 1
    assert shop.edge.seen[0] == shop.edge.seen[1]
    assert (promised(party), grants_used(shop, party)) == (PRICE, 1)


def test_a_buyer_that_died_waiting_gets_its_receipt_before_it_asks_the_next_question(
    shop: EdgedShop, party: Party
) -> None:
    shop.edge.change = lambda *_: (0, None)
    with pytest.raises(PeerUnreachable):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    shop.edge.change = None
    reborn = Buyer(party.node, party.services.peers)
    reborn.predict(shop.model.id, shop.rows(1, 2))
    receipts = [e.document.body for e in party.node.store.find("receipt", "infer")]
    assert [r["evidence"]["cumulative_units"] for r in receipts] == [PRICE, 2 * PRICE]
    assert shop.edge.questions_per_sum() == 1
    assert (promised(party), grants_used(shop, party)) == (2 * PRICE, 2)
    require_sound(party.node)


def test_closing_fetches_the_receipt_of_a_question_that_was_left_open(shop: EdgedShop, party: Party) -> None:
    shop.edge.change = lambda *_: (0, None)
    with pytest.raises(PeerUnreachable):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    (channel,) = party.channels()
    shop.edge.change = None
    assert party.close_channel(channel["channel"])["status"] == "closing"
    (receipt,) = party.node.store.find("receipt", "infer")
    assert shop.builder.node.store.get(receipt.document.id).is_complete


@pytest.mark.parametrize("moment", ["openWithAuthorization", "after openWithAuthorization", "put"])
def test_a_crash_while_opening_or_keeping_costs_nothing_twice(
    shop: EdgedShop, party: Party, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    node, sent = party.node, party.node.send

    def send(contract: str, function: str, *args: object) -> int:
        if function == moment:
            raise RuntimeError("power cut")
        gas = sent(contract, function, *args)
        if moment == f"after {function}":
            raise RuntimeError("power cut")
        return gas

    def lost(*_: object) -> None:
        raise RuntimeError("power cut")

    before = node.balance_units()
    with monkeypatch.context() as cut:
        cut.setattr(node, "send", send)
        if moment == "put":
            cut.setattr(Countersigner, "add", lost)
        with pytest.raises(RuntimeError, match="power cut"):
            party.buyer.predict(shop.model.id, shop.rows(1, 3))
    Buyer(node, party.services.peers).predict(shop.model.id, shop.rows(1, 3))
    (channel,) = party.channels()
    assert before - node.balance_units() == channel["deposited_units"]
    assert (channel["promised_units"], grants_used(shop, party)) == (PRICE, 1)
    assert shop.edge.questions_per_sum() == 1
    require_sound(node)


def test_a_buyer_restored_from_an_old_copy_finds_its_place_by_its_own_signature(
    shop: EdgedShop, party: Party
) -> None:
    for i in range(3):
        party.buyer.predict(shop.model.id, shop.rows(1, i))
    forget(party, PRICE)
    answer = party.buyer.predict(shop.model.id, shop.rows(1, 9))
    assert parse_envelope(answer["receipt"]).document.body["evidence"]["cumulative_units"] == 4 * PRICE
    assert promised(party) == 4 * PRICE


def test_a_restored_buyer_that_lost_one_call_goes_on_after_one_that_is_refused(
    shop: EdgedShop, party: Party
) -> None:
    """Its seller names the sum that was just sent: true here, and what a greedy one would say as well."""
    for i in range(2):
        party.buyer.predict(shop.model.id, shop.rows(1, i))
    (record,) = kept.channels(party.node)
    signed = {"act": "", "from_units": PRICE, "units": PRICE}
    spending.keep(party.node, {**record, "cumulative_units": PRICE, "signed": signed})
    with pytest.raises(SpendingRefused):
        party.buyer.predict(shop.model.id, shop.rows(1, 9))
    party.buyer.predict(shop.model.id, shop.rows(1, 9))
    assert (promised(party), grants_used(shop, party)) == (3 * PRICE, 3)


def forget(party: Party, cumulative: int) -> None:
    (record,) = kept.channels(party.node)
    spending.keep(party.node, {**record, "cumulative_units": cumulative})


def test_a_gateway_cannot_talk_a_buyer_into_a_larger_sum(shop: EdgedShop, party: Party) -> None:
    party.buyer.predict(shop.model.id, shop.rows())

    accepted = {"cumulative_units": 49 * PRICE, "signature": "0x" + "11" * 65}
    shop.edge.change = stale
    shop.edge.peer = {
        "/peer/answers": not_here,
        "/peer/calls": lambda status, value: (status, {**value, "accepted": accepted}),
    }
    with pytest.raises(PaymentRequired):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    assert {cumulative for cumulative, _ in shop.edge.seen} <= {PRICE, 2 * PRICE}
    shop.edge.change, shop.edge.peer = None, {}
    party.buyer.predict(shop.model.id, shop.rows(1, 1))
    assert promised(party) == 2 * PRICE


def _resigned(shop: Shop, value: Any, **changes: Any) -> Any:
    """The answer with a receipt that the owner really signed, over other fields."""
    document = parse_envelope(value["receipt"]).document.model_copy(update=changes)
    document.__dict__.pop("body", None)
    document.__dict__.pop("id", None)
    node = shop.builder.node
    return {**value, "receipt": seal(document, node.keys.account_key, node.domain, "provider").to_json()}


def _relabelled(shop: Shop, value: Any, change: Callable[[int], int]) -> Any:
    """The answer with other labels beside its probabilities, under the owner's own receipt for that."""
    outputs = [{**one, "label": change(one["label"])} for one in value["outputs"]]
    changed = {**value, "outputs": outputs}
    return _resigned(shop, changed, output=output_hash(changed))


@pytest.mark.parametrize(
    "lie",
    ["outputs", "unsigned", "output", "evidence", "price", "rows", "provider", "label", "truth"],
)
def test_an_answer_that_is_not_its_receipt_is_refused_and_costs_one_call_at_most(
    shop: EdgedShop, party: Party, lie: str
) -> None:
    party.buyer.predict(shop.model.id, shop.rows())
    kept = len(party.node.store.find("receipt", "infer"))

    def change(status: int, value: Any) -> tuple[int, Any]:
        lies = {
            "outputs": lambda: {**value, "outputs": [{"probability_ppm": 1, "label": 0}]},
            "unsigned": lambda: {
                **value,
                "receipt": Envelope(parse_envelope(value["receipt"]).document, ()).to_json(),
            },
            "output": lambda: _resigned(shop, value, output="0x" + "12" * 32),
            "evidence": lambda: _resigned(shop, value, evidence={"request": "0x" + "12" * 32}),
            "price": lambda: _resigned(shop, value, money=()),
            "rows": lambda: {**value, "outputs": value["outputs"] * 2},
            "label": lambda: _relabelled(shop, value, lambda label: 1 - label),
            "truth": lambda: _relabelled(shop, value, bool),
            "provider": lambda: _resigned(shop, value, inputs=("0x" + "12" * 32,)),
        }
        return status, lies[lie]()

    shop.edge.change = change
    with pytest.raises(WrongAnswer):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    assert len(party.node.store.find("receipt", "infer")) == kept
    assert promised(party) == 2 * PRICE
    shop.edge.change = None
    party.buyer.predict(shop.model.id, shop.rows(1, 2))
    assert promised(party) == 3 * PRICE
    assert shop.edge.questions_per_sum() == 1


def test_a_receipt_dated_ahead_is_not_taken_and_the_call_is_asked_again(
    shop: EdgedShop, party: Party
) -> None:
    def ahead(seconds: int) -> Callable[[int, Any], tuple[int, Any]]:
        return lambda status, value: (
            status,
            _resigned(shop, value, issued_at=party.node.now() + seconds),
        )

    shop.edge.change = ahead(3_600)
    with pytest.raises(DatedAhead):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    assert not party.node.store.find("receipt", "infer")
    # as much as two clocks may differ
    shop.edge.change = ahead(30)
    assert party.buyer.predict(shop.model.id, shop.rows(1, 1))["outputs"]
    assert (promised(party), grants_used(shop, party)) == (PRICE, 1)


def test_a_question_refused_for_good_leaves_its_sum_free(shop: EdgedShop, party: Party) -> None:
    party.buyer.predict(shop.model.id, shop.rows())
    serving.switch(shop.builder.node, shop.model.id, on=False)
    from freehold.core.errors import NotFound

    try:
        with pytest.raises(NotFound):
            party.buyer.predict(shop.model.id, shop.rows(1, 1))
    finally:
        serving.switch(shop.builder.node, shop.model.id, on=True)
    party.buyer.predict(shop.model.id, shop.rows(1, 2))
    assert promised(party) == 2 * PRICE


def test_an_error_of_the_gateway_is_not_taken_for_a_refusal(shop: EdgedShop, party: Party) -> None:
    party.buyer.predict(shop.model.id, shop.rows())
    shop.edge.change = lambda *_: (503, {"title": "busy", "code": "unavailable"})
    with pytest.raises(Unavailable):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    shop.edge.change = None
    party.buyer.predict(shop.model.id, shop.rows(1, 1))
    assert (promised(party), grants_used(shop, party)) == (2 * PRICE, 2)
    assert shop.edge.questions_per_sum() == 1


def test_countersignatures_wait_for_a_provider_that_is_away(
    shop: EdgedShop, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = party.buyer.predict(shop.model.id, shop.rows())
    receipt = parse_envelope(answer["receipt"]).document

    def away(*_: object, **__: object) -> Any:
        raise PeerUnreachable("away")

    with monkeypatch.context() as cut:
        cut.setattr(party.services.peers, "ask", away)
        assert party.services.countersigner.flush() == {"sent": 0, "waiting": 1, "refused": 0}
    assert not shop.builder.node.store.get(receipt.id).is_complete
    assert Countersigner(party.node, party.services.peers).flush() == {"sent": 1, "waiting": 0, "refused": 0}
    assert shop.builder.node.store.get(receipt.id).is_complete


@pytest.mark.parametrize("kind", DRIPS)
def test_a_seller_whose_answer_never_ends_is_given_up(
    shop: EdgedShop, party: Party, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    party.buyer.predict(shop.model.id, shop.rows())
    server, began = Drip(kind), time.monotonic()
    with monkeypatch.context() as moved:
        moved.setattr(exchange, "TIMEOUT_SECONDS", 0.7)
        moved.setattr(party.services.peers, "url_of", lambda _: server.url)
        with pytest.raises(PeerUnreachable):
            party.buyer.predict(shop.model.id, shop.rows(1, 1))
    assert time.monotonic() - began < 5
    server.close()
    party.buyer.predict(shop.model.id, shop.rows(1, 1))
    assert shop.edge.questions_per_sum() == 1


def test_a_slow_provider_holds_up_no_other_ones_signatures(
    shop: EdgedShop, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, server = "0x" + "00" * 20, Drip("head")
    to, answer = party.services.peers.url_of, party.buyer.predict(shop.model.id, shop.rows())
    monkeypatch.setattr(party.services.peers, "url_of", lambda who: server.url if who == slow else to(who))
    with party.node.store.transaction() as tx:
        tx.set(f"countersign:{slow}:0x{'11' * 32}", value=True)
    flushing = threading.Thread(target=party.services.countersigner.flush, daemon=True)
    flushing.start()
    assert server.asked.wait(10)
    party.services.countersigner.flush(shop.builder.account)
    assert flushing.is_alive(), "the slow one is still waited for"
    assert shop.builder.node.store.get(parse_envelope(answer["receipt"]).document.id).is_complete
    server.close()
    flushing.join(10)
    assert not flushing.is_alive()


def test_a_key_is_paid_once_across_crashes_restarts_and_pruning(shop: EdgedShop, party: Party) -> None:
    shop.edge.change = lambda *_: (0, None)
    with pytest.raises(PeerUnreachable):
        party.buyer.predict(shop.model.id, shop.rows(), key="a")
    shop.edge.change = None
    reborn = Buyer(party.node, party.services.peers)
    # another question finishes the first, whose answer waits under its key
    reborn.predict(shop.model.id, shop.rows(1, 1), key="b")
    first = reborn.predict(shop.model.id, shop.rows(), key="a")
    assert Buyer(party.node, party.services.peers).predict(shop.model.id, shop.rows(), key="a") == first
    assert promised(party) == 2 * PRICE
    # without a key it is a purchase of its own; what failed without one is the next asker's
    shop.edge.change = lambda *_: (0, None)
    with pytest.raises(PeerUnreachable):
        reborn.predict(shop.model.id, shop.rows())
    shop.edge.change = None
    adopted = reborn.predict(shop.model.id, shop.rows(), key="c")
    assert adopted != first
    assert reborn.predict(shop.model.id, shop.rows(), key="c") == adopted
    assert promised(party) == 3 * PRICE
    with pytest.raises(KeyReused):
        reborn.predict(shop.model.id, shop.rows(1, 1), key="a")
    # one whose answer had to go buys nothing a second time
    party.node.settings = party.node.settings.with_overrides(keep_answers_bytes=0)
    reborn.predict(shop.model.id, shop.rows(1, 2), key="d")
    with pytest.raises(AnswerPruned):
        reborn.predict(shop.model.id, shop.rows(), key="a")
    assert promised(party) == 4 * PRICE


def test_the_edge_saw_canonical_questions(shop: EdgedShop, party: Party) -> None:
    with contextlib.suppress(Unavailable):
        party.buyer.predict(shop.model.id, shop.rows(2))
    assert [parse(body)["model"] for _, body in shop.edge.seen] == [shop.model.id]


def test_one_act_signs_no_more_than_was_said_for_it_whatever_its_seller_answers(
    shop: EdgedShop, party: Party
) -> None:
    buyer = party.buyer
    buyer.predict(shop.model.id, shop.rows(1, 70))
    before = promised(party)

    # it takes the voucher, and says that it is for another sum
    ask_for_more(shop)
    with pytest.raises(SpendingRefused) as refused:
        buyer.predict(shop.model.id, shop.rows(1, 71), at_most_units=PRICE)
    assert {cumulative for cumulative, _ in shop.edge.seen} == {before + PRICE}
    assert "may be cashed" in refused.value.hint
    # an act with room for two
    shop.edge.seen = []
    with pytest.raises(PaymentRequired) as unpaid:
        buyer.predict(shop.model.id, shop.rows(1, 71), at_most_units=2 * PRICE)
    assert max(cumulative for cumulative, _ in shop.edge.seen) == before + 2 * PRICE
    assert "may still be cashed" in unpaid.value.hint
    shop.edge.change, shop.edge.peer = None, {}
    # its place is found again, at one price
    assert buyer.predict(shop.model.id, shop.rows(1, 72), at_most_units=PRICE)["outputs"]


def ask_for_more(shop: EdgedShop) -> None:
    """The seller has the voucher just shown for accepted, and wants one price more for the same question."""
    shop.edge.change, shop.edge.peer, shop.edge.seen = stale, {"/peer/answers": not_here}, []


def signed_sums(shop: EdgedShop) -> set[int]:
    return {cumulative for cumulative, _ in shop.edge.seen}


def test_closing_signs_nothing_that_was_not_signed_before(shop: EdgedShop, party: Party) -> None:
    party.buyer.predict(shop.model.id, shop.rows(), deposit_calls=2)
    wallet, channel = party.node.balance_units(), party.channels()[0]["channel"]
    shop.edge.change = lambda *_: (503, {"title": "later"})
    with pytest.raises(Unavailable):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    for _ in range(2):
        # left pending by one that answers nothing, then asked for more
        ask_for_more(shop)
        assert party.close_channel(channel)["status"] == "closing"
        assert signed_sums(shop) <= {2 * PRICE}
    assert party.node.balance_units() == wallet


def test_the_answer_to_an_earlier_question_is_not_taken_for_the_answer_to_this_one(
    shop: EdgedShop, party: Party
) -> None:
    party.buyer.predict(shop.model.id, shop.rows())
    shop.edge.change = lambda *_: (503, {"title": "later"})
    with pytest.raises(Unavailable):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    asked, refusals = shop.rows(1, 2), [stale()]
    shop.edge.change = lambda *answer: refusals.pop() if refusals else answer
    shop.edge.peer = {"/peer/answers": not_here}
    answer = party.buyer.predict(shop.model.id, asked)
    receipt = parse_envelope(answer["receipt"]).document.body
    assert receipt["evidence"]["request"] == sha256_hex(request_body(shop.model.id, asked))


@pytest.mark.parametrize("limits", [{}, {"shown_units": PRICE}, {"at_most_units": 5 * PRICE}], ids=str)
def test_no_call_signs_more_than_its_price(shop: EdgedShop, party: Party, limits: dict[str, int]) -> None:
    party.buyer.predict(shop.model.id, shop.rows(), deposit_calls=10)
    ask_for_more(shop)
    with pytest.raises(SpendingRefused, match="one more voucher would promise"):
        party.buyer.predict(shop.model.id, shop.rows(1, 1), **limits)
    assert signed_sums(shop) == {2 * PRICE}


def test_an_answer_that_was_settled_before_it_arrived_is_given_to_its_payer(
    shop: EdgedShop, party: Party
) -> None:
    shop.edge.change = lambda *_: (503, {"title": "later"})
    with pytest.raises(Unavailable):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    shop.edge.change = None
    settle(shop.builder.node)
    assert party.buyer.predict(shop.model.id, shop.rows(1, 1))["outputs"]
    assert (promised(party), grants_used(shop, party)) == (PRICE, 1)
    assert signed_sums(shop) == {PRICE}


def asked(answer: dict[str, Any]) -> str:
    """Of the question that an answer is for, by its receipt."""
    return str(parse_envelope(answer["receipt"]).document.body["evidence"]["request"])


def test_what_a_question_bought_that_failed_for_its_asker_is_given_to_who_asks_it_again(
    shop: EdgedShop, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(start: int) -> str:
        return asked(party.buyer.predict(shop.model.id, shop.rows(1, start)))

    for paid, kept_seconds in ((2, 600), (6, -1)):
        monkeypatch.setattr(untold, "KEPT_SECONDS", kept_seconds)
        shop.edge.change = lambda *_: (503, {"title": "later"})
        with pytest.raises(Unavailable):
            ask(1)
        shop.edge.change = None
        ask(2)
        again = ask(1)
        assert again == sha256_hex(request_body(shop.model.id, shop.rows(1, 1)))
        assert promised(party) == paid * PRICE
        # it was told now
        assert ask(1) == again
        assert promised(party) == (paid + 1) * PRICE
    assert len(party.node.store.find("receipt", "infer")) == 7


def test_who_asks_what_is_being_bought_gets_that_answer_and_it_is_paid_once(
    shop: EdgedShop, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering, go_on, turns = threading.Event(), threading.Event(), threading.Semaphore(0)
    exclusive = party.node.exclusive

    def slow(status: int, value: Any) -> tuple[int, Any]:
        answering.set()
        go_on.wait(20)
        return status, value

    def turn(name: str) -> Any:
        if name.startswith("buying:"):
            turns.release()
        return exclusive(name)

    shop.edge.change = slow
    monkeypatch.setattr(party.node, "exclusive", turn)
    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(party.buyer.predict, shop.model.id, shop.rows(1, 1))]
        assert answering.wait(20)
        asking.append(pool.submit(party.buyer.predict, shop.model.id, shop.rows(1, 1)))
        asking.append(pool.submit(party.buyer.predict, shop.model.id, shop.rows(1, 2)))
        for _ in range(3):
            assert turns.acquire(timeout=20)
        go_on.set()
        first, same, other = [one.result() for one in asking]
    assert first == same
    assert asked(other) != asked(first)
    assert promised(party) == 2 * PRICE
    # told, it is bought anew
    assert asked(party.buyer.predict(shop.model.id, shop.rows(1, 1))) == asked(first)
    assert promised(party) == 3 * PRICE
