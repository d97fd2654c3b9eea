"""The mutation run examines what it says: each kind of fault is found, and each survivor that is explained exists."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))

import mutation  # noqa: E402 - after the path
from _mutants import mutants, sources  # noqa: E402

SAMPLE = b'''"""Not mutated."""
LIMIT = 3 - 1


def pay(self, amount, known):
    """Nor this."""
    with self.lock:
        if amount > LIMIT or not known:
            raise ValueError(amount - 1)
        self.balance -= min(amount, self.balance)
        self.rows[0] = amount + 1
        log.info("paid")
        self.save()
    return amount != 0 and amount < LIMIT
'''


def test_each_kind_of_fault_is_made_and_is_python(tmp_path: Path) -> None:
    (tmp_path / "pay.py").write_bytes(SAMPLE)
    found = mutants(tmp_path, "pay.py")
    shown = [mutant.name.removeprefix("pay.py::pay::") for mutant in found]
    assert shown == [
        'lock::self.lock -> __import__("contextlib").nullcontext()',
        "guard::amount > LIMIT or not known -> False",
        "operand::amount > LIMIT or not known -> ((not known))",
        "operand::amount > LIMIT or not known -> ((amount > LIMIT))",
        "limit::amount > LIMIT -> (amount) >= (LIMIT)",
        "statement::self.balance -= min(amount, self.balance) -> pass",
        "arithmetic::min -> max",
        "statement::self.rows[0] = amount + 1 -> pass",
        "arithmetic::amount + 1 -> (amount) - (1)",
        "statement::self.save() -> pass",
        "operand::amount != 0 and amount < LIMIT -> ((amount < LIMIT))",
        "operand::amount != 0 and amount < LIMIT -> ((amount != 0))",
        "check::amount != 0 -> False",
        "limit::amount < LIMIT -> (amount) <= (LIMIT)",
    ]
    for mutant in found:
        ast.parse(mutant.apply(SAMPLE))


@pytest.mark.parametrize("name", sorted(mutation.AREAS))
def test_every_area_has_sources_and_tests(name: str) -> None:
    area = mutation.AREAS[name]
    assert list(sources(ROOT, area.sources))
    assert [path for path in area.tests if not (ROOT / path).exists()] == []


def test_every_explained_survivor_is_a_mutant_and_has_a_reason() -> None:
    known = {mutant.name for area in mutation.AREAS.values() for mutant in mutation.chosen(area, 0)}
    reasons = mutation.explained()
    assert set(reasons) - known == set()
    assert all(len(reason) > 20 for reason in reasons.values())
