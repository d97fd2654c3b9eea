"""The local chain beside the reference node in what clients wait for: many logs, one transfer, calls in parallel.

Both nodes run at once and take turns, round by round, on the same chain of transfers: `eth_getLogs` that returns
3,000 logs; one signed ERC-20 transfer after the other, each sent and asked for until its receipt is there; `eth_call`
by four processes, none of which asks the same twice of a block. The client is a bare socket, so that as little as
possible of what is measured is its own; calls are measured by httpx too, as programs in Python ask. Transfers here are on disk when they are answered, which the reference
node's are not: the floor beside them is an fsync and as many bare requests.

Run: python bench/chain_bars.py
"""

import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "clients"))

import httpx  # noqa: E402 - after the path
from anvil import ABSENT, Anvil, binary  # noqa: E402

from freehold.chain import deployments  # noqa: E402
from freehold.chain.embedded import DEV_KEY  # noqa: E402
from freehold.chain.transaction import Transaction, account_of  # noqa: E402

ROUNDS = 7
LOGS, BATCH = 3_000, 100
BARE, LOG_QUESTIONS, TRANSFERS, CALLS, CLIENTS, ACCOUNTS = 100, 3, 40, 150, 4, 600
"""A round asks so often; calls by each client."""
SINK = "0x" + "11" * 20


class Link:
    """A connection by HTTP that is kept, and nothing more."""

    def __init__(self, url):
        host, port = url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: "

    def request(self, method, *params):
        """The bytes of a request."""
        return self.packed({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})

    def packed(self, body):
        data = json.dumps(body).encode()
        return f"{self._head}{len(data)}\r\n\r\n".encode() + data

    def ask(self, request):
        """The body of the answer."""
        self._socket.sendall(request)
        received = self._socket.recv(1 << 20)
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._socket.recv(1 << 20)
        head = received[:end].lower()
        size = int(head[head.index(b"content-length:") + 15 :].split(b"\r", 1)[0])
        parts, missing = [received[end + 4 :]], size - (len(received) - end - 4)
        while missing > 0:
            parts.append(self._socket.recv(1 << 20))
            missing -= len(parts[-1])
        return b"".join(parts)

    def result(self, method, *params):
        return json.loads(self.ask(self.request(method, *params)))["result"]


class Side:
    """A node with a TestDollar and its transfers, and what is measured on it."""

    def __init__(self, node):
        self.url, self.link, self._nonce = node.url, Link(node.url), 0
        self._process = node._process.pid  # noqa: SLF001 - bench and tests start it
        self.artifact = deployments.artifact("TestDollar")
        (made,) = self._sent([self._signed(b"", self.artifact.bytecode, 3_000_000)])
        address = self._receipt(made)["contractAddress"]
        self.dollar = bytes.fromhex(address[2:])
        self._receipt(*self._sent([self._call("mint", account_of(DEV_KEY), 10**12)]))
        for at in range(0, LOGS - 1, BATCH):
            count = min(BATCH, LOGS - 1 - at)
            self._receipt(self._sent([self._call("transfer", SINK, 1) for _ in range(count)])[-1])
        self._logs = self.link.request("eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(self._height())})
        assert len(json.loads(self.link.ask(self._logs))["result"]) == LOGS
        self._balances = [
            self.link.request("eth_call", {"to": address, "data": self._balance(n)}, "latest")
            for n in range(ACCOUNTS)
        ]

    def worked(self):
        """Seconds of processor time that the node has taken (proc(5): utime and stime)."""
        fields = Path(f"/proc/{self._process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _height(self):
        return int(self.link.result("eth_blockNumber"), 16)

    def _balance(self, number):
        given = (f"0x{number + 1:040x}",)
        return "0x" + self.artifact.interface.function("balanceOf", given).encode(given).hex()

    def _signed(self, to, data, gas):
        made = Transaction(31337, self._nonce, to, data, gas, 10**10, 1)
        self._nonce += 1
        return "0x" + made.sign(DEV_KEY).hex()

    def _call(self, function, *args):
        return self._signed(
            self.dollar, self.artifact.interface.function(function, args).encode(args), 90_000
        )

    def _sent(self, raws):
        body = [
            {"jsonrpc": "2.0", "id": at, "method": "eth_sendRawTransaction", "params": [raw]}
            for at, raw in enumerate(raws)
        ]
        answers = json.loads(self.link.ask(self.link.packed(body)))
        return [one["result"] for one in sorted(answers, key=lambda one: one["id"])]

    def _receipt(self, tx_hash):
        polls = 0
        while (receipt := self.link.result("eth_getTransactionReceipt", tx_hash)) is None:
            polls += 1
            if polls % 20 == 0:  # the reference node leaves the end of a burst unmined
                self.link.result("evm_mine")
        assert receipt["status"] == "0x1"
        return receipt

    def bare(self):
        """Seconds of a request that asks next to nothing."""
        asked = self.link.request("eth_chainId")
        return timed(lambda: self.link.ask(asked), BARE)

    def logs(self):
        return timed(lambda: self.link.ask(self._logs), LOG_QUESTIONS)

    def transfer(self):
        ready = [
            self.link.request("eth_sendRawTransaction", self._call("transfer", SINK, 1))
            for _ in range(TRANSFERS)
        ]
        start = time.perf_counter()
        for one in ready:
            self._receipt(json.loads(self.link.ask(one))["result"])
        return (time.perf_counter() - start) / TRANSFERS

    def calls_by_httpx(self):
        """The same with the client that people's programs have, whose own work is then most of it."""
        return self.calls(self._asking_by_httpx)

    def calls(self, asking=None):
        """Seconds a call, of all clients together."""
        asking = asking or self._asking
        context = multiprocessing.get_context("fork")
        gate = context.Barrier(CLIENTS + 1)
        clients = [context.Process(target=asking, args=(gate, at)) for at in range(CLIENTS)]
        for one in clients:
            one.start()
        gate.wait()
        start = time.perf_counter()
        for one in clients:
            one.join()
        assert not any(one.exitcode for one in clients)
        return (time.perf_counter() - start) / (CALLS * CLIENTS)

    def _asking_by_httpx(self, gate, at):
        bodies = [one.split(b"\r\n\r\n", 1)[1] for one in self._balances]
        headers = {"content-type": "application/json"}
        with httpx.Client(trust_env=False, verify=False, timeout=120) as http:
            gate.wait()
            for n in range(CALLS):
                body = bodies[(at * CALLS + n) % ACCOUNTS]
                assert "result" in http.post(self.url, content=body, headers=headers).json()

    def _asking(self, gate, at):
        link = Link(self.url)
        asked = [self._balances[(at * CALLS + n) % ACCOUNTS] for n in range(CALLS)]
        gate.wait()
        for one in asked:
            assert b'"result":"0x' in link.ask(one)


def timed(act, times):
    start = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - start) / times


def fsync_seconds(folder):
    with (Path(folder) / "floor").open("wb") as file:

        def write():
            file.write(bytes(4_096))
            file.flush()
            os.fsync(file.fileno())

        return timed(write, 50)


MEASURED = {
    "a bare request": (Side.bare, BARE),
    f"eth_getLogs, {LOGS:,} logs": (Side.logs, LOG_QUESTIONS),
    "one transfer, sent and its receipt": (Side.transfer, TRANSFERS),
    f"eth_call, {CLIENTS} clients": (Side.calls, CALLS * CLIENTS),
    f"eth_call by httpx, {CLIENTS} clients": (Side.calls_by_httpx, CALLS * CLIENTS),
}
"""What is done, and how often in a round."""


def taken_in_turns(sides, folder):
    """By what was done and by whom: seconds, one for each round, and the node's processor time; and that of an fsync."""
    found = {name: {who: [] for who in sides} for name in MEASURED}
    worked = {name: dict.fromkeys(sides, 0.0) for name in MEASURED}
    disk = []
    for turn in range(ROUNDS):
        disk.append(fsync_seconds(folder))
        for name, (act, times) in MEASURED.items():
            for who in list(sides)[:: 1 if turn % 2 else -1]:
                before = sides[who].worked()
                found[name][who].append(act(sides[who]))
                worked[name][who] += (sides[who].worked() - before) / times / ROUNDS
    return found, worked, statistics.median(disk)


def shown(seconds):
    return f"{seconds * 1e3:9,.3f} ms {1 / seconds:9,.1f}/s"


def beside(folder):
    """Measure and print the table."""
    from chain import Embedded

    with ExitStack() as stack:
        nodes = {"ours": Embedded(Path(folder) / "beside")}
        if binary():
            nodes["anvil"] = Anvil()
        else:
            print(f"anvil left out: {ABSENT}")
        sides = {who: Side(stack.enter_context(node)) for who, node in nodes.items()}
        found, worked, disk = taken_in_turns(sides, folder)
    print(
        f"{'median of ' + str(ROUNDS) + ' rounds in turns':40}{'ours':>24}{'anvil':>26}   anvil's time / ours"
    )
    middle = {
        name: {who: statistics.median(taken) for who, taken in each.items()} for name, each in found.items()
    }
    for name, each in middle.items():
        beside = f"  {shown(each['anvil'])}   {each['anvil'] / each['ours']:5.2f}" if "anvil" in each else ""
        cpu = ", ".join(f"{who} {seconds * 1e3:.3f}" for who, seconds in worked[name].items())
        print(f"{name:40}{shown(each['ours'])}{beside}   node's CPU ms: {cpu}")
    floor = disk + 2 * middle["a bare request"]["ours"]
    transfer = middle["one transfer, sent and its receipt"]["ours"]
    print(f"{'fsync of 4 KiB':40}{shown(disk)}")
    print(
        f"{'an fsync and two bare requests':40}{shown(floor)}   a transfer takes {transfer / floor:.1f} times that"
    )


def main():
    with tempfile.TemporaryDirectory() as folder:
        beside(folder)


if __name__ == "__main__":
    main()
