"""A home keeps to the database it wrote to: an empty one, an older one or another beside its note is refused."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from freehold.core.errors import FreeholdError
from freehold.kernel import custody
from freehold.kernel.databases import opening, session
from freehold.kernel.databases.errors import DatabaseDamaged, DatabaseMismatch, StorageFailed
from freehold.kernel.store import Store
from freehold.vault.keystore import Keys


def write(home: Path, url: str, times: int = 1) -> None:
    with closing(Store(opening.for_writing(home, url))) as store:
        for number in range(times):
            with store.transaction() as tx:
                tx.set("last", number)


def refused(home: Path, url: str) -> FreeholdError:
    """Twice: the first look did not make it look right."""
    before = (home / "node.sqlite-commits").read_bytes()
    for _ in range(2):
        with pytest.raises((StorageFailed, DatabaseMismatch)) as caught:
            write(home, url)
    assert (home / "node.sqlite-commits").read_bytes() == before
    assert isinstance(caught.value, FreeholdError)
    return caught.value


def schemas(postgres: Any, url: str) -> list[object]:
    rows = postgres.sql(
        "SELECT table_schema::text FROM information_schema.tables WHERE table_name = 'state'", url
    )
    return sorted(row[0] for row in rows)


@pytest.mark.parametrize(
    "other", ["a schema of the role's name", "a search_path", "another database", "none"]
)
def test_an_empty_database_beside_the_note_of_another_is_named_and_left_as_it_is(
    postgres: Any, new_url: str, tmp_path: Path, other: str
) -> None:
    name = new_url.rsplit("/", 1)[1]
    write(tmp_path, new_url, 3)
    url = new_url
    if other == "none":
        url = ""
    elif other == "another database":
        url = postgres.database(f"{name}b")
    elif other == "a search_path":
        postgres.sql("CREATE SCHEMA other", name)
        postgres.sql(f"ALTER ROLE freehold IN DATABASE {name} SET search_path = other, public", name)
    else:
        postgres.sql("CREATE SCHEMA AUTHORIZATION freehold", name)
    error = refused(tmp_path, url)
    assert isinstance(error, DatabaseMismatch)
    assert f"/{name}, schema public" in error.message
    assert "3 transactions" in error.message
    assert "restore --database" in error.hint
    assert schemas(postgres, name) == ["public"], "no table was made"
    assert not (tmp_path / "node.sqlite").exists()
    if other == "none":
        with pytest.raises(DatabaseMismatch):
            custody.require_opens(tmp_path, "", Keys.generate())
    else:
        with pytest.raises(DatabaseMismatch):
            opening.require_whole(tmp_path, url)
    postgres.sql(f"ALTER ROLE freehold IN DATABASE {name} SET search_path = public", name)
    write(tmp_path, new_url)


def test_a_home_of_a_file_does_not_begin_anew_on_a_server(new_url: str, tmp_path: Path) -> None:
    write(tmp_path, "")
    error = refused(tmp_path, new_url)
    assert isinstance(error, DatabaseMismatch)
    assert "node.sqlite" in error.message


def test_a_servers_copy_of_yesterday_and_one_made_anew_are_damage(
    postgres: Any, new_url: str, tmp_path: Path
) -> None:
    name = new_url.rsplit("/", 1)[1]
    write(tmp_path, new_url, 3)
    postgres.sql("UPDATE state SET value = '2' WHERE name = 'commits'", name)
    error = refused(tmp_path, new_url)
    assert isinstance(error, DatabaseDamaged)
    assert "newest 1 of 3" in error.message
    postgres.sql("DROP SCHEMA public CASCADE", name)
    postgres.sql("CREATE SCHEMA public", name)
    error = refused(tmp_path, new_url)
    assert isinstance(error, DatabaseDamaged)
    assert "freehold restore" in error.hint


def test_the_same_database_under_another_name_goes_on(postgres: Any, new_url: str, tmp_path: Path) -> None:
    """A server that moved or was renamed has all that was kept."""
    write(tmp_path, new_url, 3)
    write(tmp_path, postgres.socket_url(new_url.rsplit("/", 1)[1]))
    assert str(postgres.folder) in (tmp_path / "node.sqlite-commits").read_text()


def test_a_node_stays_in_its_schema_when_the_server_comes_back(
    postgres: Any, new_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_url.rsplit("/", 1)[1]
    monkeypatch.setattr(session, "_AGAIN_SECONDS", 0.0)
    with closing(Store(opening.for_writing(tmp_path, new_url))) as store:
        postgres.sql("CREATE SCHEMA AUTHORIZATION freehold", name)
        postgres.sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
        with store.transaction() as tx:
            tx.set("last", 1)
        assert store.state("last") == 1


def test_a_role_without_a_schema_is_told_so(postgres: Any, new_url: str, tmp_path: Path) -> None:
    name = new_url.rsplit("/", 1)[1]
    postgres.sql(f"ALTER ROLE freehold IN DATABASE {name} SET search_path = ''", name)
    with pytest.raises(StorageFailed, match="search_path") as caught:
        opening.for_writing(tmp_path, new_url)
    assert "ALTER ROLE" in caught.value.hint


def test_a_database_that_cannot_hold_every_name_is_refused_for_writing_alone(
    postgres: Any, tmp_path: Path
) -> None:
    postgres.sql("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with pytest.raises(StorageFailed, match="LATIN1") as caught:
        opening.for_writing(tmp_path, postgres.url("latin"))
    assert "UTF8" in caught.value.hint
    # a node that is there already is taken away by its backup
    opening.for_reading(tmp_path, postgres.url("latin")).close()
