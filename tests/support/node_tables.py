"""Small tables whose every cell is a number that occurs nowhere else, so that a leak can be found."""

from __future__ import annotations

import csv
import random
import struct
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("pulse", "pressure", "glucose")
LABEL = "ill"


@dataclass(frozen=True)
class Cells:
    """The feature cells of one table, as they stand in its file."""

    micro: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]

    def encodings(self) -> dict[bytes, int]:
        """Every way in which a cell could be written, and the cell it would betray (micro-units)."""
        found: dict[bytes, int] = {}
        for value in (cell for row in self.micro for cell in row):
            decimal = _decimal(value)
            little, big = value.to_bytes(8, "little"), value.to_bytes(8, "big")
            forms = (
                decimal.encode(), str(value).encode(), little, big, little.hex().encode(), big.hex().encode(),
                struct.pack("<d", float(decimal)), struct.pack(">d", float(decimal)), struct.pack("<d", float(value)),
            )  # fmt: skip
            found.update(dict.fromkeys(forms, value))
        return found


def make(rows: int, seed: int, *, ill: float = 0.5) -> Cells:
    """Cells with ten digits each; the label follows from the columns, with some noise."""
    draw = random.Random(seed)
    micro, labels = [], []
    for _ in range(rows):
        label = int(draw.random() < ill)
        base = 5_000_000_000 + 700_000_000 * label
        micro.append(tuple(base + draw.randrange(1_500_000_000) | 1 for _ in COLUMNS))
        labels.append(label)
    return Cells(tuple(micro), tuple(labels))


def write(path: Path, cells: Cells, *, columns: tuple[str, ...] = COLUMNS, label: str = LABEL) -> Path:
    """The table as a CSV file."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*columns, label])
        for row, value in zip(cells.micro, cells.labels, strict=True):
            writer.writerow([*map(_decimal, row), value])
    return path


def found_in(data: bytes, cells: Cells) -> list[int]:
    """The cells (micro-units) that can be read out of `data` in any encoding."""
    return sorted({value for form, value in cells.encodings().items() if form in data})


def _decimal(micro: int) -> str:
    return f"{micro // 1_000_000}.{micro % 1_000_000:06d}"
