"""The local chain under strain: bursts, kills, growth and many events; each result beside its bar.

    bursts   transactions of many senders, out of order on the wire: none lost, none before an earlier one
    kills    SIGKILL at random instants under load: what was answered is there again, with the same hashes
    growth   latency and memory of a transfer and a call as the chain grows
    logs     `eth_getLogs` by topic among many events

Exits with 1 when a promise is broken (something lost, reordered or changed); times only stand beside their bar.

Run: python bench/chain_soak.py [PART ...] [--full] [--bursts 3] [--burst-size 1000] [--senders 20] [--kills 10]
     [--sizes 1000,10000,50000] [--events 100000] [--seed 1]
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx
from chain import Embedded, timed
from coincurve import PrivateKey

from freehold.chain import deployments
from freehold.chain.embedded import DEV_KEY
from freehold.chain.transaction import Transaction, account_of

CHUNK = 50
"""Transactions of one sender in one request, shuffled: fewer than the chain queues for an account."""
SINK = b"\x11" * 20
ASKED = 100
EMITTER = "602035805f3501905b805f52806064900660ab60205fa26001018181106008" + "5700"
"""Runtime code: for i from calldata's second word, as often as its first says, log i under (0xab, i mod 100)."""
MOST_LOGS_A_TRANSACTION = 10_000
broken = []


class Node(Embedded):
    """The chain's process, what it takes, and how to talk to it."""

    def __init__(self, home):
        super().__init__(home)
        self._http = httpx.Client(timeout=120, trust_env=False)

    def __exit__(self, *given):
        super().__exit__(*given)
        self._http.close()

    def kill(self):
        self._process.kill()

    def rss_mib(self):
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def cpu_seconds(self):
        """Processor time so far: what a busy machine does not blur."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, method, *params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self._http.post(self.url, json=body).json()
        if "result" not in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def ask_all(self, method, many):
        """Answers of one batch, in the order of the questions."""
        batch = [
            {"jsonrpc": "2.0", "id": n, "method": method, "params": params} for n, params in enumerate(many)
        ]
        answers = sorted(self._http.post(self.url, json=batch).json(), key=lambda one: one["id"])
        refused = [one["error"] for one in answers if "error" in one]
        if refused:
            raise RuntimeError(f"{method}: {refused[0]}")
        return [one["result"] for one in answers]


class Sender:
    """An account that counts its own nonces."""

    def __init__(self, key, nonce=0):
        # the object: from bytes, the public key would be derived for every signature
        self._key, self.nonce, self.address = PrivateKey(key), nonce, account_of(key)

    def signed(self, to=SINK, data=b"", value=0, gas=21_000):
        made = Transaction(31337, self.nonce, to, data, gas, 10**10, 1, value)
        self.nonce += 1
        return "0x" + made.sign(self._key).hex()


def result(name, value, bar="", *, kept=None):
    print(f"{name:58}{value:>20}" + (f"   bar {bar}" if bar else ""), flush=True)
    if kept is False:
        broken.append(name)


def funded(node, dev, how_many):
    """Fresh senders with an ether each."""
    senders = [Sender(sha256(b"sender %d" % n).digest()) for n in range(how_many)]
    raws = [dev.signed(bytes.fromhex(one.address[2:]), value=10**18) for one in senders]
    node.ask_all("eth_sendRawTransaction", [[raw] for raw in raws])
    return senders


def bursts(folder, options):
    chance = random.Random(options.seed)
    with Node(folder / "bursts") as node:
        senders = funded(node, Sender(DEV_KEY), options.senders)
        lost = reordered = accepted = 0
        rates = []
        for _ in range(options.bursts):
            each = options.burst_size // options.senders
            made = [[sender.signed(value=1) for _ in range(each)] for sender in senders]
            start = time.perf_counter()
            with ThreadPoolExecutor(len(senders)) as pool:
                hashes = list(pool.map(lambda raws: offered(node, raws, chance), made))
            rates.append(each * len(senders) / (time.perf_counter() - start))
            for one in hashes:
                receipts = []
                for part in parts(one):
                    receipts += node.ask_all("eth_getTransactionReceipt", [[h] for h in part])
                places = [(int(r["blockNumber"], 16), int(r["transactionIndex"], 16)) for r in receipts if r]
                accepted += len(one)
                lost += len(one) - len(places)
                reordered += sum(a >= b for a, b in itertools.pairwise(places))
        held = int(node.ask("eth_getBalance", "0x" + SINK.hex(), "latest"), 16)
    told = f"of {accepted:,} accepted from {len(senders)} senders"
    result(f"bursts: lost, {told}", lost, "0", kept=lost == 0 and held == accepted)
    result("bursts: before an earlier one of its sender", reordered, "0", kept=reordered == 0)
    result("bursts: transactions a second, slowest burst", f"{min(rates):,.0f}")


def offered(node, raws, chance):
    """Hashes by nonce of one sender's transactions, which go in shuffled chunks."""
    hashes = {}
    for at in range(0, len(raws), CHUNK):
        order = list(range(at, min(at + CHUNK, len(raws))))
        chance.shuffle(order)
        answers = node.ask_all("eth_sendRawTransaction", [[raws[n]] for n in order])
        hashes.update(zip(order, answers, strict=True))
    return [hashes[n] for n in range(len(raws))]


def kills(folder, options):
    chance, seen, opened, worked = random.Random(options.seed), {}, [], []
    lost = changed = behind = 0
    last = 0
    with Node(folder / "kills") as node:
        senders = funded(node, Sender(DEV_KEY), 2)
    for _ in range(options.kills):
        answered = []
        start = time.perf_counter()
        with Node(folder / "kills") as node:
            head = int(node.ask("eth_blockNumber"), 16)
            opened.append(time.perf_counter() - start)
            worked.append(node.cpu_seconds())
            behind += head < last
            lost, changed = map(sum, zip((lost, changed), compared(node, seen), strict=True))
            for sender in senders:
                sender.nonce = int(node.ask("eth_getTransactionCount", sender.address, "latest"), 16)
            threads = [threading.Thread(target=load, args=(node.url, one, answered)) for one in senders]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.02, 1.5))
            node.kill()
            for thread in threads:
                thread.join()
        seen = dict(answered)
        last = max([last, *(int(one["blockNumber"], 16) for one in seen.values() if one)])
    with Node(folder / "kills") as node:
        behind += int(node.ask("eth_blockNumber"), 16) < last
        lost, changed = map(sum, zip((lost, changed), compared(node, seen), strict=True))
    result(
        f"kills: lost after {options.kills} x SIGKILL, chain of {last:,} blocks", lost, "0", kept=lost == 0
    )
    result("kills: blocks or receipts that changed", changed, "0", kept=changed == 0)
    result("kills: heads before the last answered block", behind, "0", kept=behind == 0)
    start = time.perf_counter()
    with Node(folder / "empty") as node:
        node.ask("eth_blockNumber")
        fresh, fresh_work = time.perf_counter() - start, node.cpu_seconds()
    shown = f"{statistics.median(opened):.2f} s, {max(opened):.2f} s"
    result(
        "kills: reopened and answering, median and slowest",
        shown,
        f"an empty chain's start, now {fresh:.2f} s",
    )
    shown = f"{statistics.median(worked):.2f} s, {max(worked):.2f} s"
    result("kills: the same in processor time", shown, f"an empty chain's start, {fresh_work:.2f} s")


def load(url, sender, answered):
    """Send until the node is gone; note what was answered, the receipt too when it came."""
    with httpx.Client(timeout=30, trust_env=False) as http, contextlib.suppress(httpx.TransportError):
        while True:
            body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction"}
            tx_hash = http.post(url, json={**body, "params": [sender.signed(value=1)]}).json()["result"]
            answered.append((tx_hash, None))
            body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionReceipt", "params": [tx_hash]}
            answered.append((tx_hash, http.post(url, json=body).json()["result"]))


def compared(node, seen):
    """How many answered transactions are gone, and how many are told differently now."""
    lost = changed = 0
    for part in parts(list(seen.items())):
        now = node.ask_all("eth_getTransactionReceipt", [[tx_hash] for tx_hash, _ in part])
        lost += now.count(None)
        both = [(before, after) for (_, before), after in zip(part, now, strict=True) if before and after]
        asked = [[after["blockNumber"], False] for _, after in both]
        blocks = node.ask_all("eth_getBlockByNumber", asked) if asked else []
        for (before, after), block in zip(both, blocks, strict=True):
            changed += after != before or block["hash"] != before["blockHash"]
    return lost, changed


def parts(many, size=500):
    """A long list in requests of a size that the chain takes."""
    return [many[at : at + size] for at in range(0, len(many), size)]


def growth(folder, options):
    artifact = deployments.artifact("TestDollar")
    dev, sent, rows = Sender(DEV_KEY), 0, []

    def call(function, *args):
        return artifact.interface.function(function, args).encode(args)

    # the same each time but for the receiver, so it is encoded once
    moving = call("transfer", "0x" + "00" * 20, 1)

    def transfer(receiver):
        data = moving[:16] + receiver.to_bytes(20, "big") + moving[36:]
        return dev.signed(dollar, data, gas=90_000)

    with Node(folder / "growth") as node, ThreadPoolExecutor(1) as sending:
        deployed = node.ask("eth_sendRawTransaction", dev.signed(b"", artifact.bytecode, gas=3_000_000))
        address = node.ask("eth_getTransactionReceipt", deployed)["contractAddress"]
        dollar = bytes.fromhex(address[2:])
        node.ask("eth_sendRawTransaction", dev.signed(dollar, call("mint", dev.address, 10**12), gas=90_000))
        asked = {"to": address, "data": "0x" + call("balanceOf", dev.address).hex()}
        for size in options.sizes:
            start, first, under_way = time.perf_counter(), sent, None
            while sent < size:
                many = min(500, size - sent)
                raws = [[transfer(sent + n + 2**40)] for n in range(many)]
                if under_way is not None:
                    under_way.result()
                # the node works while the next ones are signed
                under_way = sending.submit(node.ask_all, "eth_sendRawTransaction", raws)
                sent += many
            if under_way is not None:
                under_way.result()
            rate = (sent - first) / (time.perf_counter() - start)
            alone = [transfer(size + n + 2**60) for n in range(ASKED)]
            one_transfer = measured(node, [("eth_sendRawTransaction", raw) for raw in alone])
            rows.append(
                (
                    size,
                    *one_transfer,
                    *measured(node, [("eth_call", asked, "latest")] * ASKED),
                    node.rss_mib(),
                )
            )
            files = sum(one.stat().st_size for one in (folder / "growth").iterdir()) / 2**20
            result(
                f"growth: at {size:,} transfers, {files:,.0f} MiB on disk: memory", f"{rows[-1][5]:.0f} MiB"
            )
            result("        transfers a second on the way here, in batches", f"{rate:,.0f}")
            result("        a transfer: time, processor time", "{1:.2f} ms, {2:.2f} ms".format(*rows[-1]))
            result("        a call: time, processor time", "{3:.2f} ms, {4:.2f} ms".format(*rows[-1]))
    of = (
        ("a transfer's processor time", 2, "ms"),
        ("a call's processor time", 4, "ms"),
        ("memory", 5, "MiB"),
    )
    for name, column, unit in of:
        if len(rows) > 1:
            rise = slope([(row[0] / 10_000, row[column]) for row in rows])
            shown = f"{rise:+.3f} {unit}"
            result(f"growth: {name}, slope for 10,000 more", shown, "flat, within the noise")


def measured(node, questions):
    """Median milliseconds of a request, and processor milliseconds of the node."""
    before, left = node.cpu_seconds(), iter(questions)
    taken = timed(lambda: node.ask(*next(left)), len(questions))
    return taken * 1e3, (node.cpu_seconds() - before) / len(questions) * 1e3


def slope(points):
    """Least squares."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def logs(folder, options):
    dev = Sender(DEV_KEY)
    with Node(folder / "logs") as node:
        init = f"60{len(EMITTER) // 2:02x}80600a5f395ff3".ljust(20, "0")
        made = node.ask("eth_sendRawTransaction", dev.signed(b"", bytes.fromhex(init + EMITTER), gas=200_000))
        emitter = node.ask("eth_getTransactionReceipt", made)["contractAddress"]
        for start in range(0, options.events, MOST_LOGS_A_TRANSACTION):
            count = min(MOST_LOGS_A_TRANSACTION, options.events - start)
            data = count.to_bytes(32, "big") + start.to_bytes(32, "big")
            node.ask("eth_sendRawTransaction", dev.signed(bytes.fromhex(emitter[2:]), data, gas=25_000_000))
        wanted = {"fromBlock": "0x0", "toBlock": "latest", "topics": [f"0x{0xAB:064x}", f"0x{7:064x}"]}
        found = node.ask("eth_getLogs", wanted)
        right = [int(one["data"], 16) for one in found] == list(range(7, options.events, 100))
        result("logs: the answer is every event of the topic, in order", str(right), "True", kept=right)
        size = len(json.dumps(found)) / 2**20
        taken = timed(lambda: node.ask("eth_getLogs", wanted), 20)
        result(
            f"logs: {len(found):,} of {options.events:,} events ({size:.1f} MiB of JSON)",
            f"{taken:.3f} s",
            "< 0.3 s",
        )


PARTS = {"bursts": bursts, "kills": kills, "growth": growth, "logs": logs}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--full", action="store_true", help="the sizes of a release: about a quarter of an hour on two cores"
    )
    full = "--full" in sys.argv
    parser.add_argument("--bursts", type=int, default=20 if full else 3)
    parser.add_argument("--burst-size", type=int, default=3_000 if full else 1_000)
    parser.add_argument("--senders", type=int, default=20)
    parser.add_argument("--kills", type=int, default=100 if full else 10)
    sizes = [10_000, 30_000, 100_000, 300_000] if full else [1_000, 10_000, 50_000]
    parser.add_argument("--sizes", type=lambda text: sorted(map(int, text.split(","))), default=sizes)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part called {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as made:
        for name in options.parts or PARTS:
            PARTS[name](Path(made), options)
    if broken:
        sys.exit(f"broken: {'; '.join(broken)}")


if __name__ == "__main__":
    main()
