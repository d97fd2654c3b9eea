"""A node in a process of its own that kills itself (SIGKILL) at a chosen moment of a use.

Moments are not written down: they are each line that `kernel/use.py` runs with a transaction in hand or to come,
each commit, and each transaction sent to the chain, as they come while a use is performed. So a step that is added
is a moment too. One process has read all code and forks a node whenever one is asked for, which takes a third of a
second.
"""

from __future__ import annotations

import contextlib
import json
import linecache
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import toy_use
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.chain.sending import SEND
from freehold.kernel import use
from freehold.kernel.http import app
from freehold.kernel.node import Node
from freehold.kernel.registry import everything
from freehold.kernel.settings import Settings
from freehold.kernel.store import Store, Transaction
from freehold.vault.keystore import Keys

PASSPHRASE = "heron kettle almond tram 58"


class DyingNode:
    """The node of a home, started as often as it dies. As a test uses it."""

    def __init__(self, home: Path, keys: Keys, port: int, rpc_url: str, **settings: Any) -> None:
        self.home, self.account, self._port = home, keys.account, port
        self._trace = home / "moments.txt"
        if not (home / "keys.jwe").exists():
            keys.save(home / "keys.jwe", PASSPHRASE)
        chosen = {"name": home.name, "rpc_url": rpc_url, **settings}
        command = [sys.executable, __file__, str(home), str(port), json.dumps(chosen)]
        self._mother = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._child = 0

    def start(self, die_at: int = 0) -> None:
        """Start it; it dies at that moment, 1 being the first."""
        self.kill()
        self._trace.write_text("")
        self._child = int(self._say(str(die_at)))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.01)
        raise AssertionError("the node does not listen")

    def moments(self) -> list[str]:
        """Those that it came to since it was started."""
        return self._trace.read_text().splitlines()

    def died(self) -> bool:
        """Whether it killed itself; waits for it."""
        assert self._child
        ended, self._child = self._say("wait"), 0
        return ended == str(-signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL, where it runs."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            assert self.died()

    def close(self) -> None:
        """End both processes."""
        self.kill()
        assert self._mother.stdin
        assert self._mother.stdout
        self._mother.stdin.close()
        self._mother.wait(20)
        self._mother.stdout.close()

    def _say(self, line: str) -> str:
        assert self._mother.stdin
        assert self._mother.stdout
        self._mother.stdin.write(line + "\n")
        self._mother.stdin.flush()
        return self._mother.stdout.readline().strip()


class Moments:
    """Counts moments of uses and dies at one of them."""

    def __init__(self, path: Path, die_at: int) -> None:
        self._die_at, self._count = die_at, 0
        self._file = path.open("a")
        self._using = threading.local()

    def reach(self, what: str) -> None:
        if not getattr(self._using, "depth", 0):
            return
        self._count += 1
        self._file.write(what + "\n")
        self._file.flush()
        if self._count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Line by line through what handles a transaction in the one file, and through nothing else."""
        if frame.f_code.co_filename != use.__file__ or "tx" not in frame.f_code.co_varnames:
            return None
        is_whole = frame.f_code is use.perform.__code__
        if event == "call" and is_whole:
            self._using.depth = 1
        if event == "line":
            text = linecache.getline(use.__file__, frame.f_lineno).strip()
            self.reach(f"{frame.f_code.co_name}:{frame.f_lineno}: {text}")
        if event == "return" and is_whole:
            self.reach("the end")
            self._using.depth = 0
        return self.trace

    def watch(self) -> None:
        """Commits and what is sent, besides the lines."""
        threading.settrace(self.trace)
        transaction, call, reach = Store.transaction, Rpc.call, self.reach

        @contextlib.contextmanager
        def watched(store: Store) -> Iterator[Transaction]:
            with transaction(store) as tx:
                yield tx
                reach("before a commit")
            reach("after a commit")

        def calling(rpc: Rpc, method: str, *params: Any) -> Any:
            if method == SEND:
                reach("before sending")
            found = call(rpc, method, *params)
            if method == SEND:
                reach("after sending")
            return found

        Store.transaction, Rpc.call = watched, calling  # type: ignore[method-assign]


def serve(home: Path, keys: Keys, port: int, settings: Settings, die_at: int) -> None:
    """The node itself, until it is killed."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    node = Node(home, keys, settings, Chain(Rpc(settings.rpc_url)))
    node.ensure_party(f"http://127.0.0.1:{port}")
    host = everything().host(node)
    Moments(home / "moments.txt", die_at).watch()
    served, toy = app.guarded(host, "token"), FastAPI()
    toy.include_router(toy_use.router(host))

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        await (toy if scope["path"] == "/toy" else served)(scope, receive, send)

    listener.listen(100)
    uvicorn.Server(uvicorn.Config(both, log_level="critical", lifespan="off")).run(sockets=[listener])


def main() -> None:
    home, port, settings = Path(sys.argv[1]), int(sys.argv[2]), Settings(**json.loads(sys.argv[3]))
    keys = Keys.load(home / "keys.jwe", PASSPHRASE)
    everything()
    child = 0
    for line in sys.stdin:
        if line.strip() == "wait":
            sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        else:
            child = os.fork()
            if not child:
                serve(home, keys, port, settings, int(line))
                os._exit(1)
            sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
