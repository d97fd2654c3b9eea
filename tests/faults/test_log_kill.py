"""A log whose process is killed while appending keeps what was committed and nothing else."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

from freehold.log.store import LogStore

WRITER = textwrap.dedent("""
    import sqlite3, sys
    from freehold.log.store import TABLES, LogStore
    link = sqlite3.connect(sys.argv[1])
    link.execute("PRAGMA journal_mode=WAL")
    for statement in TABLES:
        link.execute(statement)
    link.execute("CREATE TABLE IF NOT EXISTS receipts (position INTEGER PRIMARY KEY)")
    link.commit()
    log = LogStore(link)
    while True:
        first = log.extend(b"%d" % n for n in range(50))
        for n in range(first, first + 50):
            link.execute("INSERT INTO receipts VALUES (?)", (n,))
        link.commit()
        print(first + 50, flush=True)
""")


def test_kill_between_any_two_writes_leaves_a_log_that_verifies(tmp_path):
    path = tmp_path / "node.db"
    reported = 0
    for round_number in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            for _ in range(3 + round_number):
                reported = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            reported = int(([reported, *writer.stdout.read().split()])[-1])
        link = sqlite3.connect(path)
        size, root = LogStore(link).verify()
        assert size >= reported
        assert size % 50 == 0
        assert root == LogStore(link).root()
        assert link.execute("SELECT count(*) FROM receipts").fetchone() == (size,)
        link.close()
