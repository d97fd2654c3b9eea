"""Mint without end and without waiting, telling each hash; `many` sends ten in one request."""

import sys

from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY
from freehold.chain.rpc import Rpc

SINK = "0x" + "51" * 20


def main() -> None:
    url, how = sys.argv[1:]
    chain = Chain(Rpc(url))
    while True:
        if how == "many":
            told = chain.submit_many(DEV_KEY, [("TestDollar", "mint", (SINK, 1))] * 10, gas=100_000)
        else:
            told = [chain.submit(DEV_KEY, "TestDollar", "mint", SINK, 1)]
        sys.stdout.write("".join(one + "\n" for one in told))
        sys.stdout.flush()


main()
