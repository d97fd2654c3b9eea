"""SQLite and Postgres keep the same: the same log, the same documents in the same order, the same answers."""

import contextlib
import secrets
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import coincurve
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.core.documents import Receipt
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.ids import NO_HASH
from freehold.core.signing import Domain, Envelope, public_account, seal
from freehold.kernel.databases import copying, opening
from freehold.kernel.store import Store, Transaction
from freehold.vault.blobs import Blobs
from freehold.vault.keystore import Keys
from freehold.vault.vault import EpochConflict, Vault

DOMAIN = Domain("Freehold", 31337, "0x" + "11" * 20)
SECRETS = [bytes([number]) * 32 for number in (1, 2)]
PROVIDER, HOLDER = (
    public_account(coincurve.PrivateKey(key).public_key.format(compressed=False)) for key in SECRETS
)
KEYS = Keys(bytes([1]) * 32, bytes(32), bytes([3]) * 32)


class Both:
    """One store of each kind, told the same."""

    def __init__(self, home: Path, url: str) -> None:
        for kind in ("file", "server"):
            (home / kind).mkdir()
        self.stores = [
            Store(opening.for_writing(home / kind, place)) for kind, place in (("file", ""), ("server", url))
        ]

    def same(self, act: Any) -> Any:
        """What both answer to `act(store)`; an error counts by its code."""
        found = [_outcome(act, store) for store in self.stores]
        assert found[0] == found[1]
        return found[0]


def _outcome(act: Any, store: Store) -> Any:
    try:
        return act(store)
    except FreeholdError as error:
        return error.code


@pytest.fixture(scope="module")
def both(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    made = Both(tmp_path_factory.mktemp("both"), postgres.database(f"t{secrets.token_hex(6)}"))
    yield made
    for store in made.stores:
        store.close()


def envelope(sequence: int, *, whole: bool) -> Envelope:
    receipt = Receipt(
        grant=NO_HASH, action="train", provider=PROVIDER, holder=HOLDER, inputs=(), output=NO_HASH,
        sequence=sequence, issued_at=1,
    )  # fmt: skip
    half = seal(receipt, SECRETS[0], DOMAIN, "provider")
    return half.with_signature(seal(receipt, SECRETS[1], DOMAIN, "holder").signatures[0]) if whole else half


NUMBERS = st.integers(1, 8)
SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
# a zero byte is refused by Postgres alone
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
ACTS = st.one_of(
    st.tuples(st.just("put"), NUMBERS, st.booleans(), st.booleans(), st.booleans()),
    st.tuples(st.just("log"), st.binary(max_size=40)),
    st.tuples(st.just("set"), WORDS, st.integers(-9, 9) | WORDS | st.lists(st.booleans(), max_size=3)),
    st.tuples(st.just("delete"), WORDS),
    st.tuples(st.just("use"), NUMBERS, st.integers(0, 2**53 - 1)),
    st.tuples(st.just("answer"), WORDS, st.binary(max_size=9)),
    st.tuples(st.just("number"), WORDS),
    st.tuples(st.just("fail")),
)


def perform(tx: Transaction, act: tuple[Any, ...]) -> Any:
    name, *given = act
    if name == "put":
        number, whole, public, logged = given
        return tx.put(envelope(number, whole=whole), public=public, logged=logged)
    if name == "log":
        return tx.log.append(given[0])
    if name == "set":
        return tx.set(f"a:{given[0]}", given[1])
    if name == "delete":
        return tx.delete(f"a:{given[0]}")
    if name == "use":
        return tx.count_use(str(given[0]), given[1] // 2**20)
    if name == "answer":
        return tx.answer(given[0], "request", given[1])
    if name == "number":
        return tx.next_number(f"n:{given[0]}")
    raise FreeholdError("on purpose")


def everything(store: Store) -> dict[str, Any]:
    with store.log() as log:
        size, root = log.verify()
        proof = log.inclusion_proof(size // 2, size) if size else []
        whole = [log.tile(0, 0, min(size, 256)), log.entries_tile(0, min(size, 256))] if size else []
    return {
        "log": (size, root, proof, whole, store.position(envelope(1, whole=False).document.id)),
        "all": [one.to_bytes() for one in store.find("receipt")],
        "public": [one.document.id for one in store.find("receipt", public=True, limit=3)],
        "unsigned": [one.sequence for one in store.unsigned_receipts(HOLDER, NO_HASH)],
        "states": [*store.states("a:").items(), *store.states("n:").items()],
        "uses": [store.uses(str(number)) for number in range(9)],
    }


@settings(max_examples=25, deadline=None, suppress_health_check=SUPPRESSED)
@given(st.lists(st.lists(ACTS, min_size=1, max_size=6), max_size=6))
def test_both_databases_answer_alike_whatever_was_kept_and_rolled_back(
    both: Both, transactions: list[list[tuple[Any, ...]]]
) -> None:
    for acts in transactions:

        def run(store: Store, acts: list[tuple[Any, ...]] = acts) -> list[Any]:
            with store.transaction() as tx:
                return [perform(tx, act) for act in acts]

        both.same(run)
    both.same(everything)


@given(st.text(max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=SUPPRESSED)
def test_text_of_strangers_finds_nothing_and_breaks_nothing(both: Both, text: str) -> None:
    for store in both.stores:
        asks = [store.has, store.position, store.answered, store.state, partial(store.find, "claim")]
        for ask in asks:
            with contextlib.suppress(InvalidInput, UnicodeEncodeError):
                assert not ask("?" + text)


def test_a_vault_works_in_both(both: Both, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    for store in both.stores:
        with store.transaction() as tx:
            vault = Vault(blobs, tx.connection, KEYS)
            sealed = vault.put("wine", b"rows")
            assert vault.rotate("wine") == 2
            again = vault.put("wine", b"more rows")
        with store.reading() as connection:
            vault = Vault(blobs, connection, KEYS)
            assert [vault.open(one) for one in (sealed, again)] == [b"rows", b"more rows"]
            shared = vault.share("wine", 1, KEYS.encryption_public)
        with store.transaction() as tx:
            vault = Vault(blobs, tx.connection, KEYS)
            vault.accept("wine", 1, shared)
            with pytest.raises(EpochConflict):
                vault._record("wine", 2, vault._secret("wine", 1), shared)
            assert vault.rotate("wine") == 3, "the transaction goes on"


def test_a_long_log_is_verified_and_copied_as_it_is(both: Both, tmp_path: Path) -> None:
    for store in both.stores:
        with store.transaction() as tx:
            tx.log.extend(b"%d" % number for number in range(4_200))
    size, root = both.same(everything)["log"][:2]
    target = opening.SqliteDatabase(tmp_path / "copy.sqlite")
    with both.stores[1].reading() as source, target.transaction() as connection:
        source.execute("BEGIN")
        copying.copy(source, connection)
        source.rollback()
    with closing(target), closing(Store(target)) as copied, copied.log() as log:
        assert log.verify() == (size, root)
        assert everything(copied) == everything(both.stores[0])
