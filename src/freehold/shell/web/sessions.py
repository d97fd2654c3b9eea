"""Who is logged in: sessions in memory, their cookies, and how fast passphrases may be tried."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from freehold.core.errors import NotAllowed
from freehold.kernel.web.powers import OWNER, Person

ABSOLUTE_SECONDS = 12 * 3600
"""A session ends after this however much it is used."""
MAX_SESSIONS = 64
MAX_NOTICES = 5
FIRST_DELAY_SECONDS = 1.0
MAX_DELAY_SECONDS = 300.0


class TooManyAttempts(NotAllowed, code="console.attempts", http_status=429):
    """Passphrases are tried too fast; `wait_seconds` says when the next may be."""


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
    notices: list[tuple[str, str]] = field(default_factory=list)
    """(kind, sentence) for the next page: what the last act did."""
    kept: dict[str, Any] = field(default_factory=dict)
    """What pages keep between requests; each value with a `close` is closed with the session."""
    streams: list[Any] = field(default_factory=list)
    """Open event streams, oldest first."""
    ended: bool = False

    def say(self, sentence: str, kind: str = "good") -> None:
        """Show a sentence on the next page; kind is good, warn or bad."""
        self.notices = [*self.notices, (kind, sentence)][-MAX_NOTICES:]


class Sessions:
    """All sessions of one console; ends with the process."""

    def __init__(self, idle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.idle_seconds, self._clock = idle_seconds, clock
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    def begin(self) -> tuple[str, Session]:
        """A new session and the secret of its cookie."""
        token, now = secrets.token_urlsafe(32), self._clock()
        session = Session(csrf=secrets.token_urlsafe(32), started_at=now, seen_at=now)
        with self._lock:
            doomed = self._stale(now)
            while len(self._sessions) >= MAX_SESSIONS:
                doomed.append(self._sessions.pop(next(iter(self._sessions))))
            self._sessions[_name(token)] = session
        _end(doomed)
        return token, session

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
        with self._lock:
            session = self._sessions.pop(_name(token), None)
        _end([session] if session else [])

    def end_all(self) -> None:
        """Log everybody out."""
        with self._lock:
            doomed, self._sessions = list(self._sessions.values()), {}
        _end(doomed)

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
        for value in session.kept.values():
            if callable(close := getattr(value, "close", None)):
                close()
        session.kept.clear()


class Attempts:
    """Slows down whoever guesses: after each wrong passphrase the next must wait twice as long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._failures, self._not_before = clock, 0, 0.0
        self._lock = threading.Lock()

    def make(self, attempt: Callable[[], None]) -> None:
        """Run `attempt`, or raise TooManyAttempts; its error of kind NotAllowed counts as a wrong passphrase."""
        with self._lock:
            wait = self._not_before - self._clock()
            if wait > 0:
                seconds = int(wait) + 1
                raise TooManyAttempts(
                    "the passphrase was wrong before",
                    hint=f"Wait {seconds} second{'s' * (seconds != 1)}, then try again.",
                    wait_seconds=seconds,
                )
            try:
                attempt()
            except NotAllowed:
                delay = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**self._failures)
                self._failures = min(self._failures + 1, 20)
                self._not_before = self._clock() + delay
                raise
            self._failures = 0
