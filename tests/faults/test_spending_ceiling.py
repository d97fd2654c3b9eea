"""Ways to make a node spend more than its owner said: without a limit, at once, by a clock, by a crash, by a lie."""

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from chain_proxy import ChainProxy
from inference_world import PRICE, Shop
from node_process import Process
from node_world import SPEND_PER_DAY_MICRO, Party, World, begin, order, until

from freehold.core.documents import Asset, Grant, parse_document
from freehold.core.errors import FreeholdError, InvalidInput, NotAllowed, Unavailable
from freehold.core.times import DAY_SECONDS
from freehold.features.gateway import buying, rationing, serving
from freehold.features.gateway.buying import Buyer
from freehold.features.gateway.rationing import Ration
from freehold.features.grants import granting
from freehold.features.payments import kept
from freehold.features.training import kept as jobs_kept
from freehold.features.training import training
from freehold.kernel import ceiling, pending
from freehold.kernel.ceiling import Act, Payment, PriceChanged, SpendingRefused, SpendingUnset

GRANT = 2_000_000


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture(scope="module")
def sellers(world: World) -> list[Party]:
    """Three owners whose tables cost two dollars each."""
    return world.owners(3, price_units=GRANT)


class Clock:
    """A machine's clock that can be set."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def limited(party: Party, *, act: int = 0, day: int = 0) -> Party:
    ceiling.limit(party.node, spend_per_act_micro=act, spend_per_day_micro=day)
    return party


def buy(party: Party, seller: Party, **more: object) -> None:
    """A grant for the seller's table, which is paid on Market."""
    party.knows(seller)
    (asset,) = [row.document for row in seller.node.store.find("asset") if isinstance(row.document, Asset)]
    granting.obtain(party.node, party.services.peers, party.node.asset(asset.id), "infer", **more)


def spent(party: Party) -> int:
    return int(ceiling.overview(party.node)["spent_units"])


def test_nothing_is_bought_before_a_limit_was_given(shop: Shop, sellers: list[Party]) -> None:
    party = limited(shop.buyer("unlimited"))
    before = party.node.balance_units()
    with pytest.raises(SpendingUnset) as call:
        party.buyer.predict(shop.model.id, shop.rows())
    assert call.value.fields["units"] == PRICE
    assert call.value.fields["deposit_units"] == 10 * PRICE
    assert call.value.fields["gas"] > 50_000
    assert "$0.01 set aside" in call.value.message
    assert (
        "--max 0.001. Or for good, in any 24 hours: freehold spending --per-day 5 --home " in call.value.hint
    )
    with pytest.raises(SpendingUnset) as grant:
        buy(party, sellers[0])
    assert grant.value.fields["units"] == GRANT
    assert party.node.balance_units() == before
    assert ceiling.overview(party.node)["payments"] == []
    assert party.channels() == []
    # what was said for one act counts for that act
    party.buyer.predict(shop.model.id, shop.rows(), at_most_units=PRICE)
    assert before - party.node.balance_units() == PRICE
    with pytest.raises(SpendingUnset):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    buy(party, sellers[0], at_most_units=GRANT)
    assert before - party.node.balance_units() == PRICE + GRANT


def test_a_deposit_counts_and_shrinks_to_what_is_allowed(shop: Shop) -> None:
    party = limited(shop.buyer("small"), act=3 * PRICE, day=7 * PRICE)
    buyer = party.buyer
    assert buyer.quote(shop.model.id, 1)["deposit_units"] == 3 * PRICE
    for i in range(3):
        buyer.predict(shop.model.id, shop.rows(1, i))
    assert spent(party) == 3 * PRICE
    for i in range(3, 7):
        buyer.predict(shop.model.id, shop.rows(1, i))
    assert spent(party) == 7 * PRICE
    with pytest.raises(SpendingRefused) as refused:
        buyer.predict(shop.model.id, shop.rows(1, 8))
    assert refused.value.fields["limit"] == "spend_per_day_micro"
    assert refused.value.fields["left_units"] == 0
    (channel,) = party.channels()
    assert channel["deposited_units"] == channel["promised_units"] == 7 * PRICE
    with pytest.raises(SpendingRefused):
        buyer.predict(shop.model.id, shop.rows(), at_most_units=PRICE - 1)


def test_the_price_that_was_shown_binds(shop: Shop, world: World, sellers: list[Party]) -> None:
    party = shop.buyer("shown")
    with pytest.raises(PriceChanged):
        party.buyer.predict(shop.model.id, shop.rows(), shown_units=PRICE - 1)
    wanted = order(party, sellers, shown_units=3 * GRANT - 1)
    with pytest.raises(PriceChanged):
        begin(party, wanted)
    assert ceiling.overview(party.node)["payments"] == []
    assert jobs_kept.jobs(party.node) == {}


def test_two_purchases_at_once_with_room_for_one_are_one(
    world: World, sellers: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    party = limited(world.party("hasty"), day=2 * GRANT - 1)
    met = threading.Barrier(2)
    head = ceiling.chain_time

    def both_are_here(node: object) -> int:
        # the last thing before the payment is counted
        found = head(node)
        met.wait(10)
        return found

    monkeypatch.setattr(ceiling, "chain_time", both_are_here)
    monkeypatch.setattr(ceiling, "reconcile", lambda _: 0)
    said: list[FreeholdError] = []

    def one(seller: Party) -> None:
        try:
            buy(party, seller)
        except FreeholdError as error:
            said.append(error)

    before = party.node.balance_units()
    threads = [threading.Thread(target=one, args=(seller,)) for seller in sellers[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(error) for error in said] == [SpendingRefused]
    assert before - party.node.balance_units() == GRANT == spent(party)


def test_the_day_rolls_and_a_clock_set_back_refills_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    party = limited(shop.buyer("clocked"), day=PRICE)
    buy_one = party.buyer.predict
    buy_one(shop.model.id, shop.rows())
    # a request signed by another clock than its reader's is refused before anything is paid
    for one in (party, shop.builder):
        monkeypatch.setattr(one.node, "_clock", clock)
    for ahead in (0, -3 * DAY_SECONDS, -400 * DAY_SECONDS, DAY_SECONDS - 60):
        clock.ahead = ahead
        with pytest.raises(SpendingRefused):
            buy_one(shop.model.id, shop.rows(1, 1))
    clock.ahead = DAY_SECONDS + 60
    buy_one(shop.model.id, shop.rows(1, 1))
    clock.ahead = 0
    with pytest.raises(SpendingRefused):
        buy_one(shop.model.id, shop.rows(1, 2))


def test_no_contract_is_ever_allowed_to_take_more(shop: Shop, sellers: list[Party]) -> None:
    party = shop.buyer("exact")
    party.buyer.predict(shop.model.id, shop.rows())
    buy(party, sellers[0])
    for name in ("Channels", "Market", "Revenue"):
        node = party.node
        assert node.chain.read(node.dollar, "allowance", node.account, node.contract(name)) == 0


@pytest.fixture
def chain(world: World) -> Iterator[ChainProxy]:
    with ChainProxy(world.rpc_url) as proxy:
        yield proxy


def is_purchase(request: dict) -> bool:
    return bool(request["method"] == "eth_sendRawTransaction")


@pytest.mark.parametrize("arrived", [True, False], ids=["arrived", "lost"])
def test_a_payment_whose_sender_was_killed_still_counts(
    world: World,
    shop: Shop,
    chain: ChainProxy,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    arrived: bool,
) -> None:
    home = tmp_path_factory.mktemp("killed") / "buyer"
    buyer = Process(home, chain.url, spend_per_day_micro=15 * PRICE).start()
    request.addfinalizer(buyer.kill)
    buyer.api("/peers", {"url": shop.builder.url})
    question = {"model": shop.model.id, "rows": shop.rows()}

    def killed(result: object) -> object:
        buyer.kill()
        return result

    def rule(request: dict) -> object:
        if not is_purchase(request):
            return None
        if arrived:
            return ("change", killed)
        buyer.kill()
        return "drop"

    chain.rule = rule
    with pytest.raises(Exception):  # noqa: B017 - the node died in the middle of its answer
        buyer.api("/predict", question)
    chain.rule = lambda _: None
    buyer.start()
    found = buyer.api("/spending")
    assert found["spent_units"] == 10 * PRICE
    assert found["payments"][0]["state"] == ("spent" if arrived else "reserved")
    # the same channel, opened once, whichever it was
    buyer.api("/predict", question)
    (channel,) = buyer.api("/channels")["channels"]
    assert channel["deposited_units"] == 10 * PRICE
    found = buyer.api("/spending")
    assert (found["spent_units"], found["left_units"]) == (10 * PRICE, 5 * PRICE)


def test_what_failed_counts_until_it_cannot_happen_any_more(
    world: World, shop: Shop, sellers: list[Party], chain: ChainProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    party = Party(world.home / "failing", chain.url, "failing")
    world._parties.append(party)
    party.knows(shop.builder)
    party.buyer.predict(shop.model.id, shop.rows(), deposit_calls=1)
    limited(party, day=GRANT + PRICE)

    def refuse(request: dict) -> object:
        return {"error": {"code": -32000, "message": "no"}} if is_purchase(request) else None

    chain.rule = refuse
    with pytest.raises(FreeholdError):
        buy(party, sellers[0])
    chain.rule = lambda _: None
    # the chain's operator has seen the authorization: until it lapses, its money is as good as gone
    with pytest.raises(SpendingRefused):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    # a machine's clock that is ahead does not make it lapse
    clock = Clock()
    clock.ahead = 3 * ceiling.VALID_SECONDS
    for one in (party, shop.builder):
        monkeypatch.setattr(one.node, "_clock", clock)
    with pytest.raises(SpendingRefused):
        party.buyer.predict(shop.model.id, shop.rows(1, 1))
    clock.ahead = 0

    def later(block: dict) -> dict:
        return {**block, "timestamp": hex(int(block["timestamp"], 16) + ceiling.VALID_SECONDS + 60)}

    def is_time(request: dict) -> bool:
        return bool(request["method"] == "eth_getBlockByNumber")

    chain.rule = lambda request: ("change", later) if is_time(request) else None
    assert ceiling.reconcile(party.node) == 1
    chain.rule = lambda _: None
    party.buyer.predict(shop.model.id, shop.rows(1, 1), deposit_calls=1)
    states = [row["state"] for row in ceiling.overview(party.node)["payments"]]
    assert sorted(states) == ["spent", "spent", "void"]
    assert spent(party) == 2 * PRICE


def test_a_job_buys_within_what_was_said_also_after_a_restart(world: World, sellers: list[Party]) -> None:
    party = world.party("jobber")
    with pytest.raises(SpendingRefused):
        begin(party, order(party, sellers, at_most_units=3 * GRANT - 1))
    assert jobs_kept.jobs(party.node) == {}, "nothing was committed to"
    job_id = begin(party, order(party, sellers, at_most_units=3 * GRANT))
    # less than it takes is allowed by the time it buys
    limited(party, day=2 * GRANT)
    before = party.node.balance_units()
    with pytest.raises(SpendingRefused):
        training.Job(party.node, party.services.peers, job_id, lambda _: None).run()
    assert before - party.node.balance_units() == 2 * GRANT
    stored = jobs_kept.job(party.node, job_id)
    assert (stored["step"], stored["absent"]) == ("grants", {}), "no owner is left out for it"
    party.jobs.begin()
    until(lambda: not party.jobs.get(job_id)["running"], "the job stands still")
    assert party.jobs.get(job_id)["error"]["code"] == "spending.over"
    assert before - party.node.balance_units() == 2 * GRANT
    limited(party, day=SPEND_PER_DAY_MICRO)
    assert training.Job(party.node, party.services.peers, job_id, lambda _: None).run()["step"] == "done"
    assert before - party.node.balance_units() == 3 * GRANT


def test_an_offer_in_another_token_is_refused_before_anything_is_signed(
    shop: Shop, world: World, sellers: list[Party]
) -> None:
    party = shop.buyer("tokens")
    party.knows(sellers[0])
    mine = "0x" + "ab" * 20
    for seller, kind in ((shop.builder, "model"), (sellers[0], "dataset")):
        real = seller.node.store.find("asset", kind)[-1].document
        terms = {**real.body["terms"], "token": mine}
        bait = parse_document({**real.body, "terms": terms, "name": f"bait {kind}"})
        with seller.node.store.transaction() as tx:
            tx.put(seller.node.seal(bait), public=True)
        with party.node.store.transaction() as tx:
            tx.put(seller.node.seal(bait), logged=False)
        with pytest.raises(InvalidInput) as refused:
            _bought(party, shop, bait)
        assert refused.value.fields["token"] == mine
    assert ceiling.overview(party.node)["payments"] == []


def _bought(party: Party, shop: Shop, asset: Asset) -> None:
    if asset.asset_kind == "model":
        party.buyer.predict(asset.id, shop.rows())
    else:
        granting.obtain(party.node, party.services.peers, asset, "infer")


def test_a_channel_of_before_is_counted_call_by_call(shop: Shop) -> None:
    party = shop.buyer("older")
    buyer: Buyer = party.buyer
    buyer.predict(shop.model.id, shop.rows())
    (record,) = kept.channels(party.node)
    # as an earlier version kept it
    del record["counted"]
    with party.node.store.transaction() as tx:
        kept.keep_channel(tx, record)
        tx.connection.execute("DELETE FROM payments")
    limited(party, day=2 * PRICE)
    for i in range(1, 3):
        buyer.predict(shop.model.id, shop.rows(1, i))
    with pytest.raises(SpendingRefused):
        buyer.predict(shop.model.id, shop.rows(1, 3))
    assert spent(party) == 2 * PRICE


def test_what_a_deposit_holds_is_no_new_spending(shop: Shop) -> None:
    party = shop.buyer("prepaid")
    buyer: Buyer = party.buyer
    buyer.predict(shop.model.id, shop.rows(), deposit_calls=2)
    limited(party)
    buyer.predict(shop.model.id, shop.rows(1, 1))
    assert spent(party) == 2 * PRICE
    with pytest.raises(SpendingUnset):
        buyer.predict(shop.model.id, shop.rows(1, 2))


def test_what_one_act_may_take_binds_also_out_of_a_deposit(shop: Shop) -> None:
    party = shop.buyer("thrifty")
    buyer: Buyer = party.buyer
    buyer.predict(shop.model.id, shop.rows())
    limited(party)
    with pytest.raises(SpendingRefused) as refused:
        buyer.predict(shop.model.id, shop.rows(1, 1), at_most_units=PRICE - 1)
    assert refused.value.fields["limit"] == "--max"


def test_what_is_said_to_be_set_aside_stays_within_the_limit_of_the_act(shop: Shop) -> None:
    party = shop.buyer("quoted")
    assert party.buyer.quote(shop.model.id, 1, at_most_units=2 * PRICE)["deposit_units"] == 2 * PRICE


def test_nothing_is_set_aside_for_a_call_that_its_seller_would_not_answer(shop: Shop) -> None:
    serving.switch(shop.builder.node, shop.model.id, on=True, ration=Ration(rows=2))
    try:
        party = shop.buyer("rationed")
        buyer: Buyer = party.buyer
        with pytest.raises(NotAllowed) as refused:
            buyer.predict(shop.model.id, shop.rows(3))
        assert refused.value.fields["peer_code"] == "answers.ration"
        assert ceiling.overview(party.node)["payments"] == []
        buyer.predict(shop.model.id, shop.rows(2), deposit_calls=1)
        with pytest.raises(NotAllowed):
            buyer.predict(shop.model.id, shop.rows(1, 2))
        assert spent(party) == PRICE, "nor is a channel topped up for it"
    finally:
        serving.switch(shop.builder.node, shop.model.id, on=True, ration=Ration())


def test_who_says_yes_and_then_no_leaves_what_was_set_aside_to_its_buyer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rationing, "require", lambda *_: None)
    party = shop.buyer("misled")

    def refuse(*_: object) -> None:
        raise rationing.RationSpent("no more today", hint="Nothing was charged.")

    monkeypatch.setattr(rationing, "take", refuse)
    with pytest.raises(NotAllowed) as refused:
        party.buyer.predict(shop.model.id, shop.rows(), deposit_calls=3)
    assert refused.value.fields["set_aside_units"] == 3 * PRICE
    assert "$0.003 were set aside" in refused.value.hint


def test_the_limit_that_is_suggested_is_never_below_the_act(shop: Shop) -> None:
    party = limited(shop.buyer("large"))
    with pytest.raises(SpendingUnset) as call:
        ceiling.require_limit(party.node, ceiling.Act("large"), 1_234_500_000)
    assert "--max 1234.50." in call.value.hint
    assert "--per-day 1235 " in call.value.hint


def test_a_days_limit_alone_lets_no_act_take_most_of_it(shop: Shop) -> None:
    """900 of 960 dollars left a wallet, since any 24 hours might take a thousand."""
    party = limited(shop.buyer("wealthy"), day=1_000_000_000)

    def reserve(act: Act, units: int, number: int) -> None:
        ceiling.reserve(party.node, act, Payment("0x" + f"{number:02x}" * 32, units, "grant", shop.model.id))

    with pytest.raises(
        SpendingRefused, match=r"at most \$100.00 for one act that nothing was said of"
    ) as refused:
        reserve(Act("a"), 900_000_000, 1)
    assert "--max 900.00. Or say what one act may take: freehold spending --per-act" in refused.value.hint
    with pytest.raises(SpendingRefused):
        ceiling.require_affordable(party.node, Act("job"), 100_000_001)
    reserve(Act("parts"), 60_000_000, 2)
    with pytest.raises(SpendingRefused, match="left"):
        reserve(Act("parts"), 60_000_000, 3)
    reserve(Act("said", 500_000_000), 500_000_000, 4)
    limited(party, day=4_000_000_000)
    reserve(Act("tenth"), 400_000_000, 5)
    limited(party, act=900_000_000, day=4_000_000_000)
    reserve(Act("per act"), 900_000_000, 6)
    assert spent(party) == 1_860_000_000


@pytest.mark.parametrize("state", ["reserved", "spent"])
def test_a_payment_never_shrinks_before_it_is_void(shop: Shop, state: str) -> None:
    party = limited(shop.buyer(f"shrinking-{state}"), day=10 * PRICE)
    nonce = "0x" + "5a" * 32

    def reserve(units: int) -> None:
        ceiling.reserve(party.node, Act("one"), Payment(nonce, units, "deposit", shop.model.id))

    reserve(9 * PRICE)
    if state == "spent":
        ceiling.mined(party.node, nonce)
    # a chain that is a block behind makes a buyer open its channel again, for less
    reserve(PRICE)
    (row,) = ceiling.overview(party.node)["payments"]
    assert (row["units"], row["state"], spent(party)) == (9 * PRICE, state, 9 * PRICE)


def crowd(seller: Party, asset: Asset, bound: int, **more: object) -> None:
    """More wishes of strangers than are kept."""
    for _ in range(bound + 1):
        body = {"asset": asset.id, "nonce": "0x" + secrets.token_hex(32), "action": "infer", **more}
        granting.issue(seller.node, "0x" + secrets.token_hex(20), body)


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "unheard"])
def test_a_grant_that_was_crowded_out_while_it_was_paid_stands_and_is_paid_once(
    world: World, monkeypatch: pytest.MonkeyPatch, heard: bool
) -> None:
    monkeypatch.setattr(pending, "GRANTS", replace(pending.GRANTS, strangers=5))
    (seller,) = world.owners(1, price_units=GRANT)
    party = world.party(f"crowded-{heard}")
    party.knows(seller)
    (asset,) = [row.document for row in seller.node.store.find("asset") if isinstance(row.document, Asset)]
    send, sent = party.node.send, []

    def slow(contract: str, function: str, *args: object) -> int:
        # signed, and on its way to the next block
        sent.append(function)
        crowd(seller, asset, 5)
        gas = send(contract, function, *args)
        if not heard:
            monkeypatch.undo()
            raise Unavailable("the answer of the chain is lost")
        return gas

    monkeypatch.setattr(party.node, "send", slow)
    before = party.node.balance_units()

    def obtain() -> Grant:
        return granting.obtain(
            party.node, party.services.peers, party.node.asset(asset.id), "infer", once_for="job"
        )

    if not heard:
        with pytest.raises(Unavailable):
            obtain()
    grant = obtain()
    assert seller.node.grant(grant.id).id == grant.id
    assert seller.node.store.position(grant.id) is not None
    crowd(seller, asset, 5)
    assert obtain().id == grant.id
    assert before - party.node.balance_units() == GRANT
    assert sent == ["buyWithAuthorization"]


def test_a_grant_for_calls_that_was_crowded_out_is_asked_for_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "GRANTS", replace(pending.GRANTS, strangers=5))
    party = shop.buyer("crowded-calls")
    send = party.node.send

    def slow(contract: str, function: str, *args: object) -> int:
        crowd(shop.builder, shop.model, 5, spend_cap_units=1000)
        return send(contract, function, *args)

    monkeypatch.setattr(party.node, "send", slow)
    assert party.buyer.predict(shop.model.id, shop.rows())["outputs"]
    (channel,) = party.channels()
    assert channel["promised_units"] == PRICE


@pytest.mark.parametrize("chosen", [False, True], ids=["usual-cap", "chosen-cap"])
def test_calls_by_row_do_not_stop_at_a_cap_that_nobody_chose(
    world: World, monkeypatch: pytest.MonkeyPatch, chosen: bool
) -> None:
    shop = Shop(world, sold={"per": "row"})
    monkeypatch.setattr(buying, "CAP_CALLS", 2)
    party, most = shop.buyer(f"rows-{chosen}"), shop.model.terms.rows_per_call
    buyer: Buyer = party.buyer
    limited(party, day=10**9)
    cap = 2 * most * PRICE - 1 if chosen else None
    for i in range(1 if chosen else 2):
        buyer.predict(shop.model.id, shop.rows(most, i), spend_cap_units=cap)
    if not chosen:
        assert buyer.predict(shop.model.id, shop.rows(1, 3))["outputs"]
        return
    with pytest.raises(NotAllowed) as refused:
        buyer.predict(shop.model.id, shop.rows(most, 3))
    assert refused.value.fields["peer_code"] == "grant.spend_cap"
    assert "spend_cap_units" in refused.value.hint
