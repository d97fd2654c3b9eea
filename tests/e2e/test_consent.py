"""Consent by hand between nodes that answer over real HTTP: asked, decided, paid once, or not at all."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from node_tables import make, write
from node_world import TOKEN, Party, World, offered, require_sound
from peer_calls import call, introduce

from freehold.core.documents import Asset
from freehold.core.errors import Conflict, InvalidDocument, InvalidInput, NotAllowed, NotFound
from freehold.features.data import finding, publishing
from freehold.features.data.offering import approval_of, set_approval
from freehold.features.data.wire import Approval
from freehold.features.grants import asking, consent, granting, requests
from freehold.features.grants.asking import GrantCountered, GrantWaiting
from freehold.features.grants.consent import GrantRefused, RequestDecided
from freehold.features.grants.wire import CounterRequest
from freehold.kernel.peers import PeerRefused
from freehold.kernel.rights.standing import is_purchased

PRICE_UNITS = 2_000_000
DAY = 86_400


class Two:
    """An owner who asks first, with a movable clock, and a buyer."""

    def __init__(self, world: World) -> None:
        self.ahead_seconds = 0
        clock = lambda: time.time() + self.ahead_seconds  # noqa: E731
        self.owner = world.party("owner", clock=clock)
        self.buyer = world.party("buyer", clock=clock)
        self.asset = self.publish()

    def publish(self, approval: Approval = "ask") -> Asset:
        path = write(self.owner.home / "table.csv", make(20, seed=1))
        asked = offered(path, price_units=PRICE_UNITS, approval=approval)
        made = publishing.publish(self.owner.node, asked)
        self.buyer.knows(self.owner)
        return self.owner.node.asset(made.document.id)

    def ask(self, **wish: Any) -> Any:
        return granting.obtain(self.buyer.node, self.buyer.services.peers, self.asset, "infer", **wish)

    def wait(self, **wish: Any) -> str:
        """Asks, is told to wait; returns the request's id."""
        with pytest.raises(GrantWaiting) as waiting:
            self.ask(**wish)
        return str(waiting.value.fields["asked"][0]["id"])

    def grants(self) -> int:
        return len(self.owner.node.store.find("grant", about=self.asset.id))


@pytest.fixture
def two(world: World) -> Two:
    return Two(world)


def test_a_request_waits_once_however_often_it_is_asked_and_is_paid_when_accepted(two: Two) -> None:
    balance = two.buyer.node.balance_units()
    request = two.wait(max_uses=7)
    assert two.wait(max_uses=7) == request
    (row,) = requests.overview(two.owner.node)
    assert (row["id"], row["state"], row["holder"], row["holder_name"]) == (
        request, "waiting", two.buyer.account, "buyer",
    )  # fmt: skip
    assert (row["max_uses"], row["price_units"], row["total_units"]) == (7, PRICE_UNITS, PRICE_UNITS)
    assert "infer" in row["actions"]
    assert row["purposes"] == ["model-training"]
    assert two.grants() == 0
    assert two.buyer.node.balance_units() == balance

    accepted = consent.accept(two.owner.node, request)
    assert consent.accept(two.owner.node, request) == accepted, "twice is once"
    assert two.buyer.node.balance_units() == balance, "nothing is paid before the buyer hears of it"
    grant = two.ask(max_uses=7)
    assert (grant.id, grant.terms.max_uses) == (accepted["grant"], 7)
    assert two.buyer.node.balance_units() == balance - PRICE_UNITS
    assert is_purchased(two.owner.node, grant)
    assert two.grants() == 1
    assert asking.overview(two.buyer.node) == []
    require_sound(two.owner.node)


def test_who_asks_first_is_seen_in_the_catalogue_and_in_search(two: Two) -> None:
    automatic = two.publish("automatic")
    shown = {row["id"]: row["approval"] for row in finding.search(two.buyer.node, "", "dataset")}
    assert (shown[two.asset.id], shown[automatic.id]) == ("ask", "automatic")
    grant = granting.obtain(two.buyer.node, two.buyer.services.peers, automatic, "infer")
    assert grant.asset == automatic.id


def queryable(asset: Asset) -> Asset:
    """The same with terms that allow what no feature of these nodes knows."""
    terms = asset.terms
    actions = (*terms.actions[:2], "query", *terms.actions[2:])
    return asset.model_copy(update={"terms": terms.model_copy(update={"actions": actions})})


def test_what_no_feature_knows_is_granted_by_hand_alone(two: Two) -> None:
    path = write(two.owner.home / "queryable.csv", make(20, seed=2))
    node = two.owner.node
    asset = queryable(node.asset(publishing.publish(node, offered(path)).document.id))
    with node.store.transaction() as tx:
        tx.put(node.seal(asset), public=True)
    two.buyer.knows(two.owner)
    assert approval_of(two.buyer.node, asset.id) == "automatic"
    with pytest.raises(GrantWaiting):
        granting.obtain(two.buyer.node, two.buyer.services.peers, asset, "query")
    (row,) = requests.overview(two.owner.node)
    assert row["actions"] == ["derive", "infer", "query"]
    consent.accept(two.owner.node, row["id"])
    grant = granting.obtain(two.buyer.node, two.buyer.services.peers, asset, "query")
    assert grant.terms.actions == ("derive", "infer", "query")


def test_a_peer_cannot_say_that_anothers_asset_is_granted_by_hand(two: Two, world: World) -> None:
    automatic, liar = two.publish("automatic"), world.party("liar")
    with liar.node.store.transaction() as tx:
        tx.put(two.owner.node.store.get(automatic.id), public=True)
        set_approval(tx, automatic.id, "ask")
    with pytest.raises(InvalidDocument, match="not an asset of its own"):
        two.buyer.knows(liar)
    assert approval_of(two.buyer.node, automatic.id) == "automatic"


def test_other_terms_are_offered_taken_up_and_paid_as_offered(two: Two) -> None:
    request, balance = two.wait(), two.buyer.node.balance_units()
    consent.counter(
        two.owner.node,
        CounterRequest(request_id=request, price_units=3_000_000, max_uses=5, days=30, note="first year"),
    )
    with pytest.raises(GrantCountered):
        two.ask()
    (row,) = asking.overview(two.buyer.node)
    assert (row["state"], row["offer"] and row["offer"]["price_units"]) == ("countered", 3_000_000)
    assert row["offer"]
    assert (row["offer"]["max_uses"], row["offer"]["note"]) == (5, "first year")
    assert two.buyer.node.balance_units() == balance
    with pytest.raises(GrantCountered):
        two.ask()
    assert two.grants() == 0, "asking again does not take an offer up"

    grant = granting.take(two.buyer.services, request[:10])
    assert (grant.terms.price_units, grant.terms.max_uses) == (3_000_000, 5)
    assert grant.terms.expires_at <= two.owner.node.now() + 30 * DAY
    assert two.buyer.node.balance_units() == balance - 3_000_000
    assert requests.overview(two.owner.node)[0]["state"] == "accepted"


def test_an_offer_that_changed_after_it_was_seen_is_not_taken_up(two: Two) -> None:
    request = two.wait()
    consent.counter(two.owner.node, CounterRequest(request_id=request, max_uses=5))
    with pytest.raises(GrantCountered):
        two.ask()
    consent.counter(two.owner.node, CounterRequest(request_id=request, price_units=9_000_000))
    balance = two.buyer.node.balance_units()
    with pytest.raises(GrantCountered):
        granting.take(two.buyer.services, request)
    assert (two.grants(), two.buyer.node.balance_units()) == (0, balance)
    assert granting.take(two.buyer.services, request).terms.price_units == 9_000_000


def test_an_offer_stays_within_the_published_terms(two: Two) -> None:
    request = two.wait(max_uses=7)
    for change, refusal in (
        ({"price_units": PRICE_UNITS - 1}, NotAllowed),
        ({"max_uses": 101}, NotAllowed),
        ({"days": 4_000}, NotAllowed),
        ({"purposes": ["advertising"]}, NotAllowed),
        ({"max_uses": 7}, InvalidInput),
        ({"max_uses": 5, "note": "a\x1b[2Jb"}, InvalidInput),
        ({"max_uses": 5, "note": "x" * 301}, InvalidInput),
    ):
        with pytest.raises(refusal):
            consent.counter(two.owner.node, CounterRequest.of(request_id=request, **change))
    assert requests.overview(two.owner.node)[0]["state"] == "waiting"


def test_a_refusal_is_read_and_holds_for_a_day(two: Two) -> None:
    request = two.wait()
    for bad in ("", "   ", "line\nbreak", "\u202edrow", "x" * 301):
        with pytest.raises(InvalidInput):
            consent.refuse(two.owner.node, request, bad)
    consent.refuse(two.owner.node, request, "not for this purpose")
    with pytest.raises(GrantRefused, match="“not for this purpose”") as refused:
        two.ask()
    assert "reason" not in refused.value.fields, "its words stand nowhere as this node's"
    with pytest.raises(GrantRefused, match="not for this purpose"):
        two.ask(max_uses=3)
    assert {row["reason"] for row in asking.overview(two.buyer.node)} == {"not for this purpose"}
    with pytest.raises(Conflict, match="was refused"):
        consent.accept(two.owner.node, request)
    two.ahead_seconds = DAY + 60
    assert two.wait() == request
    assert two.wait(max_uses=3) != request


def test_a_dropped_request_is_gone_on_both_sides(two: Two) -> None:
    request = two.wait()
    granting.drop(two.buyer.services, request)
    assert requests.overview(two.owner.node) == []
    assert asking.overview(two.buyer.node) == []
    with pytest.raises(NotFound):
        consent.accept(two.owner.node, request)
    assert two.wait() != request


def test_nobody_else_can_drop_a_request_or_take_up_its_offer(two: Two, world: World) -> None:
    request, thief = two.wait(), world.party("thief")
    consent.counter(two.owner.node, CounterRequest(request_id=request, max_uses=5))
    introduce(thief, two.owner)
    assert call(thief, two.owner, "/peer/withdraw", {"request": request}).json() == {"withdrawn": False}
    with pytest.raises(GrantCountered):
        two.ask()
    wish = asking.to_take(two.buyer.node, request)
    body = asking.request_body(asking.taking(wish, wish["offer"]["id"]))
    answer = call(thief, two.owner, "/peer/grants", body)
    assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
    assert two.grants() == 0


def test_requests_lapse_and_are_bounded(two: Two, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # a stranger's would go first
    two.owner.node.befriend(two.buyer.account)
    two.wait()
    for number in range(1, requests.MAX_REQUESTS_PER_PEER):
        two.wait(max_uses=number)
    with pytest.raises(NotAllowed, match="too many requests"):
        two.ask(max_uses=50)
    monkeypatch.setattr(requests, "MAX_REQUESTS", requests.MAX_REQUESTS_PER_PEER)
    other = world.party("other")
    other.knows(two.owner)
    with pytest.raises(NotAllowed, match="too many requests"):
        granting.obtain(other.node, other.services.peers, two.asset, "infer")
    two.ahead_seconds = requests.LAPSE_SECONDS + 60
    assert requests.overview(two.owner.node) == []
    two.wait()
    assert len(two.owner.node.store.rows("SELECT id FROM requests")) == 1, "what lapsed is removed"


def test_a_sender_whose_name_cannot_be_printed_is_not_listed(two: Two, world: World) -> None:
    odd = world.party("odd\x1b[31m")
    odd.knows(two.owner)
    with pytest.raises(PeerRefused, match="name of the sender"):
        granting.obtain(odd.node, odd.services.peers, two.asset, "infer")
    assert requests.overview(two.owner.node) == []


def test_a_withdrawn_asset_and_a_time_that_is_over_are_not_granted(two: Two) -> None:
    request = two.wait()
    record = requests.read(two.owner.node, request)
    terms = replace_expiry(record["terms"], two.owner.node.now() - 1)
    with two.owner.node.store.transaction() as tx:
        requests.keep(two.owner.node, tx, {**record, "terms": terms}, requests.LAPSE_SECONDS)
    with pytest.raises(Conflict, match="time that was asked for is over"):
        consent.accept(two.owner.node, request)
    assert two.grants() == 0


def replace_expiry(terms: dict[str, Any], expires_at: int) -> dict[str, Any]:
    return {**terms, "expires_at": expires_at}


def test_a_request_that_the_terms_alone_granted_meanwhile_is_not_granted_twice(two: Two) -> None:
    request = two.wait()
    with two.owner.node.store.transaction() as tx:
        set_approval(tx, two.asset.id, "automatic")
    grant = two.ask()
    (row,) = requests.overview(two.owner.node)
    assert (row["state"], row["grant"]) == ("accepted", grant.id)
    assert consent.accept(two.owner.node, request)["grant"] == grant.id
    assert two.grants() == 1


def test_many_who_fetch_one_accepted_grant_at_once_pay_once(two: Two) -> None:
    consent.accept(two.owner.node, two.wait(once_for="job"))
    balance = two.buyer.node.balance_units()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: two.ask(once_for="job").id, range(6)))
    assert len(set(found)) == 1
    assert two.buyer.node.balance_units() == balance - PRICE_UNITS


def test_many_decisions_at_once_are_one(two: Two) -> None:
    request = two.wait()

    def decide(number: int) -> str:
        try:
            if number % 2:
                return consent.accept(two.owner.node, request)["state"]
            return consent.refuse(two.owner.node, request, "no")["state"]
        except RequestDecided:
            return "too late"

    with ThreadPoolExecutor(8) as pool:
        said = set(pool.map(decide, range(8)))
    assert said in ({"accepted", "too late"}, {"refused", "too late"})
    assert two.grants() == (1 if "accepted" in said else 0)
    require_sound(two.owner.node)


def api(party: Party, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=30, base_url=party.url) as client:
        headers = {"authorization": f"Bearer {TOKEN}"}
        return client.request("GET" if body is None else "POST", f"/api{path}", json=body, headers=headers)


def test_the_control_api_tells_both_sides_where_they_stand(two: Two) -> None:
    sold = two.owner.sell("sold", approval="ask").id
    two.buyer.knows(two.owner)
    waiting = api(two.buyer, "/grants", {"asset": sold, "action": "infer"})
    assert (waiting.status_code, waiting.json()["status"]) == (202, "waiting")
    request = waiting.json()["asked"]["id"]
    assert api(two.owner, "/requests").json()["requests"][0]["id"] == request
    offered = api(two.owner, f"/requests/{request[:10]}/counter", {"max_uses": 5})
    assert offered.json()["request"]["offer"]["max_uses"] == 5
    again = api(two.buyer, "/grants", {"asset": sold, "action": "infer"})
    assert (again.status_code, again.json()["status"]) == (202, "countered")
    assert api(two.buyer, "/requests").json()["asked"][0]["offer"]["max_uses"] == 5
    seen = api(two.buyer, "/requests").json()["asked"][0]["offer"]["id"]
    # the owner changes it, and the buyer's node, which asks again for a run by itself, hears of that
    api(two.owner, f"/requests/{request}/counter", {"max_uses": 4, "price_units": 90_000_000})
    api(two.buyer, "/grants", {"asset": sold, "action": "infer"})
    refused = api(two.buyer, f"/requests/{request}/take", {"offer": seen[:18]})
    assert (refused.status_code, refused.json()["code"]) == (409, "grant.countered")
    assert api(two.buyer, f"/requests/{request}/take", {"offer": "0x"}).status_code == 422
    api(two.owner, f"/requests/{request}/counter", {"max_uses": 5, "price_units": 0})
    api(two.buyer, "/grants", {"asset": sold, "action": "infer"})
    again = api(two.buyer, "/requests").json()["asked"][0]["offer"]["id"]
    taken = api(two.buyer, f"/requests/{request}/take", {"offer": again})
    assert (taken.status_code, taken.json()["max_uses"]) == (200, 5)
    assert api(two.owner, "/requests/zz/accept", {}).status_code == 422
