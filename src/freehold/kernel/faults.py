"""The net at each edge: what is not an error of ours when it gets there becomes one, by its cause.

The command line, the node's HTTP, its console and the server for assistants all ask here. What nobody foresaw is an
internal fault: the caller gets a short id and where to look, and the traceback goes there.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

from freehold.core import causes
from freehold.core.causes import PathUnusable
from freehold.core.errors import FreeholdError, InvalidInput, Unavailable
from freehold.kernel.databases.errors import UNREADABLE, StorageFailed


class InternalFault(FreeholdError, code="internal.fault"):
    """A fault of this program; `fields["fault"]` is the id under which its traceback is kept."""


class InputEnded(InvalidInput, code="input.ended"):
    """What was asked at the keyboard was not answered."""


def known(error: BaseException) -> FreeholdError | None:
    """The error that a foreign one stands for; None where it says nothing that a caller could act on."""
    return next((make(error) for kind, make in _KNOWN if isinstance(error, kind)), None)


def met_by_node(error: BaseException, where: str, log: logging.Logger | None) -> FreeholdError:
    """What a node answers where it met a foreign error, which its log tells if one is given.

    A full disk or a locked database is said. What the system says of paths is not: they are this node's own, and those
    that callers name are opened by `plain_file`.
    """
    found = known(error)
    if found is not None and not isinstance(found, PathUnusable):
        if log:
            log.error("%s at %s", found.message, where)
        return found
    made = _fault("Its log says more.")
    if log:
        log.error("unexpected error %s at %s", made.fields["fault"], where, exc_info=error)
    return made


def met_by_command(error: BaseException) -> FreeholdError:
    """What a command says where it met one; the traceback of an internal fault is kept in a file of its own."""
    if found := known(error):
        return found
    made = _fault("")
    try:
        descriptor, path = tempfile.mkstemp(".log", f"freehold-fault-{made.fields['fault']}-")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("".join(traceback.format_exception(error)))
        made.hint = f"What happened lies in {path}; report it with that."
    except OSError:
        made.hint = f"It was {type(error).__name__}; there was no room to keep more."
    return made


def stopping() -> Unavailable:
    """What is answered to a request that a stop gives up."""
    return Unavailable("this node is stopping", hint="Ask again later.")


def _fault(hint: str) -> InternalFault:
    name = secrets.token_hex(4)
    return InternalFault(f"an unexpected error, {name}", hint=hint, fault=name)


def _closed(error: Any) -> FreeholdError | None:
    """What is still under way when a stop gives it up finds the database closed."""
    return stopping() if "closed" in str(error) else None


def _unreadable(error: Any) -> FreeholdError | None:
    is_known = getattr(error, "sqlite_errorcode", 0) & 0xFF in UNREADABLE
    return _database(error) if is_known else None


def _database(error: Any) -> FreeholdError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable("another program holds the database", hint="End that program, then try again.")
    if code == sqlite3.SQLITE_FULL:
        return causes.StorageFull(
            "there is no room to write the database", hint="Free some space, then try again."
        )
    return StorageFailed(f"the database cannot be used: {error}", hint="Run freehold doctor.")


_KNOWN: tuple[tuple[type[BaseException], Callable[[Any], FreeholdError | None]], ...] = (
    (FreeholdError, lambda error: error),
    (OSError, causes.of),
    (sqlite3.OperationalError, _database),
    (sqlite3.ProgrammingError, _closed),
    (sqlite3.DatabaseError, _unreadable),
    (EOFError, lambda _: InputEnded("the input ended before an answer", hint="Say it by an option.")),
    (UnicodeEncodeError, lambda _: InvalidInput("what was given is no text", hint="Say it in UTF-8.")),
    (MemoryError, lambda _: causes.SystemExhausted("there is not enough memory", hint="Free some memory.")),
)
