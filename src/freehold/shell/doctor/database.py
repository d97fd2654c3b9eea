"""The database, the log in it, and the encrypted data it refers to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freehold.core.connection import Connection
from freehold.core.documents import Party
from freehold.core.errors import FreeholdError
from freehold.kernel import continuity
from freehold.kernel.databases import address, migrations, opening
from freehold.kernel.databases.opening import FILE
from freehold.kernel.finding import CheckFound, ok, problem
from freehold.kernel.keeping import purse
from freehold.kernel.reading import TOKEN_FILE, NodeFile
from freehold.kernel.registry import everything
from freehold.kernel.settings import Settings
from freehold.kernel.store import ANCHORED, PEERS
from freehold.log.store import LogStore
from freehold.vault.blobs import Blobs

_RESTORE = "Stop the node, move the home away and restore a backup: freehold restore"


@dataclass(frozen=True)
class Facts:
    """What the other checks need from the database."""

    party: Party
    peers: tuple[str, ...]
    """URLs that were added with `peers add`."""
    chain: dict[str, Any] | None = None
    """The chain of the first start, as `continuity` remembers it."""
    anchored: dict[str, int] = field(default_factory=lambda: {"size": 0})
    """The most of the log that this home has anchored."""
    gas_day: dict[str, Any] = field(default_factory=dict)
    """Gas that was spent lately, as `keeping.purse` keeps it."""
    quarantined: tuple[str, ...] = ()
    """Acts that failed on chain and wait for the owner."""


def examine(home: Path, known: Settings, *, running: bool = False) -> tuple[Facts | None, list[CheckFound]]:
    """All checks of the database; the facts where it could be read."""
    unsound = [] if running else _unsound(home, known.database)
    if not known.database and not (home / FILE).exists():
        return None, unsound or [_gone(home)]
    try:
        with closing(opening.for_reading(home, known.database)) as connection:
            # one view of it all, however much a running node writes meanwhile
            connection.execute("BEGIN")
            findings = list(_checks(connection, home, known))
            if unsound:
                findings = unsound + [one for one in findings if one.check != "database"]
            return _facts(connection), findings
    except sqlite3.Error as error:
        return None, unsound or [problem("database", f"it cannot be read: {error}", _RESTORE)]
    except FreeholdError as error:
        return None, unsound or [problem("database", error.message, error.hint or _RESTORE)]


def _unsound(home: Path, url: str) -> list[CheckFound]:
    """What the next start would refuse it for; the count in the home is only steady while no node runs."""
    try:
        opening.require_whole(home, url)
    except FreeholdError as error:
        return [problem("database", error.message, error.hint)]
    return []


def _gone(home: Path) -> CheckFound:
    if (home / TOKEN_FILE).exists():
        return problem("database", "this home has run before, and its database is gone", _RESTORE)
    return problem("database", "there is no database", "Start the node once: freehold up")


def _checks(connection: Connection, home: Path, known: Settings) -> Iterator[CheckFound]:
    # a server looks after its own pages
    found = "ok" if known.database else connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        yield problem("database", f"it is damaged: {str(found)[:200]}", _RESTORE)
        return
    version, missing = migrations.version(connection), migrations.missing(connection)
    if not version:
        yield problem("database", "there is nothing in the database", "Start the node once: freehold up")
        return
    kind = f"PostgreSQL at {address.parse(known.database)}" if known.database else "SQLite"
    later = f"; the next start brings it to {migrations.newest()}" if missing else ""
    yield ok("database", f"{kind}, sound, version {version}{later}")
    try:
        size, root = LogStore(connection).verify()
        yield ok("log", f"{size} entries, root {root.hex()[:16]}")
    except FreeholdError as error:
        yield problem("log", error.message, _RESTORE)
    yield _data(connection, home, known)
    for feature in everything().features:
        for check in feature.doctor:
            yield from checked(feature.name, check, connection)


def checked(
    feature: str, check: Callable[[Connection], Iterable[CheckFound]], connection: Connection
) -> list[CheckFound]:
    """What a feature's check finds; that it fails is a finding too, and keeps no other from being made."""
    connection.execute("SAVEPOINT checking")
    try:
        return list(check(connection))
    except FreeholdError as error:
        return [problem(feature, error.message, error.hint)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are made
        said = f"its check failed: {type(error).__name__}: {error}"[:300]
        return [problem(feature, said, "If the database is sound, it is a fault of the program: report it.")]
    finally:
        # a server answers nothing more after a failed statement
        connection.execute("ROLLBACK TO SAVEPOINT checking")


def _data(connection: Connection, home: Path, known: Settings) -> CheckFound:
    """The encrypted data is where it should be; its bytes are checked when it is opened and backed up."""
    wanted = NodeFile(connection).blobs()
    if not wanted:
        return ok("data", "nothing is kept yet")
    where = known.blobs or str(home / "blobs")
    if "://" not in where and not Path(where).is_dir():
        return problem("data", f"there is no folder {where}", "Bring it back, or restore a backup.")
    try:
        store = Blobs(where)
        missing = [cid for cid in wanted if not store.exists(cid)]
    except (FreeholdError, OSError) as error:
        said = error.message if isinstance(error, FreeholdError) else str(error.strerror)
        return problem("data", f"the store does not answer: {said}", "Check its address and credentials.")
    if missing:
        return problem(
            "data", f"{len(missing)} of {len(wanted)} pieces are missing, first {missing[0]}", _RESTORE
        )
    return ok("data", f"all {len(wanted)} pieces are there")


def _facts(connection: Connection) -> Facts:
    node = NodeFile(connection)
    return Facts(
        node.party(),
        tuple(node.state(PEERS) or ()),
        node.state(continuity.IDENTITY),
        node.state(ANCHORED) or {"size": 0},
        node.state(purse.STATE) or {},
        tuple(node.quarantined()),
    )
