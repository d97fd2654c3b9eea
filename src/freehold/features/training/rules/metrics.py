"""How good a model is on the test table, beside the least that anybody would accept: whole numbers throughout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from freehold.core.fixed import ONE, IntArray, matmul
from freehold.features.models.rules.prediction import probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.features.training.rules.valuation import TestRows

PPM = 1_000_000
BINS = 5
_Z = 1.959964


@dataclass(frozen=True)
class Scores:
    """Of one model on one table."""

    rows: int
    correct: int
    """Rows it labels rightly; p >= 1/2 counts as 1."""
    majority_correct: int
    """Rows that always answering the commoner label gets right."""
    single_correct: int
    """Rows that the best of the directions gets right into which one owner's updates alone point."""
    auc_ppm: int
    """Chance that a row of label 1 is ranked above one of label 0, in millionths, rounded down."""
    brier_ppm: int
    """Mean squared distance of p from the label, in millionths, rounded down; 250,000 knows nothing."""
    calibration_ppm: int
    """Mean distance, weighed by rows, of mean p from the rate of label 1 in five bins of p; in millionths."""


def score(model: IntArray, alone: Sequence[IntArray], test: TestRows) -> Scores:
    """`model` (width,) Q16; `alone` directions (width,) of single owners, any scale."""
    p = probabilities(model, test.z)
    positives, rows = int(test.labels.sum()), len(test.labels)
    distance = (p - test.labels * ONE).astype(object)
    return Scores(
        rows=rows,
        correct=right(p, test.labels),
        majority_correct=max(positives, rows - positives),
        single_correct=max((_right_way(way, test) for way in alone), default=0),
        auc_ppm=auc_ppm(p, test.labels),
        brier_ppm=int(sum(distance * distance)) * PPM // (rows * ONE * ONE),
        calibration_ppm=_calibration_ppm(p, test.labels),
    )


def right(p: IntArray, labels: IntArray) -> int:
    """How many rows are labelled rightly."""
    return int(((p >= ONE // 2) == (labels == 1)).sum())


def auc_ppm(p: IntArray, labels: IntArray) -> int:
    """Mann and Whitney's U over all pairs, ties counting half (Hanley and McNeil, 1982)."""
    positives = int(labels.sum())
    pairs = positives * (len(labels) - positives)
    if not pairs:
        return PPM // 2
    kinds, place = np.unique(p, return_inverse=True)
    ones = np.bincount(place, weights=labels, minlength=len(kinds)).astype(np.int64)
    zeros = np.bincount(place, minlength=len(kinds)) - ones
    below = np.cumsum(zeros) - zeros
    ranks = sum((ones * (2 * below + zeros)).tolist())
    return int(ranks * PPM // (2 * pairs))


def interval_bps(right_rows: int, rows: int) -> tuple[int, int]:
    """Wilson's 95 % interval of a rate, in basis points: for people, no rule depends on it."""
    rate, square = right_rows / rows, _Z * _Z / rows
    middle = (rate + square / 2) / (1 + square)
    half = _Z * math.sqrt(rate * (1 - rate) / rows + square / (4 * rows)) / (1 + square)
    return max(0, round((middle - half) * 10_000)), min(10_000, round((middle + half) * 10_000))


def auc_interval_bps(auc: int, positives: int, rows: int) -> tuple[int, int]:
    """95 % interval of an AUC given in millionths (Hanley and McNeil, 1982), in basis points."""
    a, n = auc / PPM, rows - positives
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    spread = a * (1 - a) + (positives - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)
    half = _Z * math.sqrt(max(0.0, spread) / (positives * n))
    return max(0, round((a - half) * 10_000)), min(10_000, round((a + half) * 10_000))


def _right_way(way: IntArray, test: TestRows) -> int:
    return int(((matmul(test.z, way[:, np.newaxis])[:, 0] >= 0) == (test.labels == 1)).sum())


def _calibration_ppm(p: IntArray, labels: IntArray) -> int:
    which = np.minimum(p * BINS // ONE, BINS - 1)
    gaps = sum(abs(int((p - labels * ONE)[which == one].sum())) for one in range(BINS))
    return gaps * PPM // (len(labels) * ONE)
