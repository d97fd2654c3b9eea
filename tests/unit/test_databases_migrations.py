"""Databases of every version open; those of a later one are left alone; a step is applied whole or not at all."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from freehold.core.connection import Connection
from freehold.core.ids import NO_HASH
from freehold.features.training import kept
from freehold.kernel import installed
from freehold.kernel.databases import copying, migrations, opening, tables
from freehold.kernel.databases.errors import DatabaseDamaged, StorageFailed
from freehold.kernel.databases.opening import SqliteDatabase
from freehold.kernel.databases.tables import Step
from freehold.kernel.store import Store
from freehold.vault.blobs import Blobs
from freehold.vault.keystore import Keys
from freehold.vault.vault import Vault

VERSION_1 = Path(__file__).with_name("data") / "node-version-1.sqlite"
"""Made by the last program that knew version 1 only."""
ROOT_1 = "c885e2328582cb8b089b431c8f103e6029af630f618eee0197e7b396c59520ee"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copy(VERSION_1, tmp_path / "node.sqlite"))


def require_as_it_was(store: Store) -> None:
    with store.log() as log:
        size, root = log.verify()
    assert (size, root.hex()) == (4, ROOT_1)
    assert [e.document.body["sequence"] for e in store.find("receipt")] == [1, 2, 3, 4, 5]
    assert [e.document.body["sequence"] for e in store.find("receipt", public=True)] == [3]
    assert [e.is_complete for e in store.find("receipt")] == [True, False, True, False, True]
    with store.reading() as connection:
        listed = connection.execute("SELECT * FROM receipts ORDER BY position").fetchall()
    logged = [e.document for e in store.find("receipt") if store.position(e.document.id) is not None]
    assert len(logged) == 4
    newest = {
        (one.grant, one.action): one.id for one in sorted(logged, key=lambda one: store.position(one.id))
    }
    assert [tuple(row) for row in listed] == [
        (
            store.position(receipt.id), receipt.id, receipt.issued_at, receipt.action,
            receipt.inputs[0] if receipt.inputs else "", receipt.provider, receipt.holder,
            sum(max(line.delta_units, 0) for line in receipt.money), receipt.grant,
            receipt.id in newest.values(),
        )
        for receipt in logged
    ]  # fmt: skip
    assert store.uses(NO_HASH) == (1, 5)
    assert store.answered("key") == ("request", b"\x00answer")
    assert kept.jobs(SimpleNamespace(store=store)) == {"a": [1], "b": {"step": "done"}}
    assert store.seen_nonce("once", 2_000_000_000, 2)


def test_a_database_of_version_1_opens_and_keeps_everything(old: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(old)) as plain:
        assert migrations.version(plain) == 1
    store = Store(old)
    require_as_it_was(store)
    with store.transaction() as tx:
        assert tx.next_number("n") == 1
        vault = Vault(
            Blobs(tmp_path / "blobs"), tx.connection, Keys(bytes([1]) * 32, bytes(32), bytes([3]) * 32)
        )
        assert vault.rotate("table") == 2
        assert vault.share("table", 1, Keys.generate().encryption_public)
        assert migrations.version(tx.connection) == migrations.newest()
    store.close()
    with closing(Store(old)) as again:
        require_as_it_was(again)


def test_its_rows_move_to_postgres_and_back(old: Path, new_url: str, tmp_path: Path) -> None:
    server = opening.for_writing(tmp_path, new_url)
    with closing(opening.read_file(old)) as source, server.transaction() as target:
        assert copying.is_empty(target)
        copying.copy(source, target)
        assert not copying.is_empty(target)
    require_as_it_was(Store(server))
    again = opening.SqliteDatabase(tmp_path / "again.sqlite")
    with closing(opening.for_reading(tmp_path, new_url)) as source, again.transaction() as target:
        source.execute("BEGIN")
        copying.copy(source, target)
    server.close()
    with closing(again):
        require_as_it_was(Store(again))


def columns(connection: Connection) -> dict[str, list[str]]:
    if isinstance(connection, sqlite3.Connection):
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in names}
    rows = connection.execute(
        "SELECT table_name::text, column_name::text FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND column_name <> 'rowid' ORDER BY table_name, ordinal_position"
    ).fetchall()
    return {table: [name for other, name in rows if other == table] for table, _ in rows}


def test_both_databases_have_the_same_columns_and_every_table_is_copied(tmp_path: Path, new_url: str) -> None:
    plain, server = opening.for_writing(tmp_path, ""), opening.for_writing(tmp_path, new_url)
    assert columns(plain.connection) == columns(server.connection)
    copied = {table.name: list(table.columns) for table in copying.layouts(copying._all())}
    found = columns(plain.connection)
    assert found.pop("migrations") == ["owner", "number", "name", "applied_at"]
    assert found == copied
    for one in (plain, server):
        done = one.connection.execute(
            "SELECT owner, number, name FROM migrations ORDER BY owner, number"
        ).fetchall()
        steps = [
            (owner, number, step.name)
            for owner, all_ in migrations.owners().items()
            for number, step in enumerate(all_, 1)
        ]
        assert done == sorted(steps)
        one.close()


def test_version_1_is_still_what_it_was(old: Path, tmp_path: Path) -> None:
    """A step that was released is never changed."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    with closing(sqlite3.connect(old)) as plain, closing(sqlite3.connect(tmp_path / "new.sqlite")) as made:
        for statement in tables.STEPS[0].sqlite:
            made.execute(statement)
        assert dict(plain.execute(query)) == dict(made.execute(query).fetchall())


@pytest.mark.parametrize("owner", [installed.KERNEL, "privacy", "a feature of tomorrow"])
def test_a_newer_database_is_left_alone(tmp_path: Path, database_url: str, owner: str) -> None:
    database = opening.for_writing(tmp_path, database_url)
    with database.transaction() as connection:
        connection.execute("INSERT INTO migrations VALUES (?, ?, 'later', 0)", (owner, 99))
    database.close()
    with pytest.raises(StorageFailed, match="newer Freehold") as refused:
        opening.for_writing(tmp_path, database_url)
    assert "Upgrade" in refused.value.hint


def test_a_step_that_fails_leaves_the_version_before(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening.for_writing(tmp_path, database_url).close()
    torn = ("CREATE TABLE half (a TEXT)", "CREATE TABLE half (b TEXT)")
    owners = migrations.owners()

    def with_step(statements: tuple[str, ...]) -> None:
        steps = (*owners["privacy"], Step("one that breaks", statements, statements))
        monkeypatch.setattr(migrations, "owners", lambda: {**owners, "privacy": steps})
        migrations.known.cache_clear()

    try:
        with_step(torn)
        with pytest.raises(StorageFailed):
            opening.for_writing(tmp_path, database_url)
        with_step(torn[:1])
        database = opening.for_writing(tmp_path, database_url)
        assert ("privacy", len(owners["privacy"]) + 1) in migrations.applied(database.connection)
        assert migrations.is_current(database.connection)
        assert database.connection.execute("SELECT count(*) FROM half").fetchone() == (0,)
        database.close()
    finally:
        monkeypatch.undo()
        migrations.known.cache_clear()


def test_a_first_opening_that_was_killed_leaves_no_damaged_database(tmp_path: Path) -> None:
    """SQLite makes an empty file before it writes; one that lost what it held is another thing."""
    path = tmp_path / "node.sqlite"
    path.touch()
    database = SqliteDatabase(path)
    assert path.stat().st_size
    with database.transaction():
        pass
    database.close()
    path.write_bytes(b"")
    with pytest.raises(DatabaseDamaged, match="transactions are missing"):
        SqliteDatabase(path)
