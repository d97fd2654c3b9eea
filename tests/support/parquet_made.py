"""Parquet files byte by byte, for what no writer would make: chunks that say anything of themselves."""

from __future__ import annotations

from collections.abc import Sequence

Chunk = tuple[int, int, int]
"""Codec, where its pages begin, and their bytes."""


def varint(value: int) -> bytes:
    made = b""
    while value > 127:
        made, value = made + bytes([value & 127 | 128]), value >> 7
    return made + bytes([value])


def whole(value: int) -> bytes:
    return varint(value << 1)


def struct(**fields: int | bytes | list[bytes] | dict) -> bytes:
    """Fields by number, as in f1=5: whole numbers, bytes, lists of structs, and structs, which are dicts."""
    made, last = b"", 0
    for name, value in fields.items():
        number = int(name[1:])
        kind = {int: 5, bytes: 8, list: 9, dict: 12}[type(value)]
        made, last = made + bytes([(number - last) << 4 | kind]), number
        if isinstance(value, int):
            made += whole(value)
        elif isinstance(value, bytes):
            made += varint(len(value)) + value
        elif isinstance(value, dict):
            made += struct(**value)
        else:
            made += b"\xfc" + varint(len(value)) + b"".join(value)
    return made + b"\0"


def dictionary(packed: bytes, count: int, makes: int) -> bytes:
    return struct(f1=2, f2=makes, f3=len(packed), f7={"f1": count, "f2": 0}) + packed


def page(packed: bytes, count: int, makes: int, encoding: int = 0) -> bytes:
    return struct(f1=0, f2=makes, f3=len(packed), f5={"f1": count, "f2": encoding, "f3": 3, "f4": 3}) + packed


def file(columns: Sequence[bytes], groups: Sequence[tuple[int, Sequence[Chunk]]], pages: bytes) -> bytes:
    """`columns` are SchemaElements; `groups` have their rows and the chunks of each column."""

    def chunk(physical: int, rows: int, one: Chunk) -> bytes:
        codec, begins, size = one
        return struct(f2=0, f3={"f1": physical, "f4": codec, "f5": rows, "f7": size, "f9": begins})

    physical = [one[1] >> 1 for one in columns]
    made = [
        struct(
            f1=[chunk(*both) for both in zip(physical, [rows] * len(chunks), chunks, strict=True)], f3=rows
        )
        for rows, chunks in groups
    ]
    root = struct(f4=b"root", f5=len(columns))
    footer = struct(f1=1, f2=[root, *columns], f3=sum(rows for rows, _ in groups), f4=made)
    return b"PAR1" + pages + footer + len(footer).to_bytes(4, "little") + b"PAR1"
