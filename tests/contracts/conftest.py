"""The chain that the contract tests share; each test makes its own accounts, documents and pools on it."""

import subprocess
import socket
import time
from collections.abc import Iterator

import pytest
from contract_world import World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    p = subprocess.Popen(["/tmp/w/n/node_modules/.bin/anvil", "--port", str(port), "--silent"])
    time.sleep(1.5)
    made = World(f"http://127.0.0.1:{port}")
    yield made
    made.close()
    p.terminate()
    p.wait()
