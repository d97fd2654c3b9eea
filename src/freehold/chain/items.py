"""RLP of byte strings, numbers and lists (Yellow Paper, appendix B), for what is encoded often.

The general library works out the type of every value anew, which takes longer than signing it.
"""

from __future__ import annotations


def number(value: int) -> bytes:
    """A number: its bytes, without leading zeros."""
    return string(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def string(value: bytes) -> bytes:
    """A byte string."""
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _sized(0x80, len(value)) + value


def joined(payload: bytes) -> bytes:
    """A list, from its items' encodings in a row."""
    return _sized(0xC0, len(payload)) + payload


def _sized(kind: int, size: int) -> bytes:
    if size < 56:
        return bytes((kind + size,))
    width = (size.bit_length() + 7) // 8
    return bytes((kind + 55 + width,)) + size.to_bytes(width, "big")
