"""`kill -9` at random instants under load: the chain reopens with the hashes it had told."""

import random
import sqlite3
import subprocess
import sys
import threading

import httpx
import pytest

from freehold.chain.embedded import DEV_KEY
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.transaction import Transaction, account_of

ROUNDS = 10


def start(home):
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold.chain.embedded", "--home", str(home), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def ask(client, url, method, *params):
    answer = client.post(
        url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    ).json()
    return answer["result"]


def load(client, url, nonce, acknowledged):
    """Send batches of five until the node dies; remember what it acknowledged."""
    while True:
        batch = []
        for index in range(5):
            to, data = bytes([index + 1]) * 20, b"\x01" * 200
            raw = Transaction(31337, nonce + index, to, data, 60_000, 100, 1, 1).sign(DEV_KEY)
            parameters = ["0x" + raw.hex()]
            batch.append(
                {"jsonrpc": "2.0", "id": index, "method": "eth_sendRawTransaction", "params": parameters}
            )
        try:
            answers = client.post(url, json=batch).json()
        except (httpx.HTTPError, ValueError):
            return
        acknowledged += [answer["result"] for answer in answers]
        nonce += 5


def test_acknowledged_transactions_and_block_hashes_survive_kill_nine(tmp_path):
    chance = random.Random(20261121)
    told: dict[int, str] = {}
    acknowledged: list[str] = []
    for _ in range(ROUNDS):
        process, url = start(tmp_path)
        try:
            with httpx.Client(timeout=10) as client:
                head = int(ask(client, url, "eth_blockNumber"), 16)
                assert head >= max(told, default=0)
                for number, block_hash in told.items():
                    assert ask(client, url, "eth_getBlockByNumber", hex(number), False)["hash"] == block_hash
                for tx_hash in acknowledged[-50:]:
                    receipt = ask(client, url, "eth_getTransactionReceipt", tx_hash)
                    assert receipt["status"] == "0x1"
                nonce = int(ask(client, url, "eth_getTransactionCount", account_of(DEV_KEY), "latest"), 16)
                assert nonce >= len(acknowledged)
                previous = ask(client, url, "eth_getBlockByNumber", hex(head), False)
                told[head] = previous["hash"]
                _kill_within(client, url, process, nonce, acknowledged, chance.uniform(0.01, 0.4))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    assert len(acknowledged) >= ROUNDS
    process, url = start(tmp_path)
    try:
        with httpx.Client(timeout=10) as client:
            blocks = [
                ask(client, url, "eth_getBlockByNumber", hex(number), False)
                for number in range(int(ask(client, url, "eth_blockNumber"), 16) + 1)
            ]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert [block["parentHash"] for block in blocks[1:]] == [block["hash"] for block in blocks[:-1]]
    assert {tx for block in blocks for tx in block["transactions"]} >= set(acknowledged)


def _kill_within(client, url, process, nonce, acknowledged, seconds):
    """Load the node and kill it, mid-request, after so many seconds."""
    killer = threading.Timer(seconds, process.kill)
    killer.start()
    load(client, url, nonce, acknowledged)
    killer.join()


@pytest.mark.parametrize(
    "statement", ["INSERT OR IGNORE INTO nodes", "INSERT INTO blocks", "INSERT INTO transactions", "COMMIT"]
)
def test_a_block_torn_at_any_statement_is_not_there(tmp_path, statement):
    """The process ends between two statements of a block's transaction."""
    script = f"""
import os, sys
from pathlib import Path
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded import DEV_KEY
from freehold.chain.transaction import Transaction
ledger = Ledger(Path({str(tmp_path)!r}))
def send(nonce):
    raw = Transaction(31337, nonce, b"\\x01" * 20, b"", 21000, 100, 1, 1).sign(DEV_KEY)
    ledger.settle(ledger.offer(raw))
send(0)
print(ledger.head.hash.hex(), flush=True)
ledger.store._connection.set_trace_callback(lambda sql: os._exit(9) if sql.startswith({statement!r}) else None)
send(1)
"""
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert process.returncode == 9
    ledger = Ledger(tmp_path)
    assert ledger.head.hash.hex() == process.stdout.strip()
    assert ledger.head.block_number == 1
    raw = Transaction(31337, 1, b"\x01" * 20, b"", 21000, 100, 1, 1).sign(DEV_KEY)
    ledger.settle(ledger.offer(raw))
    assert ledger.head.block_number == 2
    ledger.close()


def test_a_full_disk_refuses_the_block_and_leaves_the_chain_whole(tmp_path):
    ledger = Ledger(tmp_path)

    def send(nonce):
        ledger.settle(
            ledger.offer(Transaction(31337, nonce, b"\x01" * 20, b"", 21000, 100, 1, 1).sign(DEV_KEY))
        )

    def send_all(nonces):
        for nonce in nonces:
            send(nonce)

    send(0)
    head = ledger.head
    writer = ledger.store._connection  # the limit is a connection's own
    ((pages,),) = writer.execute("PRAGMA page_count").fetchall()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        send_all(range(1, 50))
    full = ledger.head
    assert full.block_number < 49
    writer.execute("PRAGMA max_page_count = 1000000")
    send(full.block_number)
    assert ledger.head.parent_hash == full.hash
    ledger.close()
    again = Ledger(tmp_path)
    assert again.header_at(1).hash == head.hash
    assert again.head.block_number == full.block_number + 1
    again.close()
