"""A shop with somebody before its gateway, who writes down what is asked and changes answers when told to."""

import json
from collections.abc import Callable
from typing import Any

from inference_world import Shop
from node_world import App, Party, World

from freehold.features.payments.rules.payment import Payment, Voucher, read_header


def stale(*_: object) -> tuple[int, Any]:
    return 402, {"title": "more", "code": "payment.stale"}


def not_here(*_: object) -> tuple[int, Any]:
    return 404, {"title": "no such answer", "code": "not_found"}


class Edge:
    """Stands before a gateway: writes down what is asked, and changes answers when told to."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bytes]] = []
        """(cumulative_units, body) of every question with a voucher."""
        self.payments: list[Payment] = []
        """Of every question, as it was sent."""
        self.change: Callable[[int, Any], tuple[int, Any]] | None = None
        self.peer: dict[str, Callable[[int, Any], tuple[int, Any]]] = {}
        """The same for signed calls, by path."""

    def wrap(self, _: Party, app: App) -> App:
        async def edge(scope: Any, receive: Any, send: Any) -> None:
            path = scope.get("path")
            change = self.change if path == "/v1/predict" else self.peer.get(path)
            if change is None and path != "/v1/predict":
                await app(scope, receive, send)
                return
            body = b""
            more = True
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
            given = dict(scope["headers"])
            if b"freehold-payment" in given:
                payment = read_header(given[b"freehold-payment"].decode())
                self.payments.append(payment)
                if isinstance(payment, Voucher):
                    self.seen.append((payment.cumulative_units, body))
            status, content = 0, b""

            async def replay() -> Any:
                return {"type": "http.request", "body": body, "more_body": False}

            async def collect(message: Any) -> None:
                nonlocal status, content
                status = message.get("status", status)
                content += message.get("body", b"")

            await app(scope, replay, collect)
            value = json.loads(content)
            if change:
                status, value = change(status, value)
            headers = [(b"content-type", b"application/json")]
            if status == 0:
                # announces more than it sends, so the connection breaks
                status, headers = 200, [(b"content-length", b"100000")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": json.dumps(value).encode()})

        return edge

    def questions_per_sum(self) -> int:
        """The most different questions that were asked for one sum."""
        sums: dict[int, set[bytes]] = {}
        for cumulative, body in self.seen:
            sums.setdefault(cumulative, set()).add(body)
        return max(map(len, sums.values()))


class EdgedShop(Shop):
    def __init__(self, world: World) -> None:
        self.edge = Edge()
        super().__init__(world, wrap=self.edge.wrap)
