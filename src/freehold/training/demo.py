"""The quickstart's clinics: scikit-learn's breast cancer table, split among six owners and a test.

The table (569 tumour biopsies, 30 measurements; Wolberg, Street and Mangasarian, 1995; public) is
easy: on an even split any single part reaches the accuracy of all parts together, so owners are
interchangeable and a copied part cannot show. Real clinics are not alike. Here screening centres
see mostly healthy people, and referral hospitals mostly confirmed tumours:

| owner   | rows | benign | tumours | what is special                                 |
| ------- | ---- | ------ | ------- | ----------------------------------------------- |
| alder   | 80   | 78     | 2       | screening centre                                |
| birch   | 70   | 70     | 0       | screening centre                                |
| cedar   | 70   | 0      | 70      | referral hospital                               |
| dogwood | 70   | 0      | 70      | the rows of cedar, handed in once more          |
| elm     | 60   | 30     | 30      | 40 % of the labels are wrong                    |
| fir     | 40   | 36     | 4       | small screening centre                          |

A hospital that knows tumours only learns little alone and much together with a screening centre.
What it adds depends on who else is there, and beside its copy it adds next to nothing: that is
what makes copying visible. Averaging gives the copied rows twice the weight, which the utility also
sees. elm's wrong labels make most models worse. No payout is set here: the split follows from the
rows, by the utility that every run uses (`valuation.utilities`, the Brier gain).

Measured with this recipe over seeds 0 to 9: cedar and dogwood each get 0.10 to 0.68 (median 0.45)
of what alder and birch get on average, and 0.23 to 0.70 (median 0.55) of what cedar gets when
dogwood stays away; elm gets 0 to 0.15 of alder and birch; the joint model is right on 95 to 97 % of
225 test rows, never below the best single owner. For every seed elm earns least, then the copies,
then the others; fir, small but with both kinds of patient, earns about as much as the large centres.
Label 1 means malignant; the test part has the
table's own proportion of tumours and shares no row with an owner.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from freehold.training.fixed import IntArray
from freehold.training.logistic import Recipe

if TYPE_CHECKING:
    from pathlib import Path

LABEL = "malignant"
RECIPE = Recipe()
"""The quickstart's recipe: learning rate 1/2, L2 0.002."""
SEED = 9
"""Of the split: one in which cedar alone is worth about as much as a screening centre, so that the
copy is compared with its like."""

COPIED = ("cedar", "dogwood")
WRONG_LABELS = "elm"
WRONG_PERCENT = 40


@dataclass(frozen=True)
class Part:
    """One owner's rows, or the test rows."""

    name: str
    features: npt.NDArray[np.float64]
    """(rows, 30), as measured."""
    labels: IntArray
    """(rows,), 1 = malignant."""


_CASES = {"alder": (78, 2), "birch": (70, 0), "cedar": (0, 70), "elm": (30, 30), "fir": (36, 4)}
"""Benign and malignant rows of each owner but the copy."""


def columns() -> tuple[str, ...]:
    """Feature names as they stand in the files."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415 - takes a second to import

    return tuple(str(name).replace(" ", "_") for name in load_breast_cancer().feature_names)


def parts(seed: int = SEED) -> list[Part]:
    """The six owners in order of name, then the part named `test`."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415

    table = load_breast_cancer()
    malignant = (table.target == 0).astype(np.int64)
    rng = np.random.Generator(np.random.Philox(seed))
    benign_rows, tumour_rows = (rng.permutation(np.flatnonzero(malignant == kind)) for kind in (0, 1))
    owners: dict[str, Part] = {}
    for name, (benign, tumours) in _CASES.items():
        rows = np.sort(np.concatenate([benign_rows[:benign], tumour_rows[:tumours]]))
        benign_rows, tumour_rows = benign_rows[benign:], tumour_rows[tumours:]
        owners[name] = Part(name, table.data[rows], malignant[rows])
    owners[WRONG_LABELS] = _mislabelled(owners[WRONG_LABELS], rng)
    owners[COPIED[1]] = Part(COPIED[1], owners[COPIED[0]].features, owners[COPIED[0]].labels)
    share = len(malignant) / malignant.sum()
    tumours = min(len(tumour_rows), int(len(benign_rows) / (share - 1)))
    rows = np.sort(np.concatenate([benign_rows[: int(tumours * (share - 1))], tumour_rows[:tumours]]))
    return [*(owners[name] for name in sorted(owners)), Part("test", table.data[rows], malignant[rows])]


def write_parts(directory: Path) -> dict[str, Path]:
    """Write one CSV file for each part and return their paths by name (`alder` to `fir`, `test`)."""
    directory.mkdir(parents=True, exist_ok=True)
    header = [*columns(), LABEL]
    files = {}
    for part in parts():
        files[part.name] = directory / f"{part.name}.csv"
        with files[part.name].open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            for row, label in zip(part.features.tolist(), part.labels.tolist(), strict=True):
                writer.writerow([*map(repr, row), label])
    return files


def _mislabelled(part: Part, rng: np.random.Generator) -> Part:
    wrong = rng.permutation(len(part.labels))[: len(part.labels) * WRONG_PERCENT // 100]
    labels = part.labels.copy()
    labels[wrong] = 1 - labels[wrong]
    return Part(part.name, part.features, labels)
