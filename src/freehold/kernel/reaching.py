"""Connections to nodes of others: to a checked address, and to no other than that.

A party document is a stranger's text, and so is what its name resolves to. A name is resolved once, each of its
addresses is checked, and one of those is connected to, so that nothing can change in between. Where the owner typed
an address, this machine and its network are the owner's to name.

The timeout of a request is that of the whole exchange, from connecting to the last byte of the answer: whoever
drips a head, a body or interim answers gets no more time than whoever says nothing.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx

from freehold.core import origins
from freehold.core.errors import Unavailable
from freehold.core.origins import Kind, Origin
from freehold.core.texts import said
from freehold.kernel.settings import EVERYWHERE, Settings

TIMEOUT_SECONDS = 30.0
_PIECE_BYTES = 16 * 1024
_NEAR: set[Kind] = {"loopback", "private"}
SocketOption = httpcore.SOCKET_OPTION


class _Now(threading.local):
    """The exchange of this thread; httpcore gives each read and write a timeout, and knows of no whole."""

    deadline = math.inf


_now = _Now()


@contextlib.contextmanager
def _until(deadline: float) -> Iterator[None]:
    """Whatever is read or written in here is to be done by then, in monotonic seconds."""
    before, _now.deadline = _now.deadline, deadline
    try:
        yield
    finally:
        _now.deadline = before


def _left(timeout: float | None, over: type[Exception]) -> float:
    """What is left of the time."""
    left = min(_now.deadline - time.monotonic(), TIMEOUT_SECONDS if timeout is None else timeout)
    if left <= 0:
        raise over("the exchange takes too long")
    return left


Allowed = Callable[[str, int], set[Kind]]
"""Host and port to the kinds of address that may be connected to."""


class PeerUnreachable(Unavailable, code="peer.unreachable"):
    """Another node did not answer in time."""


class PeerNotAllowed(PeerUnreachable, code="peer.not_allowed"):
    """Another party's address leads into this machine, its network or nowhere; nothing was sent there."""


def allowed_kinds(settings: Settings, own: Origin) -> set[Kind]:
    """Where a party that nobody typed may be: on the public network, and where this node is itself.

    A node that others reach at a public address, or by a name, has no business inside its own network on their word;
    nor has one that listens everywhere and does not say where it is reached.
    """
    if settings.allow_private_peers == "yes":
        return {"public", *_NEAR}
    if settings.allow_private_peers == "no" or (settings.host in EVERYWHERE and not settings.endpoint):
        return {"public"}
    where: Kind = "public"
    if own.address is not None:
        where = origins.kind(own.address)
    elif own.host == "localhost":
        where = "loopback"
    return {"public", where} & {"public", *_NEAR}


def client(allowed: Allowed) -> httpx.Client:
    """An HTTP client that connects where it may: no proxies from the environment, no redirects."""
    # unpacking happens before anything can be counted, so compressed answers are not asked for
    return httpx.Client(
        transport=_Transport(allowed),
        timeout=TIMEOUT_SECONDS,
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity"},
    )


class _Transport(httpx.HTTPTransport):
    """httpx over connections that are checked; certificates and Host are those of the name."""

    def __init__(self, allowed: Allowed) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_Checked(allowed),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and read the answer's head; its body is read by the same deadline."""
        deadline = time.monotonic() + float(request.extensions["timeout"]["read"])
        with _until(deadline):
            response = super().handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Body(response.stream, deadline)
        return response


class _Body(httpx.SyncByteStream):
    """An answer's body, by its exchange's deadline."""

    def __init__(self, stream: httpx.SyncByteStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self._stream)
        while True:
            with _until(self._deadline):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def close(self) -> None:
        self._stream.close()


class _Stream(httpcore.NetworkStream):
    """A connection on which nothing lasts longer than the exchange it belongs to."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # in pieces: the time that one may take begins anew with each part of it that was sent
        for start in range(0, len(buffer), _PIECE_BYTES):
            piece = buffer[start : start + _PIECE_BYTES]
            self._stream.write(piece, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        # the timeout of a handshake is that of the whole handshake
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Checked(httpcore.SyncBackend):
    """Connects to an address that was checked, not to a name that may lead elsewhere a moment later."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers.

        Raises `PeerNotAllowed`: one of them is of a kind that may not be connected to.
        """
        deadline = time.monotonic() + _left(timeout, httpcore.ConnectTimeout)
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in resolved(host, port, self._allowed(host, port)):
            left = max(deadline - time.monotonic(), 0.001)
            try:
                return _Stream(super().connect_tcp(address, port, left, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


def resolved(host: str, port: int, allowed: set[Kind]) -> list[str]:
    """The addresses of a host, once each. Raises `PeerNotAllowed`: one of them is of a kind that is not allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} is not known") from error
    texts = list(dict.fromkeys(str(one[4][0]) for one in found))
    for text in texts:
        # a scope id means link-local, which is never allowed
        kind = origins.kind(ip_address(text.partition("%")[0]))
        if kind not in allowed:
            raise PeerNotAllowed(
                said(
                    "{host} leads to {address}, where another party's node is not looked for",
                    host=host,
                    address=text,
                ),
                hint=said("If it is right: freehold peers add URL, or set allow_private_peers to yes.")
                if kind in _NEAR
                else said("Ask its operator for a public address."),
                kind=kind,
            )
    return texts
