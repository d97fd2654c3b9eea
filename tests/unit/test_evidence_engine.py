"""The evidence engine knows no feature: verification loads of features what it repeats, and nothing that runs a node."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import freehold

ENGINE = Path(freehold.__file__).parent / "kernel" / "evidence"
LOADED = """
import sys
from pathlib import Path
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.verify import verify
assert verify(Bundle({})).verdict == "fails"
print(*(name for name in sys.modules if name.startswith("freehold.")))
"""
MAY_LOAD = re.compile(r"freehold\.features\.\w+(\.(wire|bounds|rules|checks|words)(\.\w+)*)?")
"""`bounds` is how one field of a `wire` is typed, and `rules` take bounds of numbers from requests."""


def test_the_engine_imports_no_feature():
    for path in ENGINE.rglob("*.py"):
        assert "freehold.features" not in path.read_text(), path


def test_verification_loads_only_what_it_repeats():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    features = [name for name in loaded if name.startswith("freehold.features.")]
    assert "freehold.features.training.checks.valuation" in features
    assert [name for name in features if not MAY_LOAD.fullmatch(name)] == []
    rooms = {"freehold.kernel.node", "freehold.kernel.host", "freehold.kernel.store", "freehold.vault"}
    assert rooms.isdisjoint(loaded)
