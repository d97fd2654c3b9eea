"""Answers as their seller says: priced by row, bounded, rounded, rationed; and what they reveal of a model."""

import secrets
import sys
from pathlib import Path

import numpy as np
import pytest
from inference_world import PRICE, Hand, Shop, open_channel
from node_world import Party, World, require_sound

from freehold.core.errors import FreeholdError, InvalidInput, NotAllowed
from freehold.core.signing import parse_envelope
from freehold.features.gateway import rationing, serving
from freehold.features.gateway.rationing import Ration, RationSpent
from freehold.features.models.kept import require_weights
from freehold.features.models.rules.scaling import Scaling
from freehold.features.payments.rules.payment import to_header
from freehold.kernel import logbook
from freehold.kernel.evidence import proving
from freehold.kernel.evidence.verify import verify

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
import extraction

MOST_ROWS = 5


@pytest.fixture(scope="module")
def by_row(world: World) -> Shop:
    return Shop(world, sold={"per": "row", "rows_per_call": MOST_ROWS, "round_to": 1})


@pytest.fixture(scope="module")
def by_call(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def payer(by_row: Shop) -> Party:
    return by_row.buyer()


def test_an_offer_without_the_new_words_is_the_old_document(by_call: Shop) -> None:
    assert not {"per", "rows_per_call", "round_to"} & set(by_call.model.terms.body)
    (quote,) = [one["quote"] for one in by_call.builder.gateway.models()]
    assert (quote["per"], quote["rows_per_call"], quote["round_to"]) == ("call", 1_000, 6)


def test_each_row_costs_and_both_sides_sign_how_many(by_row: Shop, payer: Party) -> None:
    before = by_row.builder.node.store.rows("SELECT * FROM vouchers ORDER BY channel")
    answer = payer.buyer.predict(by_row.model.id, by_row.rows(3))
    receipt = parse_envelope(answer["receipt"]).document
    assert receipt.evidence["rows"] == 3
    assert {line.delta_units for line in receipt.money} == {3 * PRICE, -3 * PRICE}
    assert receipt.evidence["cumulative_units"] == 3 * PRICE
    assert by_row.builder.node.store.uses(receipt.grant) == (1, 3 * PRICE)
    assert len(by_row.builder.node.store.rows("SELECT * FROM vouchers ORDER BY channel")) == len(before) + 1
    assert all(one["probability_ppm"] % 100_000 == 0 for one in answer["outputs"])
    require_sound(by_row.builder.node)


def test_many_rows_are_not_had_for_the_price_of_one(by_row: Shop, payer: Party) -> None:
    hand = Hand.open(by_row, payer)
    cheap = by_row.post(by_row.body(3), hand.voucher(PRICE))
    assert (cheap.status_code, cheap.json()["code"]) == (402, "payment.stale")
    assert cheap.json()["fields"]["call_units"] == 3 * PRICE
    single = by_row.post(by_row.body(3), to_header(by_row.deposit(payer)))
    assert (single.status_code, single.json()["code"]) == (402, "payment.refused")
    much = by_row.post(by_row.body(MOST_ROWS + 1), hand.voucher((MOST_ROWS + 1) * PRICE))
    assert (much.status_code, much.json()["code"]) == (422, "inference.request")
    assert by_row.post(by_row.body(MOST_ROWS + 1)).status_code == 422, "not quoted either"
    with pytest.raises(InvalidInput, match="at most 5 rows a call"):
        payer.buyer.predict(by_row.model.id, by_row.rows(MOST_ROWS + 1))
    assert by_row.post(by_row.body(3), hand.voucher(3 * PRICE)).status_code == 200
    paid = by_row.post(by_row.body(2), to_header(by_row.deposit(payer, value_units=2 * PRICE)))
    assert paid.status_code == 200
    assert parse_envelope(paid.json()["receipt"]).document.evidence["rows"] == 2


def test_the_spend_cap_counts_rows(by_row: Shop, payer: Party) -> None:
    hand = Hand.open(by_row, payer, cap=4 * PRICE)
    assert by_row.post(by_row.body(3), hand.voucher(3 * PRICE)).status_code == 200
    over = by_row.post(by_row.body(2, 7), hand.voucher(5 * PRICE))
    assert (over.status_code, over.json()["code"]) == (403, "grant.spend_cap")


def test_evidence_of_answers_by_the_row_verifies_in_both(by_row: Shop, payer: Party, tmp_path: Path) -> None:
    import subprocess

    answer = payer.buyer.predict(by_row.model.id, by_row.rows(4, 20))
    payer.services.countersigner.flush()
    logbook.anchor(by_row.builder.node)
    bundle = proving.evidence(payer.services, parse_envelope(answer["receipt"]).document.id)
    assert verify(bundle).ok
    bundle.write(tmp_path / "evidence")
    script = Path(__file__).resolve().parents[2] / "examples" / "verify_standalone.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "evidence"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("ration", [Ration(calls=2), Ration(rows=6)], ids=["calls", "rows"])
def test_one_buyer_gets_its_ration_and_no_more(by_call: Shop, world: World, ration: Ration) -> None:
    shop = by_call
    serving.switch(shop.builder.node, shop.model.id, on=True, ration=ration)
    try:
        greedy, other = shop.buyer("greedy"), shop.buyer("modest")
        for i in range(2):
            greedy.buyer.predict(shop.model.id, shop.rows(3, 10 * i))
        before = shop.builder.node.store.rows("SELECT * FROM vouchers ORDER BY channel")
        with pytest.raises(NotAllowed) as refused:
            greedy.buyer.predict(shop.model.id, shop.rows(3, 30))
        assert refused.value.fields["peer_code"] == RationSpent.code
        assert shop.builder.node.store.rows("SELECT * FROM vouchers ORDER BY channel") == before, (
            "nothing was charged"
        )
        # neither another channel and grant, nor a transfer, nor a new process helps the same account
        hand = Hand.open(shop, greedy)
        with pytest.raises(RationSpent):
            serving.Gateway(shop.builder.node).predict(shop.body(3, 40), hand.voucher(PRICE))
        assert shop.post(shop.body(3, 40), hand.voucher(PRICE)).json()["code"] == RationSpent.code
        transfer = to_header(shop.deposit(greedy))
        units = greedy.node.balance_units()
        assert shop.post(shop.body(3, 50), transfer).json()["code"] == RationSpent.code
        assert greedy.node.balance_units() == units, "no money moved"
        # the paid answer is still there for a retry, and another account has a ration of its own
        other.buyer.predict(shop.model.id, shop.rows(3, 60))
    finally:
        serving.switch(shop.builder.node, shop.model.id, on=True, ration=Ration())


def test_a_ration_is_of_any_24_hours(by_call: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    node, buyer, ration = by_call.builder.node, "0x" + secrets.token_hex(20), Ration(calls=1)

    def take(at: int) -> bool:
        monkeypatch.setattr(node, "_clock", lambda: at)
        try:
            with node.store.transaction() as tx:
                rationing.keep(tx, "0xmodel", ration)
                rationing.take(node, tx, "0xmodel", buyer, 1)
        except RationSpent:
            return False
        return True

    start = 1_000_000 * 3_600
    assert take(start + 3_599)
    assert not any(take(start + later) for later in (3_600, 86_399, 86_400 + 3_598, -5 * 86_400))
    assert take(start + 86_400 + 3_600)


def copy_of(shop: Shop, party: Party, rows: int) -> tuple[float, int]:
    """Relative error of the weights that answers to so many rows give, and what they cost."""
    model = require_weights(shop.builder.node, shop.model)
    scaling, real = Scaling.from_json(model["scaling"]), np.array(model["weights"]) / (1 << 16)
    paid = []

    def ask(asked: np.ndarray) -> list[float]:
        given = []
        for row in asked.tolist():
            cells = [
                f"{value // 10**6}.{value % 10**6:06d}" if value >= 0 else str(value / 10**6) for value in row
            ]
            answer = party.buyer.predict(shop.model.id, [cells])
            paid.append(
                sum(max(line.delta_units, 0) for line in parse_envelope(answer["receipt"]).document.money)
            )
            given += [one["probability_ppm"] / 10**6 for one in answer["outputs"]]
        return given

    copy = extraction.stolen(ask, scaling, rows)
    return float(np.linalg.norm(copy - real) / np.linalg.norm(real)), sum(paid)


def test_exact_answers_give_a_model_away_and_rounded_ones_much_less(by_call: Shop, by_row: Shop) -> None:
    exact, cost = copy_of(by_call, by_call.buyer("thief"), by_call.width + 1)
    assert exact < 0.02, "one answer more than columns is the whole model"
    assert cost == (by_call.width + 1) * PRICE
    rounded, _ = copy_of(by_row, by_row.buyer("thief"), by_row.width + 1)
    assert rounded > 5 * exact
    assert rounded > 0.03


@pytest.mark.parametrize(
    "terms", [{"per": "hour"}, {"rows_per_call": 0}, {"rows_per_call": 1_001}, {"round_to": 7}]
)
def test_terms_that_say_nonsense_are_refused(by_call: Shop, terms: dict) -> None:
    from freehold.core.documents import parse_document

    with pytest.raises(FreeholdError):
        parse_document({**by_call.model.terms.body, **terms})


def test_a_channel_opened_by_hand_pays_by_row_too(by_row: Shop, payer: Party) -> None:
    hand = Hand.open(by_row, payer)
    second = Hand(by_row, payer, hand.grant, open_channel(payer, by_row.pool, 20 * PRICE))
    assert by_row.post(by_row.body(5), second.voucher(5 * PRICE)).status_code == 200
    assert by_row.post(by_row.body(1), second.voucher(6 * PRICE)).status_code == 200
