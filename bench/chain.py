"""The local chain, beside the reference node (anvil) when `tests/clients/node_modules` holds it.

Start, signed ERC-20 transfers one by one and in batches of 100, `eth_getLogs` by topic over 20,000 events,
and reopening after SIGKILL. Every transfer is answered only once it is on disk; the reference node keeps
its chain in memory. Each figure stands beside a floor of the same machine: an fsync, a bare HTTP request.

Run: python bench/chain.py
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "clients"))

import httpx  # noqa: E402 - after the path
from anvil import ABSENT, Anvil, binary  # noqa: E402

from freehold.chain import deployments  # noqa: E402
from freehold.chain.embedded import DEV_KEY  # noqa: E402
from freehold.chain.transaction import Transaction, account_of  # noqa: E402

ONE_BY_ONE, BATCHED, BATCH, EVENTS = 200, 2_000, 100, 20_000
SINK = "0x" + "11" * 20
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


class Embedded:
    """The chain as a process of its own, as people run it."""

    def __init__(self, home):
        self.home, self.url = home, ""

    def __enter__(self):
        command = [sys.executable, "-m", "freehold.chain.embedded", "--home", self.home, "--port", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self._process.kill()  # SIGKILL: what was answered must be there after the next start
        self._process.wait()
        self._process.stdout.close()


class Account:
    """Signs ahead of time, so that only the node is measured."""

    def __init__(self, http, url):
        self._http, self._url, self._nonce = http, url, 0

    def ask(self, method, *params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self._http.post(self._url, json=body).json()["result"]

    def signed(self, to, data, gas):
        made = Transaction(31337, self._nonce, to, data, gas, 10**10, 1)
        self._nonce += 1
        return "0x" + made.sign(DEV_KEY).hex()

    def mined(self, raw):
        return self.found(self.ask("eth_sendRawTransaction", raw))

    def found(self, tx_hash):
        """The receipt, once there is one."""
        polls = 0
        while (receipt := self.ask("eth_getTransactionReceipt", tx_hash)) is None:
            polls += 1
            if polls % 20 == 0:  # the reference node leaves the end of a burst unmined
                self.ask("evm_mine")
        return receipt


def fsync_seconds(folder):
    with (Path(folder) / "floor").open("wb") as file:
        return timed(lambda: (file.write(bytes(4096)), file.flush(), os.fsync(file.fileno())), 50)


def timed(act, times):
    """Median seconds of one."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def measure(make):
    """Seconds by name, on a node that `make()` starts."""
    found, http = {}, httpx.Client(timeout=120, trust_env=False)
    start = time.perf_counter()
    with make() as node:
        found["start"] = time.perf_counter() - start
        account = Account(http, node.url)
        found["bare request"] = timed(lambda: account.ask("eth_chainId"), 200)
        artifact = deployments.artifact("TestDollar")
        deployed = account.mined(account.signed(b"", artifact.bytecode, 3_000_000))["contractAddress"]
        dollar = bytes.fromhex(deployed[2:])

        def call(function, *args):
            data = artifact.interface.function(function, args).encode(args)
            return account.signed(dollar, data, 90_000)

        account.mined(call("mint", account_of(DEV_KEY), 10**12))
        account.mined(call("transfer", SINK, 1))
        alone = [call("transfer", SINK, 1) for _ in range(ONE_BY_ONE)]
        start = time.perf_counter()
        for raw in alone:
            account.mined(raw)
        found["transfer, one by one"] = (time.perf_counter() - start) / ONE_BY_ONE
        found["transfer, batched"] = batched(
            http, node.url, account, [call("transfer", SINK, 1) for _ in range(BATCHED)]
        )
        left = EVENTS - BATCHED - ONE_BY_ONE - 2
        batched(http, node.url, account, [call("transfer", f"0x{n % 200 + 1:040x}", 1) for n in range(left)])
        wanted = {"fromBlock": "0x0", "topics": [TRANSFER, None, "0x" + f"{7:064x}"]}
        events = len(account.ask("eth_getLogs", wanted))
        assert events == len(range(6, left, 200)), events
        found[f"logs by topic, {events} of {EVENTS:,}"] = timed(
            lambda: account.ask("eth_getLogs", wanted), 20
        )
        height = account.ask("eth_blockNumber")
    return found, height


def batched(http, url, account, raws):
    """Seconds a transaction, until every one of them is in a block."""
    start = time.perf_counter()
    for at in range(0, len(raws), BATCH):
        part = [
            {"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": [raw]}
            for n, raw in enumerate(raws[at : at + BATCH])
        ]
        answers = http.post(url, json=part).json()
        account.found(max(answers, key=lambda one: one["id"])["result"])
    return (time.perf_counter() - start) / len(raws)


def reopened(home, height):
    start = time.perf_counter()
    with Embedded(home) as node, httpx.Client(trust_env=False) as http:
        assert Account(http, node.url).ask("eth_blockNumber") == height
        return time.perf_counter() - start


def show(seconds):
    return f"{seconds * 1e3:10,.2f} ms" + (f" {1 / seconds:8,.0f}/s" if seconds < 1 else "")


def main():
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk = fsync_seconds(folder)
        print(f"{'fsync of 4 KiB (floor of a durable block)':44}{show(disk)}")
        ours, height = measure(lambda: Embedded(folder / "chain"))
        theirs = measure(Anvil)[0] if binary() else {}
        if not theirs:
            print(f"anvil left out: {ABSENT}")
        for name, seconds in ours.items():
            beside = f"   anvil {show(theirs[name])}   ratio {seconds / theirs[name]:5.1f}" if theirs else ""
            print(f"{name:44}{show(seconds)}{beside}")
        print(f"{'reopened after SIGKILL':44}{show(reopened(folder / 'chain', height))}")
        floor = disk + 2 * ours["bare request"]
        print(f"one by one: {ours['transfer, one by one'] / floor:.1f} times an fsync and two bare requests")
        print(
            f"batched: {ours['transfer, one by one'] / ours['transfer, batched']:.1f} times as many a second"
        )


if __name__ == "__main__":
    main()
