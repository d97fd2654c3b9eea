"""How a node reaches a Postgres server: passwords, certificates, sockets, and what is said when it cannot."""

import datetime as dt
import logging
import shutil
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from node_world import free_port
from postgres_server import Server, serving

from freehold.kernel.databases import dialing, opening
from freehold.kernel.databases.address import parse
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.databases.session import Session


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server with a certificate of its own that asks everyone but its owner for a password."""
    with serving() as server:
        server.sql("CREATE ROLE clinic LOGIN PASSWORD 'correct horse'")
        server.sql("CREATE DATABASE clinic OWNER clinic")
        server.stop()
        data = server.folder / "data"
        _certify(data)
        rules = (data / "pg_hba.conf").read_text()
        (data / "pg_hba.conf").write_text(
            "host all clinic all scram-sha-256\nlocal all clinic scram-sha-256\n" + rules
        )
        with (data / "postgresql.conf").open("a") as config:
            config.write("ssl = on\nsynchronous_commit = off\n")
        server.start()
        yield server


def _certify(data: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (data / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (data / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (data / "server.key").chmod(0o600)
    owner = (data / "PG_VERSION").owner()
    for file in ("server.crt", "server.key"):
        if (data / file).owner() != owner:
            shutil.chown(data / file, owner)


@pytest.fixture(autouse=True)
def _no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")


def encrypted(url: str) -> bool:
    with closing(Session(parse(url), writer=False)) as session:
        return bool(session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()[0])


def test_a_password_comes_from_the_environment_or_the_file(
    strict: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = strict.url("clinic").replace("//freehold@", "//clinic@")
    for wrong in ("", "battery staple"):
        monkeypatch.setenv("PGPASSWORD", wrong)
        with pytest.raises(StorageFailed) as refused:
            opening.for_writing(tmp_path, url)
        assert "PGPASSWORD" in refused.value.hint
        assert "staple" not in refused.value.message
    monkeypatch.setenv("PGPASSWORD", "correct horse")
    opening.for_writing(tmp_path, url).close()
    monkeypatch.delenv("PGPASSWORD")
    (tmp_path / "pass").write_text("127.0.0.1:*:clinic:clinic:correct horse\n")
    (tmp_path / "pass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    opening.for_writing(tmp_path, url + "?sslmode=require").close()
    assert "horse" not in caplog.text


def test_a_server_is_verified_by_its_certificate(strict: Server) -> None:
    url, root = strict.url(), strict.folder / "data" / "server.crt"
    assert not encrypted(url), "on this machine, as nothing was said"
    assert encrypted(f"{url}?sslmode=require")
    shown = Path(shutil.copy(root, strict.folder / "root.crt"))
    assert encrypted(f"{url}?sslmode=verify-full&sslrootcert={shown}")
    with pytest.raises(StorageFailed, match="certificate"):
        encrypted(f"{url}?sslmode=verify-full")
    with pytest.raises(StorageFailed, match=r"certificate|match"):
        encrypted(f"{url.replace('127.0.0.1', 'localhost')}?sslmode=verify-full&sslrootcert={shown}")


def test_a_server_without_encryption_is_not_used_where_it_is_wanted(postgres: Server) -> None:
    with pytest.raises(StorageFailed, match="SSL"):
        encrypted(postgres.url() + "?sslmode=require")


def test_a_socket_works_too(postgres: Server) -> None:
    assert not encrypted(postgres.socket_url())


def test_commits_wait_for_the_disk_whatever_the_server_is_set_to(strict: Server) -> None:
    assert strict.sql("SHOW synchronous_commit") == [["off"]]
    with closing(Session(parse(strict.url()), writer=False)) as session:
        assert session.execute("SELECT current_setting('synchronous_commit')").fetchone() == ("on",)


def test_what_does_not_answer_or_does_not_exist_is_said(postgres: Server, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="refused") as closed:
        opening.for_writing(tmp_path, f"postgresql://u@127.0.0.1:{free_port()}/n")
    assert "Start the database server" in closed.value.hint
    with pytest.raises(StorageFailed, match="does not exist") as missing:
        opening.for_writing(tmp_path, postgres.url("nowhere"))
    assert "createdb" in missing.value.hint


def test_an_old_server_is_refused(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "OLDEST", 99)
    with pytest.raises(StorageFailed, match="older than PostgreSQL 99"):
        encrypted(postgres.url())


def test_a_database_of_something_else_is_left_alone(postgres: Server, new_url: str, tmp_path: Path) -> None:
    name = new_url.rsplit("/", 1)[1]
    postgres.sql("CREATE TABLE documents (mine text)", name)
    with pytest.raises(StorageFailed, match="already exists") as refused:
        opening.for_writing(tmp_path, new_url)
    assert "of its own" in refused.value.hint
    assert postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == [[1]]
