"""Talking to other nodes: signed requests, bounded answers, errors that say who failed."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpx

from freehold.core import origins
from freehold.core.canonical import MOST_VALUES, parse
from freehold.core.documents import Party
from freehold.core.errors import (
    Conflict,
    FreeholdError,
    InvalidInput,
    NotAllowed,
    NotFound,
    PaymentRequired,
    Unavailable,
)
from freehold.core.http_signature import Stamp, sign_request
from freehold.core.origins import Kind, NotAnOrigin, Origin
from freehold.core.signature_base import Request
from freehold.core.signing import parse_envelope
from freehold.core.texts import said
from freehold.kernel.node import Node
from freehold.kernel.reaching import TIMEOUT_SECONDS, PeerUnreachable, allowed_kinds, client
from freehold.kernel.store import PEERS

_MEBIBYTE = 1024 * 1024
_ANSWERS: dict[str, tuple[int, int]] = {
    "/catalogue": (8 * _MEBIBYTE, 400_000),
    # files and tables as text
    "/peer/audits": (64 * _MEBIBYTE, MOST_VALUES),
    "/peer/evidence": (64 * _MEBIBYTE, MOST_VALUES),
    "/peer/model-evidence": (64 * _MEBIBYTE, MOST_VALUES),
    "/peer/proofs": (16 * _MEBIBYTE, 200_000),
    # a table's cells
    "/peer/tests/open": (64 * _MEBIBYTE, 8_000_000),
}
"""Bytes and JSON values of an answer, by path."""
_ANSWER = (4 * _MEBIBYTE, MOST_VALUES)
MAX_ABOUT_BYTES = 256 * 1024
_WORD = re.compile(r"[A-Za-z0-9_.:/\[\]-]{0,100}")
MOST_QUOTED = 200
"""Characters of what another node says when it refuses."""
MOST_LISTED = 256
_BY_STATUS: dict[int, type[FreeholdError]] = {
    **{kind.http_status: kind for kind in (PaymentRequired, NotAllowed, NotFound, Conflict, Unavailable)},
    413: InvalidInput,
    429: NotAllowed,
    502: Unavailable,
    504: Unavailable,
}


class PeerRefused(FreeholdError, code="peer.refused", http_status=502):
    """Another node answered with an error that has no class of its own here."""


class PeerBusy(Unavailable, code="peer.busy"):
    """Another node limits how often it is asked, or is busy; `retry_after_seconds` says when to ask again."""


class PeerElsewhere(InvalidInput, code="peer.elsewhere"):
    """An address shows a party that says it is reached at another one."""


class PeerChanged(Conflict, code="peer.changed"):
    """Another party answers at an address than before."""


class Peers:
    """HTTP client of one node; safe to use from several threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.client = client(self._allowed)
        """Connects to nodes of others, where that is allowed."""
        self._meeting: set[tuple[str, int]] = set()
        self._introduced: set[str] = set()
        self._lock = threading.Lock()

    def meet(self, url: str, before: str = "") -> Party:
        """Fetch, check and remember who runs the node at `url`, which is the owner's word.

        What is shown there counts as that party's only if its own document names the address, and the party is
        the account that was there `before`.
        Raises `NotAnOrigin`, `PeerUnreachable`, `PeerElsewhere`, `PeerChanged`: nothing was kept.
        """
        origin = origins.parse(url)
        place = (origin.host, origin.port)
        self._meeting.add(place)
        try:
            answer = self.get(url, "/.well-known/freehold.json", most_bytes=MAX_ABOUT_BYTES)
        finally:
            self._meeting.discard(place)
        if not isinstance(answer, dict):
            raise InvalidInput(said("{url} is not a Freehold node", url=url), hint=said("Check the URL."))
        envelope = parse_envelope(answer.get("party"))
        party = self._node.check_party(envelope)
        if before not in ("", party.account):
            raise PeerChanged(
                said(
                    "{name} ({account}) answers at {url}, and not {before} as before",
                    name=party.name,
                    account=party.account,
                    url=url,
                    before=before,
                ),
                hint=said("If that is right: freehold peers add {url}", url=url),
                account=party.account,
                before=before,
            )
        _require_named(party, origin)
        self._node.accept_party(envelope)
        # it may have signed a newer one since
        newest = self._node.party_of(party.account)
        _require_named(newest, origin)
        self._node.befriend(party.account)
        return newest

    def url_of(self, account: str) -> str:
        """Where an account's node listens, by its party document."""
        party = self._node.party_of(account)
        if not party.endpoints:
            raise PeerUnreachable(said("{name} names no endpoint", name=party.name), account=account)
        try:
            # documents say it as their signers spelled it
            return str(origins.parse(party.endpoints[0]))
        except NotAnOrigin as error:
            raise PeerUnreachable(
                said("{name} names an endpoint that is none: {why}", name=party.name, why=error.message),
                hint=said("Ask its operator."),
                account=account,
            ) from None

    def _allowed(self, host: str, port: int) -> set[Kind]:
        """What kinds of address a host may have: any place the owner typed, else those of strangers."""
        typed = _parsed((*self._node.settings.peers, *self._node.store.state(PEERS, {})))
        if (host, port) in self._meeting or any((one.host, one.port) == (host, port) for one in typed):
            return {"public", "private", "loopback"}
        own = self._node.party_document().endpoints
        return allowed_kinds(self._node.settings, origins.parse(own[0])) if own else {"public"}

    def get(self, url: str, path: str, *, most_bytes: int) -> Any:
        """An unsigned GET of public data, of at most so many bytes."""
        return self._exchange("GET", url, path, b"", {}, most_bytes=most_bytes)

    def post(
        self, url: str, path: str, body: dict[str, Any], *, timeout: float = TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        """A signed POST; introduces this node first where the peer does not know it yet.

        Raises `PeerUnreachable`: no whole answer within `timeout` seconds. `PeerRefused` and its kin.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            known = url in self._introduced
        if not known:
            self._signed(url, "/peer/hello", {"party": self._node.party.to_json()}, deadline)
            with self._lock:
                self._introduced.add(url)
        try:
            answer = self._signed(url, path, body, deadline)
        except PeerRefused as error:
            if not known or error.fields.get("peer_code") != "peer.unknown":
                raise
            # it keeps a bounded number of parties that it has not dealt with, and has forgotten this one
            with self._lock:
                self._introduced.discard(url)
            return self.post(url, path, body, timeout=_left(url, deadline))
        if not isinstance(answer, dict):
            raise PeerRefused(f"{url} answered {path} with something that is not an object")
        return answer

    def ask(
        self, account: str, path: str, body: dict[str, Any], *, timeout: float = TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        """A signed POST to an account's node."""
        return self.post(self.url_of(account), path, body, timeout=timeout)

    def _signed(self, url: str, path: str, body: dict[str, Any], deadline: float) -> Any:
        data = json.dumps(body, separators=(",", ":")).encode()
        while True:
            try:
                return self._signed_once(url, path, data, _left(url, deadline))
            except PeerBusy as error:
                pause = error.fields["retry_after_seconds"]
                if time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)

    def _signed_once(self, url: str, path: str, data: bytes, timeout: float) -> Any:
        stamp = Stamp(self._node.account, self._node.now(), secrets.token_urlsafe(18))
        origin = origins.parse(url)
        request = Request("POST", origin.authority, path, "", data, origin.scheme)
        headers = sign_request(request, stamp, self._node.keys.log_seed)
        return self._exchange(
            "POST", url, path, data, {**headers, "content-type": "application/json"}, timeout
        )

    def _exchange(
        self,
        method: str,
        url: str,
        path: str,
        data: bytes,
        headers: dict[str, str],
        timeout: float = TIMEOUT_SECONDS,
        most_bytes: int = 0,
    ) -> Any:
        # what follows the host is this module's own, never part of what somebody wrote
        target = f"{origins.parse(url)}{path}"
        bytes_there, most_values = _ANSWERS.get(path, _ANSWER)
        most_bytes = most_bytes or bytes_there
        try:
            with self.client.stream(
                method, target, content=data, headers=headers, timeout=timeout
            ) as response:
                content = bytearray()
                for chunk in response.iter_raw():
                    content += chunk
                    if len(content) > most_bytes:
                        raise PeerRefused(
                            said("{url} answered with more than {most} bytes", url=url, most=str(most_bytes))
                        )
                _require_time(url, response)
                return _read(url, response.status_code, bytes(content), most_values)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            with self._lock:
                self._introduced.discard(url)
            raise PeerUnreachable(
                said("{url} did not answer ({why})", url=url, why=type(error).__name__),
                hint=said("Is that node running?"),
                url=url,
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


def _parsed(urls: Iterable[str]) -> list[Origin]:
    found = []
    for url in urls:
        with contextlib.suppress(NotAnOrigin):
            found.append(origins.parse(url))
    return found


def _require_named(party: Party, origin: Origin) -> None:
    """The party says that it is reached there: anyone can show another one's document. Raises `PeerElsewhere`."""
    named = _parsed(party.endpoints)
    if _place(origin) not in map(_place, named):
        where = ", ".join(map(str, named)) or "none"
        raise PeerElsewhere(
            said(
                "{url} shows the document of {name}, which names another address: {where}",
                url=str(origin),
                name=party.name,
                where=where,
            ),
            hint=said("Add that address, or have its operator set endpoint."),
            account=party.account,
        )


def _place(origin: Origin) -> tuple[str, str, int]:
    """An origin, with this machine under one name."""
    host = "localhost" if origin.host in ("127.0.0.1", "::1") else origin.host
    return origin.scheme, host, origin.port


def _left(url: str, deadline: float) -> float:
    """Seconds until then. Raises `PeerUnreachable`: there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise PeerUnreachable(
            said("{url} did not answer in time", url=url), hint=said("Is that node running?"), url=url
        )
    return left


def _require_time(url: str, response: httpx.Response) -> None:
    """Refuse an answer that says to come back later. Raises `PeerBusy`."""
    after = response.headers.get("retry-after", "")
    if response.status_code in (429, 503) and after.isascii() and after.isdecimal() and len(after) < 6:
        raise PeerBusy(
            said("{url} is busy", url=url),
            hint=said("Try again later."),
            peer=url,
            retry_after_seconds=max(1, int(after)),
        )


def _read(url: str, status: int, content: bytes, most_values: int) -> Any:
    try:
        value = parse(content, max_bytes=len(content), most_values=most_values)
    except InvalidInput as error:
        raise PeerRefused(
            said(
                "{url} answered {status} with what cannot be read: {why}",
                url=url,
                status=str(status),
                why=error.message[:200],
            ),
            hint=said("Is that the address of a Freehold node? Check the URL."),
        ) from error
    if 200 <= status < 300:
        return value
    problem = value if isinstance(value, dict) else {}
    refusal = refused(url, status, problem, _BY_STATUS.get(status, PeerRefused))
    refusal.fields["peer"] = url
    raise refusal


def refused(who: str, status: int, value: Any, kind: type[FreeholdError]) -> FreeholdError:
    """What another node refused with, as our own error: its words are quoted as its words, never said as ours.

    They may be read by a person, or by a program that takes what it reads for orders. Of its fields only numbers
    and single words are kept.
    """
    problem = value if isinstance(value, dict) else {}
    title, hint = (quoted(problem.get(name)) for name in ("title", "hint"))
    error = kind(
        f"{who} refused{f': {title}' if title else f' with HTTP {status}'}",
        hint=f"It adds: {hint}" if hint else "",
    )
    fields = problem.get("fields")
    known = fields if isinstance(fields, dict) else {}
    error.fields = {name: one for name, one in known.items() if _WORD.fullmatch(name) and _is_plain(one)}
    error.heard = known  # type: ignore[attr-defined]
    error.fields["peer_code"] = str(problem.get("code", ""))[:100] if _is_plain(problem.get("code")) else ""
    return error


def heard(error: FreeholdError) -> dict[str, Any]:
    """All fields of another node's refusal, for who checks them one by one; they are shown to nobody."""
    found: dict[str, Any] = getattr(error, "heard", {})
    return found


def quoted(said: Any) -> str:
    """What another node says, as its words; empty where it says nothing."""
    words = " ".join(str(said or "").split())
    words = "".join(
        one
        for one in words
        if one.isprintable() and one not in "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
    )
    return (
        f"\N{LEFT DOUBLE QUOTATION MARK}{words[:MOST_QUOTED]}\N{RIGHT DOUBLE QUOTATION MARK}" if words else ""
    )


def _is_plain(value: Any) -> bool:
    """A number, a word without spaces, or a short list of them: nothing that could be a sentence."""
    if isinstance(value, list):
        return len(value) <= MOST_LISTED and all(
            not isinstance(one, list) and _is_plain(one) for one in value
        )
    return (
        value is None or isinstance(value, int) or (isinstance(value, str) and bool(_WORD.fullmatch(value)))
    )
