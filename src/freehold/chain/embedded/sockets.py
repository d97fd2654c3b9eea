"""JSON-RPC over WebSocket: every method, and `eth_subscribe` beside them.

A subscription is a filter that the connection polls when the ledger says there is a block. It starts
to speak once the answer that names it has left, since clients do not know the name before. Needs the
`websockets` package; without it the server speaks HTTP only.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocketDisconnect

from freehold.chain.embedded.budget import REQUEST_SECONDS, limited
from freehold.chain.embedded.faults import INVALID_PARAMS, LIMIT, Fault
from freehold.chain.embedded.wire import read_flag, read_quantity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.websockets import WebSocket

    from freehold.chain.embedded.heads import Heads
    from freehold.chain.embedded.methods import Methods
    from freehold.chain.embedded.turns import Caller

_MESSAGE = '{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":%s,"result":%s}}'
_KINDS = ("newHeads", "logs", "newPendingTransactions")
_MOST_SUBSCRIPTIONS = 100
_TRY_AGAIN_LATER = 1013

Local = dict[str, "Callable[..., Any]"]
"""Methods of one connection, by name."""


class Connection:
    """One client and what it subscribed to."""

    def __init__(self, socket: WebSocket, heads: Heads, methods: Methods, caller: Caller) -> None:
        self._socket = socket
        self._heads = heads
        self._methods = methods
        self._logs = methods.logs
        self._caller, self._listener = caller, caller.beside()
        self._fresh: list[str] = []
        """Subscriptions whose names the client has not been told."""
        self._active: list[str] = []
        self._news = asyncio.Event()

    async def serve(
        self,
        answer: Callable[[bytes, Local], Awaitable[list[bytes]]],
        in_thread: Callable[..., Awaitable[Any]],
    ) -> None:
        """Answer and notify until the client goes."""
        self._heads.watchers.add(self._news.set)
        notifying = asyncio.create_task(self._notify(in_thread))
        local: Local = {"eth_subscribe": self._subscribe, "eth_unsubscribe": self._unsubscribe}
        try:
            await self._socket.accept()
            while True:
                told = await answer(await self._message(), local)
                if told:
                    await self._socket.send_text(b"".join(told).decode())
                    del told
                    await self._caller.drained()
                self._caller.release()
                if self._fresh:
                    self._active, self._fresh = self._active + self._fresh, []
                    self._news.set()
        except WebSocketDisconnect:
            pass
        finally:
            self._heads.watchers.discard(self._news.set)
            notifying.cancel()
            self._listener.release()
            for identifier in self._active + self._fresh:
                self._logs.uninstall(identifier)

    async def _message(self) -> bytes:
        """The next request; some clients send text, others bytes."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        text = message.get("text")
        return bytes(message["bytes"]) if text is None else str(text).encode()

    def _subscribe(self, kind: Any, wanted: Any = None) -> str:
        if not isinstance(kind, str) or kind not in _KINDS:
            raise Fault(INVALID_PARAMS, f"subscriptions are to {', '.join(_KINDS)}")
        if len(self._active) + len(self._fresh) >= _MOST_SUBSCRIPTIONS:
            raise Fault(LIMIT, f"at most {_MOST_SUBSCRIPTIONS} subscriptions a connection")
        if kind == "newPendingTransactions" and wanted is not None and read_flag(wanted, "full"):
            kind = "wholeTransactions"
        identifier = self._logs.install(kind, {} if wanted is None else wanted, is_subscription=True)
        self._fresh.append(identifier)
        return identifier

    def _unsubscribe(self, identifier: Any) -> bool:
        identifier = hex(read_quantity(identifier, "subscription"))
        if identifier not in self._active + self._fresh:
            return False
        self._active = [one for one in self._active if one != identifier]
        self._fresh = [one for one in self._fresh if one != identifier]
        return bool(self._logs.uninstall(identifier))

    async def _notify(self, in_thread: Callable[..., Awaitable[Any]]) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                for identifier in self._active:
                    news = await in_thread(self._changes, identifier)
                    for one in news:
                        await self._socket.send_text(one)
                    await self._listener.drained()
                    self._listener.release()
                    if news:
                        # there may be more than one poll tells
                        self._news.set()
            except Fault as fault:
                # something was missed; a client that reconnects asks for it, one left waiting does not
                await self._socket.close(_TRY_AGAIN_LATER, fault.message)
                return
            except (WebSocketDisconnect, RuntimeError):
                return

    def _changes(self, identifier: str) -> list[str]:
        if identifier not in self._active:
            return []

        def told(news: list[Any]) -> list[str]:
            name = json.dumps(identifier)
            messages = [_MESSAGE % (name, json.dumps(one, separators=(",", ":"))) for one in news]
            if not self._listener.hold(sum(map(len, messages))):
                raise Fault(LIMIT, "too much in memory at once; try again")
            return messages

        self._listener.begin()
        with limited(REQUEST_SECONDS):
            found: list[str] = self._methods.call(
                "eth_getFilterChanges", [identifier], caller=self._listener, then=told
            )
            return found
