"""Gas of the n-th act of one account beside its second: nothing may cost more because much came before.

    python bench/gas_growth.py [SIZES]        default 1000,10000

Calldata is left out, since it is priced by its bytes and numbers grow. Runs on the reference node (anvil) where
tests/clients holds it, because it is quick; its gas equals the local chain's to the unit (tests/clients). Exits
with 1 when an act costs more than it did the second time.
"""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "clients"))

from anvil import Anvil, binary  # noqa: E402 - after the path
from eth_abi import encode  # noqa: E402
from eth_hash.auto import keccak  # noqa: E402

from freehold.chain import deployments  # noqa: E402
from freehold.chain.client import Chain  # noqa: E402
from freehold.chain.embedded import DEV_KEY, EmbeddedNode  # noqa: E402
from freehold.chain.rpc import Rpc  # noqa: E402
from freehold.chain.transaction import account_of  # noqa: E402
from freehold.core.signing import (  # noqa: E402
    MARKET_DOMAIN,
    OFFER_TYPE,
    Domain,
    digest,
    sign_digest,
    voucher_digest,
)
from freehold.features.models.rules.split import leaf_hash  # noqa: E402

ME, SELLER_KEY = account_of(DEV_KEY), keccak(b"seller")
SELLER = account_of(SELLER_KEY)
FAR, GAS, PORTION = 2**48 - 1, 160_000, 1_000
BLOCKS = 8
"""More than a portion fills."""
MODEL = b"\x07" * 32
POOL = keccak(encode(["address", "bytes32"], [ME, MODEL]))
CHANNEL = keccak(encode(["address", "bytes32", "bytes32"], [ME, POOL, MODEL]))


def word(number):
    return number.to_bytes(32, "big")


class Acts:
    """The n-th call of each act, n from 1."""

    def __init__(self, chain):
        self._chain = chain
        self._dollar = deployments.address("TestDollar")
        self._market = Domain(MARKET_DOMAIN, chain.chain_id, deployments.address("Market"))
        self._channels = Domain("Freehold Channels", chain.chain_id, deployments.address("Channels"))

    def prepare(self):
        chain = self._chain
        for _ in range(3):
            chain.send(DEV_KEY, "TestDollar", "mint", ME, 2**60)
        chain.send(DEV_KEY, "TestDollar", "mint", SELLER, 1)
        for name in ("Market", "Revenue", "Channels"):
            chain.send(DEV_KEY, "TestDollar", "approve", deployments.address(name), 2**256 - 1)
        chain.send(DEV_KEY, "Revenue", "open", MODEL, self._dollar, leaf_hash(ME, 1), 1)
        chain.send(DEV_KEY, "Channels", "open", POOL, 2**40, MODEL)
        # so that no sum starts from zero, which is dearer
        chain.send(DEV_KEY, "Revenue", "deposit", POOL, 3)

    def anchor(self, n):
        return "LogAnchors", "anchor", (n, word(n))

    def revoke(self, n):
        """The second bit of a word each time, after its first."""
        return "Revocations", "revoke", (256 * (n // 2) + n % 2,)

    def register(self, n):
        return "Assets", "register", (word(n),)

    def stamp(self, n):
        return "Timestamps", "stamp", (word(n),)

    def release(self, n):
        return "ModelShares", "release", (word(n), [ME], [1])

    def buy(self, n):
        offer = (word(n), SELLER, ME, self._dollar, 5, FAR)
        signed = sign_digest(SELLER_KEY, digest(self._market, OFFER_TYPE, *offer))
        return "Market", "buy", (offer, signed)

    def deposit(self, n):
        return "Revenue", "deposit", (POOL, 2 + n % 2)

    def claim(self, n):
        """After a deposit each."""
        return self.deposit(n) if n % 2 == 0 else ("Revenue", "claim", (POOL, ME, 1, []))

    def open_channel(self, n):
        return "Channels", "open", (POOL, 2, word(n))

    def settle(self, n):
        voucher = sign_digest(DEV_KEY, voucher_digest(self._channels, CHANNEL, n))
        return "Channels", "settle", (CHANNEL, n, voucher)


def measured(chain, act, wanted, *, reference):
    """{n: gas without calldata} of the wanted times (odd ones), which all happen one after the other."""
    found, submitted = {}, 0
    while submitted < max(wanted):
        first, last = submitted + 1, min(submitted + PORTION, max(wanted))
        hashes = chain.submit_many(DEV_KEY, [act(n) for n in range(first, last + 1)], gas=GAS)
        if reference:
            # mining by itself, it now and then leaves a burst's transactions lying
            chain.rpc.call("anvil_mine", hex(BLOCKS))
        chain.wait(hashes[-1])
        submitted = last
        for n in wanted:
            if first <= n <= last:
                found[n] = without_calldata(chain, hashes[n - first])
    return found


def without_calldata(chain, sent):
    receipt = chain.wait(sent)
    if receipt.status != 1:
        raise SystemExit(f"{sent} failed")
    data = bytes.fromhex(chain.rpc.call("eth_getTransactionByHash", sent)["input"][2:])
    return receipt.gas_used - sum(16 if byte else 4 for byte in data)


def main():
    sizes = [int(size) for size in (sys.argv[1] if len(sys.argv) > 1 else "1000,10000").split(",")]
    wanted = [3, *(size + 1 - size % 2 for size in sizes)]
    rose = []
    with ExitStack() as stack:
        node = (
            Anvil("--prune-history")
            if binary()
            else EmbeddedNode(Path(stack.enter_context(TemporaryDirectory())))
        )
        chain = Chain(stack.enter_context(Rpc(stack.enter_context(node).url, timeout=120)))
        deployments.deploy_missing(chain, DEV_KEY)
        acts = Acts(chain)
        acts.prepare()
        if binary():
            chain.rpc.call("evm_setAutomine", False)
        print(f"{'gas without calldata':22}" + "".join(f"{f'n = {n:,}':>14}" for n in wanted))
        names = [name for name in vars(Acts) if not name.startswith("_") and name != "prepare"]
        for name in names:
            started = time.perf_counter()
            gas = measured(chain, getattr(acts, name), wanted, reference=bool(binary()))
            each = (time.perf_counter() - started) / max(wanted)
            print(
                f"{name:22}" + "".join(f"{gas[n]:>14,}" for n in wanted) + f"   {1 / each:,.0f}/s", flush=True
            )
            if max(gas.values()) > gas[wanted[0]]:
                rose.append(name)
    if rose:
        sys.exit(f"dearer than at first: {', '.join(rose)}")


if __name__ == "__main__":
    main()
