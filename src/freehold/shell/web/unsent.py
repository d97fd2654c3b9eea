"""Forms that came after their session had ended: what was typed waits, for a while and for its author, to be sent again.

Only what passed the gate is kept, in memory, without secrets, and not for long. Whose a form is its token says: what
anybody else sent, and planted in a browser, is shown to nobody. While the node is locked that cannot be read yet; such
a form never pushes out one that was.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from freehold.kernel.web.forms import MAX_FORM_BYTES, TOKEN_FIELD, Form

MOST = 32
KEEP_SECONDS = 15 * 60
_SECRET = re.compile(r"again|csrf|code|.*(pass(phrase|word)|secret|token).*", re.IGNORECASE)

_HIDDEN = frozenset({"act", "at_most", "do", "key", "next", "revision", "undoes"})
"""What a form says by itself."""


@dataclass(frozen=True)
class Unsent:
    """One form."""

    path: str
    """Below the console, where it goes."""
    fields: tuple[tuple[str, str], ...]
    """In the order in which they came, without secrets."""
    file_field: str
    """Where a file has to be chosen again; empty for none."""
    dropped: bool
    """Whether something secret has to be typed again."""
    act: str = ""
    """What sending it does, as the trail of acts says it."""
    csrf: str = field(default="", repr=False)
    """The token with which it came."""

    @property
    def shown(self) -> list[tuple[str, str, str]]:
        """What was typed: the name of its field, the same as a person reads it, and the value."""
        return [
            (name, name.replace("_", " ").replace("-", " ").strip().capitalize(), value)
            for name, value in self.fields
            if value.strip() and name not in _HIDDEN
        ]


def of(form: Form, path: str, act: str = "") -> Unsent | None:
    """What is worth keeping of a form; None where that is nothing, or too much."""
    fields = tuple(
        (name, value)
        for name, values in form.fields.items()
        if not _SECRET.fullmatch(name)
        for value in values
    )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in fields)
    if size > MAX_FORM_BYTES or not any(value.strip() for _, value in fields):
        return None
    dropped = any(_SECRET.fullmatch(name) and name != "csrf" for name in form.fields)
    return Unsent(path, fields, form.file_field, dropped, act, form.secret(TOKEN_FIELD))


class UnsentForms:
    """Those of one console; they end with the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._kept: dict[bytes, tuple[float, bool, Unsent]] = {}

    def keep(self, form: Unsent, *, known: bool) -> str:
        """The secret under which it is found; `known` where its author is. Empty where there is no room."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._forget_old()
            while len(self._kept) >= MOST:
                oldest = next((name for name, (_, sure, _) in self._kept.items() if not sure), None)
                if oldest is None and not known:
                    return ""
                del self._kept[next(iter(self._kept)) if oldest is None else oldest]
            self._kept[_name(token)] = (self._clock(), known, form)
        return token

    def find(self, token: str, is_author: Callable[[str], bool]) -> Unsent | None:
        """A form, for its author alone, as its own token says."""
        with self._lock:
            self._forget_old()
            _, _, form = self._kept.get(_name(token), (0.0, False, None))
        return form if form and is_author(form.csrf) else None

    def drop(self, token: str) -> None:
        """Forget a form."""
        with self._lock:
            self._kept.pop(_name(token), None)

    def _forget_old(self) -> None:
        ends = self._clock() - KEEP_SECONDS
        for name in [name for name, (at, _, _) in self._kept.items() if at <= ends]:
            del self._kept[name]


def _name(token: str) -> bytes:
    # found by a hash, so that how long a look-up takes says nothing about the secret
    return sha256(token.encode()).digest()
