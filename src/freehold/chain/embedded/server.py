"""The node as a thing to start and stop: a database, a loopback port, a thread that serves it."""

from __future__ import annotations

import importlib.util
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import uvicorn

from freehold.chain.embedded.connections import BoundedHttp
from freehold.chain.embedded.dispatcher import Dispatcher
from freehold.chain.embedded.edge import MOST_MESSAGE_BYTES, Application
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.origins import Origins
from freehold.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class EmbeddedNode:
    """The chain in a directory, served from a thread of this process.

    `with EmbeddedNode(path) as node: Rpc(node.url)`. Raises `Conflict` when another process holds
    the directory or its files are damaged, and `Unavailable` when the port is taken. Web pages may ask
    only from `allow_origins`.
    """

    def __init__(self, home: Path, port: int = 0, *, allow_origins: Iterable[str] = ()) -> None:
        self._origins = Origins(allow_origins)
        self._home = home
        self._port = port
        self.url = ""
        """Where it listens, once started."""
        self._ledger: Ledger | None = None
        self._application: Application | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Open the database, listen, and return when requests are answered."""
        listener = _listen(self._port)
        try:
            self._ledger = Ledger(self._home)
            self._application = Application(self._ledger, Dispatcher(self._ledger), self._origins)
        except BaseException:
            listener.close()
            raise
        config = uvicorn.Config(
            self._application,
            lifespan="off",
            ws="websockets-sansio" if importlib.util.find_spec("websockets") else "none",
            ws_max_size=MOST_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            http=BoundedHttp,
            loop="auto",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="freehold-chain", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise Unavailable("the local chain did not start", hint="see the log above")
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return self

    def stop(self) -> None:
        """Finish the requests in hand, then close the database. Safe to call twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(timeout=10)
        self._server = self._thread = None
        if self._application is not None:
            self._application.close()
        self._application = None
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _listen(port: int) -> socket.socket:
    # named protocol: asyncio turns Nagle's delay (40 ms an answer) off only for sockets that say TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise Unavailable(
            f"port {port} of 127.0.0.1 cannot be used: {error}",
            hint="choose another --port; 0 takes a free one",
        ) from error
    return listener
