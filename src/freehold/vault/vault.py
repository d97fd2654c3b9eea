"""The vault of one party: its sealed data, and the epochs that decide who can open which version.

Every asset has epochs 1, 2, ...; each has its own secret, stored only wrapped to this party's own
encryption key. Data is sealed under the newest epoch. Sharing gives a holder one epoch, so after
`rotate` earlier holders cannot open what is put later (what they have opened, they have).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from freehold import plain_file
from freehold.core.connection import Connection
from freehold.core.errors import Conflict, InvalidInput, NotFound, VerificationFailed
from freehold.vault import sealing
from freehold.vault.blobs import Blobs
from freehold.vault.keystore import Keys
from freehold.vault.sealing import EpochSecret, Reader, Writer
from freehold.vault.stores import CHUNK_BYTES

DEFAULT_LIMIT_BYTES = 256 << 20
"""Largest plaintext that `open` holds in memory unless told otherwise."""

TABLES = (
    (
        "CREATE TABLE IF NOT EXISTS vault_epochs (asset TEXT NOT NULL, epoch INTEGER NOT NULL,"
        " recipient TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (asset, epoch)) WITHOUT ROWID"
    ),
)
"""For SQLite; where a node has another database, that has the like."""


class EpochMissing(NotFound, code="vault.epoch"):
    """This vault holds no secret for this epoch of the asset."""


class EpochConflict(Conflict, code="vault.conflict"):
    """Another writer opened the same epoch first, or a different secret is known for it."""


class SourceMissing(NotFound, code="vault.source"):
    """The file to be put is not there."""


class TooLarge(InvalidInput, code="vault.too_large"):
    """The plaintext is larger than the caller allows."""


class SizeMismatch(VerificationFailed, code="vault.size"):
    """The opened data has another size than was recorded."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where one version of an asset lies and what opens it. Holds no secret."""

    asset: str
    """The name under which its epochs are kept."""
    cid: str
    """Content id of the age file."""
    epoch: int
    """Epoch whose secret opens it."""
    size_bytes: int
    """Size of the plaintext."""


class Vault:
    """Put, open, share and rotate. Epoch rows are committed by the caller, with what refers to them."""

    def __init__(self, blobs: Blobs, connection: Connection, keys: Keys) -> None:
        self._blobs = blobs
        self._connection = connection
        self._keys = keys

    def put(self, asset: str, source: Path | bytes) -> Sealed:
        """Seal a file or bytes under the newest epoch (the first, if there is none) and store it.

        Streams: memory does not grow with the file. Commit afterwards; a blob whose epoch row was
        never committed opens for nobody.
        """
        epoch = self.newest_epoch(asset)
        secret = self._secret(asset, epoch) if epoch else EpochSecret.generate()
        # Wrapped before the long part, so that an unusable name fails first; stored after it, so that
        # no write transaction is held open meanwhile.
        wrapped = None if epoch else self._wrap_own(asset, 1, secret)
        with _source(source) as plain, self._blobs.writer() as writer:
            # The recipient comes from the secret: a row altered on disk must not choose who can read.
            sealing.seal(plain, writer, secret.recipient)
        if wrapped is not None:
            self._record(asset, 1, secret, wrapped)
        return Sealed(asset, writer.cid, epoch or 1, plain.size_bytes)

    def open(self, sealed: Sealed, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> bytes:
        """The plaintext in memory; hash, seal and size are checked before it is returned."""
        if sealed.size_bytes > limit_bytes:
            raise TooLarge(
                f"data of {sealed.size_bytes:,} bytes is too large to be opened in memory",
                hint=f"At most {limit_bytes:,} bytes.",
                size_bytes=sealed.size_bytes,
            )
        target = io.BytesIO()
        self.open_into(sealed, target)
        return target.getvalue()

    def open_into(self, sealed: Sealed, target: Writer) -> None:
        """Stream the plaintext; when this raises, what `target` received must be discarded."""
        secret = self._secret(sealed.asset, sealed.epoch)
        reader = self._blobs.reader(sealed.cid, limit_bytes=_sealed_limit(sealed.size_bytes))
        counted = _Limited(target, sealed.size_bytes)
        sealing.unseal(reader, counted, secret)
        reader.finish()
        if counted.left:
            raise SizeMismatch("the opened data is shorter than recorded", cid=sealed.cid)

    def share(self, asset: str, epoch: int, holder_public: bytes) -> bytes:
        """The epoch's secret wrapped to a holder's X25519 key; send it with the grant."""
        return sealing.wrap(self._secret(asset, epoch), holder_public, asset=asset, epoch=epoch)

    def accept(self, asset: str, epoch: int, wrapped: bytes) -> None:
        """Keep a secret that another party shared with this one, after checking that it opens."""
        secret = sealing.unwrap(wrapped, self._keys.encryption_key, asset=asset, epoch=epoch)
        known = self._row(asset, epoch)
        if known is None:
            self._record(asset, epoch, secret, wrapped)
        elif known[0] != secret.recipient:
            raise EpochConflict("another secret is known for this epoch", asset=asset, epoch=epoch)

    def rotate(self, asset: str) -> int:
        """Start a new epoch and return its number; what is put from now on is sealed under it."""
        epoch = self.newest_epoch(asset)
        if not epoch:
            raise EpochMissing("the asset has no epoch yet", hint="Put its data first.", asset=asset)
        secret = EpochSecret.generate()
        self._record(asset, epoch + 1, secret, self._wrap_own(asset, epoch + 1, secret))
        return epoch + 1

    def newest_epoch(self, asset: str) -> int:
        """Number of the newest epoch; 0 when there is none."""
        (newest,) = self._connection.execute(
            "SELECT coalesce(max(epoch), 0) FROM vault_epochs WHERE asset = ?", (asset,)
        ).fetchone()
        return int(newest)

    def _wrap_own(self, asset: str, epoch: int, secret: EpochSecret) -> bytes:
        return sealing.wrap(secret, self._keys.encryption_public, asset=asset, epoch=epoch)

    def _record(self, asset: str, epoch: int, secret: EpochSecret, wrapped: bytes) -> None:
        made = self._connection.execute(
            "INSERT INTO vault_epochs VALUES (?, ?, ?, ?) ON CONFLICT (asset, epoch) DO NOTHING",
            (asset, epoch, secret.recipient, wrapped),
        )
        if made.rowcount != 1:
            raise EpochConflict(
                "the epoch was opened by another writer meanwhile",
                hint="Try again.",
                asset=asset,
                epoch=epoch,
            )

    def _row(self, asset: str, epoch: int) -> tuple[str, bytes] | None:
        row = self._connection.execute(
            "SELECT recipient, wrapped FROM vault_epochs WHERE asset = ? AND epoch = ?", (asset, epoch)
        ).fetchone()
        return None if row is None else (str(row[0]), bytes(row[1]))

    def _secret(self, asset: str, epoch: int) -> EpochSecret:
        row = self._row(asset, epoch)
        if row is None:
            raise EpochMissing(
                "this vault holds no secret for this epoch",
                hint="Ask the owner to share the epoch.",
                asset=asset,
                epoch=epoch,
            )
        return sealing.unwrap(row[1], self._keys.encryption_key, asset=asset, epoch=epoch)


def require_opens(connection: Connection, keys: Keys, most: int) -> None:
    """That the key of a party opens its epoch secrets; of many, any `most` of them.

    Raises `WrongEpochKey`, `InvalidEpochKey`: one does not open.
    """
    rows = connection.execute(
        "SELECT asset, epoch, wrapped FROM vault_epochs ORDER BY random() LIMIT ?", (most,)
    ).fetchall()
    for asset, epoch, wrapped in rows:
        sealing.unwrap(bytes(wrapped), keys.encryption_key, asset=str(asset), epoch=int(epoch))


class _Counted:
    """Counts the plaintext as it passes."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self.size_bytes = 0

    def read(self, size: int) -> bytes:
        piece = self._source.read(size)
        self.size_bytes += len(piece)
        return piece


class _Limited:
    """Refuses more plaintext than was recorded."""

    def __init__(self, target: Writer, left: int) -> None:
        self._target = target
        self.left = left

    def write(self, data: bytes) -> int:
        self.left -= len(data)
        if self.left < 0:
            raise SizeMismatch("the opened data is longer than recorded")
        return self._target.write(data)


@contextmanager
def _source(source: Path | bytes) -> Iterator[_Counted]:
    if isinstance(source, bytes):
        yield _Counted(io.BytesIO(source))
        return
    try:
        file = plain_file.regular(source, buffering=CHUNK_BYTES)
    except FileNotFoundError as error:
        raise SourceMissing("there is no such file", path=str(source)) from error
    except OSError as error:
        raise SourceMissing(f"the file cannot be read: {error.strerror}", path=str(source)) from error
    with file:
        yield _Counted(file)


def _sealed_limit(size_bytes: int) -> int:
    """Most an age file of this plaintext can have: 16 bytes a 64-kB chunk, and a generous header."""
    return size_bytes + (size_bytes // 65536 + 1) * 16 + 64 * 1024
