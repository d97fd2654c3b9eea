"""Where blobs lie: a folder, or a bucket of an S3-compatible service. Neither looks at what the bytes are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from freehold import durable, plain_file
from freehold.core import extras
from freehold.core.errors import InvalidInput, NotFound, Unavailable

CHUNK_BYTES = 1 << 20


class InvalidBlobStore(InvalidInput, code="blob.store"):
    """The address of the blob store is not a directory or S3 address."""


class BlobMissing(NotFound, code="blob.missing"):
    """The store has no blob of this content id."""


class BlobStoreUnreachable(Unavailable, code="blob.unreachable"):
    """The store did not answer, or refused the credentials."""


class Found(NamedTuple):
    """A blob that is there."""

    size_bytes: int
    pieces: Iterator[Any]
    """Its bytes."""


class Store(Protocol):
    """Keeps files by their content id. Raises `BlobMissing`, `BlobStoreUnreachable`."""

    def put(self, cid: str, spooled: Path) -> None:
        """Keep a file whole, or not at all."""

    def find(self, cid: str) -> Found:
        """Read one."""

    def holds(self, cid: str) -> bool:
        """Whether it is listed."""


class Folder:
    """A store in a directory of this machine."""

    def __init__(self, directory: Path) -> None:
        durable.make_directory(directory, 0o700)
        self.directory = directory

    def put(self, cid: str, spooled: Path) -> None:
        """Always replace: if an older copy was damaged, this one is known to be right."""
        durable.place(spooled, self.directory / cid, replace=True)

    def find(self, cid: str) -> Found:
        """Read one that is a regular file."""
        path = self.directory / cid
        with _errors(cid, OSError):
            return Found(path.stat().st_size, _read(cid, path))

    def holds(self, cid: str) -> bool:
        """Whether something has this name."""
        with _errors(cid, OSError):
            return (self.directory / cid).exists()


def _read(cid: str, path: Path) -> Iterator[bytes]:
    with _errors(cid, OSError), plain_file.regular(path) as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


class Bucket:
    """A store on S3, with the options of its client (`endpoint`, `region`, `access_key_id`, ...)."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        with extras.needed("s3"):
            from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
            from obstore.store import from_url  # noqa: PLC0415

        self._failed = BaseError
        try:
            self.client = from_url(url, **options)
        except (BaseError, ValueError, TypeError) as error:
            # Without the cause: options may hold credentials.
            raise InvalidBlobStore(
                "the S3 address or its options are not usable", reason=type(error).__name__
            ) from None

    def put(self, cid: str, spooled: Path) -> None:
        """Send it, unless it is there."""
        import obstore  # noqa: PLC0415

        if not self.holds(cid):
            with _errors(cid, self._failed):
                obstore.put(self.client, cid, spooled)

    def find(self, cid: str) -> Found:
        """Ask for one."""
        import obstore  # noqa: PLC0415

        with _errors(cid, self._failed):
            found = obstore.get(self.client, cid)
            return Found(found.meta["size"], self._arriving(cid, found))

    def _arriving(self, cid: str, found: Any) -> Iterator[Any]:
        with _errors(cid, self._failed):
            yield from found.stream(min_chunk_size=CHUNK_BYTES)

    def holds(self, cid: str) -> bool:
        """Whether the service lists it."""
        import obstore  # noqa: PLC0415

        try:
            with _errors(cid, self._failed):
                obstore.head(self.client, cid)
        except BlobMissing:
            return False
        return True


@contextmanager
def _errors(cid: str, failed: type[Exception]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BlobMissing(
            "the store has no such blob",
            hint="Check that the store is the one it was put in; fetch the blob from its owner.",
            cid=cid,
        ) from error
    except failed as error:
        raise BlobStoreUnreachable(
            "the blob store did not answer as it should",
            hint="Check its address, credentials and network, then retry.",
            reason=type(error).__name__,
        ) from error
