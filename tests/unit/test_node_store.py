"""The node's database: documents kept once, counters that never repeat, all of a transaction or none of it."""

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import budget_world
import coincurve
import pytest

from freehold.core.documents import Claim, Receipt
from freehold.core.errors import InvalidInput, NotFound
from freehold.core.ids import NO_HASH, Ambiguous
from freehold.core.signing import Domain, Envelope, public_account, seal
from freehold.kernel.databases import opening
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.store import AlreadyAnswered, Store
from freehold.log.store import LogStore

DOMAIN = Domain("Freehold", 31337, "0x" + "11" * 20)
KEYS = [bytes([number]) * 32 for number in (1, 2)]
PROVIDER, HOLDER = (
    public_account(coincurve.PrivateKey(key).public_key.format(compressed=False)) for key in KEYS
)


@pytest.fixture
def store(tmp_path: Path, database_url: str) -> Iterator[Store]:
    opened = Store(opening.for_writing(tmp_path, database_url))
    yield opened
    opened.close()


def receipt(sequence: int) -> Receipt:
    return Receipt(
        grant=NO_HASH, action="train", provider=PROVIDER, holder=HOLDER, inputs=(), output=NO_HASH,
        sequence=sequence, issued_at=1,
    )  # fmt: skip


def half(sequence: int) -> Envelope:
    return seal(receipt(sequence), KEYS[0], DOMAIN, "provider")


def whole(sequence: int) -> Envelope:
    return half(sequence).with_signature(seal(receipt(sequence), KEYS[1], DOMAIN, "holder").signatures[0])


def put(store: Store, envelope: Envelope, *, public: bool = False, logged: bool = True) -> int | None:
    with store.transaction() as tx:
        return tx.put(envelope, public=public, logged=logged)


def test_a_document_is_logged_once_and_keeps_its_place(store: Store) -> None:
    assert [put(store, half(1)), put(store, half(2))] == [0, 1]
    assert put(store, whole(1)) == 0
    assert [e.document.body["sequence"] for e in store.find("receipt")] == [1, 2], "order of keeping stays"
    with store.log() as log:
        assert log.size() == 2


def test_what_is_only_kept_is_not_logged_and_can_be_logged_later(store: Store) -> None:
    assert put(store, half(1), logged=False) is None
    assert put(store, half(1), logged=False) is None
    with store.log() as log:
        assert log.size() == 0
    assert put(store, half(2)) == 0
    assert put(store, half(1)) == put(store, half(1)) == 1


def test_each_type_is_found_by_its_kind(store: Store) -> None:
    asset = budget_world.asset([1])
    claim = Claim(issuer=PROVIDER, claim_kind="audit", about=NO_HASH, statement={}, issued_at=1)
    for document in (asset, claim, receipt(1)):
        put(store, Envelope(document, ()))
    assert [e.document for e in store.find("asset", "dataset")] == [asset]
    assert [e.document for e in store.find("claim", "audit", NO_HASH)] == [claim]
    assert [e.document for e in store.find("receipt", "train")] == [receipt(1)]
    assert (
        store.find("asset", "model") == store.find("claim", "release") == store.find("receipt", "infer") == []
    )


def test_a_signature_once_held_is_never_lost(store: Store) -> None:
    put(store, whole(1))
    put(store, half(1))
    assert store.get(receipt(1).id) == whole(1)
    assert store.unsigned_receipts(HOLDER) == []


def test_unsigned_receipts_are_those_of_that_holder_and_grant(store: Store) -> None:
    put(store, half(1))
    put(store, whole(2))
    assert store.unsigned_receipts(HOLDER) == [receipt(1)]
    assert store.unsigned_receipts(PROVIDER) == []
    assert store.unsigned_receipts(HOLDER, "0x" + "22" * 32) == []


def test_what_was_public_stays_public_and_what_was_not_is_not(store: Store) -> None:
    put(store, half(1), public=True)
    put(store, whole(1))
    put(store, half(2))
    assert store.is_public(receipt(1).id)
    assert not store.is_public(receipt(2).id)
    assert [e.document for e in store.find("receipt", public=True)] == [receipt(1)]


def test_what_is_kept_twice_does_not_become_public(store: Store) -> None:
    put(store, half(1))
    put(store, whole(1))
    assert not store.is_public(receipt(1).id)
    assert store.find("receipt", public=True) == []


def test_a_value_that_was_deleted_is_gone(store: Store) -> None:
    with store.transaction() as tx:
        tx.set("a", 1)
        tx.set("b", 2)
    with store.transaction() as tx:
        tx.delete("a")
        tx.delete("never there")
    assert (store.state("a"), store.state("b")) == (None, 2)


def test_values_are_listed_by_the_beginning_of_their_name(store: Store) -> None:
    with store.transaction() as tx:
        for name in ("job:1", "job:\uffff", "job", "job;", "JOB:2", "job:", "joc"):
            tx.set(name, name)
    assert list(store.states("job:")) == ["job:", "job:1", "job:\uffff"]


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    put(store, half(1))
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:  # noqa: PT012 - it is the transaction that raises
        tx.put(half(2))
        tx.count_use(NO_HASH, 5)
        tx.set("name", 1)
        raise ZeroDivisionError
    assert not store.has(receipt(2).id)
    assert store.uses(NO_HASH) == (0, 0)
    assert store.state("name") is None
    with store.log() as log:
        assert log.verify()[0] == 1
    assert put(store, half(3)) == 1, "and the next one works"


def test_a_transaction_inside_another_is_refused_and_neither_is_kept(store: Store) -> None:
    with pytest.raises((StorageFailed, RuntimeError), match="transaction"), store.transaction() as tx:  # noqa: PT012 - as above
        tx.set("name", 1)
        with store.transaction() as inner:
            inner.set("name", 2)
    assert store.state("name") is None


def test_an_answer_is_kept_for_one_request_only(store: Store) -> None:
    with store.transaction() as tx:
        tx.answer("key", "request", b"answer")
    with pytest.raises(AlreadyAnswered), store.transaction() as tx:  # noqa: PT012 - as above
        tx.count_use(NO_HASH, 1)
        tx.answer("key", "other", b"")
    assert store.answered("key") == ("request", b"answer")
    assert store.uses(NO_HASH) == (0, 0)


def test_numbers_nonces_and_uses_from_many_threads_never_repeat(store: Store) -> None:
    ready = threading.Barrier(16)

    def work(_: int) -> tuple[int, bool]:
        ready.wait()
        with store.transaction() as tx:
            number = tx.next_number("n")
            tx.count_use(NO_HASH, 3)
        return number, store.seen_nonce("the same", 100, 1)

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(work, range(16)))
    assert sorted(number for number, _ in done) == list(range(16))
    assert [seen for _, seen in done].count(False) == 1
    assert store.uses(NO_HASH) == (16, 48)


def test_a_nonce_is_forgotten_only_when_it_has_expired(store: Store) -> None:
    assert not store.seen_nonce("n", 100, 50)
    assert store.seen_nonce("n", 100, 100)
    assert not store.seen_nonce("n", 300, 101)


def test_ids_can_be_shortened_while_they_are_clear(store: Store) -> None:
    made = [half(number) for number in range(1, 40)]
    for envelope in made:
        put(store, envelope)
    ids = [envelope.document.id for envelope in made]
    assert store.resolve(ids[5][:12], "receipt") == ids[5]
    assert store.resolve(ids[5][2:12].upper(), "receipt") == ids[5]
    with pytest.raises(NotFound):
        store.resolve("0x" + secrets.token_hex(16), "receipt")
    with pytest.raises(NotFound):
        store.resolve(ids[5], "grant")
    claims = [Claim(issuer=PROVIDER, claim_kind="release", about=NO_HASH, statement={"n": n}, issued_at=1) for n in range(600)]  # fmt: skip
    twins = {claim.id[:6]: claim for claim in claims}
    other = next(claim for claim in claims if twins[claim.id[:6]] is not claim)
    for claim in (other, twins[other.id[:6]]):
        put(store, seal(claim, KEYS[0], DOMAIN))
    with store.transaction() as tx:
        # so many of other kinds before them are looked at no less
        tx.connection.executemany(
            "INSERT INTO documents VALUES (?, 'asset', 'dataset', '', '', ?, ?, NULL, ?)",
            [(f"{other.id[:6]}{number:060x}", True, False, b"{}") for number in range(999)],
        )
    for kind in ("", "release"):
        with pytest.raises(Ambiguous):
            store.resolve(other.id[:6], "claim", kind)


@pytest.mark.parametrize("wild", ["0x%", "____", "0x' OR 1", "%%%%", "0x" + "0" * 500])
def test_a_prefix_is_no_pattern(store: Store, wild: str) -> None:
    put(store, half(1))
    with pytest.raises((InvalidInput, NotFound), match=r"is not a|starts with"):
        store.resolve(wild, "receipt")


def test_a_database_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "node.sqlite").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(StorageFailed) as failed:
        Store(tmp_path / "node.sqlite")
    assert failed.value.hint


def test_everything_is_there_after_reopening(tmp_path: Path, database_url: str) -> None:
    first = Store(opening.for_writing(tmp_path, database_url))
    put(first, whole(1))
    with first.transaction() as tx:
        tx.set("job:1", {"step": "grants"})
        tx.set("jobs", 1)
    first.close()
    again = Store(opening.for_writing(tmp_path, database_url))
    assert again.states("job:") == {"job:1": {"step": "grants"}}
    assert again.get(receipt(1).id) == whole(1)
    with again.log() as log:
        assert LogStore.verify(log)[0] == 1
    again.close()
