"""A blob store that is asked for whole blobs, and what it lists and loses."""

from contextlib import suppress

import obstore

from freehold.vault import blobs


class Blobs(blobs.Blobs):
    def put(self, content):
        with self.writer() as writer:
            for piece in (content,) if isinstance(content, bytes) else content:
                writer.write(piece)
        return writer.cid

    def get(self, cid, *, limit_bytes=256 << 20):
        reader = self.reader(cid, limit_bytes=limit_bytes)
        return b"".join(iter(lambda: reader.read(blobs.CHUNK_BYTES), b""))

    def cids(self):
        if (names := self.present()) is None:
            names = [entry["path"] for page in obstore.list(self._store.client) for entry in page]
        return [name for name in names if name.startswith("bafkrei")]

    def delete(self, cid):
        with suppress(FileNotFoundError):
            if self.present() is None:
                obstore.delete(self._store.client, cid)
            else:
                (self._store.directory / cid).unlink()
