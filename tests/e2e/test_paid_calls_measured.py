"""The measurement of paid calls, in its smallest form: its servers run, and its books are held to the unit."""

import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "paid"))
import load  # noqa: E402 - after the path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nx: y\r\n\r\n"


@pytest.mark.slow
def test_it_measures_ours_beside_the_bare_model_and_holds_receipts_vouchers_and_log_together():
    small = ["--rounds", "1", "--calls", "8", "--clients", "1", "2", "--no-x402", "--json"]
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "paid_calls.py", *small],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"bare", "ours", "ours, a block every 100 ms"} <= set(found["servers"])
    for one in found["servers"].values():
        assert set(one) == {"1", "2"}
        assert all(0 < made["p50_ms"] <= made["p95_ms"] for made in one.values())
        assert all(made["calls_per_second"] > 0 for made in one.values())
    assert found["servers"]["ours"]["1"]["cpu_ms"]["node"] > found["servers"]["bare"]["1"]["cpu_ms"]["server"]
    # warmed twice by both clients, then eight calls alone and eight by two, in both conditions
    calls = 2 * (2 * 20 + 8 + 8)
    (books,) = (line for line in found["accounts"] if line.startswith("ours:"))
    assert re.match(
        rf"ours: {calls} receipts, {calls},000 units in vouchers of 2 channels, {calls + 2} ", books
    )
    assert found["revoked"]
    for line in found["revoked"]:
        assert (
            "2 grants revoked on chain one after the other, the very next call of each: 403 grant.revoked"
            in line
        )
    assert found["answers_differ_ppm"] < 2_000
    assert "x402: not asked for" in found["left_out"]


def served(*pieces: bytes) -> int:
    """The port of a server that answers each request on one connection by these pieces, one write each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while one.recv(65_536):
                for piece in pieces:
                    one.sendall(piece)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def test_each_call_is_timed_to_its_last_byte_and_kept_whole():
    port = served(ANSWER[:9], ANSWER[9:] + b"ab", b"cd")
    sent = load.Sent(*load.sent(port, [[b"GET / HTTP/1.1\r\n\r\n"] * 3]))
    assert sent.answers == [[ANSWER + b"abcd"] * 3]
    assert len(sent.latencies[0]) == 3
    assert 0 < sum(sent.latencies[0]) <= sent.seconds


def test_an_answer_whose_end_nobody_can_know_is_refused():
    port = served(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
    with pytest.raises(ValueError, match="without a length"):
        load.sent(port, [[b"GET / HTTP/1.1\r\n\r\n"]])


def test_a_server_that_hangs_up_is_no_answer():
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        with listener, listener.accept()[0] as one:
            one.recv(65_536)

    threading.Thread(target=hang_up, daemon=True).start()
    with pytest.raises(ConnectionError, match="after 0 answers"):
        load.sent(listener.getsockname()[1], [[b"GET / HTTP/1.1\r\n\r\n"]])
