"""JSON-RPC over one endpoint or several: reads are repeated elsewhere, sends never blindly.

    rpc = Rpc("https://first.example/key, https://second.example")
    rpc.call("eth_blockNumber")

Endpoints are asked in the order given; one that fails is set aside for a while. Where there are
several they are compared now and then, so that one that lags, or lies about chain or history, is
noticed. Nothing received is trusted: sizes, shapes and identifiers are checked before use.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, Self

from freehold.chain.comparison import Comparison, note_failure
from freehold.chain.endpoint import Endpoint, given, several, single
from freehold.chain.errors import ChainUnreachable, EndpointsDisagree, RpcError
from freehold.chain.heads import Heads
from freehold.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

MOST_ANSWER_BYTES = 64 * 1024 * 1024
MOST_ENDPOINTS = 16
_PAUSES_SECONDS = (0.1, 0.3)
"""Before the second and the third round over the endpoints."""
_CHANGING = (
    "eth_send",
    "eth_sign",
    "eth_newFilter",
    "eth_newBlock",
    "eth_newPending",
    "eth_getFilter",
    "eth_uninstall",
)
_ELSEWHERE = (-32601, -32603, -32001, -32002, -32005, 429)
"""Error codes that say something of this endpoint rather than of the request."""
_ELSEWHERE_WORDS = ("header not found", "missing trie node", "block not found", "unknown block", "rate limit")


class Rpc:
    """The JSON-RPC endpoints of one chain. Usable from several threads; close it, or use `with`.

    `url` is one URL, several separated by commas, or a list of them. `reorg_blocks` is how far below
    the lowest head the endpoints' histories are compared: newer blocks may honestly differ.
    """

    def __init__(self, url: str | Sequence[str], timeout: float = 10, *, reorg_blocks: int = 8) -> None:
        urls = url.split(",") if isinstance(url, str) else list(url)
        if not 0 < len(urls) <= MOST_ENDPOINTS:
            raise InvalidInput(f"a chain has 1 to {MOST_ENDPOINTS} URLs", hint="check the chain setting")
        self._endpoints: list[Endpoint] = []
        self._heads = Heads()
        self.before_asking: Callable[[], None] = lambda: None
        """Raises where nothing may be waited for."""
        try:
            for one in urls:
                self._endpoints.append(Endpoint(one.strip(), timeout, place=len(self._endpoints)))
        except InvalidInput:
            self.close()
            raise
        self.name = ", ".join(endpoint.name for endpoint in self._endpoints)
        """Hosts and ports, for messages."""
        self._ids = itertools.count(1)
        self._patience_seconds = timeout
        self._comparison = Comparison(self._endpoints, reorg_blocks) if len(urls) > 1 else None

    def call(self, method: str, *params: Any) -> Any:
        """The result of one method. Raises `ChainUnreachable`, `RpcError`."""
        request = self._request(method, params)
        return self._deliver(
            request, _is_read(method), lambda endpoint, answer: single(endpoint, request, answer)
        )

    def batch(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Results of several `(method, *params)` in one request, in order; the first error is raised."""
        found = self.outcomes(calls)
        for one in found:
            if isinstance(one, RpcError):
                raise one
        return found

    def outcomes(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Like `batch`, but a refused call yields its `RpcError` in its place."""
        if not calls:
            return []
        requests = [self._request(method, params) for method, *params in calls]
        found: list[Any] = self._deliver(
            requests,
            all(_is_read(method) for method, *_ in calls),
            lambda endpoint, answer: several(endpoint, requests, answer),
        )
        return found

    def health(self) -> list[tuple[str, str]]:
        """Each endpoint's host and why it is set aside; empty text for those in use."""
        return [(one.name, one.why_aside if one.is_aside else "") for one in self._endpoints]

    def mark(self) -> Hashable | None:
        """What stays equal as long as the chain has not changed; None where it has to be asked. Waits for nothing."""
        return self._heads.mark()

    def listen(self) -> None:
        """See that `mark` knows, if it can: of a single node on this machine that makes the promise of `heads`."""
        near = self._endpoints[0].near
        if near is None or len(self._endpoints) > 1 or not self._heads.is_due():
            return
        try:
            address = self.call("freehold_headsFirst")
        except RpcError:
            return
        except ChainUnreachable:
            self._heads.later()
            return
        self._heads.connect(address)
        if near != self._endpoints[0].near:
            # it moved meanwhile, and somebody else may listen where it was
            self._heads.forget()

    def move(self, url: str) -> None:
        """Ask its only endpoint at another address: the same chain, started again where its port was taken."""
        (only,) = self._endpoints
        only.move(url)
        self.name = only.name
        # afterwards: whoever begins to listen at this moment sees that it moved, or is ended here
        self._heads.forget()

    def close(self) -> None:
        """Close kept connections."""
        self._heads.close()
        for endpoint in self._endpoints:
            endpoint.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- delivery

    def _request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _deliver(self, body: Any, may_repeat: bool, read: Callable[[Endpoint, Any], Any]) -> Any:
        """Ask one endpoint after the other, in a few rounds, until one answers."""
        self.before_asking()
        if self._comparison is not None:
            self._comparison.when_due()
        ends = time.monotonic() + self._patience_seconds
        for pause in (*_PAUSES_SECONDS, None):
            result, failure = self._round(body, may_repeat, read)
            if failure is None:
                return result
            wait = max(pause or 0, failure.wait_seconds)
            if pause is None or failure.is_final or time.monotonic() + wait >= ends:
                raise failure
            time.sleep(wait)
        raise AssertionError  # the last pause is None

    def _round(
        self, body: Any, may_repeat: bool, read: Callable[[Endpoint, Any], Any]
    ) -> tuple[Any, ChainUnreachable | None]:
        """Ask each endpoint once: the first result without complaint, or else the last failure."""
        complaints, failure = [], None
        for endpoint in self._in_order():
            try:
                if self._comparison is not None and not self._comparison.admits(endpoint):
                    continue
                result = read(endpoint, endpoint.post(body, MOST_ANSWER_BYTES))
            except ChainUnreachable as error:
                if self._comparison is not None:
                    note_failure(endpoint, error)
                if error.was_delivered and not may_repeat:
                    raise
                failure = error
                continue
            endpoint.succeeded()
            if not may_repeat or not _is_of_the_endpoint(result):
                return given(result), None
            complaints.append(result)
        if complaints:
            return given(complaints[0]), None
        if failure is None:
            raise self._nobody()
        return None, failure

    def _in_order(self) -> list[Endpoint]:
        """Endpoints to ask: those in good standing, else those that failed. Raises `EndpointsDisagree`."""
        right = [one for one in self._endpoints if not one.is_wrong]
        if not right:
            raise self._nobody()
        return [one for one in right if not one.is_aside] or right

    def _nobody(self) -> EndpointsDisagree:
        return EndpointsDisagree(
            "no chain endpoint can be believed",
            hint="check the chain setting",
            endpoints=dict(self.health()),
        )


def _is_read(method: str) -> bool:
    """Whether asking twice changes nothing."""
    return method.startswith(("eth_", "net_", "web3_")) and not method.startswith(_CHANGING)


def _is_of_the_endpoint(result: Any) -> bool:
    """Whether a refusal may be this endpoint's alone, so that another is worth asking."""
    if isinstance(result, list):
        return any(isinstance(one, RpcError) and _is_of_the_endpoint(one) for one in result)
    if not isinstance(result, RpcError):
        return False
    said = result.message.lower()
    return result.rpc_code in _ELSEWHERE or any(words in said for words in _ELSEWHERE_WORDS)
