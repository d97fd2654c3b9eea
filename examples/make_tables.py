"""Write three small tables to practise with: two clinics and a test set, from real measurements.

    python examples/make_tables.py tables

Each row is one tumour of the Breast Cancer Wisconsin (Diagnostic) data that Freehold ships: ten
measurements and whether it was malignant. Use your own CSV or Parquet files instead whenever you like.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from freehold.quickstart import biopsies

PARTS = {"north": (0, 200), "south": (200, 420), "test": (420, 569)}


def main(directory: Path) -> None:
    columns = biopsies.columns()[:10]
    features, malignant = biopsies.table()
    order = np.random.default_rng(1).permutation(len(malignant))
    directory.mkdir(parents=True, exist_ok=True)
    for name, (start, end) in PARTS.items():
        with (directory / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*columns, "malignant"])
            writer.writerows([*features[i][:10], malignant[i]] for i in order[start:end])
        print(f"{directory / name}.csv: {end - start} rows")
    with (directory / "new-patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(features[i][:10] for i in order[420:423])
    print(f"{directory / 'new-patients'}.csv: 3 rows without a label")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "tables"))
