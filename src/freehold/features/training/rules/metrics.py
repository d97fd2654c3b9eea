"""How good a model is on the test table, beside the least that anybody would accept: whole numbers throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from freehold.core.fixed import ONE, IntArray, matmul
from freehold.features.models.rules.prediction import probabilities
from freehold.features.models.rules.scores import PPM
from freehold.features.models.wire import Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.features.training.rules.valuation import TestRows

BINS = 5


def score(model: IntArray, alone: Sequence[IntArray], test: TestRows) -> Scores:
    """`model` (width,) Q16; `alone` directions (width,) of single owners, any scale.

    p >= 1/2 counts as label 1. Millionths are rounded down; a Brier score of 250,000 knows nothing, and calibration
    is over `BINS` bins of p, weighed by rows.
    """
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


def _right_way(way: IntArray, test: TestRows) -> int:
    return int(((matmul(test.z, way[:, np.newaxis])[:, 0] >= 0) == (test.labels == 1)).sum())


def _calibration_ppm(p: IntArray, labels: IntArray) -> int:
    which = np.minimum(p * BINS // ONE, BINS - 1)
    gaps = sum(abs(int((p - labels * ONE)[which == one].sum())) for one in range(BINS))
    return gaps * PPM // (len(labels) * ONE)
