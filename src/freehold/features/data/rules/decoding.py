"""Text of another encoding as UTF-8, in memory: its mark at the beginning says which, or whoever has the file."""

from __future__ import annotations

import codecs
import io
from typing import BinaryIO

from freehold.core.errors import InvalidTable
from freehold.core.texts import said

_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_CODECS = {"utf-16": "utf-16", "latin-1": "cp1252"}
"""What is called Latin-1 is the Windows code page, as the Encoding Standard of the web has it."""
_BLOCK_BYTES = 1 << 20
HINT = said("Save the file as UTF-8, or say how it is written: encoding=latin-1, or encoding=utf-16.")


def found(head: bytes, said: str) -> str:
    """The encoding of a text that begins so: as its mark says, else as was said, else UTF-8."""
    mark = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")
    return mark or said or "utf-8"


def as_utf8(stream: BinaryIO, file: str, encoding: str) -> BinaryIO:
    """The same text; the stream itself where it is UTF-8 already. Raises InvalidTable: it is no such text."""
    if encoding == "utf-8":
        return stream
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(_CODECS[encoding])(errors="strict")
    made = io.BytesIO()
    try:
        while block := stream.read(_BLOCK_BYTES):
            made.write(decoder.decode(block).encode())
        made.write(decoder.decode(b"", final=True).encode())
    except UnicodeError:
        raise InvalidTable(
            said("{file} is not text in {encoding}", file=file, encoding=encoding), hint=HINT
        ) from None
    made.seek(0)
    return made
