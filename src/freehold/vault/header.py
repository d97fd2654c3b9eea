"""The one rule of age headers that the age library does not enforce.

It still accepts a form from before age v1: a stanza without its last, short line. C2SP age says
"each stanza body MUST end with a line of less than 64 characters", so two different headers would
pass as one; here they do not.
"""

from __future__ import annotations

from typing import Protocol

from freehold.core.errors import VerificationFailed

MAX_HEADER_BYTES = 64 * 1024
_BODY_LINE = 64


class Reader(Protocol):
    """What can be read in pieces."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class SealBroken(VerificationFailed):
    """The sealed data was altered or cut short."""

    code = "vault.seal"


class HeaderChecked:
    """The same stream, its header already found to be in the strict form.

    Only what the library lets pass is checked here; all else is left to the library.
    """

    def __init__(self, source: Reader) -> None:
        self._source = source
        self._read_ahead = b""
        while (end := self._read_ahead.find(b"\n---")) < 0:
            piece = source.read(8192)
            if not piece:
                return
            self._read_ahead += piece
            if len(self._read_ahead) > MAX_HEADER_BYTES:
                raise SealBroken("the header of the sealed data is too long", limit_bytes=MAX_HEADER_BYTES)
        _check_stanzas(self._read_ahead[:end].split(b"\n")[1:])

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._read_ahead:
            return self._source.read(size)
        piece, self._read_ahead = self._read_ahead[:size], self._read_ahead[size:]
        return piece


def _check_stanzas(lines: list[bytes]) -> None:
    body_open = False
    for line in [*lines, b"-> end"]:
        if line.startswith(b"-> "):
            if body_open:
                raise SealBroken("a stanza in the header of the sealed data is not ended")
            body_open = True
        elif len(line) < _BODY_LINE:
            body_open = False
