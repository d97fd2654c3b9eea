"""A node out of a backup: checked beside its new home, put in place by one rename, and going on once its owner says so."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from freehold import durable, plain_file
from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.errors import Conflict, FreeholdError, InvalidInput, VerificationFailed
from freehold.kernel import setting_sources, settings
from freehold.kernel.anchored_head import compare_head
from freehold.kernel.continuity import RESTORED
from freehold.kernel.databases import address, commits, copying, opening
from freehold.kernel.databases.errors import DatabaseNotEmpty
from freehold.kernel.databases.opening import read_file
from freehold.kernel.home_lock import HomeInUse, lock
from freehold.kernel.reading import database_url, require_node
from freehold.kernel.registry import everything
from freehold.kernel.store import Store
from freehold.log.store import LogStore
from freehold.shell.backup import armor, checking
from freehold.shell.backup.disk import failures
from freehold.shell.backup.manifest import DATABASE, Manifest
from freehold.shell.backup.pack import CHUNK_BYTES, Unpacker
from freehold.vault import envelope
from freehold.vault.home_folder import require_own_place


class HomeNotEmpty(Conflict, code="backup.home"):
    """Something is already where the node was to be put."""


class BackupOutdated(Conflict, code="backup.outdated"):
    """The chain vouches for log entries that the backup does not have."""


class NotRestored(Conflict, code="backup.not_restored"):
    """The home did not come out of a backup, or was adopted before."""


@dataclass(frozen=True)
class Restored:
    """A finished restore."""

    manifest: Manifest
    anchored: int | None
    """Entries of the log that the chain vouches for; None where no chain answered."""


def restore(
    file: Path | BufferedReader, home: Path, passphrase: str, *, database: str = "", allow_older: bool = False
) -> Restored:
    """Put the node of a backup into a new or empty home, its rows where asked into an empty `database`.

    `allow_older` restores although the chain has anchored a longer log. The home is as it was where this raises
    HomeNotEmpty, UnsafeHome, DatabaseNotEmpty, NotABackup, WrongPassphrase, VerificationFailed, BackupOutdated or
    StorageFull.
    """
    home = home.absolute()
    if database:
        address.parse(database)
    with failures(f"restore into {home}"):
        if home.is_symlink() or (home.exists() and (not home.is_dir() or any(home.iterdir()))):
            raise HomeNotEmpty(f"{home} is not empty", hint="Restore into a new folder.")
        require_own_place(home)
        with _staging(home) as staging:
            done = _unpack(file, staging, passphrase, allow_older=allow_older)
            if database:
                _into_server(staging, database, done.manifest)
            durable.sync_tree(staging)
            try:
                durable.place(staging, home, replace=True)
            except OSError as error:
                raise HomeNotEmpty(
                    f"cannot put the node in place: {error.strerror}",
                    hint="Restore into a folder that does not exist yet.",
                ) from error
    return done


def adopt(home: Path, *, nothing_since: bool) -> None:
    """Let a restored home go on; its node must be stopped.

    Privacy budgets of the rows in it count as spent from now on, unless `nothing_since`: no run was granted and
    no update given after the backup, by this node or another copy. Raises NotRestored, NotFound, HomeInUse.
    """
    require_node(home)
    with lock(home), closing(Store(opening.for_writing(home, database_url(home)))) as store:
        known = store.state(RESTORED)
        if known is None or known["budget"] != "unknown":
            raise NotRestored("nothing is to be settled here", hint="Only a restored home is adopted, once.")
        with store.transaction() as tx:
            tx.set(RESTORED, {**known, "compared": True, "budget": "kept" if nothing_since else "closed"})
            if not nothing_since:
                for close in everything().every("adopted"):
                    close(tx, known)


def examine(file: Path | BufferedReader, near: Path, passphrase: str) -> Manifest:
    """Every check that restoring makes, without a home; `near` is a folder with room for the data."""
    with failures("unpack the backup"), _staging(near.absolute() / "backup-check") as staging:
        return _unpack(file, staging, passphrase, allow_older=True).manifest


def _unpack(file: Path | BufferedReader, staging: Path, passphrase: str, *, allow_older: bool) -> Restored:
    unpacker = Unpacker(staging)
    try:
        with ExitStack() as opened:
            if isinstance(file, Path):
                file = opened.enter_context(plain_file.regular(file, buffering=CHUNK_BYTES))
            envelope.unseal(armor.opened(file), unpacker, passphrase)
        manifest = unpacker.finish()
    finally:
        unpacker.close()
    checking.require_sound(staging, manifest, passphrase)
    _mark(staging)
    anchored = _anchored(staging, manifest)
    if anchored is not None and not anchored[1] and not allow_older:
        raise BackupOutdated(
            f"the chain vouches for {anchored[0]} log entries, the backup holds {manifest.log_size} or others",
            hint="Restore the newest backup. What was logged since this one is lost, and others can see that:"
            " --allow-older restores it nevertheless.",
            anchored=anchored[0],
            size=manifest.log_size,
        )
    return Restored(manifest, None if anchored is None else anchored[0])


def _mark(staging: Path) -> None:
    """The home says of itself that it came out of a backup: it does not know what happened since."""
    with closing(Store(staging / DATABASE)) as store, store.transaction() as tx:
        (lines,) = tx.connection.execute("SELECT coalesce(max(number), 0) FROM privacy_terms").fetchone()
        tx.set(
            RESTORED, {"at": int(time.time()), "lines": int(lines), "compared": False, "budget": "unknown"}
        )


def _into_server(staging: Path, url: str, manifest: Manifest) -> None:
    """The rows into the server's database, all or none, and the home pointed at it."""
    commits.forget(staging / DATABASE)
    with (
        closing(opening.for_writing(staging, url)) as target,
        closing(read_file(staging / DATABASE)) as source,
    ):
        if not copying.is_empty(target.connection):
            raise DatabaseNotEmpty(
                "there is a node in that database already", hint="Name an empty one: createdb NAME"
            )
        with target.transaction() as connection:
            copying.copy(source, connection)
            size, root = LogStore(connection).verify()
            if (size, "0x" + root.hex()) != (manifest.log_size, manifest.log_root):
                raise VerificationFailed("the log did not arrive as it was")
    (staging / DATABASE).unlink()
    settings.save(staging, settings.load(staging).with_overrides(database=url))


def _anchored(staging: Path, manifest: Manifest) -> tuple[int, bool] | None:
    """(anchored size, whether the log contains what is anchored); None where no chain answers."""
    # as at a start, for a node may be told its chain by the environment alone
    with Rpc(setting_sources.choose(staging, os.environ).settings.rpc_url) as rpc:
        try:
            chain = Chain(rpc)
            if chain.chain_id != manifest.chain_id:
                return None
            root, size, _ = chain.read("LogAnchors", "headOf", manifest.account)
        except FreeholdError:
            return None
    with closing(read_file(staging / DATABASE)) as connection:
        return int(size), compare_head(bytes(root), int(size), LogStore(connection)).fault() is None


@contextmanager
def _staging(home: Path) -> Iterator[Path]:
    """A private folder beside the home, locked while in use; one that a killed process left is emptied."""
    path = home.with_name(f".{home.name}.restoring")
    path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUse(f"another process is restoring into {home}", hint="Wait for it.") from None
        if os.fstat(descriptor).st_uid != os.getuid():
            raise InvalidInput(f"{path} belongs to another user", hint="Remove it.")
        os.fchmod(descriptor, 0o700)
        for left in path.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        try:
            yield path
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(path)
    finally:
        os.close(descriptor)
