"""`freehold doctor` finds what was broken on purpose, says how to mend it, and is content otherwise."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import node_tables
import pytest
from json_answers import documented
from node_process import Process
from node_world import free_port

from freehold.core import http_signature
from freehold.kernel import settings
from freehold.shell.doctor import examine


def findings(home):
    return {(one.check, one.level): one for one in examine(home)}


def problems(home):
    return {one.check for one in examine(home) if one.level == "problem"}


def freehold(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "freehold", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if "--json" in arguments:
        documented(arguments, done.stdout)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def node(world, tmp_path_factory):
    home = tmp_path_factory.mktemp("doctor") / "node"
    home.mkdir(mode=0o700)
    made = Process(home, world.rpc_url, port=free_port()).start()
    path = node_tables.write(home.parent / "table.csv", node_tables.make(24, seed=5))
    made.api("/publish", {"path": str(path), "label": node_tables.LABEL})
    made.api("/anchor", {})
    yield made
    made.kill()


@pytest.fixture
def stopped(node):
    """The home of the node while it does not run; it is started again afterwards."""
    node.terminate()
    yield node.home
    node.start()


@pytest.fixture
def configured(node):
    """The home with settings that a test may change."""
    text = (node.home / "config.toml").read_text()
    yield node.home
    settings.write_private(node.home / "config.toml", text)


def test_a_running_node_in_order(node):
    code, out = freehold("doctor", "--home", node.home, "--json")
    said = json.loads(out)
    assert (code, said["ok"]) == (0, True), out
    assert {one["level"] for one in said["checks"]} == {"ok"}, out
    wanted = {"versions", "home", "home.keys", "settings", "disk", "node", "database", "log", "data", "chain"}
    wanted |= {"clock", "chain.contracts", "chain.anchor", "chain.gas", "peers"}
    assert wanted <= {one["check"] for one in said["checks"]}
    code, out = freehold("doctor", "--home", node.home)
    assert code == 0
    assert "nothing is wrong" in out


def test_a_stopped_node_in_order(stopped):
    assert problems(stopped) == set()
    assert ("port", "ok") in findings(stopped)


def test_nothing_is_changed_by_looking(stopped):
    before = {path: path.stat().st_mtime_ns for path in stopped.rglob("*") if path.is_file()}
    examine(stopped)
    assert {path: path.stat().st_mtime_ns for path in stopped.rglob("*") if path.is_file()} == before


def test_no_home_is_a_problem_with_a_way_out(tmp_path):
    code, out = freehold("doctor", "--home", tmp_path / "absent")
    assert code == 1
    assert f"freehold up --home {tmp_path / 'absent'}" in out


def test_a_home_where_no_node_was_started(tmp_path):
    (tmp_path / "home").mkdir(mode=0o700)
    assert {"home.keys", "database"} <= problems(tmp_path / "home")


@pytest.mark.parametrize(
    ("name", "mode", "check"),
    [("", 0o755, "home"), ("keys.jwe", 0o644, "home.keys"), ("api-token", 0o640, "home.api-token")],
)
def test_modes_that_let_others_in(node, name, mode, check):
    path = node.home / name
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        found = findings(node.home)[check, "problem"]
        assert "chmod" in found.hint
    finally:
        path.chmod(before)


def test_a_port_that_another_process_holds(stopped, configured):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.save(stopped, settings.load(stopped).with_overrides(port=listener.getsockname()[1]))
        assert problems(stopped) == {"port"}


def test_a_copy_of_a_running_home_is_told_from_a_port_that_others_hold(node, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(node.home, copy)
    found = findings(copy)["port", "problem"]
    assert "same account" in found.detail
    assert "config set port" not in found.hint


@pytest.mark.parametrize("lost", ["keys.jwe", "node.sqlite"])
def test_what_a_start_refuses_is_a_problem_with_the_same_way_out(stopped, lost):
    good = (stopped / lost).read_bytes()
    check = "home.keys" if lost == "keys.jwe" else "database"
    try:
        (stopped / lost).unlink()
        assert "restore" in findings(stopped)[check, "problem"].hint
        (stopped / lost).write_text("{}")
        (stopped / lost).chmod(0o600)
        assert check in problems(stopped)
    finally:
        (stopped / lost).write_bytes(good)
        (stopped / lost).chmod(0o600)
    assert problems(stopped) == set()


def test_settings_that_cannot_be_read(configured):
    (configured / "config.toml").write_text("port = 'high'\n")
    assert problems(configured) == {"settings"}


def test_a_chain_that_does_not_answer(configured):
    settings.save(
        configured, settings.load(configured).with_overrides(rpc_url="http://127.0.0.1:9/a-secret-key")
    )
    code, out = freehold("doctor", "--home", configured)
    assert code == 1
    assert "config set rpc_url" in out
    assert "a-secret-key" not in out


def test_one_of_several_endpoints_that_does_not_answer_is_a_warning(configured):
    known = settings.load(configured)
    settings.save(configured, known.with_overrides(rpc_url=f"http://127.0.0.1:9, {known.rpc_url}"))
    found = findings(configured)
    assert "127.0.0.1:9" in found["chain", "warning"].detail
    assert ("chain", "ok") in found
    assert problems(configured) == set()


def test_a_chain_without_the_contracts(configured, tmp_path):
    from freehold.chain.embedded import EmbeddedNode

    with EmbeddedNode(tmp_path) as empty:
        settings.save(configured, settings.load(configured).with_overrides(rpc_url=empty.url))
        found = findings(configured)["chain.contracts", "problem"]
    assert "LogAnchors" in found.detail


class Peer:
    """A peer that answers with a clock of its own."""

    def __init__(self, ahead_seconds, status=200):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response_only(status)
                self.send_header("date", formatdate(time.time() + ahead_seconds, usegmt=True))
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize(
    ("apart", "level"),
    [(0, None), (-45, "warning"), (http_signature.MAX_SKEW_SECONDS + 30, "problem"), (-9999, "problem")],
)
def test_a_peer_whose_clock_differs(configured, apart, level):
    with Peer(apart) as peer:
        settings.save(configured, settings.load(configured).with_overrides(peers=(peer.url,)))
        found = findings(configured)
    assert ("peers", "ok") in found
    for one in ("warning", "problem"):
        assert (("clock", one) in found) == (one == level)


def test_peers_that_do_not_answer_are_a_warning(configured):
    with Peer(0, status=502) as peer:
        urls = (peer.url, "http://127.0.0.1:9", "http://[broken")
        settings.save(configured, settings.load(configured).with_overrides(peers=urls))
        found = [one for one in examine(configured) if one.check == "peers"]
    assert [one.level for one in found] == ["warning"] * 3


def test_a_log_that_was_altered_and_data_that_is_gone(stopped):
    database = stopped / "node.sqlite"
    good = database.read_bytes()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TRIGGER log_entries_keep_update")
        connection.execute("UPDATE log_entries SET data = x'00' WHERE position = 0")
        connection.commit()
    blob = next(path for path in (stopped / "blobs").iterdir() if path.is_file())
    kept = blob.read_bytes()
    blob.unlink()
    try:
        assert {"log", "data"} <= problems(stopped)
    finally:
        blob.write_bytes(kept)
        blob.chmod(0o600)
        database.write_bytes(good)
    assert problems(stopped) == set()


def test_a_torn_database_is_found(stopped):
    database = stopped / "node.sqlite"
    good = database.read_bytes()
    for damaged in (
        good[: len(good) // 2],
        good[:100] + os.urandom(4096) + good[4196:],
        b"no database at all",
    ):
        database.write_bytes(damaged)
        try:
            assert "database" in problems(stopped)
        finally:
            database.write_bytes(good)
    assert problems(stopped) == set()


def test_a_home_that_is_older_than_what_the_chain_vouches_for(node):
    node.terminate()
    good = (node.home / "node.sqlite").read_bytes()
    node.start()
    path = node_tables.write(node.home.parent / "again.csv", node_tables.make(24, seed=6))
    node.api("/publish", {"path": str(path), "label": node_tables.LABEL})
    node.api("/anchor", {})
    node.terminate()
    newest = (node.home / "node.sqlite").read_bytes()
    (node.home / "node.sqlite").write_bytes(good)
    # a start refuses it for what is missing, and so does the doctor
    assert problems(node.home) == {"database", "chain.anchor"}
    (node.home / "node.sqlite").write_bytes(newest)
    node.start()
    assert problems(node.home) == set()


def test_a_node_that_hangs_is_told_from_one_that_runs(node):
    import signal

    os.kill(node._running.pid, signal.SIGSTOP)
    try:
        assert "node" in problems(node.home)
    finally:
        os.kill(node._running.pid, signal.SIGCONT)
