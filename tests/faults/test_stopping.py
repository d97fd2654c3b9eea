"""A stop is never held up: by stuck threads, slow callers, a locked database, a chain or a peer that hangs."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from node_process import PASSPHRASE, Process
from node_world import World, until

from freehold.kernel.settings import Settings
from freehold.shell import daemon

STUCK = """
import sys, threading, time
from freehold.shell import stopping
seconds = float(sys.argv[1])
import signal
signal.signal(signal.SIGTERM, lambda *_: None)
with stopping.within(seconds, lambda: print("tidied", flush=True)):
    threading.Thread(target=time.sleep, args=(600,)).start()
    print("there", flush=True)
    signal.pause()
"""
PASSED = """
import os, signal, time
from freehold.shell import stopping
with stopping.within(0.2):
    pass
signal.signal(signal.SIGTERM, lambda *_: None)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(1.5)
print("went on")
"""
MARGIN_SECONDS = 20


def stuck(seconds: float) -> subprocess.Popen[str]:
    """A process with a thread that nothing interrupts, and whose main thread is done."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "there\n"
    return process


def test_a_stuck_thread_holds_a_stop_up_for_so_long_and_no_longer() -> None:
    with stuck(0.5) as process:
        process.send_signal(signal.SIGTERM)
        said, told = process.communicate(timeout=MARGIN_SECONDS)
        assert process.returncode == 128 + signal.SIGTERM
        assert said == "tidied\n"
        assert "did not end in 0.5 s" in told


def test_a_program_that_runs_a_node_among_other_things_is_not_ended_with_it(
    world: World, tmp_path: Path
) -> None:
    def stop(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        daemon.run(tmp_path, PASSPHRASE, Settings(name="n", port=0, rpc_url=world.rpc_url), ready=stop)
    assert "stopping" not in [one.name for one in threading.enumerate()]


def test_who_was_not_told_to_end_goes_on_after_what_was_to_end_in_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PASSED], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "went on\n"), done.stderr


def test_the_second_signal_ends_at_once_and_a_double_one_is_one() -> None:
    with stuck(500) as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        time.sleep(1.5)
        assert process.poll() is None
        # Ctrl-C would end this waiting program by itself as well
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=MARGIN_SECONDS)
        assert process.returncode == 128 + signal.SIGTERM
        assert "told again" in told


@pytest.mark.parametrize("outlives", [False, True])
def test_a_terminal_that_goes_away_ends_a_server_in_order(outlives: bool) -> None:
    # as `nohup` begins it
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if outlives else signal.SIG_DFL)
    try:
        process = stuck(0.2)
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        process.send_signal(signal.SIGHUP)
        if outlives:
            time.sleep(1)
            assert process.poll() is None
            process.terminate()
        said, _ = process.communicate(timeout=MARGIN_SECONDS)
        assert said == "tidied\n"
        assert process.returncode == 128 + (signal.SIGTERM if outlives else signal.SIGHUP)


@pytest.fixture
def node(world: World, tmp_path: Path):
    node = Process(tmp_path / "node", world.rpc_url).start()
    yield node
    node.kill()


def test_a_second_signal_ends_a_node_whose_workers_are_stuck_at_once(node: Process) -> None:
    def ask() -> None:
        with pytest.raises((httpx.TransportError, AssertionError)):
            node.api("/anchor", {})

    asking = threading.Thread(target=ask)
    with closing(sqlite3.connect(node.home / "node.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asking.start()
        time.sleep(1)
        assert node._running
        node._running.send_signal(signal.SIGTERM)
        time.sleep(2)
        assert node.alive
        node._running.send_signal(signal.SIGTERM)
        assert node._running.wait(8) == 128 + signal.SIGTERM
    asking.join(30)
    assert "told again to end" in node.log()
    assert not (node.home / "node.json").exists()


@pytest.mark.slow
def test_a_locked_database_holds_no_stop_up_and_loses_nothing(node: Process, world: World) -> None:
    kept = node.api("/status")["account"]
    with closing(sqlite3.connect(node.home / "node.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()

        def ask() -> None:
            with pytest.raises((httpx.TransportError, AssertionError)):
                node.api("/anchor", {})

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for one in asking:
            one.start()
        time.sleep(0.5)
        node.terminate(daemon.STOP_SECONDS + daemon.CLOSE_SECONDS + MARGIN_SECONDS)
        assert time.monotonic() - began < daemon.STOP_SECONDS + daemon.CLOSE_SECONDS + MARGIN_SECONDS
        other.execute("ROLLBACK")
        for one in asking:
            one.join(60)
    assert "Traceback" not in node.log()
    again = Process(node.home, world.rpc_url).start()
    assert again.account == kept
    again.terminate(60)


def test_a_start_that_waits_for_a_chain_is_ended(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        node = Process(tmp_path / "node", f"http://127.0.0.1:{mute.getsockname()[1]}")
        node.launch()
        until((node.home / "lock").exists, "it begins", 40)
        time.sleep(0.5)
        node.terminate(daemon.STOP_SECONDS + daemon.CLOSE_SECONDS + MARGIN_SECONDS)


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(one, marks=pytest.mark.slow) for one in (signal.SIGINT, signal.SIGHUP))],
    ids=["term", "int", "hup"],
)
def test_a_chain_with_open_connections_ends(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", "chain", "run", "--json", "--port", "0", "--home", tmp_path / "c"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        url = httpx.URL(json.loads(process.stdout.readline())["url"])
        with socket.create_connection(("127.0.0.1", url.port or 0)) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n{")
            process.send_signal(number)
            _, told = process.communicate(timeout=20 + MARGIN_SECONDS)
            assert process.returncode == 0
            assert "Traceback" not in told
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_many_callers_with_a_pipe_hold_up_no_worker(node: Process, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    token = (node.home / "api-token").read_text().strip()
    refused: list[int] = []

    def ask() -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            answer = client.post(
                f"{node.url}/api/inspect",
                json={"path": str(pipe), "label": "y"},
                headers={"authorization": f"Bearer {token}"},
            )
            refused.append(answer.status_code)

    callers = [threading.Thread(target=ask) for _ in range(44)]
    for one in callers:
        one.start()
    for one in callers:
        one.join(60)
    assert refused == [422] * 44
    assert node.api("/status")["account"]
    assert node.terminate(daemon.STOP_SECONDS + MARGIN_SECONDS) == 0


def test_ctrl_c_while_a_command_loads_is_an_end_without_a_traceback() -> None:
    program = """
import runpy, sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "freehold.shell.cli.main":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
sys.argv[1:] = ["status"]
runpy.run_module("freehold", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.slow
def test_a_quickstart_that_is_told_to_end_while_it_plays_ends_its_processes_in_order(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", "quickstart", "--home", tmp_path / "home"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: list(tmp_path.glob("home/**/node.sqlite")), "its first node stands", 120)
    process.terminate()
    _, told = process.communicate(timeout=60 + MARGIN_SECONDS)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    logs = "".join(path.read_text() for path in tmp_path.glob("home/**/*.log"))
    assert logs
    assert "Traceback" not in logs
    assert "chain.unreachable" not in logs
