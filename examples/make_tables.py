"""Write three small tables to practise with: two clinics and a test set, from real measurements.

    python examples/make_tables.py tables

Each row is one tumour of the Breast Cancer Wisconsin (Diagnostic) data that scikit-learn ships: ten
measurements and whether it was malignant. Use your own CSV or Parquet files instead whenever you like.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

PARTS = {"north": (0, 200), "south": (200, 420), "test": (420, 569)}


def main(directory: Path) -> None:
    data = load_breast_cancer()
    columns = [name.replace(" ", "_") for name in data.feature_names[:10]]
    order = np.random.default_rng(1).permutation(len(data.target))
    directory.mkdir(parents=True, exist_ok=True)
    for name, (start, end) in PARTS.items():
        with (directory / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*columns, "malignant"])
            # scikit-learn writes 0 for malignant
            writer.writerows([*data.data[i][:10], 1 - data.target[i]] for i in order[start:end])
        print(f"{directory / name}.csv: {end - start} rows")
    with (directory / "new-patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(data.data[i][:10] for i in order[420:423])
    print(f"{directory / 'new-patients'}.csv: 3 rows without a label")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "tables"))
