"""A home of the release before is brought to this one in place: nothing is lost, and it is copied first."""

import gzip
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from freehold.core.connection import Connection
from freehold.features.gateway import rationing
from freehold.features.grants import asking
from freehold.features.models import kept as models
from freehold.features.payments import kept as payments
from freehold.features.training import kept as jobs
from freehold.features.training import runs
from freehold.kernel.databases import copying, migrations, opening
from freehold.kernel.databases.errors import StorageFailed
from freehold.kernel.store import Store

DATA = Path(__file__).parent.with_name("upgrade") / "data"
"""Made by the release before: three parties with tables, two trained models, answers bought and sold, requests."""
WAS = json.loads((DATA / "release-before.json").read_text())
"""What that release said of it."""
DYING = """
import os, signal, sys
from pathlib import Path
from freehold.kernel.databases import migrations, opening
left, plain = [int(sys.argv[2])], migrations.run
class Dying:
    def __init__(self, connection):
        self.connection = connection
    def __getattr__(self, name):
        return getattr(self.connection, name)
    def execute(self, *given):
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return self.connection.execute(*given)
def run(connection, step):
    # those in memory only say what a version looks like
    if not connection.execute("SELECT file FROM pragma_database_list").fetchone()[0]:
        return plain(connection, step)
    for statement in step.sqlite:
        Dying(connection).execute(statement)
    if step.fill is not None:
        step.fill(connection)
if left[0] >= 0:
    migrations.run = run
opening.SqliteDatabase(Path(sys.argv[1])).close()
"""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The database in a home of its own."""
    path = tmp_path / "home" / "node.sqlite"
    path.parent.mkdir()
    path.write_bytes(gzip.decompress((DATA / "release-before.sqlite.gz").read_bytes()))
    return path


def rows(path: Path, *, left_out: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    """Every row of a file, by table."""
    with closing(opening.read_file(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for name in names
            if name not in left_out
        }


def on_server(before: Path, url: str) -> None:
    """The same content in a Postgres database as the release before left it."""
    from freehold.kernel.databases import address
    from freehold.kernel.databases.session import Session

    session = Session(address.parse(url), writer=True)
    with closing(session), closing(opening.read_file(before)) as source:
        session.execute("BEGIN IMMEDIATE")
        for one in migrations.known():
            if one.step.released:
                for statement in one.step.postgresql:
                    session.execute(statement)
        copying._copy(source, session, migrations.applied(source))
        for number, name, at in source.execute("SELECT number, name, applied_at FROM migrations").fetchall():
            session.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, name, at))
        session.commit()


@pytest.fixture(params=["sqlite", "postgresql"])
def upgraded(request: pytest.FixtureRequest, before: Path) -> Iterator[tuple[Store, Path]]:
    """(store opened by this release, the home)."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("new_url")
        on_server(before, url)
        before.unlink()
    store = Store(opening.for_writing(before.parent, url))
    yield store, before.parent
    store.close()


def documents(connection: Connection) -> list[tuple[Any, ...]]:
    found = connection.execute(
        "SELECT id, type, kind, about, signer, complete, public, position, envelope FROM documents ORDER BY rowid"
    ).fetchall()
    return [tuple(bytes(value) if isinstance(value, bytes) else value for value in row) for row in found]


def test_nothing_is_lost(upgraded: tuple[Store, Path], tmp_path: Path) -> None:
    store, _ = upgraded
    old = tmp_path / "as-it-was.sqlite"
    old.write_bytes(gzip.decompress((DATA / "release-before.sqlite.gz").read_bytes()))
    with store.log() as log:
        assert log.verify()[0] == WAS["rows"]["log_entries"]
    with closing(opening.read_file(old)) as plain, store.reading() as connection:
        assert documents(connection) == documents(plain)
        for wanted in copying.layouts(migrations.applied(plain)):
            if wanted.name in ("documents", "state"):
                continue
            columns = ", ".join(wanted.columns)
            query = f"SELECT {columns} FROM {wanted.name}"
            assert sorted(connection.execute(query).fetchall(), key=repr) == sorted(
                plain.execute(query).fetchall(), key=repr
            )


MOVED = (
    *("spending", "spending_on", "voucher", "unsettled", "lost"),
    *("job", "held", "round", "opened", "held_test"),
    *("planned", "start", "agreed", "disputed", "two_histories", "dispute_seen", "opened_to"),
    *("seen", "followed", "given"),
    *("model", "run_of", "untold", "released", "share", "serving", "ration"),
    *("requests", "request", "request_places", "wanted"),
)
"""Beginnings of the names under which was kept what stands in tables now."""


def test_what_was_kept_under_names_stands_in_tables(upgraded: tuple[Store, Path], tmp_path: Path) -> None:
    store, _ = upgraded
    old = tmp_path / "as-it-was.sqlite"
    old.write_bytes(gzip.decompress((DATA / "release-before.sqlite.gz").read_bytes()))
    with closing(opening.read_file(old)) as plain:
        was = {name: json.loads(value) for name, value in plain.execute("SELECT name, value FROM state")}
    assert [name for name in store.states("") if name.partition(":")[0] in MOVED] == []
    node: Any = SimpleNamespace(store=store)
    for name, record in was.items():
        match name.split(":"):
            case ["spending", channel]:
                assert payments.channel(node, channel) == record
                assert payments.find_channel(node, channel[:10]) == record
                assert payments.promised_units(node) == record["cumulative_units"]
            case ["spending_on", model]:
                assert payments.channel_for(node, model) == was[f"spending:{record}"]
            case ["voucher", channel]:
                assert payments.voucher(node, channel) == {"channel": channel, **record}
            case ["unsettled", channel]:
                model = was[f"voucher:{channel}"]["model"]
                found = [payments.voucher(node, channel)]
                assert payments.unsettled(node) == payments.unsettled(node, model) == found
                assert payments.find_unsettled(node, channel[2:10]) == found[0]
                assert payments.unsettled(node, channel) == []
            case ["job", job]:
                assert jobs.job(node, job) == record
                assert jobs.find(node, job[:10]) == job
                assert not jobs.is_held(node, job)
                assert (job in jobs.going_on(node)) == (record["step"] != "done")
            case ["round", run, number]:
                claim = {"claim": record["claim"], "receipts": record["receipts"]}
                assert jobs.begun(node, run, int(number)) == claim
                (row,) = store.rows(
                    "SELECT revealed FROM rounds_made WHERE run = ? AND number = ?", run, int(number)
                )
                assert json.loads(row[0]) == record["revealed"]
            case ["opened", run]:
                assert jobs.begun(node, run, record["number"]) == {
                    "claim": record["claim"],
                    "receipts": record["receipts"],
                }
                assert jobs.begun(node, run, record["number"] + 1) is None
            case ["planned", run]:
                assert runs.get(node, run, "plan") == record
                assert runs.get(node, run, "disputed") is None
                assert runs.disputed(node, 9) == []
            case ["start" | "agreed" as fact, run]:
                assert runs.get(node, run, fact) == record
            case ["seen", run, number]:
                assert runs.claim(node, run, int(number)) == record
                revealed = was[f"followed:{run}:{number}"]
                assert (record, revealed) in runs.followed(node, run)
            case ["model", model]:
                asset: Any = SimpleNamespace(id=model, name="")
                assert models.require_weights(node, asset) == record
                assert model in models.released(node)
                assert models.untold(node) == []
            case ["run_of", model]:
                assert models.job_of(node, model) == record
                found = jobs.job_of(node, model)
                assert found is not None
                assert found["model"] == model
            case ["released", run]:
                assert models.announced(node, run) == len(record)
            case ["share", model]:
                assert models.share(node, model) == models.Share(model, **record)
                assert model in [one.model for one in models.shares(node)]
            case ["serving", model]:
                assert rationing.is_on_sale(node, model)
                assert rationing.on_sale(node) == [model]
                assert rationing.of(node, model) == rationing.Ration()
            case ["request", request]:
                assert store.rows(
                    "SELECT holder, state, bytes, record FROM requests WHERE id = ?", request
                ) == [
                    (
                        record["holder"],
                        record["state"],
                        was["requests"][request]["bytes"],
                        json.dumps(
                            record, sort_keys=True, separators=(",", ":"), ensure_ascii=False
                        ).encode(),
                    )
                ]
            case ["requests"]:
                in_order = sorted(record, key=lambda one: record[one]["place"])
                assert [row[0] for row in store.rows("SELECT id FROM requests ORDER BY rowid")] == in_order
            case ["wanted", *wish]:
                assert asking._read(node, ":".join(wish)) == record
                is_open = record["state"] in ("waiting", "countered", "refused")
                key = ":".join(wish)
                assert store.rows("SELECT open, state FROM asked WHERE wish = ?", key) == [
                    (is_open, record["state"])
                ]
                own = str(store.rows("SELECT signer FROM documents WHERE id = ?", store.state("party"))[0][0])
                if is_open:
                    request = asking.request_id(own, record["asset"], record["nonce"])
                    assert asking.find(node, request) == (key, record)
            case ["given", run, number]:
                assert runs.get_round(node, run, int(number), "given") == record


def test_what_a_home_seldom_keeps_is_moved_too(before: Path) -> None:
    run, job, channel, test = ("0x" + digit * 64 for digit in "abcd")
    values = {
        f"voucher:{channel}": {"cumulative_units": 9, "signature": "0x11", "grant": job, "model": run},
        f"lost:{channel}": {"model": run, "units": 4, "at": 7},
        f"job:{job}": {"id": job, "step": "withheld"},
        f"held:{job}": True,
        f"opened:{run}": {"number": 3, "claim": test, "receipts": [job]},
        f"disputed:{run}": {"contribution": test, "field": "scores"},
        f"two_histories:{run}": [test, job],
        f"dispute_seen:{run}": True,
        f"opened_to:{run}": {"judge": "0x12", "at": 8},
        f"held_test:{test}": {"claim": job, "run": run, "at": 5, "builder": "0x34", "opening": channel},
    }
    values |= {
        f"model:{test}": {"weights": [1], "scaling": {}, "columns": []},
        f"untold:{test}": ["0x56"],
        f"ration:{test}": {"calls": 2, "rows": 3},
    }
    wish = f"{job}:{test}:train:research:3:0"
    values[f"wanted:{wish}"] = "0x" + "e" * 64
    with closing(sqlite3.connect(before)) as plain, plain:
        for name, value in values.items():
            plain.execute("INSERT INTO state VALUES (?, ?)", (name, json.dumps(value).encode()))
    node: Any = SimpleNamespace(store=Store(opening.for_writing(before.parent, "")))
    assert payments.lost(node) == [{"channel": channel, "model": run, "units": 4, "at": 7}]
    assert channel not in [one["channel"] for one in payments.unsettled(node)]
    assert jobs.is_held(node, job)
    assert job not in jobs.going_on(node)
    assert jobs.begun(node, run, 3) == {"claim": test, "receipts": [job]}
    assert runs.get(node, run, "disputed") == {"contribution": test, "field": "scores"}
    assert runs.get(node, run, "two_histories") == [test, job]
    assert runs.disputed(node, 9) == []
    assert node.store.rows("SELECT judge, opened_at FROM runs WHERE run = ?", run) == [("0x12", 8)]
    assert node.store.rows("SELECT * FROM tests_held") == [(test, "0x34", job, run, channel, 5)]
    assert models.untold(node) == [(test, ["0x56"])]
    assert rationing.of(node, test) == rationing.Ration(2, 3)
    assert not rationing.is_on_sale(node, test)
    asked = asking._read(node, wish)
    assert (asked["nonce"], asked["asset"], asked["once_for"]) == ("0x" + "e" * 64, test, job)
    assert (asked["action"], asked["purpose"], asked["max_uses"]) == ("train", "research", 3)
    node.store.close()


def test_a_copy_is_kept_first_that_the_release_before_opens(
    upgraded: tuple[Store, Path], tmp_path: Path
) -> None:
    _, home = upgraded
    (copy,) = copying.copies(home)
    assert copy.name == f"node.sqlite-version-6-before-{migrations.newest()}"
    assert copy.stat().st_mode & 0o777 == 0o600
    old = tmp_path / "as-it-was.sqlite"
    old.write_bytes(gzip.decompress((DATA / "release-before.sqlite.gz").read_bytes()))
    assert rows(copy) == rows(old)
    with closing(opening.read_file(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (6,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_release_before_leaves_the_new_one_alone(upgraded: tuple[Store, Path]) -> None:
    store, _ = upgraded
    with store.reading() as connection:
        if isinstance(connection, sqlite3.Connection):
            assert connection.execute("PRAGMA user_version").fetchone()[0] > migrations.COUNTED
        assert connection.execute("SELECT max(number) FROM migrations").fetchone()[0] > migrations.COUNTED


def test_few_copies_are_kept_and_none_is_made_of_what_is_current(before: Path) -> None:
    for number in range(5):
        path = before.with_name(f"node.sqlite-version-{number}-before-9")
        path.write_bytes(b"old")
        os.utime(path, (number, number))
    opening.for_writing(before.parent, "").close()
    kept = [path.name for path in copying.copies(before.parent)]
    assert kept == [
        "node.sqlite-version-3-before-9",
        "node.sqlite-version-4-before-9",
        f"node.sqlite-version-6-before-{migrations.newest()}",
    ]
    opening.for_writing(before.parent, "").close()
    assert [path.name for path in copying.copies(before.parent)] == kept


@pytest.mark.parametrize("versions", [(3, 4, 5), (91, 92, 93)], ids=["earlier", "later"])
def test_the_copy_that_was_just_made_stays_whatever_others_say_of_themselves(
    before: Path, versions: tuple[int, ...]
) -> None:
    """A clock may have been wrong, and a home may have come back from before."""
    for number in versions:
        path = before.with_name(f"node.sqlite-version-{number}-before-{number + 1}")
        path.write_bytes(b"old")
        os.utime(path, (2**32 + number, 2**32 + number))
    opening.for_writing(before.parent, "").close()
    made = f"node.sqlite-version-6-before-{migrations.newest()}"
    assert made in [path.name for path in copying.copies(before.parent)]


def test_only_what_an_upgrade_made_is_let_go_of(before: Path) -> None:
    home = before.parent
    for number in range(4):
        path = home / f"node.sqlite-version-{number}-before-9"
        path.write_bytes(b"old")
        os.utime(path, (number, number))
    others = [f"node.sqlite-version-3-before-9{end}" for end in ("-wal", "-shm", ".bak")]
    for name in others:
        (home / name).write_bytes(b"x")
    (home / "node.sqlite-version-0-before-8").symlink_to(home / others[0])
    begun = home / ".node.sqlite-version-2-before-9.part"
    begun.write_bytes(b"half")
    opening.for_writing(home, "").close()
    assert [path.name for path in copying.copies(home)][:2] == [
        "node.sqlite-version-2-before-9",
        "node.sqlite-version-3-before-9",
    ]
    assert all((home / name).exists() for name in (*others, "node.sqlite-version-0-before-8"))
    assert not begun.exists()


def test_without_room_for_the_copy_nothing_is_changed(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    was = rows(before)
    (before.parent / f".node.sqlite-version-6-before-{migrations.newest()}.part").mkdir()
    with pytest.raises(StorageFailed, match="no copy") as refused:
        opening.for_writing(before.parent, "")
    assert "disk space" in refused.value.hint
    assert rows(before) == was


def test_killed_anywhere_it_is_the_old_or_the_new_whole(before: Path, tmp_path: Path) -> None:
    was = rows(before)
    whole = Path(shutil.copytree(before.parent, tmp_path / "whole")) / "node.sqlite"
    statements = sum(len(one.step.sqlite) for one in migrations.known() if not one.step.released)
    opening.for_writing(whole.parent, "").close()
    expected = rows(whole, left_out=("migrations", "state"))
    for place in sorted({0, 1, statements // 2, statements - 1}):
        home = Path(shutil.copytree(before.parent, tmp_path / f"killed-{place}"))
        made = subprocess.run(
            [sys.executable, "-c", DYING, str(home / "node.sqlite"), str(place)], check=False
        )
        assert made.returncode == -signal.SIGKILL
        assert len(copying.copies(home)) == 1, "it was copied before the first step"
        opened = sqlite3.connect(home / "node.sqlite")
        opened.execute("SELECT count(*) FROM documents").fetchone()
        opened.close()
        assert rows(home / "node.sqlite") == was
        opening.for_writing(home, "").close()
        assert rows(home / "node.sqlite", left_out=("migrations", "state")) == expected
