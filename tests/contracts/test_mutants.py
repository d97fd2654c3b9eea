"""Small faults put into the contracts on purpose (contracts/mutants/mutants.json): the fast tests must notice them.

Each mutant is compiled by the project's own build in a copy of the tree, and the tests that should notice run
with its artifacts in front of the shipped ones. The few that nothing can notice, because the code behaves the
same, are explained in docs/security/contracts.md.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from contract_world import NAMES, ROOT, SHIPPED

CONTRACTS = ROOT / "contracts"
SOURCES = CONTRACTS / "src"
HERE = Path(__file__).resolve().parent
VARIABLE = "FREEHOLD_MUTANT_ARTIFACTS"
MUTANTS = json.loads((CONTRACTS / "mutants" / "mutants.json").read_text())
AUDIT = ROOT / "docs" / "security" / "contracts.md"
EXAMINED = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.26;\ninterface Nothing {}\n"
"""What the copy's test folder holds: the build expects one source there."""


def closure(name: str) -> set[str]:
    """A source and all of ours that it imports."""
    found, waiting = set(), [name]
    while waiting:
        source = waiting.pop()
        found.add(source)
        imported = re.findall(r'from "\./(\w+)\.sol"', (SOURCES / f"{source}.sol").read_text())
        waiting += set(imported) - found
    return found


def compiled(mutant: dict, place: Path) -> Path:
    """The folder with the artifacts of the contracts that `mutant` is examined in."""
    tree = place / "contracts"
    for folder in ("src", "test"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(CONTRACTS / "build.mjs", tree)
    (tree / "node_modules").symlink_to(CONTRACTS / "node_modules")
    (tree / "test" / "Nothing.sol").write_text(EXAMINED)
    for name in set().union(*map(closure, mutant.get("contracts", [mutant["file"]]))):
        text = (SOURCES / f"{name}.sol").read_text()
        if name == mutant["file"]:
            text = text.replace(mutant["search"], mutant["replace"])
        (tree / "src" / f"{name}.sol").write_text(text)
    built = subprocess.run(["node", str(tree / "build.mjs")], capture_output=True, text=True, check=False)
    assert built.returncode == 0, f"{mutant['id']} does not compile: {built.stderr}"
    return place / "src" / "freehold" / "chain" / "artifacts"


def survives(mutant: dict, place: Path) -> bool:
    """Whether the tests named for it pass with the mutant in place."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment[VARIABLE] = str(compiled(mutant, place))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
    done = subprocess.run(
        [*command, *mutant["tests"]], cwd=HERE, env=environment, capture_output=True, text=True, check=False
    )
    shutil.rmtree(place)
    assert done.returncode in (0, 1), f"{mutant['id']}: {done.stdout[-2_000:]}{done.stderr[-2_000:]}"
    return done.returncode == 0


def explained() -> set[str]:
    section = AUDIT.read_text().split("### Survivors\n")[1].split("\n#")[0]
    return set(re.findall(r"`([A-Z]\w+-\d\d)`", section))


def test_every_mutant_still_fits_the_sources():
    assert len(MUTANTS) >= 45
    assert len({mutant["id"] for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        assert (SOURCES / f"{mutant['file']}.sol").read_text().count(mutant["search"]) == 1, mutant["id"]
        assert mutant["search"] != mutant["replace"]
        assert mutant["must_die"]
        assert all((HERE / test.partition("::")[0]).exists() for test in mutant["tests"]), mutant["id"]


def test_mutants_are_of_every_contract_with_code():
    assert {mutant["file"] for mutant in MUTANTS} == {*NAMES, "SignedActs", "ExactTransfers"}


def test_every_survivor_that_the_audit_explains_is_a_mutant():
    assert explained() <= {mutant["id"] for mutant in MUTANTS}
    assert len(explained()) * 20 <= len(MUTANTS)


def test_no_shipped_code_knows_where_mutants_lie():
    assert [path for path in (ROOT / "src").rglob("*.py") if VARIABLE in path.read_text()] == []


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_at_least_95_percent_of_the_mutants_die_and_each_survivor_is_explained(tmp_path):
    if shutil.which("node") is None:
        pytest.skip("node is not installed; compiling the mutants needs it")
    if not (CONTRACTS / "node_modules" / "solc").exists():
        pytest.skip("contracts/node_modules is missing; `npm ci` in contracts/ fetches the compiler")
    control = {"id": "control", "file": "", "contracts": ["Channels"], "tests": ["test_revocable_signers.py"]}
    folder = compiled(control, tmp_path / "compiled")
    for name in ("Channels", "Revenue"):
        assert (folder / f"{name}.json").read_text() == (SHIPPED / f"{name}.json").read_text()
    assert survives(control, tmp_path / "control"), "the unchanged contracts must pass"
    places = [tmp_path / mutant["id"] for mutant in MUTANTS]
    with ThreadPoolExecutor(2) as pool:
        alive = list(pool.map(survives, MUTANTS, places))
    survivors = {mutant["id"] for mutant, lives in zip(MUTANTS, alive, strict=True) if lives}
    assert survivors == explained()
    assert len(survivors) * 20 <= len(MUTANTS)
