"""Who is logged in: sessions in memory, their cookies, and how fast passphrases may be tried."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from freehold.core.errors import NotAllowed
from freehold.core.texts import said
from freehold.kernel.web.powers import OWNER, Person
from freehold.kernel.web.visit import Notice, Undo

T = TypeVar("T")

ABSOLUTE_SECONDS = 12 * 3600
"""A session ends after this however much it is used."""
MAX_SESSIONS = 32
"""Of one person; one more ends their oldest."""
MAX_NAMES = 256
MAX_IN_ALL, IN_ALL_SECONDS = 30, 300.0
"""Wrong passwords of people, under whatever names, and the time in which they may come."""
MAX_NOTICES = 5
FIRST_DELAY_SECONDS = 1.0
MAX_DELAY_SECONDS = 300.0
_KEY = secrets.token_bytes(32)


class TooManyAttempts(NotAllowed, code="console.attempts", http_status=429):
    """Passphrases are tried too fast; `wait_seconds` says when the next may be."""


class Kept(dict[str, Any]):
    """What pages keep between requests; each value with a `close` is closed at the end, also one that comes after it."""

    def __init__(self) -> None:
        super().__init__()
        self._lock, self._ended = threading.Lock(), False

    def __setitem__(self, name: str, value: Any) -> None:
        with self._lock:
            if not self._ended:
                super().__setitem__(name, value)
                return
        _close(value)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value that is kept; after the end the given one, for whoever asks alone."""
        with self._lock:
            return default if self._ended else super().setdefault(name, default)

    def end(self) -> None:
        """Nothing is kept any more."""
        with self._lock:
            self._ended, values = True, list(self.values())
            self.clear()
        for value in values:
            _close(value)


def _close(value: Any) -> None:
    if callable(close := getattr(value, "close", None)):
        close()


@dataclass
class Session:
    """One person's browser, logged in."""

    csrf: str
    """Goes into every form; a POST without it changes nothing."""
    started_at: float
    """By the monotonic clock, as is `seen_at`."""
    seen_at: float
    person: Person = OWNER
    """Who logged in."""
    version: int = 0
    """Of that person's entry; a session is over when it changes."""
    _notices: list[Notice] = field(default_factory=list)
    """For the next page: what the last act did."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    kept: Kept = field(default_factory=Kept)
    """What pages keep between requests."""
    streams: list[Any] = field(default_factory=list)
    """Open event streams, oldest first."""
    ended: bool = False

    def say(self, sentence: str, kind: str = "good", undo: Undo | None = None) -> None:
        """Show a sentence on the next page; kind is good, warn or bad."""
        with self._lock:
            self._notices = [*self._notices, Notice(kind, sentence, undo)][-MAX_NOTICES:]

    def heard(self) -> list[Notice]:
        """What was said and not shown yet; of two pages at once, one shows it."""
        with self._lock:
            shown, self._notices = self._notices, []
        return shown


class Sessions:
    """All sessions of one console; ends with the process."""

    def __init__(
        self,
        idle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        key: Callable[[], bytes] = lambda: _KEY,
    ) -> None:
        self.idle_seconds, self._clock, self._key = idle_seconds, clock, key
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    def begin(self, person: Person = OWNER, version: int = 0) -> tuple[str, Session]:
        """A new session and the secret of its cookie."""
        token, now = secrets.token_urlsafe(32), self._clock()
        session = Session(self._form_token(secrets.token_bytes(16), person.id), now, now, person, version)
        with self._lock:
            doomed = self._stale(now)
            own = [name for name, one in self._sessions.items() if one.person.id == person.id]
            doomed += [self._sessions.pop(name) for name in own[: max(0, len(own) - MAX_SESSIONS + 1)]]
            self._sessions[_name(token)] = session
        _end(doomed)
        return token, session

    def is_of(self, csrf: str, person: str) -> bool:
        """Whether a form's token was made for the person of that id, also by an earlier process."""
        try:
            mark = base64.urlsafe_b64decode(f"{csrf[:100]}=")[:16]
        except ValueError:
            return False
        return hmac.compare_digest(self._form_token(mark, person).encode(), csrf.encode())

    def _form_token(self, mark: bytes, person: str) -> str:
        """Random, and bound to whom it is for."""
        bound = hmac.digest(self._key(), mark + person.encode(), "sha256")[:16]
        return base64.urlsafe_b64encode(mark + bound).decode().rstrip("=")

    def find(self, token: str, *, used: bool = True) -> Session | None:
        """The session of a cookie; being found counts as use unless a page only refreshes itself."""
        now = self._clock()
        with self._lock:
            doomed = self._stale(now)
            session = self._sessions.get(_name(token))
            if session is not None and used:
                session.seen_at = now
        _end(doomed)
        return session

    def end(self, token: str) -> None:
        """Log out."""
        self.drop(_name(token))

    def end_all(self, person: Person | None = None) -> None:
        """Log a person out everywhere; everybody where none is named."""
        with self._lock:
            own = [
                name for name, one in self._sessions.items() if person is None or one.person.id == person.id
            ]
            doomed = [self._sessions.pop(name) for name in own]
        _end(doomed)

    def each(self) -> list[tuple[bytes, Session]]:
        """Those that go on, under names of their own."""
        with self._lock:
            return list(self._sessions.items())

    def drop(self, name: bytes) -> None:
        """End one of `each`."""
        with self._lock:
            session = self._sessions.pop(name, None)
        _end([session] if session else [])

    def _stale(self, now: float) -> list[Session]:
        old = [name for name, session in self._sessions.items() if self._is_over(session, now)]
        return [self._sessions.pop(name) for name in old]

    def _is_over(self, session: Session, now: float) -> bool:
        return now - session.seen_at >= self.idle_seconds or now - session.started_at >= ABSOLUTE_SECONDS


def _name(token: str) -> bytes:
    # found by a hash, so that how long a look-up takes says nothing about the secret
    return hashlib.sha256(token.encode()).digest()


def _end(sessions: list[Session]) -> None:
    for session in sessions:
        session.ended = True
        session.kept.end()


class Attempts:
    """Slows down whoever guesses: after each wrong passphrase the next must wait twice as long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._failures, self._not_before = clock, 0, 0.0
        self._lock = threading.Lock()

    def make(self, attempt: Callable[[], T]) -> T:
        """Run `attempt`, or raise TooManyAttempts; its error of kind NotAllowed counts as a wrong passphrase."""
        with self._lock:
            wait = self._not_before - self._clock()
            if wait > 0:
                raise _wait(wait)
            try:
                found = attempt()
            except NotAllowed:
                delay = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**self._failures)
                self._failures = min(self._failures + 1, 20)
                self._not_before = self._clock() + delay
                raise
            self._failures = 0
            return found


def _wait(seconds: float) -> TooManyAttempts:
    whole = int(seconds) + 1
    return TooManyAttempts(
        said("what was typed was wrong before"),
        hint=said.many("Wait {n} second, then try again.", "Wait {n} seconds, then try again.", n=whole),
        wait_seconds=whole,
    )


class AttemptsByName:
    """Slows down whoever guesses at people's passwords: under one name as `Attempts` do, and under all together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._names: dict[bytes, Attempts] = {}
        self._failed: deque[float] = deque()

    def make(self, name: str, attempt: Callable[[], T]) -> T:
        """As `Attempts.make`; whether anybody has the name makes no difference."""
        with self._lock:
            now, key = self._clock(), _name(name)
            while self._failed and self._failed[0] <= now - IN_ALL_SECONDS:
                self._failed.popleft()
            if len(self._failed) >= MAX_IN_ALL:
                raise _wait(self._failed[0] + IN_ALL_SECONDS - now)
            own = self._names.pop(key, None) or Attempts(self._clock)
            while len(self._names) >= MAX_NAMES:
                del self._names[next(iter(self._names))]
            self._names[key] = own
            try:
                return own.make(attempt)
            except TooManyAttempts:
                raise
            except NotAllowed:
                self._failed.append(now)
                raise
