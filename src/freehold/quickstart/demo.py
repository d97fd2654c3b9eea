"""The quickstart's clinics: a table of breast tumours (`biopsies`), split among six owners and a test.

The table is easy: on an even split any single part reaches the accuracy of all parts together, so owners
are interchangeable and a copied part cannot show. Real clinics are not alike. Here screening centres
see mostly healthy people, and referral hospitals mostly confirmed tumours:

| owner   | rows | benign | tumours | what is special                                 |
| ------- | ---- | ------ | ------- | ----------------------------------------------- |
| alder   | 80   | 78     | 2       | screening centre                                |
| birch   | 70   | 70     | 0       | screening centre                                |
| cedar   | 70   | 0      | 70      | referral hospital                               |
| dogwood | 70   | 0      | 70      | the rows of cedar, handed in once more          |
| elm     | 60   | 30     | 30      | 40 % of the labels are wrong                    |
| fir     | 40   | 36     | 4       | small screening centre                          |

A hospital that knows tumours only learns little alone and much together with a screening centre. No
payout is set here: shares follow from the rows, by the value that every run uses (`record.value`).

Measured with the suggested recipes, in points of the pot:

| noise, over 200 seeds       | alder | birch | cedar | dogwood | elm | fir  | one share's deviation | right |
| --------------------------- | ----- | ----- | ----- | ------- | --- | ---- | --------------------- | ----- |
| none                        | 24.5  | 23.5  | 19.4  | 19.4    | 0   | 13.3 | 0                     | 96.0  |
| none, copies counted once   | 27.0  | 25.6  | 16.3  | 16.3    | 0   | 14.7 | 0                     | 94.2  |
| epsilon 8                   | 24.0  | 21.9  | 20.9  | 20.9    | 0   | 12.3 | 2                     | 95.5  |
| epsilon 4                   | 23.5  | 21.6  | 21.4  | 21.7    | 0   | 11.8 | 3                     | 94.5  |
| epsilon 2                   | 23.5  | 21.7  | 22.2  | 22.4    | 0.2 | 10.0 | 5                     | 93.3  |

The last column is percent of the 225 test rows; without noise all rows in one place reach 96.0 and the best
single owner 94.2. With so few rows copies are found only by sketches that cost more epsilon than a run has; in
the second line they are compared without noise. Over splits 0 to 9 without noise: elm gets nothing in any, cedar
and dogwood where they count once get less than alder and birch in every one, and the model is right on 95.6 to
97.8 % (counting them once: 94.2 to 96.9). Label 1 means malignant; the test part has the table's own proportion
of tumours and shares no row with an owner.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from freehold.core.fixed import IntArray
from freehold.features.data.rules.reading import read
from freehold.features.data.rules.table import Table
from freehold.features.models.rules.model import probabilities
from freehold.features.models.rules.scaling import typical, unit_rows
from freehold.features.training.rules import expected
from freehold.features.training.rules.logistic import GRADIENT_BITS, Recipe, gradient, step
from freehold.features.training.rules.updates import EXACT_BITS
from freehold.features.training.rules.valuation import right
from freehold.quickstart import biopsies

LABEL = "malignant"
SEED = 9
"""Of the split."""

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


def parts(seed: int = SEED) -> list[Part]:
    """The six owners in order of name, then the part named `test`."""
    features, malignant = biopsies.table()
    rng = np.random.Generator(np.random.Philox(seed))
    benign_rows, tumour_rows = (rng.permutation(np.flatnonzero(malignant == kind)) for kind in (0, 1))
    owners: dict[str, Part] = {}
    for name, (benign, tumours) in _CASES.items():
        rows = np.sort(np.concatenate([benign_rows[:benign], tumour_rows[:tumours]]))
        benign_rows, tumour_rows = benign_rows[benign:], tumour_rows[tumours:]
        owners[name] = Part(name, features[rows], malignant[rows])
    owners[WRONG_LABELS] = _mislabelled(owners[WRONG_LABELS], rng)
    owners[COPIED[1]] = Part(COPIED[1], owners[COPIED[0]].features, owners[COPIED[0]].labels)
    share = len(malignant) / malignant.sum()
    tumours = min(len(tumour_rows), int(len(benign_rows) / (share - 1)))
    rows = np.sort(np.concatenate([benign_rows[: int(tumours * (share - 1))], tumour_rows[:tumours]]))
    return [*(owners[name] for name in sorted(owners)), Part("test", features[rows], malignant[rows])]


def write_parts(directory: Path) -> dict[str, Path]:
    """Write one CSV file for each part and return their paths by name (`alder` to `fir`, `test`)."""
    directory.mkdir(parents=True, exist_ok=True)
    header = [*biopsies.columns(), LABEL]
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


def compared(files: Mapping[str, Path], recipe: dict[str, Any]) -> dict[str, float]:
    """What nobody could do in earnest: train without noise, on all rows in one place or on one owner's alone.

    Shares of the test rows that such models get right, by `pooled` and `best_single`. `recipe` is the JSON of the
    recipe that the model was trained with: its shrinkage is kept, its rounds and step are those for no noise.
    """
    tables = [read(path, LABEL) for name, path in files.items() if name != "test"]
    held_out = read(files["test"], LABEL, expected=tables[0].columns)
    together = Table(
        columns=held_out.columns,
        label=LABEL,
        features=np.concatenate([table.features for table in tables]),
        labels=np.concatenate([table.labels for table in tables]),
    )
    return {
        "pooled": _accuracy(together, held_out, recipe),
        "best_single": max(_accuracy(table, held_out, recipe) for table in tables),
    }


def _accuracy(table: Table, held_out: Table, recipe: dict[str, Any]) -> float:
    scaling = typical(held_out)
    z, shown = unit_rows(table.features, scaling), unit_rows(held_out.features, scaling)
    free = expected.suggest([table.rows], len(table.columns), None, 5, curvature=expected.curvature(shown))
    made = Recipe(free.rounds, free.learning_rate_q16, recipe["l2_q16"])
    model = np.zeros(z.shape[1], dtype=np.int64)
    for _ in range(made.rounds):
        total = gradient(z, table.labels, model) >> (GRADIENT_BITS - EXACT_BITS)
        model, _, _ = step(model, total, table.rows, EXACT_BITS, made)
    return right(probabilities(model, shown), held_out.labels) / held_out.rows
