"""Examples in docstrings say what the code does."""

import doctest
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
SHOWN = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_runs_as_shown(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed
