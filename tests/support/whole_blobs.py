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
        paths = [entry["path"] for page in obstore.list(self._store) for entry in page]
        return [path for path in paths if path.startswith("bafkrei")]

    def delete(self, cid):
        with suppress(FileNotFoundError):
            obstore.delete(self._store, cid)
