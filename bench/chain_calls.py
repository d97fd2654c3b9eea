"""The local chain asked for as much as a call can pay: how long each kind of work lasts, and who waits for it.

For every hostile call of `tests/support/hostile_calls.py`: the wall-clock time until the chain answers, the gas
limit being a block's, and what it answered. Then the worst transaction in a block; then an honest transaction
and an honest estimate while nobody, and while sixteen, send hostile calls without a pause.

Run: python bench/chain_calls.py [NAME ...]
"""

import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import hostile_calls  # noqa: E402 - after the path
import httpx  # noqa: E402
from chain import SINK, Embedded  # noqa: E402

from freehold.chain.embedded import DEV_KEY  # noqa: E402
from freehold.chain.transaction import Transaction  # noqa: E402

HOSTILE, HONEST = 16, 20
FLOOD = ("gas", "pairing of 100", "modexp of 8,192 bits", "calls with megabytes")


def asked(http, url, method, params):
    """Seconds, and the answer."""
    start = time.perf_counter()
    answer = http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json()
    return time.perf_counter() - start, answer


def signed(nonce, *, to=b"\x11" * 20, data=b"", gas=21_000):
    return "0x" + Transaction(31337, nonce, to, data, gas, 10**10, 1).sign(DEV_KEY).hex()


def flood(url, ended):
    with httpx.Client(timeout=120, trust_env=False) as http:
        at = 0
        while not ended.is_set():
            with suppress(httpx.HTTPError):
                asked(http, url, *hostile_calls.call(FLOOD[at % len(FLOOD)]))
            at += 1


def honest(http, url, nonce):
    """Median and worst seconds of a transaction, and of an estimate."""
    taken = {"transaction": [], "estimate": []}
    for index in range(HONEST):
        seconds, answer = asked(http, url, "eth_sendRawTransaction", [signed(nonce + index)])
        assert "result" in answer, answer
        taken["transaction"].append(seconds)
        taken["estimate"].append(asked(http, url, "eth_estimateGas", [{"to": SINK}])[0])
    return {name: (statistics.median(found), max(found)) for name, found in taken.items()}


def kinds(http, url, names):
    worst = 0.0
    for name in names:
        seconds, answer = asked(http, url, *hostile_calls.call(name))
        said = answer["error"]["message"] if "error" in answer else "a result"
        print(f"{name:38}{seconds * 1e3:10,.0f} ms   {said[:70]}", flush=True)
        worst = max(worst, seconds)
    print(f"{'the worst call':38}{worst * 1e3:10,.0f} ms")


def main():
    names = sys.argv[1:] or list(hostile_calls.BODIES)
    with (
        tempfile.TemporaryDirectory() as folder,
        Embedded(folder) as node,
        httpx.Client(timeout=120, trust_env=False) as http,
    ):
        kinds(http, node.url, names)
        nonce = 0
        for name in FLOOD:
            raw = signed(nonce, to=b"", data=bytes.fromhex(hostile_calls.BODIES[name]), gas=30_000_000)
            seconds, answer = asked(http, node.url, "eth_sendRawTransaction", [raw])
            nonce += "result" in answer
            said = "mined" if "result" in answer else "refused"
            print(f"{f'transaction: {name}'[:38]:38}{seconds * 1e3:10,.0f} ms   {said}")
        for count in (0, HOSTILE):
            ended = threading.Event()
            threads = [threading.Thread(target=flood, args=(node.url, ended)) for _ in range(count)]
            for one in threads:
                one.start()
            time.sleep(1 if count else 0)
            for name, (middle, most) in honest(http, node.url, nonce).items():
                print(
                    f"{f'honest {name}, {count} hostile':38}{middle * 1e3:10,.0f} ms   worst {most * 1e3:,.0f} ms"
                )
            nonce += HONEST
            ended.set()
            for one in threads:
                one.join()


if __name__ == "__main__":
    main()
