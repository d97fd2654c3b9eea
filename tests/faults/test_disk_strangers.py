"""Whoever asks is nobody yet: a stranger, or ten thousand of them, fill no disk, no log, and move no gas."""

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from node_tables import make
from node_world import Party, World, require_sound
from peer_calls import call, granted, introduce, wish
from strangers import Stranger, Target, acts, home_bytes, strangers

from freehold.chain.rpc import Rpc
from freehold.core.documents import Asset
from freehold.features.data.offering import set_approval
from freehold.features.earnings import earning
from freehold.features.grants import granting, requests
from freehold.kernel import pending
from freehold.kernel.host import Host
from freehold.kernel.pending import Nonces

DAY_BYTES = 1_000_000
"""What one hostile identity may add to a home in a day."""
PRICE_UNITS = 2_000_000


class Shop:
    """An owner with a free, a priced and a hand-granted table, and a party that it has dealt with."""

    def __init__(self, world: World, client: httpx.Client) -> None:
        self.owner, self.partner = world.party("owner"), world.party("partner")
        self.free = self.owner.publish(make(20, seed=1))
        self.priced = self.owner.publish(make(20, seed=2), price_units=PRICE_UNITS)
        introduce(self.partner, self.owner)
        self.partner.knows(self.owner)
        self.owner.knows(self.partner)
        self.client, self.target = client, Target.of(self.owner)

    def stranger(self) -> Stranger:
        return next(strangers(self.target, self.client))

    def rows(self, table: str, where: str = "1 = 1") -> int:
        with self.owner.node.store.reading() as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])

    def home_bytes(self) -> int:
        self.owner.node.store.tidy()
        return home_bytes(self.owner.home)

    def nonce(self) -> int:
        return int(
            self.owner.node.chain.rpc.call("eth_getTransactionCount", self.owner.account, "latest"), 16
        )


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def shop(world: World, client: httpx.Client) -> Shop:
    return Shop(world, client)


def ask(who: Stranger, asset: Asset, nonce: str = "") -> httpx.Response:
    body = {"asset": asset.id, "nonce": nonce or "0x" + secrets.token_hex(32), "action": "infer"}
    return who.call("/peer/grants", body)


@pytest.mark.parametrize("name", list(acts("")))
def test_one_stranger_at_full_speed_adds_nothing_that_grows(shop: Shop, name: str) -> None:
    """What it may leave is left after the first hundred; from then on the home stays as it is."""
    who, act = shop.stranger(), acts(shop.free.id)[name]
    size, before, moved = require_sound(shop.owner.node), shop.home_bytes(), shop.nonce()
    for number in range(100):
        assert act(who, number).status_code < 500
    full = shop.home_bytes()
    for number in range(100, 200):
        act(who, number)
    after = shop.home_bytes()
    assert after - before < DAY_BYTES
    assert after - full <= 32_768, "some pages of a tree that is written over and over"
    assert require_sound(shop.owner.node) == size, "the log has nothing of it"
    assert shop.nonce() == moved, "and no transaction was sent"


def test_a_party_document_that_changes_takes_its_own_place(shop: Shop) -> None:
    who = shop.stranger()
    before = shop.rows("documents")
    for created_at in range(2, 30):
        assert who.hello(created_at).status_code == 200
    assert shop.rows("documents") == before
    assert shop.owner.node.party_of(who.account).created_at == 29


def test_many_strangers_crowd_out_the_oldest_stranger_and_no_partner(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "PARTIES", replace(pending.PARTIES, strangers=20))
    monkeypatch.setattr(pending, "GRANTS", replace(pending.GRANTS, strangers=30))
    first = shop.stranger()
    assert ask(first, shop.free).status_code == 200
    mine = granted(shop.partner, shop.owner, shop.free)
    for who in itertools.islice(strangers(shop.target, shop.client), 60):
        assert ask(who, shop.free).status_code == 200
    assert shop.rows("pending", "kind = 'party'") == 20
    assert shop.rows("pending", "kind = 'grant' AND NOT known") == 30
    assert shop.owner.node.store.has(mine.id), "a partner's grant waits as long as it likes"
    assert shop.owner.node.party_of(shop.partner.account).name == "partner"
    gone = ask(first, shop.free)
    assert (gone.status_code, gone.json()["code"]) == (401, "peer.unknown")
    assert first.hello().status_code == 200
    assert ask(first, shop.free).status_code == 200, "who was forgotten introduces itself again"


def test_a_node_that_was_forgotten_introduces_itself_again(world: World, shop: Shop) -> None:
    lost = world.party("lost")
    lost.knows(shop.owner)
    assert granting.obtain(lost.node, lost.services.peers, shop.free, "infer").holder == lost.account
    with shop.owner.node.store.transaction() as tx:
        shop.owner.node._forget_party(tx, lost.account)
    again = granting.obtain(lost.node, lost.services.peers, shop.free, "infer", spend_cap_units=5)
    assert again.holder == lost.account


def test_a_grant_enters_the_log_with_its_first_use_or_its_price_and_stays_then(
    world: World, shop: Shop
) -> None:
    node, buyer = shop.owner.node, world.party("buyer")
    buyer.knows(shop.owner)
    introduce(buyer, shop.owner)
    size = require_sound(node)
    unpaid = granted(buyer, shop.owner, shop.priced)
    paid = granting.obtain(buyer.node, buyer.services.peers, shop.priced, "infer")
    assert require_sound(node) == size + 1, "its holder showed the one that was paid for; nobody has used any"
    for _ in range(pending.GRANTS.each + 3):
        granted(buyer, shop.owner, shop.free)
    assert not node.store.has(unpaid.id), "the oldest that nobody paid for went"
    assert node.store.position(paid.id) is not None, "what was paid for is logged"
    assert require_sound(node) == size + 1
    assert shop.rows("pending", f"kind = 'grant' AND party = '{buyer.account}'") == pending.GRANTS.each


def test_the_same_wish_is_the_same_grant_until_it_was_forgotten(shop: Shop) -> None:
    who, nonce = shop.stranger(), "0x" + secrets.token_hex(32)
    first = ask(who, shop.free, nonce).json()["grant"]
    assert ask(who, shop.free, nonce).json()["grant"] == first
    for _ in range(pending.GRANTS.each):
        ask(who, shop.free)
    again = ask(who, shop.free, nonce)
    assert again.status_code == 200
    assert again.json()["grant"] != first


# requests that wait for the owner


@pytest.fixture
def by_hand(world: World, client: httpx.Client) -> Shop:
    made = Shop(world, client)
    made.free = made.owner.node.asset(made.owner.publish(make(22, seed=4)).id)
    with made.owner.node.store.transaction() as tx:
        set_approval(tx, made.free.id, "ask")
    return made


def test_strangers_wait_in_half_of_the_room_and_the_oldest_goes(
    by_hand: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 40)
    shop = by_hand
    assert call(shop.partner, shop.owner, "/peer/grants", wish(shop.free)).status_code == 202
    for who in itertools.islice(strangers(shop.target, shop.client), 30):
        assert ask(who, shop.free).status_code == 202
    open_ = {row["id"]: row["holder"] for row in requests.overview(shop.owner.node)}
    assert len(open_) == 21
    assert shop.partner.account in open_.values()
    first = requests.waiting(shop.owner.node, 5)[0]
    assert first["holder"] == shop.partner.account, "what is shown of them begins with whom this owner knows"
    assert shop.rows("requests") == 21, "what went left no row"
    one = shop.stranger()
    answers = [ask(one, shop.free) for _ in range(requests.MAX_REQUESTS_PER_PEER + 1)]
    assert [answer.status_code for answer in answers[:-1]] == [202] * requests.MAX_REQUESTS_PER_PEER
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "request.too_many")
    assert answers[-1].json()["hint"]


# replays


def test_a_strangers_request_is_answered_once_and_writes_nothing(shop: Shop) -> None:
    who = shop.stranger()
    data, headers = who.signed("/peer/withdraw", {"request": "0x" + "00" * 32})
    before = shop.rows("nonces")
    assert who.send("/peer/withdraw", data, headers).status_code == 200
    again = who.send("/peer/withdraw", data, headers)
    assert (again.status_code, again.json()["code"]) == (401, "peer.replayed")
    assert shop.rows("nonces") == before
    with shop.owner.node.store.reading() as connection:
        changes = connection.total_changes
    for _ in range(20):
        assert who.call("/peer/withdraw", {"request": "0x" + "00" * 32}).status_code == 200
    with shop.owner.node.store.reading() as connection:
        assert connection.total_changes == changes


def test_nonces_of_strangers_are_bounded_and_none_is_believed_from_before_the_start() -> None:
    nonces = Nonces(started_at=1_000, most=3)
    assert nonces.seen("0xa", "n", 999, 1_119, 1_000), "it may have been answered before"
    assert not nonces.seen("0xa", "n", 1_000, 1_120, 1_000)
    assert nonces.seen("0xa", "n", 1_000, 1_120, 1_000)
    assert not nonces.seen("0xb", "n", 1_000, 1_120, 1_000)
    assert not nonces.seen("0xc", "n", 1_000, 1_120, 1_000)
    with pytest.raises(Exception, match="too many strangers") as refused:
        nonces.seen("0xd", "n", 1_000, 1_120, 1_000)
    assert refused.value.fields["retry_after_seconds"] > 0
    assert nonces.seen("0xa", "n", 1_000, 1_120, 1_000), "none was forgotten for it"
    assert not nonces.seen("0xd", "n", 1_121, 1_241, 1_121), "what expired makes room"


def test_a_partners_nonces_outlive_the_process(shop: Shop) -> None:
    before = shop.rows("nonces")
    call(shop.partner, shop.owner, "/peer/withdraw", {"request": "0x" + "00" * 32})
    assert shop.rows("nonces") == before + 1
    assert isinstance(shop.owner.services, Host)


# gas


@pytest.mark.parametrize("name", list(acts("")))
def test_asking_moves_no_gas_though_the_log_has_grown(world: World, shop: Shop, name: str) -> None:
    node: Party = shop.owner
    node.publish(make(12, seed=secrets.randbelow(1_000_000) + 10))
    newest = node.node.store.find("asset")[-1].document.id
    act, moved = acts(newest)[name], shop.nonce()
    who = shop.stranger()
    for number in range(200 if name in ("proofs", "model-evidence", "evidence") else 20):
        act(who, number)
    assert shop.nonce() == moved
    if name == "proofs":
        refused = act(who, 0)
        assert (refused.status_code, refused.json()["code"]) == (409, "log.not_anchored")
        assert "is due to anchor it" in refused.json()["hint"]


def test_grants_that_nobody_paid_make_looking_at_earnings_no_dearer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, buyer = world.party("owner"), world.party("buyer")
    asset, node = owner.publish(make(20, seed=9), price_units=PRICE_UNITS), owner.node
    buyer.knows(owner)
    introduce(buyer, owner)
    bought = granting.obtain(buyer.node, buyer.services.peers, asset, "infer")
    with node.store.transaction() as tx:
        for number in range(90):
            unpaid = bought.model_copy(update={"nonce": f"0x{number:064x}", "holder": f"0x{number:040x}"})
            tx.put(node.seal(unpaid), logged=False)
            pending.add(tx, pending.GRANTS, unpaid.id, unpaid.holder, 1_500)
    asked, sent = [], Rpc._deliver

    def counted(rpc: Rpc, *what: object) -> object:
        asked.append(what)
        return sent(rpc, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(Rpc, "_deliver", counted)
    for _ in range(2):
        asked.clear()
        said = earning.overview(node)
        assert [row["grant"] for row in said["grants"]] == [bought.id]
        assert said["sold_units"] == PRICE_UNITS
        assert len(asked) < 6
