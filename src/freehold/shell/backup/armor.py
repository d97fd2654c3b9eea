r"""A backup as lines of text (base64, RFC 4648), in which it leaves by stdout: what carries text cannot damage it.

Terminals, remote shells and mail change line ends and stop at odd bytes. `base64 -d` gives the file itself.

>>> import io
>>> text = io.BytesIO()
>>> with Armored(text) as target:
...     _ = target.write(b"freehold-backup/v1 and so on")
>>> text.getvalue()
b'ZnJlZWhvbGQtYmFja3VwL3YxIGFuZCBzbyBvbg==\n'
>>> opened(io.BufferedReader(io.BytesIO(text.getvalue()))).readline()
b'freehold-backup/v1 and so on'
"""

from __future__ import annotations

import base64
import binascii
import codecs
import io
from typing import Any, BinaryIO, Self

from freehold.vault.envelope import MAGIC, NotABackup

_LINE_BYTES = 57
_PIECE_BYTES = _LINE_BYTES * 1024


class Armored:
    """What is written goes to `target` as text; all of it once the block ends."""

    def __init__(self, target: BinaryIO) -> None:
        self._target, self._held = target, bytearray()
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._put(len(self._held))
            self._target.flush()

    def write(self, data: bytes, /) -> int:
        """Take all of `data`."""
        self._held += data
        if len(self._held) >= _PIECE_BYTES:
            # whole lines
            self._put(len(self._held) // _LINE_BYTES * _LINE_BYTES)
        return len(data)

    def _put(self, size: int) -> None:
        text = base64.encodebytes(self._held[:size])
        self._target.write(text)
        self.size_bytes += len(text)
        del self._held[:size]


def opened(source: io.BufferedReader) -> io.BufferedReader:
    """The backup in a file, in whichever of its two forms it is there. Raises `NotABackup`: saved as UTF-16."""
    if source.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise NotABackup("the backup was saved as UTF-16", hint="Save the file as UTF-8.")
    if source.peek(3)[:3] == codecs.BOM_UTF8:
        source.read(3)
    while source.peek(1)[:1].isspace():
        source.read(1)
    is_text = source.peek(1)[:1] == base64.b64encode(MAGIC)[:1]
    return io.BufferedReader(_Text(source)) if is_text else source


class _Text(io.RawIOBase):
    """The bytes that lines of base64 stand for."""

    def __init__(self, source: io.BufferedReader) -> None:
        super().__init__()
        self._source, self._held, self._ready = source, b"", b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: Any) -> int:
        """Some bytes, none at the end. Raises `NotABackup`: the text is cut or is none of these."""
        while not self._ready:
            piece = self._source.read(_PIECE_BYTES)
            text = self._held + b"".join(piece.split())
            whole = len(text) // 4 * 4
            self._held = text[whole:]
            if not piece and self._held:
                raise NotABackup("the backup is cut short", hint="Copy it again, or use another copy.")
            if not piece:
                return 0
            try:
                self._ready = base64.b64decode(text[:whole], validate=True)
            except binascii.Error as error:
                raise NotABackup(
                    "the backup is cut short, or was altered", hint="Copy it again, or use another copy."
                ) from error
        size = min(len(into), len(self._ready))
        into[:size], self._ready = self._ready[:size], self._ready[size:]
        return size
