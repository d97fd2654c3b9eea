"""What this node keeps sealed: whether it is still there and whole, and who is told when it is not.

The owner reads it in `freehold status`, on the console's first page and from `freehold doctor`; who asks for
the data is refused before anything is charged.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from pathlib import Path

from freehold.core.errors import Conflict, FreeholdError, NotFound, VerificationFailed
from freehold.kernel.databases import migrations, opening
from freehold.kernel.databases.errors import damaged, foreign
from freehold.kernel.databases.opening import FILE
from freehold.kernel.databases.soundness import require_sound
from freehold.kernel.node import Node
from freehold.kernel.reading import NodeFile
from freehold.kernel.store import Transaction
from freehold.vault import vault
from freehold.vault.keystore import Keys
from freehold.vault.vault import Sealed

_RESTORE = "Bring the file back into the folder of encrypted data, or restore a backup: freehold restore"


class DataLost(Conflict, code="data.lost"):
    """The encrypted data of an asset is missing or damaged where it is kept."""


AGAIN_SECONDS = 60.0
"""How long data that did not open is not read again, unless it is used: its owner may have brought it back."""
MOST_EPOCHS = 100
"""Epoch secrets that are tried at a start; 20 ms."""


def require_opens(home: Path, url: str, keys: Keys) -> None:
    """That a home's database is sound and its secrets open with these keys; nothing is written.

    Raises `DatabaseDamaged`, `DatabaseMismatch`, `StorageFailed`.
    """
    if not url:
        require_sound(home / FILE)
        if not (home / FILE).exists():
            return
    with closing(opening.for_reading(home, url)) as connection:
        # a later program's is said so
        if not migrations.is_current(connection) and not migrations.version(connection):
            return
        try:
            vault.require_opens(connection, keys, MOST_EPOCHS)
        except FreeholdError as error:
            with suppress(NotFound, VerificationFailed):
                if NodeFile(connection).party().account != keys.account:
                    raise foreign() from error
            raise damaged(f"a secret of sealed data does not open ({error.message})") from error


def keep(tx: Transaction, name: str, sealed: Sealed) -> None:
    """Remember under a name where sealed data lies."""
    tx.connection.execute(
        "INSERT INTO sealed VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET asset = excluded.asset,"
        " cid = excluded.cid, epoch = excluded.epoch, size_bytes = excluded.size_bytes",
        (name, sealed.asset, sealed.cid, sealed.epoch, sealed.size_bytes),
    )


def record(node: Node, name: str) -> Sealed | None:
    """Where the data of a name lies; None where nothing is sealed under it."""
    rows = node.store.rows("SELECT asset, cid, epoch, size_bytes FROM sealed WHERE name = ?", name)
    return Sealed(*rows[0]) if rows else None


def unseal(node: Node, name: str) -> bytes:
    """The plaintext kept sealed under a name; in memory only.

    Raises `NotFound`: no such data here. `DataLost`: it is gone, or no longer what was put.
    """
    sealed = record(node, name)
    if sealed is None:
        raise NotFound("that data is not in this vault")
    try:
        with node.store.reading() as connection:
            plain = node.vault(connection).open(sealed)
    except (NotFound, VerificationFailed) as error:
        node.lost[sealed.cid] = time.monotonic()
        raise _lost() from error
    node.lost.pop(sealed.cid, None)
    return plain


def require_there(node: Node, name: str) -> None:
    """That sealed data seems to be there, without reading it: a request alone must not cost as much as a use.

    Raises `DataLost`.
    """
    sealed, present = record(node, name), node.blobs_present()
    if sealed is None:
        return
    cid = sealed.cid
    if present is not None and cid not in present:
        raise _lost()
    if (failed_at := node.lost.get(cid)) is not None:
        if time.monotonic() - failed_at < AGAIN_SECONDS:
            raise _lost()
        unseal(node, name)


def _lost() -> DataLost:
    return DataLost(
        "the data of this asset is missing or damaged where it is kept",
        hint="Its owner sees what is missing in freehold status; go on without it meanwhile.",
    )


def missing(node: Node) -> list[DataLost]:
    """What is known to be lost, as one notice for the owner; files are looked for, not read.

    A remote store is not asked each time: `freehold doctor` does.
    """
    kept = node.store.rows("SELECT name, cid FROM sealed")
    present = node.blobs_present()
    lost = {
        str(name) for name, cid in kept if cid in node.lost or (present is not None and cid not in present)
    }
    if not lost:
        return []
    first = min(lost, key=lambda name: (not node.store.has(name), name))
    name = node.asset(first).name if node.store.has(first) else f"data of {first[:10]}"
    called = f": {name}" + (f" and {len(lost) - 1} more" if len(lost) > 1 else "")
    return [DataLost(f"encrypted data is missing or damaged{called}", hint=_RESTORE)]
