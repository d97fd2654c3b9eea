"""Transactions signed and submitted per second, against the reference node and the embedded one.

    python bench/client.py [TRANSACTIONS]

One account, one mint each, `Chain.submit_many` with a gas limit given: nonce and fees are asked once.
The clock stops when the last hash is back; then all must be in the chain, in order and without a gap.
The bar is 1,000 a second against anvil, which is left out where tests/clients is not installed.
"""

import contextlib
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "clients"))

from anvil import ABSENT, Anvil, binary  # noqa: E402 - after the path
from chain import Embedded  # noqa: E402
from coincurve import PrivateKey  # noqa: E402

from freehold.chain import deployments  # noqa: E402
from freehold.chain.client import Chain  # noqa: E402
from freehold.chain.embedded import DEV_KEY  # noqa: E402
from freehold.chain.rpc import Rpc  # noqa: E402
from freehold.chain.transaction import Transaction  # noqa: E402

SINK, GAS, BAR = "0x" + "51" * 20, 100_000, 1_000


def signing(count):
    """Signatures a second, without any network."""
    transaction, key = Transaction(31337, 1, bytes(20), bytes(68), GAS, 10**9, 10**9), PrivateKey(DEV_KEY)
    started = time.perf_counter()
    for _ in range(count):
        transaction.sign(key, entropy=bytes(32))
    return count / (time.perf_counter() - started)


def submitting(url, count):
    """(submitted a second, mined a second, microseconds of this process's processor for each)."""
    with Rpc(url, timeout=60) as rpc:
        chain = Chain(rpc)
        deployments.deploy_missing(chain, DEV_KEY)
        before = chain.read("TestDollar", "balanceOf", SINK)
        calls = [("TestDollar", "mint", (SINK, 1))] * count
        chain.submit_many(DEV_KEY, calls[:20], gas=GAS)
        started, worked = time.perf_counter(), time.process_time()
        hashes = chain.submit_many(DEV_KEY, calls, gas=GAS)
        submitted, worked = time.perf_counter() - started, time.process_time() - worked
        chain.wait(hashes[-1])
        mined = time.perf_counter() - started
        assert len(set(hashes)) == count
        assert chain.read("TestDollar", "balanceOf", SINK) - before == count + 20
    return count / submitted, count / mined, worked / count * 1e6


def one_by_one(url, count):
    """Calls of `submit` a second: an estimate, nonce and fees for each."""
    with Rpc(url) as rpc:
        chain = Chain(rpc)
        started = time.perf_counter()
        for _ in range(count):
            chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)
        return count / (time.perf_counter() - started)


@contextlib.contextmanager
def mined(node):
    """The node, with a block every fifth of a second: mining on demand, anvil now and then leaves a burst's
    transactions lying in its pool, and whoever waits for them waits for good.
    """
    ended = threading.Event()
    with node, Rpc(node.url) as rpc:

        def mine():
            while not ended.wait(0.2):
                rpc.call("evm_mine")

        miner = threading.Thread(target=mine)
        miner.start()
        try:
            yield node
        finally:
            ended.set()
            miner.join()


def report(name, making, count, bar):
    with making as node:
        submitted, settled, work = submitting(node.url, count)
        single = one_by_one(node.url, 50)
    print(
        f"{name:<9} submit_many {submitted:>6.0f}/s{bar}, {work:.0f} us of processor each, "
        f"mined {settled:>6.0f}/s; submit {single:>5.0f}/s"
    )


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000
    print(f"signing alone {signing(2_000):.0f}/s")
    if binary() is None:
        print(f"anvil     left out: {ABSENT}")
    else:
        report("anvil", mined(Anvil("--no-mining")), count, f" (bar {BAR})")
    with TemporaryDirectory() as folder:
        report("embedded", Embedded(Path(folder)), count // 5, " (answered once mined and on disk)")


if __name__ == "__main__":
    main()
