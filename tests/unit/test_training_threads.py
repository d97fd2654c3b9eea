"""A job gives the same bytes however many threads numpy works in."""

import os
import subprocess
import sys

from freehold.shell import threads

JOB = """
import hashlib
import numpy as np
from freehold.core.fixed import UNIT
from freehold.features.training.rules import updates
rng = np.random.default_rng(7)
z = rng.integers(-UNIT // 64, UNIT // 64, (40_000, 201)).astype(np.int16)
labels, model = rng.integers(0, 2, 40_000), rng.integers(-(1 << 20), 1 << 20, 201)
made = updates.make(z, labels, model, updates.Noise(1_000, 8), bytes(32))
print(hashlib.sha256(made.tobytes()).hexdigest())
"""


def digest(count):
    chosen = {**os.environ, **dict.fromkeys(threads.ALGEBRA, str(count))}
    done = subprocess.run([sys.executable, "-c", JOB], capture_output=True, text=True, check=True, env=chosen)
    return done.stdout


def test_an_update_is_the_same_in_one_thread_and_in_several():
    assert len(digest(1)) == 65
    assert digest(1) == digest(2) == digest(8)
