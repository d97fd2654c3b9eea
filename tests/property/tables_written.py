"""Tables of every kind of column, written as Parquet in every way, and texts written as CSV; from a seed."""

from __future__ import annotations

import decimal
import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WORDS = [
    "yes",
    "no",
    "ü,x",
    'q"q',
    "a\nb",
    "c\r\nd",
    "",
    '""',
    " pad ",
    "NA",
    "inf",
    "1_0",
    "+5",
    ".5",
    "5.",
    "\u00a08",
]
KINDS: dict[str, Callable[[random.Random, int], Any]] = {
    "double": lambda r, n: pa.array(
        gaps(r, [r.choice([spread(r), spread(r), 1e20, 5e-324, 0.0, -0.0, 7.0]) for _ in range(n)])
    ),
    "float": lambda r, n: pa.array(gaps(r, [spread(r) for _ in range(n)]), pa.float32()),
    "half": lambda r, n: pa.array(np.array([r.gauss(0, 1) for _ in range(n)], dtype=np.float16)),
    **{
        str(kind): lambda r, n, kind=kind: pa.array(gaps(r, [r.randrange(120) for _ in range(n)]), kind)
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    },
    "int64": lambda r, n: pa.array(gaps(r, [r.randrange(-(2**63), 2**63) for _ in range(n)]), pa.int64()),
    "truths": lambda r, n: pa.array(gaps(r, [r.random() < 0.5 for _ in range(n)]), pa.bool_()),
    "texts": lambda r, n: pa.array(
        gaps(r, [word(r) for _ in range(n)]), r.choice([pa.string(), pa.large_string()])
    ),
    "few texts": lambda r, n: pa.array(gaps(r, [word(r) for _ in range(n)]), pa.string()).dictionary_encode(),
    "few numbers": lambda r, n: pa.array([r.randrange(3) for _ in range(n)]).dictionary_encode(),
    "decimals": lambda r, n: pa.array(
        gaps(r, [decimal.Decimal(r.randrange(-(10**9), 10**9)).scaleb(-3) for _ in range(n)]),
        r.choice([pa.decimal128(9, 3), pa.decimal128(18, 3), pa.decimal128(38, 3), pa.decimal256(50, 3)]),
    ),
    "days": lambda r, n: pa.array(gaps(r, [r.randrange(-9_999, 20_000) for _ in range(n)]), pa.int32()).cast(
        pa.date32()
    ),
    "moments": lambda r, n: pa.array(gaps(r, [r.randrange(2 * 10**9) for _ in range(n)]), pa.int64()).cast(
        r.choice([pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", "UTC")])
    ),
    "times": lambda r, n: pa.array(gaps(r, [r.randrange(86_400) for _ in range(n)]), pa.int32()).cast(
        pa.time32("ms")
    ),
    "lengths": lambda r, n: pa.array(gaps(r, [r.randrange(10**6) for _ in range(n)]), pa.int64()).cast(
        pa.duration("us")
    ),
    "nothing": lambda r, n: pa.array([None] * n, pa.null()),
    "lists": lambda r, n: pa.array(gaps(r, [[1.0, 2.0]] * n), pa.list_(pa.float64())),
    "structs": lambda r, n: pa.array(
        gaps(r, [{"x": 1, "y": "2"}] * n), pa.struct({"x": pa.int64(), "y": pa.string()})
    ),
    "bytes": lambda r, n: pa.array(gaps(r, [r.choice([b"12", b"\xff", b""]) for _ in range(n)]), pa.binary()),
    "fixed bytes": lambda r, n: pa.array([b"ab"] * n, pa.binary(2)),
    "long bytes": lambda r, n: pa.array([b"a" * 70] * n, pa.binary(70)),
}
_PACKINGS = {
    "int": ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "PLAIN"],
    "float": ["BYTE_STREAM_SPLIT", "PLAIN"],
    "string": ["DELTA_LENGTH_BYTE_ARRAY", "PLAIN"],
    "bool": ["RLE", "PLAIN"],
    "decimal": ["BYTE_STREAM_SPLIT", "PLAIN"],
}


def spread(r: random.Random) -> float:
    """A number of any size at which its text changes its form."""
    return r.gauss(0, 1) * 10.0 ** r.randint(-9, 18)


def word(r: random.Random) -> str:
    """A cell of text, mostly a number."""
    numbers = (
        str(r.randint(-999, 999)),
        f"{r.uniform(-1e3, 1e3):.{r.randint(0, 8)}f}",
        f"{r.gauss(0, 1):.3e}",
    )
    return r.choice([*numbers, *numbers, r.choice(WORDS)])


def gaps(r: random.Random, values: list[Any]) -> list[Any]:
    """Values of which some are missing, or none, or all."""
    share = r.choice([0, 0, 0.2, 1])
    return [None if r.random() < share else value for value in values]


def parquet(seed: int) -> bytes:
    """A file with some columns, packed in some way."""
    r = random.Random(seed)
    rows = r.choice([1, 2, 3, 10, 300, 3_000])
    table = pa.table({f"c{n}": KINDS[r.choice(list(KINDS))](r, rows) for n in range(r.randint(1, 6))})
    options: dict[str, Any] = {
        "compression": r.choice(["none", "snappy", "gzip", "zstd", "lz4", "brotli"]),
        "row_group_size": max(1, r.choice([rows, 7, 100])),
        "data_page_version": r.choice(["1.0", "2.0"]),
        "store_schema": r.random() < 0.6,
        "version": r.choice(["1.0", "2.4", "2.6"]),
        "data_page_size": r.choice([64, 1_000, 1 << 20]),
        "write_batch_size": r.choice([3, 64, 1_024]),
        "dictionary_pagesize_limit": r.choice([64, 1 << 20]),
        "use_deprecated_int96_timestamps": r.random() < 0.2,
    }
    if r.random() < 0.4:
        options["use_dictionary"] = False
        options["column_encoding"] = {
            one.name: r.choice(_PACKINGS[kind])
            for one in table.schema
            if (
                kind := next(
                    (kind for kind in _PACKINGS if kind in str(one.type) and "dict" not in str(one.type)), ""
                )
            )
            and one.type != pa.float16()
            and not pa.types.is_nested(one.type)
        }
    made = io.BytesIO()
    try:
        pq.write_table(table, made, **options)
    except pa.ArrowException:
        # what Arrow cannot write so
        made = io.BytesIO()
        pq.write_table(table, made, store_schema=options["store_schema"])
    return made.getvalue()


def csv(seed: int) -> tuple[bytes, str]:
    """(a file of texts, what separates its cells): some lines are blank, some cells in quotes, some rows uneven."""
    r = random.Random(seed)
    mark, end, wide = r.choice(",;\t|"), r.choice(["\n", "\r\n", "\r"]), r.randint(2, 6)

    def quoted(cell: str) -> str:
        needs = any(one in cell for one in mark + '"\n\r') or r.random() < chance
        return '"' + cell.replace('"', '""') + '"' if needs else cell

    lines: list[str] = []
    chance = 0.0
    for row in range(r.choice([1, 3, 50, 2_000])):
        if row % 50 == 0:
            chance = r.choice([0, 0, 0, 0.3])
        cells = [word(r) for _ in range(wide)]
        if chance == 0:
            cells = [one.translate(str.maketrans("", "", '\n\r"' + mark)) for one in cells]
        lines.append(mark.join(map(quoted, cells)))
    for odd in ("", " ", mark * (wide - 1), mark * (wide + 2)):
        if r.random() < 0.1:
            lines.insert(r.randrange(len(lines) + 1), odd)
    head = mark.join(f"c{n}" for n in range(wide))
    text = head + end + end.join(lines) + r.choice(["", end])
    return r.choice([b"", b"", b"\xef\xbb\xbf"]) + text.encode(), mark
