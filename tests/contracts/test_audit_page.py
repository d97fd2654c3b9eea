"""docs/security/contracts.md speaks of the code that ships, and every test that it names is there."""

import re

from contract_world import NAMES, ROOT

from freehold.chain import deployments

PAGE = (ROOT / "docs" / "security" / "contracts.md").read_text()


def test_the_audited_code_is_the_shipped_code():
    """After a change to a contract: review it, then write the new address and commit into the page."""
    rows = dict(re.findall(r"^\| (\w+) \| `(0x[0-9a-f]{40})` \|$", PAGE, re.MULTILINE))
    assert rows == {name: deployments.address(name) for name in NAMES}


def test_every_test_that_the_audit_names_exists():
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    assert [name for name in re.findall(r"`(test_\w+\.py)`", PAGE) if name not in files] == []
    functions = "\n".join(files.values())
    named = re.findall(r"`(test_\w+?)(?:_\.\.\.)?`", PAGE)
    assert len(named) > 2
    assert [name for name in named if f"def {name}" not in functions] == []


def test_every_finding_has_a_severity_and_a_state():
    found = re.findall(r"^\| (F-\d+) \| (\w+) \| (\*{0,2}\w+)", PAGE, re.MULTILINE)
    assert [name for name, *_ in found] == [f"F-{number}" for number in range(1, len(found) + 1)]
    assert {severity for _, severity, _ in found} <= {"high", "medium", "low", "info"}
    assert set(re.findall(r"F-\d+", PAGE)) == {name for name, *_ in found}
