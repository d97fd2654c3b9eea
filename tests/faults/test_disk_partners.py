"""Whoever has a grant, an offer or a model here leaves what its runs need, once, however often it sends more."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hostile_owner import Hostile
from inference_world import Shop
from node_tables import make
from node_world import Party, World, require_sound
from peer_calls import call
from played_builder import Played
from strangers import home_bytes

from freehold.core.documents import Asset, parse_document
from freehold.core.errors import FreeholdError, InvalidDocument, InvalidInput, Unavailable
from freehold.core.signing import Envelope, parse_envelope, seal, sign_digest
from freehold.features.data import catalogue, finding
from freehold.features.grants import granting
from freehold.features.identity import peers
from freehold.kernel import logbook, pending
from freehold.kernel.ceiling import Act
from freehold.kernel.databases.opening import WAL_BYTES, SqliteDatabase
from freehold.kernel.evidence import proving
from freehold.kernel.evidence.proving import FIRST_PAUSE_SECONDS, Gathering
from freehold.kernel.limits import Busy
from freehold.kernel.logbook import NotAnchored, anchor_if_due
from freehold.kernel.peers import PeerElsewhere, PeerRefused
from freehold.kernel.rights.check import Offer
from freehold.vault.keystore import Keys

PRICE_UNITS = 2_000_000


KEPT = (
    "count(*) FROM state",
    "count(*) FROM requests",
    "count(*) FROM asked",
    "count(*) FROM shares",
    "count(*) FROM vouchers",
    *(f"count({fact}) FROM runs" for fact in ("run", "plan", "start", "agreed", "disputed", "two_histories")),
    *(f"count({part}) FROM rounds_followed" for part in ("run", "claim", "revealed", "given")),
)
"""What is kept besides documents."""


def documents(party: Party) -> int:
    with party.node.store.reading() as connection:
        return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])


def states(party: Party) -> int:
    with party.node.store.reading() as connection:
        return sum(int(connection.execute(f"SELECT {what}").fetchone()[0]) for what in KEPT)


# a run


@pytest.mark.parametrize("path", ["/peer/rounds/commit", "/peer/agreements"])
def test_nothing_of_a_run_that_was_not_paid_for_is_kept(world: World, path: str) -> None:
    owner, builder = world.party("owner"), world.party("builder")
    run = Played(
        builder, [(owner, owner.publish(make(20, seed=2), price_units=PRICE_UNITS))], epsilon_micro=100_000
    )
    kept, rows, size = documents(owner), states(owner), require_sound(owner.node)
    body = {
        "grant": run.grants[owner.account].id,
        "number": run.number,
        "start": run.start_body,
        "rounds": [],
        "contribution": run.claim("contribution", {}).to_json(),
    }
    refused = call(builder, owner, path, body)
    assert refused.status_code in (402, 403)
    assert (documents(owner), states(owner), require_sound(owner.node)) == (kept, rows, size)


@pytest.fixture(scope="module")
def ended(world: World) -> Played:
    """A run whose rounds are over, in which two owners took part."""
    owners = world.owners(2)
    assets = [owner.node.asset(finding.search(owner.node, "", "dataset")[0]["id"]) for owner in owners]
    run = Played(world.party("builder"), list(zip(owners, assets, strict=True)))
    run.finish()
    return run


def test_values_stated_otherwise_again_and_again_take_one_place(ended: Played) -> None:
    account, owner = next(iter(ended.owners.items()))
    said, counts = ended.contribution(), []
    for number in range(5):
        wrong = ended.agree(account, {**said, "missing": [f"0x{number:040x}"]})
        assert (wrong.status_code, wrong.json()["code"]) == (403, "training.wrong_contribution")
        counts.append((documents(owner), states(owner)))
    assert len(set(counts)) == 1


def test_an_owner_agrees_once_and_anchors_once(ended: Played) -> None:
    account, owner = next(iter(ended.owners.items()))
    said = ended.contribution()
    moved = owner.node.chain.read("LogAnchors", "headOf", owner.account)[1]
    assert ended.agree(account, said).status_code == 200
    anchored = owner.node.chain.read("LogAnchors", "headOf", owner.account)[1]
    assert anchored > moved, "the end of a run is worth an anchor"
    size = require_sound(owner.node)
    for number in range(3):
        claim = ended.builder.node.claim("contribution", ended.plan.run_id, said)
        later = parse_document({**claim.document.body, "issued_at": 1 + number})
        body = {"contribution": ended.builder.node.seal(later).to_json(), "test": {}}
        other = call(ended.builder, owner, "/peer/agreements", {"grant": ended.grants[account].id, **body})
        assert (other.status_code, other.json()["code"]) == (409, "training.agreed_otherwise")
    assert require_sound(owner.node) == size


def test_two_histories_are_proven_by_two(ended: Played) -> None:
    account, owner = list(ended.owners.items())[1]
    last, counts = ended.records[-1]["claim"]["document"]["statement"], []
    for number in range(4):
        claim = ended.claim("training_round", last).document
        later = parse_document({**claim.body, "issued_at": 1 + number})
        answer = ended.reveal(account, ended.builder.node.seal(later), [], number=last["number"])
        assert (answer.status_code, answer.json()["code"]) == (409, "training.two_histories")
        counts.append((documents(owner), states(owner)))
    assert len(set(counts)) == 1


def test_runs_that_end_one_after_the_other_anchor_at_the_owners_pace(world: World) -> None:
    ahead = [0]
    owner = world.party("slow", anchor_least_seconds=3_600, clock=lambda: time.time() + ahead[0])
    asset = owner.publish(make(20, seed=9))
    anchored = []
    for _ in range(2):
        run = Played(world.party("builder"), [(owner, asset)])
        run.finish()
        assert run.agree(owner.account, run.contribution()).status_code == 200
        anchored.append(owner.node.chain.read("LogAnchors", "headOf", owner.account)[1])
    assert anchored[0] == anchored[1] < require_sound(owner.node), "the second waits"
    assert not anchor_if_due(owner.node)
    ahead[0] = 3_601
    assert anchor_if_due(owner.node), "and is done when the pause is over"
    assert not anchor_if_due(owner.node)


# what a peer lists


def test_a_large_body_is_read_of_who_paid_for_a_grant_and_of_no_newcomer(world: World) -> None:
    owner, builder = world.party("owner"), world.party("builder")
    run = Played(
        builder, [(owner, owner.publish(make(20, seed=2), price_units=PRICE_UNITS))], epsilon_micro=100_000
    )
    body = {"grant": run.grants[owner.account].id, "number": 1, "rounds": [], "more": "x" * 1_200_000}
    refused = call(builder, owner, "/peer/rounds/commit", body)
    assert (refused.status_code, refused.json()["code"]) == (413, "http.too_large")
    grant = run.grants[owner.account]
    offer = Offer.of(grant).digest(owner.node.chain_id, owner.node.contract("Market"))
    granting._buy(
        builder.node,
        grant,
        {
            "grant": owner.node.store.get(grant.id).to_json(),
            "offer_signature": "0x" + sign_digest(owner.node.keys.account_key, offer).hex(),
        },
        Act(grant.nonce, PRICE_UNITS),
        "wish",
        {"state": "asked", "asset": grant.asset, "nonce": grant.nonce, "asked_at": builder.node.now()},
    )
    assert call(builder, owner, "/peer/rounds/commit", body).json()["code"] != "http.too_large"
    dense = {**body, "more": [0] * 200_000}
    assert call(builder, owner, "/peer/rounds/commit", dense).json()["code"] != "json.invalid"
    assert call(builder, owner, "/peer/proofs", {"ids": [0] * 200_000}).json()["code"] == "json.invalid"


def offers(party: Party, template: Asset, numbers: range) -> bytes:
    bodies = [{**template.body, "name": f"offer {number}"} for number in numbers]
    made = [party.node.seal(parse_document(body)).to_json() for body in bodies]
    return json.dumps({"assets": made, "asks_first": [made[0]["document"]["name"]]}).encode()


def test_a_catalogue_that_goes_on_changing_keeps_its_newest_and_what_was_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "ASSETS", replace(pending.ASSETS, each=50))
    hostile = Hostile()
    reader, lister = world.party("reader"), world.party("lister", wrap=hostile.wrap)
    used = lister.publish(make(12, seed=3))
    reader.knows(lister)
    with reader.node.store.transaction() as tx:
        tx.put(reader.node.claim("revocation", used.id, {"index": 1}))
    for start in range(0, 240, 60):
        hostile.lies["/catalogue"] = [answer(offers(lister, used, range(start, start + 60)))]
        peers.read(reader.services, lister.url, lister.account)
    found = [row["name"] for row in finding.search(reader.node, "offer", "")]
    assert found == [f"offer {number}" for number in range(190, 240)]
    assert reader.node.store.has(used.id), "something came of it"


def shows(*, party: Envelope | None = None, assets: list[Envelope] | None = None) -> bytes:
    """What a hostile node says it is, or offers."""
    if party is not None:
        return json.dumps({"party": party.to_json()}).encode()
    return json.dumps({"assets": [one.to_json() for one in assets or []], "asks_first": []}).encode()


def test_nobody_takes_the_place_of_another_by_showing_its_document(world: World) -> None:
    hostile = Hostile()
    reader, honest, thief = (
        world.party("reader"),
        world.party("honest"),
        world.party("thief", wrap=hostile.wrap),
    )
    offered = honest.publish(make(12, seed=3))
    reader.knows(honest)
    kept, about = documents(reader), "/.well-known/freehold.json"
    hostile.lies[about] = [answer(shows(party=honest.node.party))]
    with pytest.raises(PeerElsewhere, match=honest.url):
        peers.add(reader.services, thief.url)
    assert peers.known(reader.node) == [honest.url]
    hostile.lies["/catalogue"] = [answer(shows(assets=[honest.node.store.get(offered.id)]))]
    with pytest.raises(InvalidDocument, match="of its own"):
        peers.read(reader.services, thief.url, thief.account)
    assert documents(reader) == kept


def test_a_peer_that_is_somebody_else_at_each_visit_leaves_nothing(world: World) -> None:
    hostile = Hostile()
    reader, lister = world.party("reader"), world.party("lister", wrap=hostile.wrap)
    offered, keys = lister.publish(make(12, seed=3)), Keys.generate()
    reader.knows(lister)
    other = lister.node.party_document().model_copy(
        update={"account": keys.account, "account_key": "0x" + keys.account_public.hex()}
    )
    sealed = seal(other, keys.account_key, reader.node.domain)
    kept, noted = documents(reader), states(reader)
    for _ in range(3):
        hostile.lies["/.well-known/freehold.json"] = [answer(shows(party=sealed))]
        (failed,) = peers.refresh(reader.services)
        assert keys.account in failed["reason"]
        assert lister.account in failed["reason"]
    assert (documents(reader), states(reader)) == (kept, noted)
    with reader.node.store.reading() as connection:
        assert not pending.is_partner(connection, keys.account)
    hostile.lies["/.well-known/freehold.json"] = [answer(shows(party=sealed))]
    hostile.lies["/catalogue"] = [answer(shows())]
    assert peers.add(reader.services, lister.url)["account"] == keys.account
    assert not reader.node.store.has(offered.id), (
        "the owner typed the address again: the former one's offers go"
    )


@pytest.mark.parametrize(
    "content",
    [
        lambda: json.dumps({"assets": [{}] * (catalogue.MAX_CATALOGUE + 1)}).encode(),
        lambda: b'{"assets": [' + b'{"x": 1},' * (peers.MAX_CATALOGUE_BYTES // 8) + b"{}]}",
        lambda: b'{"assets": [' + b"[]," * 2_000_000 + b"[]]}",
    ],
    ids=["entries", "bytes", "values"],
)
def test_a_catalogue_of_a_million_entries_is_not_read(world: World, content: Callable[[], bytes]) -> None:
    hostile = Hostile()
    reader, lister = world.party("reader"), world.party("lister", wrap=hostile.wrap)
    reader.knows(lister)
    kept = documents(reader)
    hostile.lies["/catalogue"] = [answer(content())]
    began = time.process_time()
    with pytest.raises((InvalidInput, PeerRefused)):
        peers.read(reader.services, lister.url, lister.account)
    assert time.process_time() - began < 2, "of this process; no value of it was made"
    assert documents(reader) == kept


@pytest.mark.parametrize("path", ["/peer/model-evidence", "/peer/proofs", "/peer/tests/open", "/peer/grants"])
def test_an_answer_of_very_many_values_is_not_read(world: World, path: str) -> None:
    hostile = Hostile()
    reader, lister = world.party("reader"), world.party("lister", wrap=hostile.wrap)
    reader.knows(lister)
    hostile.lies[path] = [answer(b'{"files": [' + b"[[]]," * 3_300_000 + b"[]]}")]
    began = time.process_time()
    with pytest.raises(PeerRefused, match=r"values|bytes"):
        reader.services.peers.ask(lister.account, path, {})
    assert time.process_time() - began < 2


def answer(content: bytes) -> Callable[..., tuple[int, dict[str, str], bytes]]:
    return lambda *_: (200, {}, content)


# evidence


def test_evidence_that_failed_is_not_gathered_again_before_its_pause_is_over(world: World) -> None:
    clock, made = [0.0], []
    gathering = Gathering(world.party("seller").node, clock=lambda: clock[0])

    def fail() -> dict[str, object]:
        made.append(clock[0])
        raise Unavailable("an owner is away")

    for _ in range(50):
        with pytest.raises(FreeholdError):
            gathering.get("model", fail)
    assert made == [0.0]
    with pytest.raises(Unavailable) as refused:
        gathering.get("model", fail)
    assert 0 < refused.value.fields["retry_after_seconds"] <= FIRST_PAUSE_SECONDS
    for _ in range(5_000):
        clock[0] += 10
        with pytest.raises(FreeholdError):
            gathering.get("model", fail)
    assert len(made) < 22, "the pauses double, up to an hour"
    clock[0] += 3_700
    assert gathering.get("model", lambda: {"a": 1}) == {"a": 1}
    assert gathering.get("model", fail) == {"a": 1}, "made once for all who ask"


def test_nobody_waits_here_for_owners_whom_others_have_asked(world: World) -> None:
    gathering, slow = Gathering(world.party("seller", heavy_requests_at_once=4).node), threading.Event()
    begun = [threading.Semaphore(0) for _ in range(2)]

    def make(number: int) -> dict[str, object]:
        begun[number].release()
        assert slow.wait(20)
        return {"a": number}

    threads = [
        threading.Thread(target=gathering.get, args=(f"model {number}", lambda number=number: make(number)))
        for number in range(2)
    ]
    for thread, started in zip(threads, begun, strict=True):
        thread.start()
        assert started.acquire(timeout=10)
    for name in ("model 0", "model 2"):
        with pytest.raises(Busy) as refused:
            gathering.get(name, lambda: {"a": 2})
        assert refused.value.fields["retry_after_seconds"] > 0
    slow.set()
    for thread in threads:
        thread.join(10)
    assert gathering.get("model 0", dict) == {"a": 0}
    assert gathering.get("model 2", lambda: {"a": 2}) == {"a": 2}


def test_a_buyer_is_told_when_its_proof_is_not_anchored_and_moves_no_gas(world: World) -> None:
    shop = Shop(world, owners=1)
    buyer, node = shop.buyer(), shop.builder.node
    given = buyer.buyer.predict(shop.model.id, shop.rows())
    buyer.services.countersigner.flush()
    receipt = parse_envelope(given["receipt"]).document.id
    before = node.chain.rpc.call("eth_getTransactionCount", node.account, "latest")
    for _ in range(10):
        with pytest.raises(NotAnchored, match="not anchored yet"):
            proving.collected(buyer.services, receipt)
    assert node.chain.rpc.call("eth_getTransactionCount", node.account, "latest") == before
    logbook.anchor(node)
    assert proving.evidence(buyer.services, receipt).files


# the disk itself


def test_what_was_pruned_gives_the_disk_its_room_back(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "node.sqlite")
    for number in range(400):
        with database.transaction() as connection:
            connection.execute("INSERT INTO answers VALUES (?, 'r', ?)", (str(number), b"x" * 20_000))
    wal = tmp_path / "node.sqlite-wal"
    assert wal.stat().st_size <= 2 * WAL_BYTES
    full = home_bytes(tmp_path)
    with database.transaction() as connection:
        connection.execute("UPDATE answers SET answer = 'gone'")
    database.tidy()
    assert home_bytes(tmp_path) < full // 4
    assert wal.stat().st_size == 0
    database.close()
    with sqlite3.connect(tmp_path / "node.sqlite") as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    plain.close()


def test_names_that_others_choose_leave_no_locks(world: World) -> None:
    node = world.party("one").node
    for number in range(1_000):
        with node.exclusive(f"channel {number}"):
            pass
    assert len(node._locks) == 0
    with node.exclusive("held"):
        assert node.exclusive("held") is node.exclusive("held")
