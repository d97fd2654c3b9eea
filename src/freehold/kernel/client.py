"""HTTP to the control API of the node in a home directory, as commands and the library reach it.

The running node leaves its address in `HOME/node.json` and its token in `HOME/api-token`.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote

from freehold import plain_file
from freehold.core import causes
from freehold.core.errors import (
    Conflict,
    FreeholdError,
    InvalidInput,
    InvalidSignature,
    NotAllowed,
    NotFound,
    PaymentRequired,
    Unavailable,
)
from freehold.kernel.operation import SCHEMA, Operation
from freehold.kernel.shape import Rows
from freehold.vault.home_folder import option as option_of

if TYPE_CHECKING:
    import httpx

    from freehold.kernel.operation import Operation

TIMEOUT_SECONDS = 180.0
MOST_FILE_BYTES = 64 * 1024
MOST_EXIT_CODE = 126
"""From here on shells have meanings of their own."""
_CODE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_ANSWERS = (200, 202)
"""What operations answer; anything else, a redirection too, was none of theirs."""
_BY_STATUS: dict[int, type[FreeholdError]] = {
    kind.http_status: kind
    for kind in (InvalidInput, InvalidSignature, NotAllowed, NotFound, Conflict, PaymentRequired, Unavailable)
}
"""What a refusal counts as that says no exit code: one of a proxy, or of no route of a node."""


def is_bearer(header: bytes, token: str) -> bool:
    """Whether an `Authorization` header shows the token (RFC 6750); the scheme in any case (RFC 9110 section 11.1)."""
    scheme, _, given = header.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), token.encode())


class NodeNotRunning(Unavailable, code="node.not_running"):
    """No node answers for this home."""


class Closed(Conflict, code="client.closed"):
    """What is asked was closed by its user."""


class NodeRefused(FreeholdError, code="node.refused"):
    """The node answered with an error, whose code, hint, fields and exit code this one has."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        title = str(problem.get("title") or problem.get("detail") or f"the node answered HTTP {status}")
        super().__init__(title, hint=str(problem.get("hint") or ""))
        fields = problem.get("fields")
        self.fields = dict(fields) if isinstance(fields, dict) else {}
        self.status = status
        self._problem = {
            name: said for name, said in problem.items() if name not in ("title", "hint", "fields")
        }
        code = problem.get("code")
        if isinstance(code, str) and _CODE.fullmatch(code):
            self.code = code
        said = problem.get("exit_code")
        if type(said) is int and 0 < said < MOST_EXIT_CODE:
            self.exit_code = said
        else:
            self.exit_code = _BY_STATUS.get(status, FreeholdError).exit_code

    def problem(self) -> dict[str, Any]:
        """The problem details as the node sent them."""
        return {**super().problem(), **self._problem, "exit_code": self.exit_code}


class NodeClient:
    """The control API of one running node."""

    def __init__(self, url: str, token: str, *, home: Path) -> None:
        self.url, self.token, self._home, self._found = url, token, home, False
        self._is_closed = False
        self._connect()

    def _connect(self) -> None:
        import httpx  # noqa: PLC0415 - takes 0.1 s to import

        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS, trust_env=False, headers={"authorization": f"Bearer {self.token}"}
        )
        self._process = os.getpid()

    @classmethod
    def of(cls, home: str | Path) -> Self:
        """The node of a home directory. Raises `NodeNotRunning`: none is there."""
        home = plain_file.named(home)
        with _finding(home):
            client = cls(_address(home), _read(home / "api-token").strip(), home=home)
        client._found = True
        client._require_there()
        return client

    def _require_there(self) -> None:
        """That a node still runs in the home, wherever it is now: who listens where one was may be anybody."""
        if self._found:
            with _finding(self._home):
                if not _is_held(self._home):
                    raise _not_running(self._home)
                self.url = _address(self._home)

    def close(self) -> None:
        """Close what is open; the end of a process does too."""
        self._is_closed = True
        if self._process == os.getpid():
            self._client.close()

    def _open(self) -> httpx.Client:
        """Connections of this process alone: on one that is shared after a fork, each would read the other's answers."""
        if self._is_closed:
            raise Closed("this node's connections were closed", hint="Connect again: freehold.connect(home)")
        if self._process != os.getpid():
            self._connect()
        return self._client

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The JSON object at a path. Raises `NodeRefused`, `NodeNotRunning`."""
        return self._ask("GET", path, query, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object that a POST of `body` answers. Raises `NodeRefused`, `NodeNotRunning`."""
        return self._ask("POST", path, {}, dict(body or {}))

    def perform(self, operation: Operation[Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        """What an operation answers; `asked` are the fields of its request.

        Raises `InvalidInput`: what stands in the path is missing, or nothing can be called so. `NodeRefused`,
        `NodeNotRunning`.
        """
        parts = {name: _part(name, asked.get(name)) for name in operation.in_path}
        rest = {name: value for name, value in asked.items() if name not in parts}
        for name, value in rest.items():
            _require_json(name, value)
        path = "/api" + operation.path.format(**parts)
        if operation.verb == "GET":
            query = {
                name: str(one).lower() if isinstance(one, bool) else str(one) for name, one in rest.items()
            }
            return self._ask("GET", path, query, None)
        return self._ask(operation.verb, path, {}, rest)

    def _ask(self, method: str, path: str, query: Mapping[str, str], body: Any) -> dict[str, Any]:
        import httpx  # noqa: PLC0415

        client = self._open()
        self._require_there()
        try:
            answer = client.request(method, self.url.rstrip("/") + path, params=query or None, json=body)
        except UnicodeEncodeError:
            raise InvalidInput("what is asked for is no text", hint="Say it in UTF-8.") from None
        except httpx.InvalidURL:
            # names and ids are part of the address
            raise InvalidInput("what is asked for is too long", hint="Give an id, or a name.") from None
        except httpx.TransportError as error:
            if isinstance(error, httpx.ReadTimeout):
                raise Unavailable(
                    f"the node did not answer {path} in {TIMEOUT_SECONDS:.0f} s",
                    hint="Try again; look at its output.",
                ) from error
            raise _not_running(self._home) from error
        try:
            value = answer.json()
        except ValueError:
            value = {}
        if answer.status_code not in _ANSWERS:
            raise NodeRefused(answer.status_code, value if isinstance(value, dict) else {})
        if not isinstance(value, dict):
            raise Unavailable(f"the node answered {path} with something else than a JSON object")
        return value


@contextmanager
def _finding(home: Path) -> Iterator[None]:
    """Where a node left nothing to find it by, none runs; other causes are said, such as a home of somebody else."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        raise _not_running(home) from None
    except OSError as error:
        raise causes.of(error, f"look for the node of {home}") from error


def _address(home: Path) -> str:
    import httpx  # noqa: PLC0415

    try:
        url = httpx.URL(json.loads(_read(home / "node.json"))["url"])
        # which is read only now
        url.host  # noqa: B018
        return str(url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from None


def _is_held(home: Path) -> bool:
    """Whether a node holds the lock of its home, which ends with its process, however that ends."""
    with plain_file.regular(home / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _require_json(name: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{name}: {str(error)[:100]}", hint="Give text, numbers, or lists of them.", field=name
        ) from None


def _part(name: str, value: Any) -> str:
    hint = "Give an id, the beginning of one, or a name."
    # dots would lead to another path
    try:
        if value is None or str(value) in ("", ".", ".."):
            raise InvalidInput(f"{name} is not said", hint=hint)
        return quote(str(value), safe="")
    except ValueError:
        raise InvalidInput(f"{name} is not text", hint=hint) from None


def _not_running(home: Path) -> NodeNotRunning:
    try:
        held = _is_held(home)
    except (OSError, FreeholdError):
        held = False
    if held:
        return NodeNotRunning(
            f"the node in {home} does not answer yet",
            hint="It starts, stops, or waits for its passphrase: give it in its console, at the address that it printed.",
        )
    return NodeNotRunning(
        f"no node is running in {home}", hint=f"Start it with: freehold up{option_of(home)}"
    )


def _read(path: Path) -> str:
    return plain_file.text(path, MOST_FILE_BYTES)


class Identified(Protocol):
    """A value that stands for a thing by its id."""

    @property
    def id(self) -> str:
        """Of the thing."""


class Performs:
    """A client of one node."""

    _client: NodeClient

    def _perform(self, operation: Operation[Any], /, **given: Any) -> Any:
        """What an operation answers, or the part of it that people want; lists as rows of a table.

        Raises `InvalidInput`: a value cannot be read. `NodeRefused`, `NodeNotRunning`.
        """
        # written methods give all that they were given, themselves too
        given.pop("self", None)
        answer = operation.read(self._answer(operation, given))
        wanted = attrgetter(operation.gives)(answer) if operation.gives else answer
        return Rows(wanted) if isinstance(wanted, list) else wanted

    def _answer(self, operation: Operation[Any], given: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._client.perform(operation, operation.taken(given))
        except FreeholdError as error:
            error.spell({name: one.face for name, one in operation.fields.items()})
            error.hint = f"See help(node.{operation.method})." if error.hint == SCHEMA else error.hint
            raise
