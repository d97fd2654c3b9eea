"""Where a database is said to be: never with a password, encrypted to servers elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from freehold.core.errors import InvalidInput
from freehold.kernel import setting_sources, settings
from freehold.kernel.databases.address import Address, PasswordInUrl, parse, password
from freehold.kernel.settings import Settings


def test_a_url_in_full() -> None:
    found = parse("postgresql://ann%40x@db.example:6000/my%20node?sslmode=require&sslrootcert=/ca.pem")
    assert found == Address("db.example", 6000, "my node", "ann@x", "require", "/ca.pem")


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [
        ("postgresql://u@db.example/n", "verify-full"),
        ("postgres://u@10.0.0.5/n", "verify-full"),
        ("postgresql://u@localhost/n", "disable"),
        ("postgresql://u@[::1]:5433/n", "disable"),
        ("postgresql://u@/n?host=/run/postgresql", "disable"),
        ("postgresql://u@%2Frun%2Fpostgresql/n", "disable"),
    ],
)
def test_a_server_elsewhere_is_verified_unless_said_otherwise(url: str, sslmode: str) -> None:
    assert parse(url).sslmode == sslmode


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u@h/n", "postgresql://u@h", "postgresql://u@h/", "postgresql://u@h:x/n", "node.sqlite",
        "postgresql://u@h/n?sslmode=prefer", "postgresql://u@h/n?options=-c", "postgresql://u@h/n?nonsense",
        "postgresql://u@h/n\n", "postgresql://u@" + "h" * 3000 + "/n", "postgresql://[h/n",
    ],
)  # fmt: skip
def test_what_is_no_such_url(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(url)
    assert refused.value.hint


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cret@h/n", "postgresql://u:@h/n", "postgresql://u@h/n?password=s3cret"]
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    with pytest.raises(PasswordInUrl) as refused:
        Settings(database=url)
    assert "s3cret" not in str(refused.value) + refused.value.message + refused.value.hint
    assert "PGPASSWORD" in refused.value.hint
    with pytest.raises(InvalidInput) as refused_there:
        setting_sources.choose(tmp_path, {}, database=url)
    assert "s3cret" not in refused_there.value.message


def test_a_node_on_sqlite_never_loads_the_driver() -> None:
    code = "import sys, freehold.shell.cli.main, freehold.shell.daemon, freehold.shell.backup.restoring; print('pg8000' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_setting_is_kept(tmp_path: Path) -> None:
    settings.save(tmp_path, Settings(database="postgresql://u@h/n"))
    assert settings.load(tmp_path).database == "postgresql://u@h/n"


@pytest.fixture
def passfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pass"
    path.write_text(
        "# people\n\nother:5432:n:u:wrong\nh:5432:n:u:a\\:b\\\\c\n*:*:*:v:star\nlocalhost:5432:n:u:near\n"
    )
    path.chmod(0o600)
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", str(path))
    return path


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://u@h/n", "a:b\\c"),
        ("postgresql://v@anywhere:9/x", "star"),
        ("postgresql://u@/n?host=/run", "near"),
        ("postgresql://u@h:1/n", ""),
    ],
)
@pytest.mark.usefixtures("passfile")
def test_the_password_file_is_read_as_libpq_reads_it(url: str, wanted: str) -> None:
    assert password(parse(url)) == wanted


def test_the_environment_comes_first(passfile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "ambient")
    assert passfile.exists()
    assert password(parse("postgresql://u@h/n")) == "ambient"


def test_a_password_file_that_others_may_read_is_refused(passfile: Path) -> None:
    passfile.chmod(0o640)
    with pytest.raises(InvalidInput, match="other users"):
        password(parse("postgresql://u@h/n"))
    passfile.unlink()
    assert password(parse("postgresql://u@h/n")) == ""
