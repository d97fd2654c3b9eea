"""The official x402 for Python in an environment of its own, its payers and what it settled."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import time
import venv
from collections import defaultdict
from pathlib import Path
from typing import Any

import selling
from eth_utils import to_checksum_address
from inference_world import PRICE
from processes import Server

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY
from freehold.chain.rpc import Rpc
from freehold.core.signing import TEST_DOLLAR_DOMAIN, account_of

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "bench" / "peers"
LOCK = PEERS / "x402.lock"
FUNDS_WEI = 10**21
PATIENCE_SECONDS = 600


class Absent(Exception):
    """The peer cannot be had here; says why."""


def environment() -> Path:
    """The Python of an environment with what the lock says, made where it is not there. Raises Absent."""
    folder = ROOT / "build" / f"x402-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        venv.create(folder, clear=True, with_pip=True)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        try:
            done = subprocess.run(
                [*install, "--require-hashes", "-r", LOCK],
                capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Absent("its packages could not be fetched in time") from None
        if done.returncode:
            raise Absent(f"its packages could not be installed: {done.stderr.strip().splitlines()[-1]}")
        ready.touch()
    return python


def set_clock(rpc_url: str) -> None:
    """A chain that was started at a fixed time is told the real one, in which payments are good."""
    with Rpc(rpc_url) as rpc:
        rpc.call("evm_setNextBlockTimestamp", hex(int(time.time())))
        rpc.call("evm_mine")


class Official:
    """A seller that is paid by one scheme of x402."""

    scheme = ""

    def __init__(
        self, python: Path, model: Path, rpc_url: str, folder: Path, name: str, store: str = ""
    ) -> None:
        self._python, self._rpc = python, Rpc(rpc_url)
        self._chain = chain = Chain(self._rpc)
        deployments.deploy_missing(chain, DEV_KEY)
        self._receiver, facilitator = account_of(secrets.token_bytes(32)), secrets.token_bytes(32)
        chain.fund(account_of(facilitator), FUNDS_WEI)
        self._said = {
            "scheme": self.scheme,
            "store": store,
            "folder": str(folder / f"{name} channels"),
            "rpc_url": rpc_url,
            "token": to_checksum_address(deployments.address("TestDollar")),
            "name": TEST_DOLLAR_DOMAIN,
            "version": "1",
            # its libraries take addresses in no other form
            "pay_to": to_checksum_address(self._receiver),
            "amount": str(PRICE),
            "network": f"eip155:{chain.chain_id}",
            "key": "0x" + facilitator.hex(),
        }
        self._options = folder / f"{name}.json"
        self._options.write_text(json.dumps(self._said))
        self._model = json.loads(model.read_text())["model"]
        command = (python, PEERS / "x402_server.py", model, self._options)
        self.server = Server(*command, log=folder / f"{name}.log").start()
        self._requests: list[list[bytes]] = []
        self._sent: dict[int, int] = defaultdict(int)

    def sign(self, calls: list[int]) -> None:
        """Have the official client sign payments beforehand, so many for each account."""
        keys = [self._rich(one) for one in calls]
        bodies = [selling.question(self._model, number) for number in range(max(calls))]
        headers = self._client("sign", keys=keys, calls=calls, bodies=[bodies[0].decode()])
        self._requests = [
            [selling.request(body, **paid) for body, paid in zip(bodies, mine, strict=False)]
            for mine in headers
        ]

    def _rich(self, calls: int) -> str:
        key = secrets.token_bytes(32)
        self._chain.send(DEV_KEY, "TestDollar", "mint", account_of(key), calls * PRICE)
        return "0x" + key.hex()

    def _client(self, act: str, **given: Any) -> Any:
        path = self._options.with_suffix(f".{act}.json")
        path.write_text(json.dumps({**self._said, **given}))
        done = subprocess.run(
            [self._python, PEERS / "x402_client.py", act, self.server.url, path],
            capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-2_000:])
        return json.loads(done.stdout)

    def take(self, number: int, count: int) -> list[bytes]:
        """The next calls of a client."""
        start = self._sent[number]
        self._sent[number] += count
        return self._requests[number][start : start + count]

    def stop(self) -> None:
        """End it."""
        self.server.stop()
        self._rpc.close()

    def check(self, answer: bytes, _: bytes) -> dict[str, Any]:
        """An answer with word of its payment. Raises AssertionError: it has none."""
        status, found = selling.opened(answer)
        said = selling.header(answer, b"payment-response" if status == 200 else b"payment-required")
        settled = json.loads(base64.b64decode(said))
        assert status == 200, (status, settled)
        assert settled["success"], settled
        self._paid(settled)
        return found

    def _paid(self, settled: dict[str, Any]) -> None:
        raise NotImplementedError


class Exact(Official):
    """Every call is settled on chain by EIP-3009."""

    scheme = "exact"
    _asked = 0

    def _paid(self, settled: dict[str, Any]) -> None:
        assert settled["transaction"].startswith("0x"), settled

    def ask(self, calls: int) -> list[float]:
        """Seconds of calls by its own httpx client, which asks first, is told the price, signs and asks again."""
        bodies = [selling.question(self._model, number).decode() for number in range(calls)]
        self._asked += calls
        return list(self._client("ask", keys=[self._rich(calls)], bodies=bodies))

    def accounts(self) -> str:
        """What the receiver got on chain is the price of every call. Raises AssertionError: it is not."""
        calls = sum(self._sent.values()) + self._asked
        got = self._chain.read("TestDollar", "balanceOf", self._receiver)
        assert got == calls * PRICE, (got, calls * PRICE)
        return f"{self.server.name}: {calls:,} calls, {got:,} units at its receiver on chain: they agree"


class Batch(Official):
    """Each call raises what a channel has promised; nothing is claimed on chain meanwhile.

    Its contract is not in its packages, so channels are given to the server as after their deposits, and for an hour
    it believes what it knows of them, by which it need not ask the chain.
    """

    scheme = "batch-settlement"

    def sign(self, calls: list[int]) -> None:
        """As for any, with a channel for each account."""
        self._charged: dict[str, int] = defaultdict(int)
        super().sign(calls)

    def _paid(self, settled: dict[str, Any]) -> None:
        state = settled["extra"]["channelState"]
        known = self._charged[state["channelId"]]
        self._charged[state["channelId"]] = max(known, int(state["chargedCumulativeAmount"]))

    def accounts(self) -> str:
        """What it says to have charged is the price of every call. Raises AssertionError: it is not."""
        calls, charged = sum(self._sent.values()), sum(self._charged.values())
        assert charged == calls * PRICE, (charged, calls * PRICE)
        return f"{self.server.name}: {calls:,} calls, {charged:,} units charged on {len(self._charged)} channels: they agree"
