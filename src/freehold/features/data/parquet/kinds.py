"""What the values of a Parquet column stand for, and how they are made of what lies in its pages."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from freehold.core.late import np, npt
from freehold.features.data.parquet.footer import FIXED, Leaf
from freehold.features.data.parquet.thrift import Damaged
from freehold.features.data.rules import spelling
from freehold.features.data.rules.columns import TEXT, Kind, Raw

BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTES = range(7)
_STRING, _ENUM, _DECIMAL, _DATE, _TIME, _STAMP, _INTEGER, _NULL, _JSON, _HALF = (
    1,
    4,
    5,
    6,
    7,
    8,
    10,
    11,
    12,
    15,
)
_UNITS = {1: "ms", 2: "us", 3: "ns"}
_OLDER: Mapping[int, Mapping[int, Any]] = {
    0: {_STRING: {}},
    4: {_ENUM: {}},
    6: {_DATE: {}},
    7: {_TIME: {2: {1: {}}}},
    8: {_TIME: {2: {2: {}}}},
    9: {_STAMP: {1: True, 2: {1: {}}}},
    10: {_STAMP: {1: True, 2: {2: {}}}},
    **{11 + n: {_INTEGER: {1: 8 << n, 2: False}} for n in range(4)},
    **{15 + n: {_INTEGER: {1: 8 << n, 2: True}} for n in range(4)},
    19: {_JSON: {}},
}
"""What older files say, as newer ones do."""
_EPOCH, _DAY_NS = 2_440_588, 86_400 * 10**9
"""Of 1970, in days of the Julian calendar."""
_DURATION = 18
"""Among the types of an Arrow schema."""


@dataclass(frozen=True)
class Made:
    """What a column is, and how cells are made of its plain values."""

    kind: Kind
    made: Callable[[Raw], Raw] = lambda raw: raw
    """Raises ValueError: they are none of the kind."""


def _doubles(raw: Raw) -> npt.NDArray[np.float64]:
    return raw.astype(np.float64)


def _number(name: str, dtype: str) -> Made:
    texts = {"float64": spelling.floats, "float32": spelling.floats, "float16": spelling.halves}
    return Made(
        Kind(name, _doubles, texts=texts.get(dtype, spelling.whole)),
        lambda raw: raw.astype(dtype, copy=False),
    )


_PLAIN = {
    BOOLEAN: Made(Kind("bool", _doubles, texts=spelling.truths)),
    INT32: _number("int32", "int32"),
    INT64: _number("int64", "int64"),
    FLOAT: _number("float", "float32"),
    DOUBLE: _number("double", "float64"),
}


def of(leaf: Leaf, durations: Container[str] = ()) -> Made:
    """What a plain column is. `durations` names columns that Arrow wrote as lengths of time."""
    said = leaf.logical or _older(leaf)
    if leaf.path[0] in durations and leaf.physical == INT64:
        return Made(Kind("duration", texts=spelling.whole))
    if _NULL in said:
        # whatever its values are made of: none of them says anything
        return Made(
            Kind("null", texts=lambda raw: [""] * len(raw)), lambda raw: np.zeros(len(raw), dtype=np.int8)
        )
    if _DECIMAL in said:
        return _decimals(leaf, _whole(said[_DECIMAL].get(1, 0)), said[_DECIMAL].get(2, 0))
    if leaf.physical in (BYTES, FIXED):
        return _of_bytes(leaf, said)
    return _meant(leaf, said) or _PLAIN[leaf.physical]


def _of_bytes(leaf: Leaf, said: Mapping[int, Any]) -> Made:
    if leaf.physical == BYTES:
        is_text = {_STRING, _ENUM, _JSON} & said.keys()
        return Made(TEXT if is_text else Kind("binary", texts=spelling.decoded, is_any_length=True))
    if _HALF in said and leaf.length == 2:
        half = _number("halffloat", "float16")
        return replace(half, made=lambda raw: np.ascontiguousarray(raw).view("<f2").reshape(-1))
    return Made(Kind(f"fixed_size_binary[{leaf.length}]", texts=spelling.decoded), _objects)


def _objects(raw: Raw) -> Raw:
    made = np.empty(len(raw), dtype=object)
    made[:] = [bytes(one) for one in raw]
    return made


def _meant(leaf: Leaf, said: Mapping[int, Any]) -> Made | None:
    """Whole numbers that stand for something else; None where they do not."""
    if leaf.physical == INT96:
        return Made(Kind("timestamp[ns]", texts=partial(spelling.moments, unit="ns")), _of_days)
    if leaf.physical not in (INT32, INT64):
        return None
    if _DATE in said and leaf.physical == INT32:
        return Made(Kind("date32[day]", texts=partial(spelling.moments, unit="D")))
    if _TIME in said or _STAMP in said:
        return _moment(said)
    if _INTEGER in said:
        bits, signed = said[_INTEGER].get(1), said[_INTEGER].get(2)
        if bits in (8, 16, 32, 64):
            name = f"{'' if signed else 'u'}int{bits}"
            return _number(name, name)
    return None


def _moment(said: Mapping[int, Any]) -> Made | None:
    told = said.get(_STAMP, said.get(_TIME, {}))
    unit = _UNITS.get(next(iter(told.get(2, {})), 0))
    if unit is None:
        return None
    if _TIME in said:
        bits = 32 if unit == "ms" else 64
        return Made(Kind(f"time{bits}[{unit}]", texts=partial(spelling.times, unit=unit)))
    utc = bool(told.get(1))
    texts = partial(spelling.moments, unit=unit, ends="Z" if utc else "")
    return Made(Kind(f"timestamp[{unit}{', tz=UTC' if utc else ''}]", texts=texts))


def _older(leaf: Leaf) -> Mapping[int, Any]:
    if leaf.converted == 5:
        return {_DECIMAL: {1: leaf.scale, 2: leaf.precision}}
    return {} if leaf.converted is None else _OLDER.get(leaf.converted, {})


def _whole(scale: int) -> int:
    if not -100 <= scale <= 100:
        raise Damaged("a decimal number in it has a scale that no number has")
    return scale


def _decimals(leaf: Leaf, scale: int, precision: int) -> Made:
    wide = 128 if leaf.length <= 16 else 256
    kind = Kind(
        f"decimal{wide}({precision}, {scale})",
        partial(spelling.near, scale=scale),
        partial(spelling.decimals, scale=scale),
        lambda raw: [str(one) for one in spelling.decimals(raw, scale)],
    )
    if leaf.physical in (INT32, INT64):
        return Made(kind)
    if leaf.physical not in (BYTES, FIXED):
        raise Damaged("a decimal number in it lies in no whole number")
    return Made(kind, _big)


def _big(raw: Raw) -> Raw:
    """Whole numbers in two's complement, their first byte first."""
    made = np.empty(len(raw), dtype=object)
    made[:] = [int.from_bytes(bytes(one), "big", signed=True) for one in raw]
    return made


def _of_days(raw: Raw) -> Raw:
    """Nanoseconds since 1970 from nanoseconds and days, in 12 bytes."""
    parts = np.ascontiguousarray(raw)
    within = parts[:, :8].copy().view("<i8").reshape(-1)
    days = parts[:, 8:].copy().view("<i4").reshape(-1).astype(np.int64)
    made: Raw = (days - _EPOCH) * _DAY_NS + within
    return made


def durations(said: Mapping[bytes, bytes]) -> frozenset[str]:
    """Columns that Arrow wrote as lengths of time, for which Parquet has no word: its schema stands beside.

    What cannot be read of it says nothing.
    """
    try:
        return frozenset(_of_type(base64.b64decode(said.get(b"ARROW:schema", b"")), _DURATION))
    except (ValueError, struct.error, IndexError):
        return frozenset()


def _of_type(raw: bytes, wanted: int) -> list[str]:
    """Names of the columns of one type in an encapsulated Arrow schema, which is a FlatBuffer."""
    # a message begins with a mark and its length, or in older files with the length alone
    data = memoryview(raw)[8 if raw[:4] == b"\xff\xff\xff\xff" else 4 :]
    if len(data) == 0:
        return []
    message = _offset(data, 0)
    schema = _place(data, message, 2)
    fields = _place(data, schema, 1)
    found = []
    for n in range(min(struct.unpack_from("<I", data, fields)[0], len(data) // 4)):
        at = fields + 4 + 4 * n
        table = at + _offset(data, at)
        kind = _slot(data, table, 2)
        if kind and data[table + kind] == wanted:
            name = _place(data, table, 0)
            (size,) = struct.unpack_from("<I", data, name)
            found.append(bytes(data[name + 4 : name + 4 + size]).decode())
    return found


def _offset(data: memoryview, at: int) -> int:
    found: int = struct.unpack_from("<I", data, at)[0]
    return found


def _slot(data: memoryview, table: int, number: int) -> int:
    """Where in a table a field stands, from its beginning; 0 where it has none."""
    shape = table - int(struct.unpack_from("<i", data, table)[0])
    if shape < 0 or 4 + 2 * number >= struct.unpack_from("<H", data, shape)[0]:
        return 0
    found: int = struct.unpack_from("<H", data, shape + 4 + 2 * number)[0]
    return found


def _place(data: memoryview, table: int, number: int) -> int:
    """Where what a field points to begins. Raises ValueError: nowhere."""
    slot = _slot(data, table, number)
    if not slot:
        raise ValueError("the schema is not whole")
    return table + slot + _offset(data, table + slot)
