"""`python mint_often.py URL COUNT UNITS`: mint to the sink so often from the development account, one after the other."""

import sys

from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY
from freehold.chain.rpc import Rpc

SINK = "0x" + "51" * 20

if __name__ == "__main__":
    url, count, units = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with Rpc(url) as rpc:
        chain = Chain(rpc)
        for _ in range(count):
            chain.send(DEV_KEY, "TestDollar", "mint", SINK, units)
            sys.stdout.write("sent\n")
            sys.stdout.flush()
