"""Publish one table after another until killed: `python publish_forever.py HOME RPC_URL TABLE`."""

from __future__ import annotations

import sys
from pathlib import Path

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.features.data import publishing
from freehold.features.data.wire import Publish
from freehold.kernel.node import Node
from freehold.kernel.settings import Settings
from freehold.shell import daemon

home, rpc_url, table = sys.argv[1:]
offer = Publish(path=table, label="ill")
keys = daemon.open_keys(Path(home), "a passphrase for a test")
node = Node(Path(home), keys, Settings(name="owner", rpc_url=rpc_url), Chain(Rpc(rpc_url)))
publishing.publish(node, offer)
sys.stdout.write("one is published\n")
sys.stdout.flush()
while True:
    publishing.publish(node, offer)
